"""See the network at work on real faces: `python scripts/demo.py`. Needs only Python 3.11 to start.

The first start makes `.venv` and installs run.lock into it; later ones begin at once and need no network.
`python scripts/demo.py --help` tells the rest.
"""

import sys

import environment


def main() -> None:
    """Make the environment, go on inside it, and hand over to `microfer.simulate.demo`."""
    environment.enter("run")
    sys.path.insert(0, str(environment.ROOT / "host"))
    from microfer.command import run

    def demo() -> int:
        from microfer.simulate.demo import main as demo_main  # in here, so that a faulty OpenCV is a clear error too

        return demo_main()

    run(demo)


if __name__ == "__main__":
    main()
