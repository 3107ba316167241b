"""What the cost model says of networks beyond those it was fitted to: what is so, or that it is not known."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tests.host.random_graphs import RandomGraph, branch, branches, loop, loops, start, stream
from tests.host.tflite_graphs import Graph, chain, convolution

from microfer.contract import INPUT_SCALE, INPUT_ZERO_POINT, OUTPUT_SCALE, OUTPUT_ZERO_POINT
from microfer.cost.costs import KEYED_BY, fitted, versions
from microfer.cost.dispatch import path_of
from microfer.cost.document import document
from microfer.cost.estimate import Estimate, estimate, operator_estimate
from microfer.cost.faults import CUSTOM_OPERATOR, NO_KERNEL, REFUSED, Finding
from microfer.cost.lint import lint
from microfer.cost.memory import CLOCK_HZ, SPEEDS, Placement
from microfer.cost.own import estimated
from microfer.cost.report import finding_lines, summary, table, wrapped
from microfer.cost.step import steps
from microfer.release import MEASUREMENTS, MODELS, REPOSITORY
from microfer.runtimes.judge import judge, judge_all
from microfer.runtimes.runners import has_tflm
from microfer.studies.chip.cost_fit import own_fitted
from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels, read_kernels
from microfer.tflite.metadata import ModelMetadata, embed_metadata
from microfer.tflite.tflite_file import read
from microfer.tflite.verdict import Verdict

KERNELS = MEASUREMENTS / KERNELS_FILE
needs_tflm = pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")


def dense(kind: str, weights: str, bias: str) -> Graph:
    """Return a FULLY_CONNECTED of 32 values to 4."""
    graph = Graph()
    first, out = graph.tensor((1, 32), kind), graph.tensor((1, 4), kind)
    scales = [0.1] if weights == "INT8" else ()
    matrix = graph.tensor((4, 32), weights, np.ones((4, 32)), scales=scales)
    added = graph.tensor((4,), bias, np.zeros(4), scales=[0.05] if bias != "FLOAT32" else ())
    graph.operator("FULLY_CONNECTED", (first, matrix, added), (out,), "FullyConnectedOptions")
    graph.ends((first,), (out,))
    return graph


def float_convolution(size: int = 10) -> Graph:
    """Return a 5x5 CONV_2D of stride 2 on float32."""
    graph = Graph()
    first, out = graph.tensor((1, size, size, 4), "FLOAT32"), graph.tensor((1, size // 2, size // 2, 8), "FLOAT32")
    weights = graph.tensor((8, 5, 5, 4), "FLOAT32", np.ones((8, 5, 5, 4)))
    bias = graph.tensor((8,), "FLOAT32", np.zeros(8))
    graph.operator("CONV_2D", (first, weights, bias), (out,), "Conv2DOptions", strideH=2, strideW=2)
    graph.ends((first,), (out,))
    return graph


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


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (dense("FLOAT32", "INT8", "FLOAT32"), "FLOAT32 input with INT8 weights (a dynamic range)"),
        (dense("UINT8", "UINT8", "INT32"), "TFLM has no kernel for FULLY_CONNECTED on UINT8"),
    ],
)
def test_types_that_tflm_refuses_are_errors_with_or_without_tflm(graph, words):
    model = read(graph.build())
    verdicts = [None, judge(model)] if has_tflm() else [None]
    for verdict in verdicts:
        (finding,) = lint(estimate(model), verdict=verdict)
        assert (finding.rule, finding.is_error) == (REFUSED, True)
        assert words in finding.problem
        assert "quantize fully to int8" in finding.fix


def test_float16_weights_behind_a_dequantize_are_an_error():
    graph = Graph()
    stored, weights = graph.tensor((4, 32), "FLOAT16", np.ones((4, 32))), graph.tensor((4, 32), "FLOAT32")
    first, out = graph.tensor((1, 32), "FLOAT32"), graph.tensor((1, 4), "FLOAT32")
    graph.operator("DEQUANTIZE", (stored,), (weights,))
    graph.operator("FULLY_CONNECTED", (first, weights, -1), (out,), "FullyConnectedOptions")
    graph.ends((first,), (out,))
    model = read(graph.build())
    (finding,) = lint(estimate(model), verdict=judge(model))
    assert (finding.rule, finding.operator) == (REFUSED, 0)
    assert "FLOAT16 weights behind a DEQUANTIZE" in finding.problem


@needs_tflm
def test_what_only_tflm_itself_knows_is_an_error_in_its_own_words():
    graph = Graph()
    first, out = graph.tensor((1, 4)), graph.tensor((1, 8), scales=[0.25])  # TFLM's kernel rescales nothing
    graph.operator("CONCATENATION", (first, first), (out,), "ConcatenationOptions", axis=1)
    graph.ends((first,), (out,))
    model = read(graph.build())
    verdict = judge(model)
    assert rules(lint(estimate(model))) == []
    (finding,) = (one for one in lint(estimate(model), verdict=verdict) if one.is_error)
    assert verdict.refused in finding.problem
    assert (finding.rule, finding.operator) == (REFUSED, 0)


@needs_tflm
def test_the_export_reports_what_tflm_refuses_of_a_network_that_keeps_the_contract(tmp_path):
    """A CONCATENATION whose output has another scale: only TFLM says no to it."""
    graph = Graph()
    crop = graph.tensor((1, 48, 48, 1), scales=[INPUT_SCALE], zero_points=[INPUT_ZERO_POINT])
    small = graph.tensor((1, 1, 7, 1), scales=[INPUT_SCALE], zero_points=[INPUT_ZERO_POINT])
    values = {"padding": 1, "strideH": 48, "strideW": 6, "filterHeight": 48, "filterWidth": 12}
    graph.operator("AVERAGE_POOL_2D", (crop,), (small,), "Pool2DOptions", **values)
    flat = graph.tensor((1, 7), scales=[INPUT_SCALE], zero_points=[INPUT_ZERO_POINT])
    graph.operator("RESHAPE", (small, graph.tensor((2,), "INT32", (1, 7))), (flat,))
    joined = graph.tensor((1, 7), scales=[0.25])
    graph.operator("CONCATENATION", (flat,), (joined,), "ConcatenationOptions", axis=1)
    scores = graph.tensor((1, 7), scales=[OUTPUT_SCALE], zero_points=[OUTPUT_ZERO_POINT])
    graph.operator("SOFTMAX", (joined,), (scores,), "SoftmaxOptions", beta=1.0)
    graph.ends((crop,), (scores,))
    metadata = ModelMetadata("refused-1", "refused", arena=None, temperature=1.0, uncertain_below=0.3)
    path = tmp_path / "refused.tflite"
    path.write_bytes(embed_metadata(graph.build(), metadata))
    command = [sys.executable, "host/export_tflm.py", str(path), "--out", str(tmp_path / "out"), "--strict"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "out").exists()) == (1, False)
    assert "refused by TFLM (operator 2): TFLM on this computer does not start it" in " ".join(done.stderr.split())


@needs_tflm
def test_what_ends_tflms_process_is_refused_and_the_next_one_is_still_asked():
    good = chain(2).build()
    broken = good[:8] + b"\xff" * (len(good) - 8)
    first, second, third = judge_all([good, broken, good])
    assert (first.refused, third) == (None, first)
    assert second.refused


def test_a_kernel_that_tflm_has_not_and_one_that_the_firmware_has_not_are_told_apart():
    for name, rule, words in (
        ("COMPLEX_ABS", NO_KERNEL, "TFLM has no kernel for BUILTIN_"),
        ("SignalWindow", CUSTOM_OPERATOR, "firmware registers no custom operator, so not SignalWindow; TFLM may have"),
    ):
        graph = chain(1)
        graph.now.operators.clear()
        graph.operator(name, (0,), (1,))
        (finding,) = lint(estimate(read(graph.build())))
        assert (finding.rule, finding.is_error) == (rule, True)
        assert words in finding.problem
        assert not estimate(read(graph.build())).counts_all_macs


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


def test_the_summary_says_what_tflm_said():
    network = estimate(read(chain(1).build()))
    ran, refused = Verdict(head_bytes=1024, tail_bytes=512), Verdict("no kernel", "start")
    assert "TFLM          starts and runs it here, in 1.5 KiB of arena" in text(network, verdict=ran)
    assert "TFLM          " not in text(network, verdict=refused)  # the lint has it
    assert "TFLM          not asked" in text(network)
    assert document(network, (), verdict=ran)["tflm"]["arena_bytes_on_this_computer"] == 1536
    assert document(network, (), verdict=refused)["tflm"] == {
        "refused": "no kernel",
        "at": "start",
        "arena_bytes_on_this_computer": None,
    }


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


def test_the_firmwares_own_kernels_come_first_as_they_were_counted():
    model = read(MODELS / "s3-1" / "model.tflite")
    own, record = own_kernels(steps(model), KERNELS), read_kernels(KERNELS)["s3-1"]
    assert own is not None
    assert (own.instructions, own.arena_bytes) == (record.instructions["microfer"], record.arena_bytes["microfer"])
    network = estimate(model)
    lines = summary(network, own)
    assert lines[1].startswith(f"own kernels   {own.instructions / 1e6:.2f} M instructions, ")
    assert lines[2].startswith(
        f"              arena {own.arena_bytes / 1024:.0f} KiB; as the firmware is built by default"
    )
    assert own.longest_s == pytest.approx(
        own.instructions / CLOCK_HZ + network.weight_bytes / SPEEDS["flash"].bytes_per_s, rel=0.01
    )
    assert document(network, (), own)["own_kernels"]["instructions"] == own.instructions
    assert own_kernels(steps(read(convolution().build())), KERNELS) is None


@pytest.mark.parametrize("name", ["nano-1", "s3-1", "thesis-bn-1", "thesis-bn-c50-1"])
def test_a_counted_network_is_within_the_error_of_a_fit_to_the_others(name, monkeypatch):
    records = {one: record for one, record in read_kernels(KERNELS).items() if (MODELS / one).is_dir()}
    networks = {one: steps(read(MODELS / one / "model.tflite")) for one in records}
    others = {one: record for one, record in records.items() if one != name}
    monkeypatch.setattr("microfer.cost.own._fit", lambda: own_fitted(others, networks))
    own = estimated(estimate(read(MODELS / name / "model.tflite")))
    assert own is not None
    assert 0.1 < own.error < 0.2
    assert own.instructions == pytest.approx(records[name].instructions["microfer"], rel=own.error)
    assert own.arena_bytes is None


def test_own_kernels_are_estimated_where_nothing_was_counted_and_not_where_an_operator_is_unknown():
    network = estimate(read(convolution(12, 16, 32).build()))
    own = estimated(network)
    assert own is not None
    assert own.shortest_s < own.instructions / CLOCK_HZ < own.longest_s
    first, second, third = summary(network, own)[1:4]
    assert re.fullmatch(r"own kernels   about 0\.\d\d M ±\d+ % instructions, .*", first)
    assert (second, third.strip().split()[0]) == (
        "              arena not known; as the firmware is built by default,",
        "estimated",
    )
    assert "does not hold" not in own.source
    large = estimated(estimate(read(convolution(200, 64, 64).build())))
    assert large is not None
    assert "1 of these are larger than any of those, so the ± does not hold" in large.source
    for graph in (float_convolution(), chain(2)):
        unknown = estimate(read(graph.build()))
        assert estimated(unknown) is None
        assert summary(unknown, None)[1].startswith("own kernels   not known")


def test_a_twin_of_a_counted_network_costs_the_same():
    twin = steps(read(MODELS / "s3-balanced-1" / "model.tflite"))
    assert own_kernels(twin, KERNELS) == own_kernels(steps(read(MODELS / "s3-1" / "model.tflite")), KERNELS)
    thesis, records = steps(read(MODELS / "thesis-bn-2" / "model.tflite")), read_kernels(KERNELS)
    for name, record in (("thesis, random weights", "thesis, random weights"), ("thesis-bn-2", "thesis-bn-1")):
        own = own_kernels(thesis, KERNELS, name=name)
        assert own is not None
        assert own.instructions == records[record].instructions["microfer"]


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
