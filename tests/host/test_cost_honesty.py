"""What the cost model says of networks beyond those it was fitted to: what is so, or that it is not known."""

import json
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.host.random_graphs import RandomGraph, branch, branches, loop, loops, start, stream
from tests.host.tflite_graphs import Graph, convolution, dense, float_convolution

from microfer.cost.costs import KEYED_BY, fitted, versions
from microfer.cost.dispatch import path_of
from microfer.cost.document import document
from microfer.cost.estimate import Estimate, estimate, operator_estimate
from microfer.cost.faults import REFUSED, Finding
from microfer.cost.lint import lint
from microfer.cost.memory import CLOCK_HZ, SPEEDS, Placement
from microfer.cost.report import finding_lines, summary, table, wrapped
from microfer.cost.step import steps
from microfer.release import MEASUREMENTS, MODELS, REPOSITORY
from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels
from microfer.tflite.tflite_file import read

KERNELS = MEASUREMENTS / KERNELS_FILE


def with_subgraphs(add, finish, shape=(1, 40)) -> Estimate:
    """Return the estimate of a RELU behind what `add` puts there."""
    import random

    now = RandomGraph(Graph(), random.Random(1), "int8")
    first = now.computed(shape)
    inner = add(now, first)
    out = now.computed(shape)
    now.graph.operator("RELU", (inner,), (out,))
    now.graph.ends((first,), (out,))
    finish(now, shape)
    return estimate(read(now.graph.build()))


def rules(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule for finding in findings if finding.is_error]


def text(network: Estimate, *, verdict=None) -> str:
    return "\n".join(summary(network, None, verdict))


@pytest.mark.parametrize(
    ("types", "macs"),
    [
        (("INT8", "INT8", "INT32"), 128),
        (("FLOAT32", "FLOAT32", "FLOAT32"), 128),
        (("INT16", "INT8", "INT64"), 128),
    ],
)
def test_a_dense_layer_multiplies_values_not_bytes(types, macs):
    assert estimate(read(dense(*types).build())).macs == macs == 32 * 4


def test_a_float_convolution_is_tflms_reference_kernel_and_nothing_of_esp_nns_is_said_of_it():
    network = estimate(read(float_convolution().build()))
    (one,) = network.operators
    assert one.step.macs == 5 * 5 * 8 * 5 * 5 * 4
    assert one.instructions is None
    assert one.least == 3 * one.step.macs
    assert "FLOAT32: TFLM's reference kernel" in one.path.why
    assert lint(network) == ()  # an int8 one of this shape is wrong in esp-nn
    int8 = estimate(read(convolution(10, 4, 8, 5, 2).build()))
    assert rules(lint(int8)) == ["asymmetric SAME padding"]


def test_a_variable_tensor_is_kept_in_the_arena():
    def svdf(memory):
        graph = Graph()
        first, out = graph.tensor((1, 8)), graph.tensor((1, 4))
        feature = graph.tensor((4, 8), data=np.ones((4, 8)))
        time = graph.tensor((4, memory), "INT16", np.ones((4, memory)), scales=[0.1])
        bias = graph.tensor((4,), "INT32", np.zeros(4), scales=[0.01])
        state = graph.tensor((1, 4 * memory), "INT16", scales=[0.1], is_variable=True)
        graph.operator("SVDF", (first, feature, time, bias, state), (out,), "SVDFOptions", rank=1)
        graph.ends((first,), (out,))
        return estimate(read(graph.build()))

    small, large = svdf(8), svdf(1008)
    assert large.arena.kept - small.arena.kept == 4 * 1000 * 2
    assert large.macs - small.macs == 4 * 1000
    assert small.macs == 4 * (8 + 8)
    assert not large.arena.is_exact
    assert "never measured: SVDF" in large.arena.unknown


def test_the_scratch_of_a_transposed_convolution_is_in_the_arena():
    graph = Graph()
    first, out = graph.tensor((1, 8, 8, 4)), graph.tensor((1, 16, 16, 16))
    size = graph.tensor((4,), "INT32", (1, 16, 16, 16))
    weights = graph.tensor((16, 3, 3, 4), data=np.ones((16, 3, 3, 4)), scales=[0.1] * 16)
    graph.operator("TRANSPOSE_CONV", (size, weights, first), (out,), "TransposeConvOptions", strideH=2, strideW=2)
    graph.ends((first,), (out,))
    network = estimate(read(graph.build()))
    assert network.arena.planned == 8 * 8 * 4 + 16 * 16 * 16 + 4 * 16 * 16 * 16
    assert network.macs == 8 * 8 * 4 * 3 * 3 * 16
    assert not network.fits_internal  # nobody knows what the kernel keeps
    assert "arena         at least" in text(network)
    assert "in internal RAM or PSRAM" in text(network)


def test_a_streaming_network_is_profiled():
    network = with_subgraphs(stream, start)
    kinds = [one.step.kind for one in network.operators]
    assert kinds == ["CALL_ONCE", "VAR_HANDLE", "READ_VARIABLE", "ADD", "ASSIGN_VARIABLE", "RELU"]
    assert [one.step.kind for one in network.operators if one.instructions] == ["ADD", "RELU"]
    (finding,) = (one for one in lint(network) if one.is_error)
    assert "TFLM runs it, microfer's firmware does not" in finding.problem
    assert "IF" not in finding.problem.split(":")[0]


def test_an_if_is_a_range_and_a_while_has_no_upper_limit():
    network = with_subgraphs(branch, branches)
    one = network.operators[0]
    assert one.most is not None
    assert 0 < one.least < one.most
    assert network.most_instructions == pytest.approx(network.instructions + one.most - one.least)
    assert network.longest is not None
    assert "as branches go" in text(network)
    network = with_subgraphs(loop, loops)
    assert (network.operators[0].most, network.longest) == (None, None)


def test_where_something_was_not_counted_no_upper_limit_is_claimed():
    network = estimate(read(float_convolution().build()))
    assert network.shortest == pytest.approx(3 * network.macs / CLOCK_HZ)
    assert network.longest is None
    values = document(network, lint(network))
    assert values["milliseconds"][1] is values["instructions_at_most"] is None
    said = text(network)
    assert "no upper limit is known" in said
    assert "±" not in said
    assert "NOT COUNTED   CONV_2D 0" in said


def test_an_operator_beyond_what_was_measured_is_said_to_be():
    large, small = (estimate(read(convolution(size, 64, 64).build())) for size in (150, 6))
    assert [one.is_outside for one in (*large.operators, *small.operators)] == [True, False]
    assert large.operators[0].instructions > fitted()["conv rows"].largest
    assert "OUTSIDE       CONV_2D 0: larger than any operator measured" in text(large)
    assert "OUTSIDE" not in text(small)
    assert document(large, ())["operators_outside_the_fit"] == [0]


def test_a_release_that_was_not_measured_has_no_figures():
    model = read(convolution().build())
    newer = {**versions(), "esp-nn": "1.5.0"}
    assert not fitted(newer)
    network = estimate(model, components=newer)
    assert network.operators[0].instructions is None
    assert network.operators[0].least == network.macs / 16  # all that the vector unit can do
    assert not network.arena.is_exact
    assert "never measured: esp-nn 1.5.0 with esp-tflite-micro 1.4.0" in text(network)
    assert estimate(model, components={**versions(), "esp-idf": "6.1"}) == estimate(model)
    assert {"esp-nn", "esp-tflite-micro"} == set(KEYED_BY)


def test_the_arena_lies_where_it_was_asked_to():
    model = read(MODELS / "s3-1" / "model.tflite")
    said = text(estimate(model, Placement("psram")))
    assert "KiB with ESP-NN, in PSRAM" in said
    assert "arena in PSRAM" in said
    assert "internal RAM" not in said
    assert "KiB with ESP-NN, in internal RAM" in text(estimate(model))


def test_a_lines_time_is_what_was_measured_on_chips():
    step = steps(read(convolution(6, 16, 16).build()))[0]
    one = operator_estimate(step, path_of(step), Placement("internal"))
    arrived = (16 * 9 * 16 + 4 * 16) / SPEEDS["flash"].bytes_per_s
    assert one.longest == pytest.approx(one.shortest * (1 + one.error) + arrived)
    assert SPEEDS["flash"].bytes_per_s == pytest.approx(32 / 259 * 240e6)
    assert SPEEDS["psram"].bytes_per_s == pytest.approx(84e6, rel=0.01)


@pytest.mark.parametrize("release", sorted(path.parent.name for path in MODELS.glob("*/model.tflite")))
def test_the_table_fits_eighty_columns_and_cuts_nothing(release):
    network = estimate(read(MODELS / release / "model.tflite"))
    own = own_kernels([one.step for one in network.operators], KERNELS)
    for wide, columns in ((False, 80), (True, 150)):
        out = StringIO()
        Console(file=out, width=columns).print(table(network, own, wide=wide))
        lines = out.getvalue().splitlines()
        assert len(lines) >= len(network.operators) + 3
        assert max(map(len, lines[1:])) <= columns
        assert not any("…" in line for line in lines)


def test_sentences_fit_a_terminal_and_stay_whole():
    network = estimate(read(MODELS / "thesis-bn-1" / "model.tflite"), components={**versions(), "esp-nn": "1.5.0"})
    for line in summary(network, own_kernels([one.step for one in network.operators], KERNELS)):
        shown = wrapped(line, 80).splitlines()
        assert max(map(len, shown)) <= 80
        assert " ".join(" ".join(shown).split()) == " ".join(line.split())
        assert all(further.startswith(" " * 14) for further in shown[1:])


def test_findings_that_say_the_same_are_one_line():
    one = Finding("rule", 3, True, "problem", "fix", 10.0, 5)
    (line,) = finding_lines([one, replace(one, operator=7)])
    assert "(operators 3, 7)" in line
    assert "20 instructions, 10 bytes" in line
    assert len(finding_lines([one, replace(one, problem="other")])) == 2


def test_an_operator_with_options_of_its_own_on_images_is_read():
    graph = Graph()
    first, out = graph.tensor((1, 4, 4, 8)), graph.tensor((1, 4, 4, 8))
    graph.operator("ADD", (first, first), (out,), "AddOptions", potScaleInt16=False)
    graph.ends((first,), (out,))
    assert estimate(read(graph.build())).operators[0].path.name == "add vector"


def test_the_command_prints_totals_and_findings_where_the_table_goes(tmp_path):
    path = tmp_path / "hybrid.tflite"
    path.write_bytes(dense("FLOAT32", "INT8", "FLOAT32").build())
    command = [sys.executable, "host/profile_s3.py", str(path), "--strict"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert all(len(line) <= 80 for line in done.stdout.splitlines()[1:4])
    for words in ("FULLY_CONNECTED*", "own kernels   not known", "no upper limit is known", "refused by TFLM"):
        assert words in done.stdout
    done = subprocess.run([*command, "--json"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    values = json.loads(done.stdout)
    assert values["macs"] == 128
    assert values["findings"][0]["rule"] == REFUSED


def test_a_float_tflite_is_not_called_quantized():
    path = str(Path("tests") / "golden" / "tiny_float_io.tflite")
    command = [sys.executable, "-m", "microfer", "describe", str(REPOSITORY / path)]
    done = subprocess.run(command, cwd=REPOSITORY / "host", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "is a converted network" in done.stderr
    assert "quantized" not in done.stderr
