"""What attacks came to, for docs/security.md: read from what they printed, kept in measurements/attacks.json."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated, Any

from microfer.errors import MicroferError
from microfer.json_reader import JsonError, Length, parse, typed
from microfer.markdown import table

_HOUR = re.compile(
    r"(?P<seconds>[\d.]+) s: (?P<frames>[\d,]+) frames: (?P<shown>[\d,]+) shown, (?P<link>[\d,]+) lost on the link, "
    r"(?P<away>[\d,]+) while it was away, (?P<board>[\d,]+) dropped on the board; (?P<losses>[\d,]+) losses, "
    r"(?P<views>[\d,]+) views of the page; (?P<first>[\d.]+) MiB at first, (?P<last>[\d.]+) at the end, "
    r"(?P<growth>[+-][\d.]+) from the second quarter to the last"
)
_CPP = re.compile(r"^(?P<target>[a-z_]+): (?P<runs>\d+) runs, (?P<edges>\d+) edges", re.MULTILINE)

Names = Annotated[list[str], Length(0, 1000)]


def document(
    readers: Iterable[str], core: str, kills: Iterable[str], hour: str, faults: str
) -> dict[str, list[dict[str, Any]] | dict[str, Any]]:
    """Return the figures of all attacks.

    readers: what tests/fuzz/python_fuzz.py printed for each reader. core: what `pytest tests/fuzz -s` printed. kills:
    what tests/host/kills.py printed. hour: what tests/host/test_viewer_soak.py printed. faults: what
    scripts/planted_faults.py --json wrote.

    Raises:
        MicroferError: one of them printed something else, or ended with a finding.
    """
    try:
        read = [typed(parse(text), dict[str, Any]) for text in readers]
        killed = [typed(parse(text), dict[str, Any]) for text in kills]
        planted = typed(parse(faults)["faults"], list[dict[str, Any]]) if faults else []
        return {
            "readers": [{key: one[key] for key in ("target", "seconds", "runs", "edges", "findings")} for one in read],
            "core": [
                {"target": found["target"], "runs": int(found["runs"]), "edges": int(found["edges"])}
                for found in _CPP.finditer(core)
            ],
            "kills": _sums(killed),
            "hour": _hour(hour) if hour else {},
            "faults": {"planted": len(planted), "noticed": sum(bool(one["noticed_first_by"]) for one in planted)},
        }
    except (JsonError, KeyError) as error:
        raise MicroferError(f"this is not what an attack printed: {error!r}") from error


def _sums(killed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sums: defaultdict[str, dict[str, Any]] = defaultdict(lambda: {"kills": 0, "different": 0, "left_over": 0})
    for one in killed:
        found = sums[typed(one["job"], str)]
        found["kills"] += typed(one["hit"], int)
        found["different"] += len(typed(one["different"], Names))
        found["left_over"] += typed(one["left_over"], int)
    return [{"job": job, **found} for job, found in sums.items()]


def _hour(text: str) -> dict[str, Any]:
    found = _HOUR.search(text)
    if found is None:
        raise MicroferError("the log of the long watch has no line of figures: run it with pytest --soak -s")
    return {key: float(value.replace(",", "")) for key, value in found.groupdict().items()}


def fuzz_lines(attacks: dict[str, Any]) -> list[str]:
    """Return the table of what was fuzzed."""
    rows = [
        (f"`{one['target']}`", "Python, atheris", f"{one['runs']:,}", f"{one['edges']:,}", str(len(one["findings"])))
        for one in attacks["readers"]
    ]
    rows += [
        (f"`{one['target']}`", "C++, libFuzzer, ASan, UBSan", f"{one['runs']:,}", f"{one['edges']:,}", "0")
        for one in attacks["core"]
    ]
    return table(("target", "fuzzed by", "cases", "edges covered", "open findings"), rows, left=(0, 1))


def kill_lines(attacks: dict[str, Any]) -> list[str]:
    """Return the table of what was killed."""
    rows = [
        (f"`{one['job']}`", f"{one['kills']:,}", f"{one['different']:,}", f"{one['left_over']:,}")
        for one in attacks["kills"]
    ]
    return table(("command", "kills", "results that differ", "files left over"), rows)


def fault_lines(attacks: dict[str, Any]) -> list[str]:
    """Return the sentence about planted faults."""
    planted, noticed = attacks["faults"]["planted"], attacks["faults"]["noticed"]
    if not planted:
        return ["They have not been planted yet."]
    return [f"{planted} faults of one line were planted, one at a time; the tests noticed {noticed} of them."]


def hour_lines(attacks: dict[str, Any]) -> list[str]:
    """Return the table of the long watch."""
    hour = attacks["hour"]
    if not hour:
        return ["It has not been run yet."]
    names = {
        "frames": "frames that the camera gave",
        "shown": "shown",
        "link": "lost on the link",
        "away": "lost while the link was away",
        "board": "dropped on the board",
        "losses": "times that the link was lost",
        "views": "views that the page drew",
    }
    rows = [("minutes", f"{hour['seconds'] / 60:.0f}"), *((text, f"{hour[key]:,.0f}") for key, text in names.items())]
    grown = f"{hour['growth']:+.1f} MiB of {hour['last']:.0f}"
    return table(("", ""), [*rows, ("memory, from the second quarter to the last", grown)])
