"""Names beside the points of a plot, each where it covers least of the others."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from microfer.metrics.plots import INK

_Place = tuple[int, int, Literal["left", "right", "center"]]

_PLACES: tuple[_Place, ...] = (
    (9, -13, "left"), (-9, -13, "right"), (9, 5, "left"), (-9, 5, "right"), (0, -19, "center"), (0, 11, "center"),
    (9, -24, "left"), (-9, -24, "right"), (9, 17, "left"), (-9, 17, "right"),
)  # fmt: skip
"""Offsets in points and the alignment, the ones to be preferred first."""

_FAR_PLACES: tuple[_Place, ...] = tuple(
    (across, up, "left" if across > 0 else "right")
    for distance in (30, 50)
    for up in (-distance // 2, distance // 2, -distance, distance)
    for across in (distance, -distance)
)
"""Those of names that a line leads to, because a name close by could be any neighbour's."""

_CROWDED_PX = 40.0
"""A point with another one so near gets a line to its name."""

_POINT_PX = 7.0
"""Half the side of the square that a point keeps free."""


def name_points(figure: Figure, axes: Axes, points: Sequence[tuple[float, float, str]], size: float = 9) -> None:
    """Write the name of each (x, y, name) beside it, once limits and scales of the figure's `axes` are settled.

    Where points crowd, names stand further off, each at the end of a line from its point.
    """
    figure.draw_without_rendering()
    places_px = axes.transData.transform([(x, y) for x, y, _ in points])
    taken = [Bbox.from_extents(x - _POINT_PX, y - _POINT_PX, x + _POINT_PX, y + _POINT_PX) for x, y in places_px]
    for index, (x, y, name) in enumerate(points):
        distances = np.hypot(*(places_px - places_px[index]).T)
        is_crowded = bool((np.delete(distances, index) < _CROWDED_PX).any())
        label = axes.annotate(
            name, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size, color=INK, zorder=4,
            path_effects=[withStroke(linewidth=3, foreground="white")], va="center" if is_crowded else "baseline",
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.8, "shrinkA": 2} if is_crowded else None,
        )  # fmt: skip

        def covered(place: _Place, label: Annotation = label) -> float:
            box = _put(label, place)
            return sum(_shared(box, other) for other in taken) + box.width * box.height - _shared(box, axes.bbox)

        label.set_in_layout(False)  # or the plot would shrink around a name on its way through all places
        taken.append(_put(label, min(_FAR_PLACES if is_crowded else _PLACES, key=covered)))


def _put(label: Annotation, place: _Place) -> Bbox:
    """Move a name and return what it covers, without its line."""
    across, up, side = place
    label.set_position((across, up))
    label.set_horizontalalignment(side)
    label.get_window_extent()  # moves the text to its place
    return Text.get_window_extent(label)


def _shared(one: Bbox, other: Bbox) -> float:
    """Return the area that both cover."""
    both = Bbox.intersection(one, other)
    return 0.0 if both is None else float(both.width * both.height)
