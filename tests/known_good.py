"""Long checks whose answer depends on nothing but files and tools: where all are as they were when it passed, it does.

What was good is kept in .cache, which a clean clone has none of: there, as in CI, every check is made.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT

FOLDER = ROOT / ".cache" / "known-good"


@contextmanager
def checked(name: str, tools: list[str], files: list[Path]) -> Iterator[bool]:
    """Yield whether the check has to be made; where the block ends without an error, note that it is good.

    tools: what else the answer depends on, such as versions and options. files: all that the check reads.
    """
    digest = hashlib.sha256(repr((name, tools)).encode())
    for path in sorted(files):
        digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\0".encode() + path.read_bytes())
    mark = FOLDER / f"{name}-{digest.hexdigest()[:32]}"
    if mark.exists():
        yield False
        return
    yield True
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob(f"{name}-*"):
        old.unlink(missing_ok=True)
    mark.touch()
