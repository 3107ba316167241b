"""Measured figures inside hand-written Markdown: a block between two comments is made by a command, never by hand."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from microfer.errors import MicroferError
from microfer.files import read_bytes, write_if_changed


@dataclass(frozen=True)
class Part:
    """A page, or a block of it, that is made from measurements.

    block: what stands between `<!-- BLOCK: ... -->` and `<!-- end of BLOCK -->`; empty: the whole page.
    lines: makes it.
    """

    page: Path
    block: str
    lines: Callable[[], Sequence[str]]

    @property
    def name(self) -> str:
        """How people call it, such as "kernels.md: others"."""
        return f"{self.page.parent.name}/{self.page.name}" + (f": {self.block}" if self.block else "")

    def text(self) -> str:
        """Return the page's text with this part made anew.

        Raises:
            MicroferError: the page has no such block, or more than one; or as `lines` does.
        """
        if not self.block:
            return "\n".join(self.lines())
        return with_block(self.page, self.block, self.lines())

    def is_current(self) -> bool:
        """Return whether the page has this part as it is made now."""
        return self.page.is_file() and read_bytes(self.page).decode() == self.text()

    def write(self) -> bool:
        """Write the part into the page; return whether that changed it."""
        return write_if_changed(self.page, self.text())


def with_block(page: Path, name: str, lines: Sequence[str]) -> str:
    """Return the page's text with `lines` between `<!-- NAME: ... -->` and `<!-- end of NAME -->`.

    Raises:
        MicroferError: the page has no such block, or more than one.
    """
    block = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    content = "".join(f"{line}\n" for line in lines)
    changed, count = block.subn(lambda found: f"{found[1]}{content}{found[2]}", read_bytes(page).decode())
    if count != 1:
        raise MicroferError(f"{page} has {count} blocks named {name!r}, expected one")
    return changed
