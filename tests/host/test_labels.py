"""Names in a plot stay clear of each other and of the points."""

from itertools import combinations

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from microfer.metrics.plot_names import name_points


def test_names_of_crowded_points_do_not_cover_each_other_and_stay_in_the_plot() -> None:
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    points = [(1.0, 1.0, "mobilenet-v2-small"), (1.02, 1.005, "nano"), (1.01, 0.99, "resnet8"), (2.0, 2.0, "thesis-bn")]
    axes.scatter([x for x, _, _ in points], [y for _, y, _ in points])
    axes.margins(0.2)
    name_points(figure, axes, points)
    assert [text.get_text() for text in axes.texts] == [name for _, _, name in points]
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert not [pair for pair in combinations(boxes, 2) if Bbox.intersection(*pair) is not None]
    assert all(axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1 for box in boxes)
    assert [text.arrow_patch is not None for text in axes.texts] == [True, True, True, False]
