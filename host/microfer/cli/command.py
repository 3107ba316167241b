"""What the verbs share: parsing, options with the same name everywhere, and how a command ends."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, TypeVar

from rich.markup import escape
from rich.prompt import Confirm

from microfer.cli.help import HelpFormatter, epilog
from microfer.cli.invocation import typed
from microfer.console import Bar, console, warn
from microfer.current_model import current_model
from microfer.data.find import ENVIRONMENT, find_fer2013
from microfer.errors import MicroferError
from microfer.link.ports import DEFAULT_BAUD

_FULL = {errno.ENOSPC, errno.EFBIG, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""What the system says of an output that takes no more: a full disk, a limit, a quota."""

_Number = TypeVar("_Number", int, float)


def parser(description: str, examples: str = "", verb: str = "") -> argparse.ArgumentParser:
    """Return an argument parser for `verb`, whose `--help` ends with `examples`, notes and the exit statuses.

    examples: see `help.HelpFormatter`. verb: as in `microfer VERB`; none for a script of its own.
    """
    return argparse.ArgumentParser(
        prog=typed(f"microfer {verb}") if verb else None,
        description=description,
        epilog=epilog(examples),
        formatter_class=HelpFormatter,
    )


def add_data_options(parser: argparse.ArgumentParser, doing: str, *, found: bool = False) -> None:
    """Add --data and --synthetic. doing: what is done with the faces, for the help.

    found: whether FER-2013 is looked for in its usual places where neither is given; else one must be.
    """
    source = parser.add_mutually_exclusive_group(required=not found)
    usual = " (default: where it is found; MICROFER_DATA names it too)" if found else ""
    source.add_argument(
        "--data",
        type=Path,
        help="FER-2013 or faces of your own: Kaggle's CSV, a folder of images, or a zip or .tar.gz of either "
        f"(docs/data.md){usual}",
    )
    source.add_argument("--synthetic", action="store_true", help=f"{doing} drawn faces instead of FER-2013")


def add_convert_option(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add --convert, for data sets of colour pictures or of another size than 48x48."""
    parser.add_argument(
        "--convert",
        choices=("face", "whole"),
        required=required,
        help="make pictures of any size and colour 48x48 gray: the largest face that is found in each, or the whole "
        "picture, where it shows a face and nothing else",
    )


def found_data() -> Path:
    """Return the FER-2013 that is found where --data is not given, and say which that is."""
    path = find_fer2013()
    source = f" ({ENVIRONMENT})" if os.environ.get(ENVIRONMENT) else ""
    console.print(f"data: {escape(str(path))}{source}", highlight=False, soft_wrap=True)
    return path


def converted(data: Path, way: str | None) -> Path:
    """Return the data set itself, or where --convert asks for one the folder with its crops, made unless it is there.

    Raises:
        MicroferError: as `pictures.convert.convert`.
    """
    if way is None:
        return data
    from microfer.pictures.convert import RECORD, WAYS, convert, earlier

    out, chosen = Path("runs", "data", f"{data.name.split('.')[0]}-{way}"), next(one for one in WAYS if one == way)
    if earlier(data, out, chosen) is None:
        with Bar("converting") as bar:
            result = convert(data, out, chosen, bar.move)
        if result.without_face:
            warn(f"no face was found in {len(result.without_face):,} pictures, which {out / RECORD} names: left out")
    console.print(
        f"{data} was converted to {out}: name that folder to other commands",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return out


def chosen_model(named: Path | None) -> Path:
    """Return the .tflite that was named, or the current one; in that case say which it is, and why."""
    if named is not None:
        return named
    chosen = current_model()
    console.print(chosen.describe(), highlight=False, markup=False, soft_wrap=True)
    return chosen.path


def add_limit_option(parser: argparse.ArgumentParser) -> None:
    """Add --limit, for a trial of what trains or heals a network."""
    parser.add_argument("--limit", type=positive, help="use only this many images of each split, for a trial")


def add_threads_option(parser: argparse.ArgumentParser) -> None:
    """Add --threads, of all that computes on several cores; `--workers` was its name where they are processes."""
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="threads, or processes, that compute at once (default: all cores)"
    )
    parser.add_argument("--workers", type=positive, dest="threads", help=argparse.SUPPRESS)


def add_precision_option(parser: argparse.ArgumentParser) -> None:
    """Add --precision, of a training."""
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "float32", "bfloat16"),
        help="of the multiplications; bfloat16 needs the PyTorch backend (default: auto, bfloat16 where it pays)",
    )


def add_out_option(parser: argparse.ArgumentParser, what: str, default: Path | None = None) -> None:
    """Add --out, which always is a folder. what: is written there; nothing is where there is no `default`."""
    said = f"default: {default}" if default else "default: nothing is written"
    parser.add_argument("--out", type=Path, default=default, metavar="DIR", help=f"folder for {what} ({said})")


def add_port_options(
    parser: argparse.ArgumentParser, what: str, group: argparse._ActionsContainer | None = None
) -> None:
    """Add --port and --baud. what: is done with the board. group: takes --port in place of `parser`."""
    (group or parser).add_argument("--port", help=f"{what}: /dev/ttyACM0, COM5, HOST:PORT; auto: the one on USB")
    parser.add_argument(
        "--baud", type=positive, default=DEFAULT_BAUD, help=f"of a UART bridge (default: {DEFAULT_BAUD})"
    )


def add_gate_options(parser: argparse.ArgumentParser, drop_points: float, agreement: float) -> None:
    """Add --max-drop and --min-agreement, with these defaults: how far int8 may be from float."""
    parser.add_argument(
        "--max-drop",
        type=float,
        default=drop_points,
        metavar="POINTS",
        help=f"accuracy that int8 may lose, in points, percent of the images (default: {drop_points:g})",
    )
    parser.add_argument(
        "--min-agreement",
        type=share,
        default=agreement,
        metavar="SHARE",
        help=f"share of images, 0..1, on which float and int8 put the same class first (default: {agreement:g})",
    )


def share(text: str) -> float:
    """Return an option's text as a number from 0 to 1, for `add_argument(type=...)`."""
    number = _number(text, float)
    if not 0 <= number <= 1:
        meant = f": for {number:g} % write {number / 100:g}" if 1 < number <= 100 else ""
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to 1{meant}")
    return number


def say(text: str) -> None:
    """Print a line for people, whose text is plain."""
    console.print(escape(text), highlight=False, soft_wrap=True)


def positive(text: str) -> int:
    """Return an option's text as a whole number of at least 1, for `add_argument(type=...)`."""
    number = _number(text, int)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is below 1")
    return number


def seed(text: str) -> int:
    """Return an option's text as a seed of random numbers, which NumPy and Keras take from 0 to 2^32 - 1."""
    number = _number(text, int)
    if not 0 <= number < 1 << 32:
        raise argparse.ArgumentTypeError(f"{number} is not a seed: seeds go from 0 to {(1 << 32) - 1}")
    return number


def _number(text: str, kind: Callable[[str], _Number]) -> _Number:
    try:
        return kind(text)
    except ValueError as error:
        what = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}") from error


def add_force_option(parser: argparse.ArgumentParser) -> None:
    """Add --force, for `confirm_overwrite`."""
    parser.add_argument("--force", action="store_true", help="overwrite what is in the folder, without asking")


def confirm_overwrite(path: Path, force: bool) -> None:
    """Ask whether `path` may be overwritten where it is there; without a terminal to ask on, only `force` allows it.

    Raises:
        MicroferError: it may not.
    """
    if force or not path.exists():
        return
    is_asked = console.is_terminal and sys.stdin is not None and sys.stdin.isatty()
    question = f"{escape(str(path))} already exists: overwrite it?"
    if not is_asked or not Confirm.ask(question, console=console, default=False):
        raise MicroferError(f"{path} already exists: choose another folder with --out, or overwrite it with --force")


def _say_error(text: str) -> int:
    """Print an error and return its exit status, also where standard error is on a full disk."""
    with suppress(OSError):
        console.print(f"[bold red]error:[/] {escape(text)}", highlight=False, soft_wrap=True)
    return 2


def _drop_output() -> None:
    """Let go of standard output, which Python would otherwise try to write once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(main: Callable[[], int | None]) -> NoReturn:
    """Run a command's `main` and exit with `status_of` it."""
    sys.exit(status_of(main))


def status_of(main: Callable[[], int | None]) -> int:
    """Run a command's `main` and return its status, 2 for a MicroferError, 130 for Ctrl-C, 141 for a closed pipe."""
    try:
        status = main() or 0
        sys.stdout.flush()
    except MicroferError as error:
        status = _say_error(typed(str(error)))
    except KeyboardInterrupt:
        console.print("stopped")
        status = 130
    except BrokenPipeError:
        _drop_output()
        status = 141
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _drop_output()
        status = _say_error(f"cannot write the output: {error.strerror}")
    return status
