"""Names beside the points of a plot, each where it covers least of the others."""

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from microfer.training.plots import INK

_Place = tuple[int, int, Literal["left", "right", "center"]]

_PLACES: tuple[_Place, ...] = (
    (9, -13, "left"), (-9, -13, "right"), (9, 5, "left"), (-9, 5, "right"), (0, -19, "center"), (0, 11, "center"),
    (9, -24, "left"), (-9, -24, "right"), (9, 17, "left"), (-9, 17, "right"),
)  # fmt: skip
"""Offsets in points and the alignment, the ones to be preferred first."""

_POINT_PX = 7.0
"""Half the side of the square that a point keeps free."""


def name_points(figure: Figure, axes: Axes, points: Sequence[tuple[float, float, str]], size: float = 9) -> None:
    """Write the name of each (x, y, name) beside it, once limits and scales of the figure's `axes` are settled."""
    figure.draw_without_rendering()
    taken = [Bbox.from_extents(x - _POINT_PX, y - _POINT_PX, x + _POINT_PX, y + _POINT_PX)
             for x, y in axes.transData.transform([(x, y) for x, y, _ in points])]  # fmt: skip
    for x, y, name in points:
        label = axes.annotate(
            name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size, color=INK, zorder=4,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip

        def covered(place: _Place, label: Annotation = label) -> float:
            _put(label, place)
            box = label.get_window_extent()
            return sum(_shared(box, other) for other in taken) + box.width * box.height - _shared(box, axes.bbox)

        _put(label, min(_PLACES, key=covered))
        taken.append(label.get_window_extent())


def _put(label: Annotation, place: _Place) -> None:
    across, up, side = place
    label.set_position((across, up))
    label.set_horizontalalignment(side)


def _shared(one: Bbox, other: Bbox) -> float:
    """Return the area that both cover."""
    both = Bbox.intersection(one, other)
    return 0.0 if both is None else float(both.width * both.height)
