"""See the whole product without a board: `python scripts/demo.py`. Needs Python 3.11 and a C++ compiler to start.

The first start makes `.venv`, installs run.lock into it and compiles the firmware's core; later ones begin at once and
need no network. `python scripts/demo.py --help` tells the rest.
"""

import sys

import environment


def main() -> None:
    """Make the environment, go on inside it, and hand over to `microfer.cli.demo`."""
    environment.enter("run")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.cli import command, demo

    command.run(demo.main)


if __name__ == "__main__":
    main()
