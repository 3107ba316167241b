"""OpenCV's frontal face cascade as a table for the firmware's detector. Standard library and NumPy.

The file format is that of OpenCV's CascadeClassifier, modules/objdetect/src/cascadedetect.cpp.
"""

import re
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from microfer.errors import MicroferError
from microfer.files import read_bytes

CASCADE = "haarcascade_frontalface_alt2.xml"
WINDOW_PX = 20
THRESHOLD_EPSILON = np.float32(1e-5)
"""OpenCV lowers each stage's threshold by it, so that a window that just reached it in training still does."""

Rectangle = tuple[int, int, int, int]
"""left, top, width and height in a window"""


@dataclass(frozen=True)
class Node:
    """A question to a window.

    whole: the rectangle that weighs -1; parts: one or two that weigh `weight`.
    threshold: in units of the window's contrast.
    below, above: the vote where the answer is below the threshold, and from it on; None: ask the next node.
    """

    whole: Rectangle
    parts: tuple[Rectangle, ...]
    weight: int
    threshold: float
    below: float | None
    above: float | None


@dataclass(frozen=True)
class Stage:
    """trees: two nodes each. threshold: the least sum of votes with which a window goes on."""

    trees: tuple[tuple[Node, Node], ...]
    threshold: float


@dataclass(frozen=True)
class Cascade:
    """A cascade, with the licence notice that its file begins with."""

    notice: str
    stages: tuple[Stage, ...]


def read(path: Path) -> Cascade:
    """Return the cascade of an OpenCV file: Haar features in a 20x20 window, upright, in trees of two nodes.

    Raises:
        MicroferError: the file is missing, is no cascade or one of another kind; the message says which.
    """
    text = read_bytes(path).decode(errors="replace")
    try:
        root = ElementTree.fromstring(text).find("cascade")  # noqa: S314 - a maintainer's own file
    except ElementTree.ParseError as error:
        raise MicroferError(f"{path} is not XML ({error}); take the file that OpenCV brings") from error
    if root is None or root.findtext("featureType") != "HAAR" or root.findtext("width") != str(WINDOW_PX):
        raise MicroferError(f"{path} is not a Haar cascade for {WINDOW_PX}x{WINDOW_PX} windows; take {CASCADE}")
    notice = re.search(r"<!--(.*?)-->", text, re.DOTALL)
    if notice is None or "opyright" not in notice[1]:
        raise MicroferError(f"{path} begins with no licence notice, without which it must not be passed on")
    features = [_feature(one, path) for one in root.findall("features/_")]
    return Cascade(notice[1], tuple(_stage(one, features, path) for one in root.findall("stages/_")))


def table(path: Path) -> str:
    """Return the whole text of firmware/lib/face/frontal_face.cc. Raises MicroferError as `read` does.

    Raises:
        MicroferError: a number does not fit the table's fixed point.
    """
    cascade = read(path)
    trees = [row for stage in cascade.stages for row in _stage_rows(stage)]
    firsts = accumulate((len(stage.trees) for stage in cascade.stages[:-1]), initial=0)
    notice = "\n".join(f"// {line}".rstrip() for line in cascade.notice.strip("\n").splitlines())
    return f"""// Written by scripts/generate.py from OpenCV's {path.name}; change that instead.
// What follows is that file's own notice.
//
{notice}

#include "face/cascade.h"
#include "face/cascade_detector.h"

namespace microfer {{
namespace {{

// clang-format off

constexpr std::uint16_t kFirstTrees[] = {{{", ".join(map(str, firsts))}}};

// Of each node the feature, the threshold, the vote below it and from it on; of
// each tree its nodes and the bounds. A stage's trees with the most different
// votes come first.
constexpr HaarTree kTrees[] = {{
{chr(10).join(trees)}
}};

// clang-format on

}}  // namespace

const Cascade kFrontalFace = {{kFirstTrees, kTrees}};

}}  // namespace microfer
"""


def _feature(element: ElementTree.Element, path: Path) -> tuple[Rectangle, tuple[Rectangle, ...], int]:
    numbers = [[float(number) for number in (one.text or "").split()] for one in element.findall("rects/_")]
    rectangles = [(int(left), int(top), int(width), int(height)) for left, top, width, height, _ in numbers]
    weights = [row[4] for row in numbers]
    if (
        element.findtext("tilted", "0").strip() != "0"
        or weights[0] != -1
        or weights[1:] not in ([2.0], [3.0], [2.0, 2.0])
        or any(left + width > WINDOW_PX or top + height > WINDOW_PX for left, top, width, height in rectangles)
    ):
        raise MicroferError(f"{path}: a feature weighs its rectangles {weights}, or is tilted; take {CASCADE}")
    return rectangles[0], tuple(rectangles[1:]), int(weights[1])


def _stage(
    element: ElementTree.Element, features: list[tuple[Rectangle, tuple[Rectangle, ...], int]], path: Path
) -> Stage:
    trees = []
    for weak in element.findall("weakClassifiers/_"):
        numbers = (weak.findtext("internalNodes") or "").split()
        leaves = [float(np.float32(leaf)) for leaf in (weak.findtext("leafValues") or "").split()]
        if len(numbers) != 8 or len(leaves) != 3:
            raise MicroferError(f"{path}: a tree has {len(numbers) // 4} nodes, expected 2; take {CASCADE}")
        first, second = (
            Node(*features[int(feature)], float(np.float32(threshold)), *(_vote(int(way), leaves) for way in ways))
            for *ways, feature, threshold in (numbers[:4], numbers[4:])
        )
        if (first.below is None) == (first.above is None) or None in (second.below, second.above):
            raise MicroferError(f"{path}: the nodes of a tree are not in a row; take {CASCADE}")
        trees.append((first, second))
    threshold = np.float32(element.findtext("stageThreshold")) - THRESHOLD_EPSILON
    return Stage(tuple(trees), float(threshold))


def _vote(way: int, leaves: list[float]) -> float | None:
    """Return where a node leads: above 0 to another node, from 0 down to a leaf."""
    return None if way > 0 else leaves[-way]


def _stage_rows(stage: Stage) -> list[str]:
    """Return a stage's trees as rows of the table, in the order in which the bounds soonest decide.

    The votes are added as whole numbers, so their order does not change the sum.
    """
    trees = sorted(stage.trees, key=lambda tree: min(_votes(tree)) - max(_votes(tree)))
    threshold = _fixed(stage.threshold, 24)
    least, most = sum(min(_votes(tree)) for tree in trees), sum(max(_votes(tree)) for tree in trees)
    if not 0 < threshold < 2**31 - 1 - most or least < 1:
        raise MicroferError(f"the votes of a stage add up to {least}..{most}, which is not above 0 or overflows")
    rows = []
    for tree in trees:
        least -= min(_votes(tree))
        most -= max(_votes(tree))
        nodes = ", ".join(_node(node) for node in tree)
        rows.append(f"    {{{{{{{nodes}}}}}, {threshold - most}, {threshold - least}}},")
    return rows


def _votes(tree: tuple[Node, Node]) -> list[int]:
    """Return what a tree can vote, in 2**-24."""
    return [_fixed(vote, 24) for node in tree for vote in (node.below, node.above) if vote is not None]


def _node(node: Node) -> str:
    """Return a node as C++."""
    if node.threshold == 0:
        raise MicroferError("a threshold is 0, at which the firmware's comparison would differ from OpenCV's")
    below, above = ("kAskNext" if vote is None else str(_fixed(vote, 24)) for vote in (node.below, node.above))
    feature = f"{_shape(node)}({', '.join(map(str, node.whole))})"
    return f"{{{feature}, {_fixed(node.threshold, 30)}, {below}, {above}}}"


def _shape(node: Node) -> str:
    """Return the function of cascade.h that makes the node's feature from its whole rectangle."""
    left, top, width, height = node.whole
    half_width, half_height = width // 2, height // 2
    right, lower = left + half_width, top + half_height
    shapes: dict[tuple[int, tuple[Rectangle, ...]], str] = {
        (3, ((left, top + height // 3, width, height // 3),)): "MiddleRow",
        (3, ((left + width // 3, top, width // 3, height),)): "MiddleColumn",
        (2, ((left, lower, width, half_height),)): "LowerHalf",
        (2, ((left, top, width, half_height),)): "UpperHalf",
        (2, ((right, top, half_width, height),)): "RightHalf",
        (2, ((left, top, half_width, height),)): "LeftHalf",
        (2, ((left, top, half_width, half_height), (right, lower, half_width, half_height))): "FallingQuarters",
        (2, ((left, lower, half_width, half_height), (right, top, half_width, half_height))): "RisingQuarters",
    }
    shape = shapes.get((node.weight, tuple(sorted(node.parts))))
    area = sum(part[2] * part[3] for part in node.parts)
    if shape is None or area * node.weight != width * height:
        raise MicroferError(f"the parts {node.parts} of {node.whole} are not halves, middle thirds or quarters of it")
    return shape


def _fixed(number: float, bits: int) -> int:
    """Return a number with so many binary places, to the nearest, which must fit an int32."""
    fixed: int = round(number * 2**bits)
    if not -(2**31) < fixed < 2**31:
        raise MicroferError(f"{number} does not fit 32 bits with {bits} binary places")
    return fixed
