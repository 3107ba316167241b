"""What TFLM refuses is an error, with TFLM at hand or without it; and what becomes of TFLM's process."""

import subprocess
import sys

import numpy as np
import pytest
from tests.host.tflite_graphs import Graph, chain, dense

from microfer.contract import INPUT_SCALE, INPUT_ZERO_POINT, OUTPUT_SCALE, OUTPUT_ZERO_POINT
from microfer.cost.document import document
from microfer.cost.estimate import Estimate, estimate
from microfer.cost.faults import CUSTOM_OPERATOR, NO_KERNEL, REFUSED, Finding
from microfer.cost.lint import lint
from microfer.cost.report import summary
from microfer.release import REPOSITORY
from microfer.runtimes.judge import judge, judge_all
from microfer.runtimes.runners import has_tflm
from microfer.tflite.metadata import ModelMetadata, embed_metadata
from microfer.tflite.tflite_file import read
from microfer.tflite.verdict import Verdict

needs_tflm = pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")


def rules(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.rule for finding in findings if finding.is_error]


def text(network: Estimate, *, verdict=None) -> str:
    return "\n".join(summary(network, None, verdict))


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


@needs_tflm
def test_a_loop_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr("microfer.runtimes.judge.TIMEOUT_S", 2)
    graph = Graph()
    first, out = graph.tensor((1,), "INT32"), graph.tensor((1,), "INT32")
    graph.operator("WHILE", (first,), (out,), "WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2)
    graph.ends((first,), (out,))
    graph.enter()
    value, always = graph.tensor((1,), "INT32"), graph.tensor((1,), "BOOL")
    graph.operator("EQUAL", (value, value), (always,))
    graph.ends((value,), (always,))
    graph.enter()
    value, same = graph.tensor((1,), "INT32"), graph.tensor((1,), "INT32")
    graph.operator("ADD", (value, graph.tensor((1,), "INT32", [0])), (same,), "AddOptions")
    graph.ends((value,), (same,))
    model = read(graph.build())
    verdict = judge(model)
    assert verdict == Verdict("it ran for more than 2 s", "run")
    assert "it ran for more than 2 s" in lint(estimate(model), verdict=verdict)[-1].problem


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
