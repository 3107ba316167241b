"""The figures of a view in words, in groups, for every kind of display."""

from microfer.link.warnings import NOT_MEASURED_C
from microfer.viewer.view import View

Facts = list[tuple[str, str]]


def fact_groups(view: View) -> list[tuple[str, Facts]]:
    """Return titles, and under each the names and values to show."""
    groups = [("board", _board(view)), ("speed", _speed(view)), ("frames", _frames(view)), ("link", _link(view))]
    return [(title, facts) for title, facts in groups if facts]


def _board(view: View) -> Facts:
    board, statistics = view.board, view.statistics
    facts: Facts = []
    if board is not None:
        facts += [
            ("self-test", ("passed: " if board.self_test_ok else "FAILED: ") + board.self_test),
            ("kernels", board.kernels),
            ("model SHA-256", board.model_sha256[:16]),
            ("last start", board.reset_reason),
        ]
    if statistics is not None:
        free, least = statistics["heap_free_bytes"] / 1024, statistics["heap_min_free_bytes"] / 1024
        used, size = statistics["arena_used_bytes"] / 1024, statistics["arena_size_bytes"] / 1024
        if free:
            facts.append(("free RAM, least", f"{free:.0f}, {least:.0f} KiB"))
        facts.append(("arena", f"{used:.0f} of {size:.0f} KiB"))
        if statistics["temperature_c"] != NOT_MEASURED_C:
            facts.append(("chip", f"{statistics['temperature_c']} °C"))
    return facts


def _speed(view: View) -> Facts:
    facts: Facts = [
        ("predictions/s", f"{rate_text(view.fps_board)} (here {rate_text(view.fps_arrival)})"),
        ("camera frames/s", rate_text(view.fps_camera)),
    ]
    if view.frame is not None:
        stages = view.frame.stages_ms
        facts += [
            ("one frame", f"{view.frame.total_ms:.1f} ms"),
            ("camera, face", f"{stages['capture']:.1f}, {stages['face']:.1f} ms"),
            ("crop, tensor", f"{stages['crop']:.2f}, {stages['tensor']:.2f} ms"),
            ("invoke, answer", f"{stages['invoke']:.1f}, {stages['prediction']:.2f} ms"),
        ]
    return facts


def _frames(view: View) -> Facts:
    frames = view.frames
    facts = [
        ("captured, shown", f"{frames.captured:,}, {frames.shown:,}"),
        ("dropped on board", f"{frames.dropped_on_board:,}{_causes(frames.board_says)}"),
        ("lost on link", f"{frames.lost_on_link:,}"),
    ]
    if frames.lost_while_disconnected:
        facts.append(("lost while away", f"{frames.lost_while_disconnected:,}"))
    return facts


def _link(view: View) -> Facts:
    link = view.link
    facts = [
        ("messages, lost", f"{link.received:,}, {link.missed:,}"),
        ("damaged", f"{sum(link.damaged.values()) + link.too_long:,}{_causes(link.damaged)}"),
    ]
    if link.losses or link.restarts:
        facts.append(("lost, restarted", f"{link.losses}, {link.restarts} times"))
    return facts


def _causes(counts: dict[str, int]) -> str:
    named = ", ".join(f"{cause} {count:,}" for cause, count in counts.items() if count)
    return f" ({named})" if named else ""


def rate_text(rate: float | None) -> str:
    """Return a rate with one decimal, or a dash where it is not known."""
    return "–" if rate is None else f"{rate:.1f}"
