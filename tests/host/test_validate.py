"""Files that read well and are no network: each refused once, at the door, with what was found and the limit."""

import math
import time
from itertools import pairwise

import numpy as np
import pytest
from tests.host.tflite_graphs import Graph, chain, convolution

from microfer.cost.estimate import estimate
from microfer.cost.lint import lint
from microfer.errors import MicroferError
from microfer.tflite.tflite_file import read
from microfer.tflite.validate import MOST_OPERATORS


def _with(add, inputs=1):
    """Return a graph of one operator, added by `add(graph, first, second)` between two tensors of 1x4."""
    graph = Graph()
    first, second = graph.tensor((1, 4)), graph.tensor((1, 4))
    add(graph, first, second)
    graph.ends((first,), (second,))
    return graph


def _scaled(scales, zero_points=None):
    graph = chain(1)
    odd = graph.tensor((4, 4), data=np.zeros((4, 4)), scales=scales, zero_points=zero_points)
    bias = graph.tensor((4,), "INT32", np.zeros(4), [0.1])
    out = graph.tensor((1, 4))
    graph.operator("FULLY_CONNECTED", (1, odd, bias), (out,), "FullyConnectedOptions")
    graph.ends((0,), (out,))
    return graph


def _pool(**changes):
    graph = Graph()
    first, out = graph.tensor((1, 4, 4, 8)), graph.tensor((1, 2, 2, 8))
    values = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, **changes}
    graph.operator("MAX_POOL_2D", (first,), (out,), "Pool2DOptions", **values)
    graph.ends((first,), (out,))
    return graph


def _huge():
    graph = Graph()
    first, out = graph.tensor((2**31 - 1,) * 3), graph.tensor((1, 4))
    graph.operator("RESHAPE", (first,), (out,))
    graph.ends((first,), (out,))
    return graph


def _dimensions():
    graph = chain(1)
    graph.now.tensors[1].shape = np.ones(20_000, np.int32)
    return graph


def _short_data():
    graph = convolution()
    graph.buffers[1].data = graph.buffers[1].data[:5]
    return graph


def _unmade():
    return _with(lambda graph, first, second: graph.operator("ADD", (first, graph.tensor((1, 4))), (second,)))


def _recursion():
    graph = Graph()
    first, out = graph.tensor((1, 4)), graph.tensor((1, 4))
    graph.operator("WHILE", (first,), (out,), "WhileOptions", condSubgraphIndex=0, bodySubgraphIndex=0)
    graph.ends((first,), (out,))
    return graph


def _options_of_a_pool():
    graph = convolution(options="")
    graph.operator("MAX_POOL_2D", (), (), "Pool2DOptions", strideH=1, strideW=1)
    pool = graph.now.operators.pop()
    graph.now.operators[0].builtinOptions = pool.builtinOptions
    graph.now.operators[0].builtinOptionsType = pool.builtinOptionsType
    return graph


HOSTILE = {
    "a shape of 2^31 - 1": (
        _huge,
        r"would take 9,903,520,300,447,984,150,353,281,023 bytes; TFLM counts to 2,147,483,647",
    ),
    "20,000 dimensions": (_dimensions, r"has 20,000 dimensions; microfer reads at most 8"),
    "3,000 operators": (lambda: chain(3_000), rf"has 3,000 operators; microfer reads at most {MOST_OPERATORS:,}"),
    "no inputs": (lambda: _with(lambda g, a, b: g.operator("RELU", (), (b,))), r"RELU 0 has 0 inputs, expected"),
    "one input of two": (lambda: _with(lambda g, a, b: g.operator("ADD", (a,), (b,))), r"ADD 0 has 1 inputs"),
    "a needed input left out": (
        lambda: _with(lambda g, a, b: g.operator("FULLY_CONNECTED", (a, -1), (b,))),
        r"FULLY_CONNECTED 0 has 1 inputs, expected the first 2",
    ),
    "no outputs": (lambda: _with(lambda g, a, b: g.operator("RELU", (a,), ())), r"RELU 0 has no output"),
    "no options": (lambda: convolution(options=""), r"CONV_2D 0 has no options of its own kind"),
    "another operator's options": (_options_of_a_pool, r"CONV_2D 0 has no options of its own kind"),
    "a scale of NaN": (lambda: _scaled([math.nan]), r"tensor 't2' has the scale nan, expected a number above 0"),
    "a scale of infinity": (lambda: _scaled([math.inf]), r"has the scale inf"),
    "a scale of zero": (lambda: _scaled([0.1, 0.0, 0.1, 0.1]), r"has the scale 0\.0"),
    "scales without zero points": (lambda: _scaled([0.1], []), r"has 1 scales and 0 zero points"),
    "a zero point beyond its type": (lambda: _scaled([0.1], [128]), r"has the zero point 128, expected -128 to 127"),
    "too few scales": (lambda: _scaled([0.1, 0.2]), r"2 scales along dimension 0, expected one for each place"),
    "stride 0": (lambda: convolution(stride=0), r"CONV_2D 0 has the stride 0, expected 1 or more"),
    "dilation 0": (lambda: convolution(dilationHFactor=0), r"CONV_2D 0 has the dilation 0"),
    "a window of 0": (lambda: _pool(filterWidth=0), r"MAX_POOL_2D 0 has the window 0"),
    "an endless window": (
        lambda: _pool(filterHeight=2**31 - 1),
        r"reaches over 2,147,483,647 places; microfer reads at most 4,096",
    ),
    "an output beyond the input": (lambda: convolution(made=60), r"output 1x60x60x8, its input 1x6x6x4, stride and"),
    "weights cut short": (_short_data, r"tensor 't1' of shape 8x3x3x4 needs 288 bytes, but the file holds 5"),
    "its own output": (
        lambda: _with(lambda g, a, b: g.operator("ADD", (a, b), (b,))),
        r"ADD 0 reads its own output, tensor 't1'",
    ),
    "what nothing made": (_unmade, r"ADD 0 reads tensor 't2' before any operator has written it"),
    "a constant written": (
        lambda: _with(lambda g, a, b: g.operator("RELU", (a,), (g.tensor((1, 4), data=[1, 2, 3, 4]),))),
        r"RELU 0 writes tensor 't2', which already has a value",
    ),
    "a subgraph within itself": (_recursion, r"subgraph 0 runs itself"),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_hostile_network_is_refused_at_once_and_by_name(fault):
    make, message = HOSTILE[fault]
    content = make().build()
    begun = time.process_time()
    with pytest.raises(MicroferError, match=rf"hostile is not a network that can run: .*{message}"):
        read(content, "hostile")
    assert time.process_time() - begun < 5


def test_a_network_at_the_limits_is_estimated_within_seconds():
    """As many operators as are allowed, each a pool of the longest window: what costs this model the most."""
    begun = time.process_time()
    graph = Graph()
    tensors = [graph.tensor((1, 1, 9000, 1)) for _ in range(MOST_OPERATORS + 1)]
    values = {"filterHeight": 1, "filterWidth": 4096, "strideH": 1, "strideW": 1}
    for before, after in pairwise(tensors):
        graph.operator("MAX_POOL_2D", (before,), (after,), "Pool2DOptions", **values)
    graph.ends(tensors[:1], tensors[-1:])
    network = estimate(read(graph.build()))
    assert len(lint(network)) >= 0
    assert len(network.operators) == MOST_OPERATORS
    assert time.process_time() - begun < 20


def test_a_network_without_a_fault_is_read():
    model = read(convolution().build())
    assert [operator.name for operator in model.operators] == ["CONV_2D"]
    assert model.tensors[1].value_bytes == model.tensors[1].data_bytes == 8 * 3 * 3 * 4
    assert len(read(chain(MOST_OPERATORS).build()).operators) == MOST_OPERATORS


def test_a_pointer_of_git_lfs_is_named():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 300568\n"
    with pytest.raises(MicroferError, match=r"person\.tflite is a Git LFS pointer of 71 bytes.* git lfs pull"):
        read(pointer, "person.tflite")
