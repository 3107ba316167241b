"""Fixtures that many tests share."""

import os
import signal
from pathlib import Path

import pytest
from tests.running import (  # noqa: F401
    pytest_addoption,
    pytest_collection_finish,
    pytest_collection_modifyitems,
    pytest_configure,
    pytest_configure_node,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
    pytest_xdist_make_scheduler,
)

ROOT = Path(__file__).resolve().parent.parent

# A shell starts what it puts in the background deaf to Ctrl-C, and every program that a test starts would be deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What somebody exported last in this checkout is theirs; tests are about the default release.
os.environ.setdefault("MICROFER_MODEL", (ROOT / "models" / "DEFAULT").read_text().strip())


@pytest.fixture(scope="session")
def fer2013_path() -> Path:
    """FER-2013 as the user has it: `MICROFER_DATA`, or `shared/data/fer2013.zip` beside the repository."""
    named = os.environ.get("MICROFER_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data" / "fer2013.zip"
    if not path.exists():
        pytest.skip("FER-2013 is not here: set MICROFER_DATA to its CSV, folder or zip")
    return path
