"""Write docs/protocol.md again: `python scripts/protocol_page.py`. Needs only Python 3.11."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer.files import write_if_changed  # noqa: E402
from microfer.link.protocol_page import page  # noqa: E402

if __name__ == "__main__":
    path = ROOT / "docs" / "protocol.md"
    print(f"{path}: {'written' if write_if_changed(path, page()) else 'unchanged'}")
