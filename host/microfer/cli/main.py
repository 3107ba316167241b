"""`microfer VERB`: finds the verb's module and runs it. Nothing heavy is imported before a verb is known."""

import difflib
import shutil
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from microfer import __version__
from microfer.cli.packages import enter
from microfer.cli.verbs import GROUPS, STATUSES, VERBS
from microfer.release import IS_CHECKOUT, REPOSITORY


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the verb that `arguments`, by default this process', begin with, and exit with its status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    first = given[0] if given else ""
    if first in {"-h", "--help", "help"} and len(given) == 1:
        print(overview())
        sys.exit(0)
    if first == "--version":
        print(f"microfer {__version__}")
        sys.exit(0)
    if first == "help":
        first, given = given[1], [given[1], "--help"]
    if first not in VERBS:
        sys.exit(_unknown(first))
    sys.exit(run_verb(first, given[1:]))


def start(verb: str) -> NoReturn:
    """Run `verb` with this process' arguments and exit with its status."""
    sys.exit(run_verb(verb, sys.argv[1:]))


def run_verb(name: str, arguments: Sequence[str]) -> int:
    """Run one verb and return its exit status."""
    verb = VERBS[name]
    try:
        enter(verb.lock)
        from microfer.cli import command

        module = import_module(f"microfer.cli.{verb.module}")
    except ImportError as error:
        print(f"error: {error}. Next step: {_whole(verb.lock)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return command.status_of(lambda: module.main(arguments))


def _whole(lock: str) -> str:
    """Return what makes an environment whole that lacks something."""
    if IS_CHECKOUT:
        return (
            f"python -m pip install --require-hashes -r {REPOSITORY / 'requirements' / lock}.lock; if that is .venv, "
            "delete it: the next start makes it again"
        )
    return f"python -m pip install {'microfer[train]' if lock == 'train' else 'microfer'}"


def overview() -> str:
    """Return the text of `microfer --help`, wrapped at the terminal's width."""
    width = min(shutil.get_terminal_size().columns, 100)
    indent = max(map(len, VERBS)) + 4
    lines = [
        "usage: microfer VERB [options]",
        "",
        *textwrap.wrap(
            "Perceived-expression recognition on an ESP32-S3: train, prune, quantize, prove parity, flash, watch.",
            width,
        ),
    ]
    for heading, verbs in GROUPS.items():
        lines += ["", heading]
        for verb in verbs:
            first, *rest = textwrap.wrap(verb.summary, max(width - indent, 20))
            lines.append(f"  {verb.name:{indent - 2}}{first}")
            lines += [" " * indent + line for line in rest]
    lines += ["", *textwrap.wrap("`microfer VERB --help` shows a verb's options, with examples.", width)]
    return "\n".join([*lines, *textwrap.wrap(STATUSES, width)])


def _unknown(name: str) -> int:
    """Print what is wrong with the first argument; return the exit status."""
    if not name:
        print(overview(), file=sys.stderr)
        return 2
    close = difflib.get_close_matches(name, VERBS, 1)
    hint = f"did you mean {close[0]}?" if close else "`microfer --help` lists the verbs"
    print(f"error: there is no verb {name!r}: {hint}", file=sys.stderr)
    return 2
