"""Level 4 of parity on the terminal: a bar while the board is asked, then what was found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.markup import escape
from rich.table import Table

from microfer.console import Bar, console
from microfer.parity.board import Step
from microfer.parity.board_level import TIMES_NOTE, BoardLevel


@contextmanager
def progress(port: str) -> Iterator[Callable[[Step], None]]:
    """Yield a function that moves a bar on standard error; where that is no terminal, none is drawn."""
    # Its length is not told before the first step: until then another bar may be shown, of the runs on this computer.
    with Bar(port) as bar:
        yield lambda step: bar.move(step.done, step.of, f"{step.done - step.equal:,} differ, {step.retries} sent again")


def show(level: BoardLevel) -> None:
    """Print level 4: the verdict, what differs first, the times, the link."""
    colour = "green" if level.verdict == "passed" else "bold red"
    bits, link = level.bits, level.link
    lines = [
        f"[bold]{escape(level.board.describe())}[/]",
        f"[bold]board against {level.oracle_name}[/]: [{colour}]{level.verdict}[/]",
        f"  on {escape(level.images.describe())}",
        *(f"  {escape(reason)}" for reason in level.reasons),
        f"  all scores equal on {bits.equal:,} of {bits.count:,} images, largest difference "
        f"{bits.largest_difference} steps",
    ]
    if bits.first is not None:
        lines += [
            f"  first difference: image {bits.first.index} ({escape(bits.first.name)})",
            f"    here      {escape(str(list(bits.first.expected)))}",
            f"    the board {escape(str(list(bits.first.found)))}",
        ]
    lines += [
        f"  link: {link.retries} sent again, {link.losses} losses, {link.restarts} restarts, {link.missed} missed, "
        f"{link.damaged} damaged, in {link.sittings} sitting{'' if link.sittings == 1 else 's'}",
        "  one run of the network, in ms:",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
    table = Table("", "least", "median", "95 %", "99 %", "most", box=None, pad_edge=True)
    table.add_row("", *(f"{time_us / 1000:,.1f}" for time_us in vars(level.times).values()))
    console.print(table)
    console.print(f"  [dim]{TIMES_NOTE}[/]", highlight=False, soft_wrap=True)
