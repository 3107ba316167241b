"""Other people's networks get the ends that the board counts on, and answer as before."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from microfer.cli import adopt as command
from microfer.contract import LABELS
from microfer.data.synthetic import synthetic_faces
from microfer.errors import MicroferError
from microfer.release import MODELS
from microfer.runtimes.runners import LiteRTRunner, TflmRunner, has_tflm
from microfer.tflite import tflite_file
from microfer.tflite.check import check_deployable
from microfer.tflite.metadata import read_metadata
from microfer.tflite.packing import pack, unpack
from microfer.workflow.adopt import INPUT_RANGES, adopt, compare, original_inputs, read_labels

KERAS_ORDER = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
OURS = MODELS / "thesis-bn-c50-1" / "model.tflite"  # takes the crop as it is


@pytest.fixture(scope="module")
def plain() -> bytes:
    """A network as a stock converter leaves it: no metadata."""
    model = unpack(OURS.read_bytes())
    model.metadata = []
    return pack(model)


def changed(content: bytes, **ends: tuple[float, int]) -> bytes:
    """Return the network with another scale and zero point at its input or output, so another function of pixels."""
    model = unpack(content)
    graph = model.subgraphs[0]
    for name, (scale, zero_point) in ends.items():
        index = (graph.inputs if name == "input" else graph.outputs)[0]
        graph.tensors[index].quantization.scale = [scale]
        graph.tensors[index].quantization.zeroPoint = [zero_point]
    return pack(model)


def without_softmax(content: bytes) -> bytes:
    model = unpack(content)
    graph = model.subgraphs[0]
    last = graph.operators.pop()
    graph.outputs = [last.inputs[0]]
    return pack(model)


def original_answers(content: bytes, images: Any, span: tuple[float, float]) -> Any:
    """Return the original's real outputs on crops, (n, 7)."""
    runner = LiteRTRunner(content)
    model = tflite_file.read(content)
    crop, scores = model.tensors[model.inputs[0]], model.tensors[model.outputs[0]]
    raw = np.stack([runner.invoke(one[np.newaxis]) for one in original_inputs(images, crop, span)])
    return (raw.astype(np.float64) - scores.zero_points[0]) * scores.scales[0]


def softmax(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def faces() -> Any:
    return synthetic_faces(14, 3, "PublicTest").images


def test_a_network_with_the_boards_ends_already_is_left_as_it_is(plain: bytes, faces: Any) -> None:
    adopted = adopt(plain, "mine", LABELS)
    assert adopted.changes == ()
    assert np.array_equal(LiteRTRunner(adopted.tflite).raw(faces), LiteRTRunner(plain).raw(faces))


@pytest.mark.parametrize(
    ("span", "quantization"),
    [
        ("0..1", (0.0041, -128)),  # calibrated on more than white
        ("-1..1", (2 / 255, -1)),
        ("-1..1", (0.0081, 3)),
        ("0..255", (1.0, -128)),
        ("0..255", (1.01, -127)),
    ],
)
def test_pixels_reach_the_network_as_it_was_trained_on_them(
    plain: bytes, faces: Any, span: str, quantization: tuple[float, int]
) -> None:
    foreign = changed(plain, input=quantization)
    adopted = adopt(foreign, "mine", LABELS, span)
    check_deployable(tflite_file.read(adopted.tflite))
    found = LiteRTRunner(adopted.tflite).scores(faces)
    expected = original_answers(foreign, faces, INPUT_RANGES[span])
    assert np.abs(found - expected).max() <= 0.05  # a pixel may be rounded to the next of 256 levels
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.97


@pytest.mark.parametrize(
    ("quantization", "span"), [((2 / 255, -1), "-1..1"), ((1.0, -128), "0..255"), ((1 / 254, -127), "0..1")]
)
def test_the_range_is_seen_from_the_quantization(plain: bytes, quantization: tuple[float, int], span: str) -> None:
    assert adopt(changed(plain, input=quantization), "mine", LABELS).input_range == INPUT_RANGES[span]


def test_a_range_that_fits_nothing_is_asked_for(plain: bytes) -> None:
    with pytest.raises(MicroferError, match=r"ranges from -2\.127 to 2\.631, which is none of 0\.\.1.*--input-range"):
        adopt(changed(plain, input=(0.01866, -14)), "mine", LABELS)


def test_logits_become_probabilities(plain: bytes, faces: Any) -> None:
    foreign = without_softmax(plain)
    adopted = adopt(foreign, "mine", LABELS)
    found = LiteRTRunner(adopted.tflite).scores(faces)
    assert np.abs(found - softmax(original_answers(foreign, faces, (0, 1)))).max() <= 1.5 / 256
    assert any("logits" in change for change in adopted.changes)


def test_classes_in_another_order_are_put_into_the_boards(plain: bytes, faces: Any) -> None:
    adopted = adopt(plain, "mine", KERAS_ORDER)
    before, after = LiteRTRunner(plain).raw(faces), LiteRTRunner(adopted.tflite).raw(faces)
    assert np.array_equal(after[:, LABELS.index("neutral")], before[:, KERAS_ORDER.index("neutral")])
    assert np.array_equal(after[:, LABELS.index("surprise")], before[:, KERAS_ORDER.index("surprise")])
    assert np.array_equal(np.sort(after, axis=1), np.sort(before, axis=1))


@pytest.mark.skipif(not has_tflm(), reason="tflite-micro has no wheel for this machine")
def test_tflm_computes_all_that_is_added_as_litert_does(plain: bytes, faces: Any) -> None:
    adopted = adopt(changed(without_softmax(plain), input=(0.0081, 3)), "mine", KERAS_ORDER, "-1..1")
    assert len(adopted.changes) == 3
    assert np.array_equal(TflmRunner(adopted.tflite).raw(faces), LiteRTRunner(adopted.tflite).raw(faces))


@pytest.mark.parametrize(
    "labels",
    [("angry",) * 7, KERAS_ORDER[:6], (*KERAS_ORDER[:6], "contempt"), tuple("0123456")],
)
def test_classes_are_never_guessed(plain: bytes, labels: tuple[str, ...]) -> None:
    with pytest.raises(MicroferError, match=r"--labels is .*name the seven classes in the order"):
        adopt(plain, "mine", labels)


def test_labels_are_read_from_a_list_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(KERAS_ORDER) + "\n")
    assert read_labels(str(tmp_path / "labels.txt")) == read_labels(", ".join(KERAS_ORDER)) == KERAS_ORDER


def test_another_network_is_refused_with_what_to_change(plain: bytes) -> None:
    model = unpack(plain)
    model.subgraphs[0].tensors[model.subgraphs[0].inputs[0]].shape = [1, 64, 64, 1]
    with pytest.raises(MicroferError, match=r"shape \(1, 64, 64, 1\).*train the network on gray 48x48"):
        adopt(pack(model), "mine", LABELS)


def test_the_comparison_tells_another_order_and_another_range(plain: bytes) -> None:
    dataset = synthetic_faces(28, 3, "PublicTest")
    right = compare(plain, adopt(plain, "mine", LABELS), dataset.images, dataset.labels)
    assert (right.agreement, right.largest) == (1.0, 0.0)
    logits = without_softmax(plain)
    assert compare(logits, adopt(logits, "mine", KERAS_ORDER), dataset.images).largest <= 1.5 / 256


def test_the_command_writes_a_model_that_a_board_proves_by_itself(
    plain: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Their Net.tflite").write_bytes(without_softmax(plain))
    arguments = [str(tmp_path / "Their Net.tflite"), "--labels", ",".join(KERAS_ORDER), "--limit", "14"]
    assert command.main([*arguments, "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["agreement"] >= 0.97
    model = tflite_file.read(tmp_path / "out" / "model.tflite")
    check_deployable(model)
    metadata = read_metadata(model)
    assert metadata.model_id == "their-net"
    assert metadata.golden is not None
    with pytest.raises(MicroferError, match="already exists"):
        command.main([*arguments, "--out", str(tmp_path / "out")])
