"""How a person types a verb here: `microfer train`, `python -m microfer train` or `python host/train.py`."""

import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from microfer.cli.verbs import VERBS
from microfer.release import REPOSITORY

_VERB = re.compile(r"\bmicrofer (" + "|".join(sorted(VERBS, key=len, reverse=True)) + r")\b(?!-)")


def typed(text: str) -> str:
    """Return `text` with every `microfer VERB` in it as it can be typed, after how this program was started."""
    return _VERB.sub(lambda match: _typed(match[1]), text)


def _typed(verb: str) -> str:
    way = _way()
    if isinstance(way, str):
        return f"{way} {verb}"
    script = VERBS[verb].script
    if script:
        return f"{_python()} {shlex.quote(str(way / script))}"
    return f"{_python()} {shlex.quote(str(way / 'host' / 'microfer'))} {verb}"


@cache
def _way() -> str | Path:
    """Return what stands before a verb, or the folder of a checkout, as seen from here."""
    if said := os.environ.get("MICROFER_TYPED"):  # by the command in .venv, see scripts/environment.py
        return said
    main = sys.modules["__main__"]
    if getattr(getattr(main, "__spec__", None), "name", "") == "microfer.__main__":
        return f"{_python()} -m microfer"
    file = getattr(main, "__file__", None)
    if not file or not any(Path(file).resolve().is_relative_to(REPOSITORY / name) for name in ("host", "scripts")):
        return "microfer"
    return REPOSITORY.relative_to(Path.cwd()) if REPOSITORY.is_relative_to(Path.cwd()) else REPOSITORY


@cache
def _python() -> str:
    return "python" if shutil.which("python") else "python3"
