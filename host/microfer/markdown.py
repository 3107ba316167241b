"""Tables in Markdown."""

from collections.abc import Collection, Iterable, Sequence


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[int | str] = (0,)) -> list[str]:
    """Return the lines of a table. left: columns aligned to the left, by number from 0 or by heading."""
    rule = "|".join("---" if left_ else "---:" for left_ in (n in left or h in left for n, h in enumerate(headers)))
    return [f"| {' | '.join(headers)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]
