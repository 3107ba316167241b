"""Write firmware/lib/prediction/tables.h again: `python scripts/prediction_tables.py`. Needs only Python 3.11."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "host"))

from microfer.files import write_if_changed  # noqa: E402
from microfer.oracle.tables import header  # noqa: E402

if __name__ == "__main__":
    path = ROOT / "firmware" / "lib" / "prediction" / "tables.h"
    print(f"{path}: {'written' if write_if_changed(path, header()) else 'unchanged'}")
