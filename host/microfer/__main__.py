"""`python -m microfer VERB`; in a checkout also `python host/microfer VERB`, from any folder."""

import sys
from pathlib import Path


def _start() -> None:
    if not __package__:  # started as a folder, which then stands where its own modules would hide others
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from microfer.cli.main import main

    main()


if __name__ == "__main__":
    _start()
