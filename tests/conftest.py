"""Fixtures that many tests share."""

import os
import signal
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A shell starts what it puts in the background deaf to Ctrl-C, and every program that a test starts would be deaf too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What somebody exported last in this checkout is theirs; tests are about the default release.
os.environ.setdefault("MICROFER_MODEL", (ROOT / "models" / "DEFAULT").read_text().strip())


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --soak: fuzzing, kills and streams for minutes each, in place of the few examples of the normal tier."""
    parser.addoption(
        "--soak",
        action="store_true",
        help="run the tests that are marked soak as well, and the fuzzing tests for MICROFER_SOAK_S seconds each "
        "(600 where that is not set), with other examples every time",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Let the modules that are collected after this know for how long they run."""
    if config.getoption("soak"):
        os.environ.setdefault("MICROFER_SOAK_S", "600")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave the soak tier out unless it was asked for."""
    if item.get_closest_marker("soak") and not item.config.getoption("--soak"):
        pytest.skip("of the soak tier: pytest --soak")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell the processes of `pytest -n` what to share out: slow tests one by one and first, then whole files.

    What a file's tests have in common, such as programs compiled by one toolchain, is then made once.
    """
    for item in items:
        if item.get_closest_marker("slow") is None:
            params = item.callspec.params.values() if hasattr(item, "callspec") else ()
            compiler = next((value.compiler for value in params if hasattr(value, "compiler")), "")
            item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {compiler}"))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def fer2013_path() -> Path:
    """FER-2013 as the user has it: `MICROFER_DATA`, or `shared/data/fer2013.zip` beside the repository."""
    named = os.environ.get("MICROFER_DATA")
    path = Path(named) if named else ROOT.parent / "shared" / "data" / "fer2013.zip"
    if not path.exists():
        pytest.skip("FER-2013 is not here: set MICROFER_DATA to its CSV, folder or zip")
    return path
