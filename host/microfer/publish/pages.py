"""Measured figures inside hand-written Markdown: a block between two comments belongs to the command that it names."""

import re
from collections.abc import Sequence
from pathlib import Path

from microfer.errors import MicroferError
from microfer.files import write_text


def update_block(page: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between `<!-- NAME: ... -->` and `<!-- end of NAME -->` in `page` by `lines`.

    Raises:
        MicroferError: the page has no such block, or more than one.
    """
    block = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    content = "".join(f"{line}\n" for line in lines)
    changed, count = block.subn(lambda found: f"{found[1]}{content}{found[2]}", page.read_text(encoding="utf-8"))
    if count != 1:
        raise MicroferError(f"{page} has {count} blocks named {name!r}, expected one")
    write_text(page, changed)
