"""Parity: the comparisons worked out by hand, the certificate, its page, and the command with its exit status."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from microfer.cli import parity as parity_command
from microfer.contract import LABELS
from microfer.data.dataset import Dataset
from microfer.data.synthetic import synthetic_dataset
from microfer.errors import MicroferError
from microfer.parity import certificate as certificates
from microfer.parity import certificate_file
from microfer.parity.certificate import Certificate, certify, float_beside
from microfer.parity.compare import BIN_WIDTH, ScoreComparison, compare_raw, compare_scores
from microfer.parity.images import Images, choose_images, synthetic_images
from microfer.parity.limits import Limits
from microfer.parity.page import render
from microfer.runtimes import runners

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]
INT8 = ROOT / "tests" / "golden" / "tiny_int8.tflite"
FLOAT = ROOT / "tests" / "golden" / "tiny_float_io.tflite"

needs_tflm = pytest.mark.skipif(not runners.has_tflm(), reason="tflite-micro has no wheel for this machine")


def sure_of(classes: list[int], confidence: float = 0.88) -> np.ndarray:
    rows = np.full((len(classes), 7), (1 - confidence) / 6)
    rows[np.arange(len(classes)), classes] = confidence
    return rows


def names(count: int) -> np.ndarray:
    return np.array([f"face {i}" for i in range(count)])


def labelled(split: str = "PublicTest") -> Dataset:
    """Return 14 drawn faces that pass for photographs."""
    drawn = synthetic_dataset(2, seed=1, usage=split)
    return Dataset(drawn.images, drawn.labels, drawn.usage, drawn.names, "somewhere/fer2013.csv")


def certified(
    float_model: Path | None = FLOAT, limits: Limits | None = None, images: Images | None = None
) -> Certificate:
    images = images or choose_images(labelled(), "PublicTest")
    return certify(INT8, float_model, images, limits or Limits(), workers=1)


def command(*arguments: object) -> int:
    """Run `microfer parity` in this process and return its status."""
    return parity_command.main([*map(str, arguments), "--threads", "1"])


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """FER-2013's CSV layout with 14 drawn faces in PublicTest."""
    data = labelled()
    rows = [
        f"{label},{' '.join(map(str, image.ravel()))},PublicTest"
        for image, label in zip(data.images, data.labels, strict=True)
    ]
    path = tmp_path / "fer2013.csv"
    path.write_text("emotion,pixels,Usage\n" + "\n".join(rows) + "\n")
    return path


# Level 2 by hand


def test_drop_and_agreement_are_counted_in_images():
    # float is right on all 4; int8 puts the last one elsewhere.
    result = compare_scores(sure_of([0, 1, 2, 3]), sure_of([0, 1, 2, 6]), np.array([0, 1, 2, 3]), names(4))
    assert (result.float_accuracy.rate, result.int8_accuracy.rate) == (4 / 4, 3 / 4)
    assert result.drop_points == 100 * (4 - 3) / 4
    assert result.agreement == 3 / 4
    assert result.mcnemar_p == 1
    assert result.top1[3][6] == 1
    assert np.array(result.top1).sum() == 4


def test_an_int8_model_that_is_better_has_a_negative_drop():
    result = compare_scores(sure_of([0, 0]), sure_of([0, 1]), np.array([0, 1]), names(2))
    assert result.drop_points == -50
    assert not result.faults(Limits(agreement=0))


def test_differences_are_over_all_classes_and_name_the_worst_image():
    floating, quantized = sure_of([0, 0]), sure_of([0, 0])
    quantized[1, 0] -= 0.25
    quantized[1, 5] += 0.25
    result = compare_scores(floating, quantized, np.array([0, 0]), names(2))
    assert result.mean_difference == pytest.approx(2 * 0.25 / (2 * 7))
    assert result.largest_difference == pytest.approx(0.25)
    assert (result.largest_index, result.largest_name) == (1, "face 1")
    assert (result.histogram[0], result.histogram[round(0.25 / BIN_WIDTH)], sum(result.histogram)) == (1, 1, 2)


def test_each_class_has_its_own_recall_and_agreement():
    result = compare_scores(sure_of([2, 2, 5]), sure_of([2, 4, 5]), np.array([2, 2, 4]), names(3))
    fear, sadness, anger = result.per_class[2], result.per_class[4], result.per_class[0]
    assert (fear.support, fear.float_recall, fear.int8_recall, fear.agreement) == (2, 2 / 2, 1 / 2, 1 / 2)
    assert (sadness.support, sadness.float_recall, sadness.agreement) == (1, 0, 1)
    assert (anger.support, anger.float_recall, anger.mean_difference) == (0, None, None)


def test_a_drop_of_exactly_the_limit_passes_and_one_image_more_does_not():
    labels = np.zeros(200, int)
    one, two = sure_of([1] * 1 + [0] * 199), sure_of([1] * 2 + [0] * 198)
    limits = Limits(drop_points=100 * 1 / 200, agreement=0)
    assert not compare_scores(sure_of([0] * 200), one, labels, names(200)).faults(limits)
    (fault,) = compare_scores(sure_of([0] * 200), two, labels, names(200)).faults(limits)
    assert "loses 1.00 points" in fault


def test_too_little_agreement_is_a_fault():
    result = compare_scores(sure_of([0, 0, 0]), sure_of([0, 0, 1]), np.array([6, 6, 6]), names(3))
    (fault,) = result.faults(Limits())
    assert "66.67 %" in fault
    assert "98 %" in fault


def part_of(split_images: int, *, wrong: int, count: int = 200) -> ScoreComparison:
    """Float is right on all `count` images; int8 puts `wrong` of them elsewhere."""
    int8 = sure_of([1] * wrong + [0] * (count - wrong))
    return compare_scores(sure_of([0] * count), int8, np.zeros(count, int), names(count), split_images)


def test_a_part_of_a_split_is_judged_by_its_interval():
    drop, agreement = part_of(3589, wrong=3).judge(Limits())
    assert (drop.verdict, drop.option) == ("not judged", "--max-drop")
    assert "loses 1.50 points of accuracy (3 of 200 images); on the whole split it is" in drop.reason
    assert (agreement.verdict, agreement.option) == ("not judged", "--min-agreement")
    assert "98.50 % of 200 images; on the whole split it is" in agreement.reason
    assert [one.verdict for one in part_of(3589, wrong=40).judge(Limits())] == ["failed", "failed"]
    assert [one.verdict for one in part_of(3589, wrong=0, count=1000).judge(Limits())] == ["passed", "passed"]


def test_a_whole_split_is_judged_by_its_value_alone():
    assert part_of(200, wrong=1).drop_points_interval is None
    assert [one.verdict for one in part_of(200, wrong=1).judge(Limits())] == ["passed", "passed"]
    assert [one.verdict for one in part_of(200, wrong=5).judge(Limits())] == ["failed", "failed"]


# Level 3 by hand


def raw_outputs(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, (count, 7)).astype(np.int8)


def test_equal_outputs_have_no_first_difference():
    result = compare_raw(raw_outputs(5), raw_outputs(5), names(5))
    assert (result.count, result.equal, result.largest_difference, result.first) == (5, 5, 0, None)
    assert not result.faults(Limits())


def test_the_first_differing_image_is_shown_with_both_outputs():
    expected, found = raw_outputs(6), raw_outputs(6)
    expected[2, 3], found[2, 3] = -128, 127  # the widest gap there is must not wrap around in int8
    found[4, 0] ^= 1
    result = compare_raw(expected, found, names(6))
    assert (result.equal, result.largest_difference) == (6 - 2, 127 + 128)
    assert (result.first.index, result.first.name) == (2, "face 2")
    assert (result.first.expected[3], result.first.found[3]) == (-128, 127)
    (fault,) = result.faults(Limits())
    assert "2 of 6 images" in fault
    assert "face 2" in fault
    assert not result.faults(Limits(mismatches=2))


def test_parity_without_an_image_is_an_error():
    empty = np.zeros((0, 7))
    with pytest.raises(MicroferError, match="without an image"):
        compare_scores(empty, empty, np.zeros(0, int), names(0))
    with pytest.raises(MicroferError, match="without an image"):
        compare_raw(empty.astype(np.int8), empty.astype(np.int8), names(0))


def test_outputs_of_different_image_counts_are_refused():
    with pytest.raises(ValueError, match="for 3 images"):
        compare_raw(raw_outputs(3), raw_outputs(2), names(3))
    with pytest.raises(ValueError, match="int8"):
        compare_raw(raw_outputs(2), raw_outputs(2).astype(int), names(2))


# The certificate


@needs_tflm
def test_a_good_model_passes_both_levels():
    document = certified().to_json()
    assert (document["schema"], document["passed"], document["complete"]) == ("microfer.parity/1", True, True)
    assert document["float_against_int8"]["result"]["agreement"] == 1
    assert document["reference_against_tflm"]["result"]["equal"] == 14
    assert document["data"]["source"] == "fer2013.csv"
    assert document["data"]["per_class"] == dict.fromkeys(LABELS, 2)
    assert len(document["model"]["sha256"]) == 64
    assert document["kernels"] == {"float": "litert-optimized", "int8": "litert-reference", "tflm": "tflm"}
    assert document["versions"]["ai-edge-litert"]
    json.dumps(document, allow_nan=False)


def test_without_a_wheel_level_3_is_not_run_and_never_passed(monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    found = certified()
    assert found.reference_against_tflm.verdict == "not run"
    assert found.passed  # level 2 did
    assert not found.complete
    page = render(found)
    assert "not run" in page
    assert "no wheel of tflite-micro" in page
    assert "incomplete" in page
    nothing = certified(float_model=None)
    assert not nothing.passed
    assert not nothing.failed


def test_synthetic_faces_never_judge_accuracy():
    found = certified(limits=Limits(drop_points=-100), images=synthetic_images(7))
    assert found.float_against_int8.verdict == "not judged"
    assert found.float_against_int8.result.count == 7
    assert not found.failed
    assert not found.complete
    assert "synthetic" in render(found)


def test_a_subset_says_so():
    some = choose_images(labelled(), "PublicTest", 5)
    assert len(some.data) == 5
    assert "SUBSET of the split's 14" in some.describe()
    assert list(some.data.names) == list(choose_images(labelled(), "PublicTest", 5).data.names)
    assert "whole split" in choose_images(labelled(), "PublicTest", 99).describe()
    assert list(some.data.names) != list(labelled().names[:5])  # a folder's first are all of one class
    assert not certified(images=some).complete


def test_a_failed_level_2_shows_the_noise_of_each_layer():
    found = certified(limits=Limits(drop_points=-1))
    assert found.failed
    assert not found.passed
    document = found.to_json()
    assert len(document["noise"]) > 4
    json.dumps(document, allow_nan=False)  # equal layers have an infinite ratio, which JSON cannot hold
    assert render(found).count("data:image/png;base64,") == 3


def test_noise_that_cannot_be_measured_says_why(monkeypatch):
    def refuse(*_):
        raise MicroferError("no activation in common")

    monkeypatch.setattr(certificates, "layer_sqnr", refuse)
    found = certified(limits=Limits(drop_points=-1))
    assert found.noise_missing == "no activation in common"
    assert "no activation in common" in render(found)


def test_an_int8_model_in_the_place_of_the_float_one_is_refused():
    with pytest.raises(MicroferError, match="is an int8 model"):
        certified(float_model=INT8)


def test_a_float_model_in_the_place_of_the_int8_one_is_refused():
    with pytest.raises(MicroferError, match=r"tiny_float_io\.tflite: .* is FLOAT32, expected INT8"):
        certify(FLOAT, None, choose_images(labelled(), "PublicTest"), Limits(), workers=1)


def test_the_float_model_beside_the_int8_one_is_found(tmp_path: Path, monkeypatch):
    model = tmp_path / "model.tflite"
    path, reason = float_beside(model)
    assert path is None
    assert "name one with --float" in reason
    (tmp_path / "float.keras").touch()
    monkeypatch.setattr(certificates.importlib.util, "find_spec", lambda name: None)
    path, reason = float_beside(model)
    assert path is None
    assert "train.lock" in reason
    (tmp_path / "float.tflite").touch()
    assert float_beside(model) == (tmp_path / "float.tflite", "")
    monkeypatch.undo()
    if find_spec("keras"):
        assert float_beside(model) == (tmp_path / "float.keras", "")


def test_the_page_stands_alone_and_escapes_what_it_shows():
    data = labelled()
    renamed = Dataset(data.images, data.labels, data.usage, np.array(["<script>x</script>"] * 14), data.source)
    page = render(certified(images=choose_images(renamed, "PublicTest")))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert page.count("<table") == page.count("</table>")
    assert page == render(certified(images=choose_images(renamed, "PublicTest")))


def test_a_part_on_which_nothing_can_be_said_is_not_judged_and_its_bits_are():
    found = certified(images=choose_images(labelled(), "PublicTest", 5))
    assert found.float_against_int8.verdict == "not judged"
    assert "(--max-drop)" in found.float_against_int8.reasons[0]
    assert "(--min-agreement)" in found.float_against_int8.reasons[1]
    if runners.has_tflm():
        assert found.reference_against_tflm.verdict == "passed"
    assert not found.failed


# The command


@needs_tflm
def test_the_command_writes_json_and_page(tmp_path: Path, csv: Path, capsys):
    status = command("--int8", INT8, "--float", FLOAT, "--data", csv, "--out", tmp_path / "report", "--json")
    assert status == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "report" / "parity.json").read_text())
    assert (tmp_path / "report" / "parity.html").read_text().startswith("<!doctype html>")
    assert len(list((tmp_path / "report").iterdir())) == 2


def test_an_exceeded_limit_is_exit_status_1(csv: Path):
    arguments = ("--int8", INT8, "--float", FLOAT, "--data", csv)
    assert command(*arguments) == 0
    assert command(*arguments, "--max-drop", "-1") == 1
    assert command(*arguments, "--max-drop", "-1", "--limit", 5) == 0


def test_a_part_of_a_split_read_back_keeps_its_intervals(tmp_path: Path, csv: Path):
    command("--int8", INT8, "--float", FLOAT, "--data", csv, "--limit", 5, "--out", tmp_path)
    low, high = certificate_file.read(tmp_path).float_against_int8.result.agreement_interval
    assert 0 < low < high <= 1


def test_percent_in_the_place_of_a_share_is_refused(capsys):
    with pytest.raises(SystemExit):
        command("--int8", INT8, "--min-agreement", 98)
    assert "98 is not a share from 0 to 1: for 98 % write 0.98" in capsys.readouterr().err


@needs_tflm
def test_one_different_bit_in_tflm_is_exit_status_1(monkeypatch, capsys):
    original = runners.TflmRunner.raw

    def flipped(self, images, progress=None):
        raw = original(self, images, progress)
        raw[3, 2] ^= 1
        return raw

    monkeypatch.setattr(runners.TflmRunner, "raw", flipped)
    assert command("--int8", INT8, "--limit", 7) == 1
    message = capsys.readouterr().err
    assert "failed" in message
    assert "TFLM differs from LiteRT's reference kernels on 1 of 7 images" in message
    assert "image 3 (synthetic happiness 3)" in message


def test_without_data_the_command_says_that_the_faces_are_drawn(capsys):
    command("--int8", INT8, "--limit", 7)
    assert "drawn faces" in capsys.readouterr().err


def test_an_empty_split_lists_what_there_is(csv: Path):
    with pytest.raises(MicroferError, match=r"no PrivateTest images .*PublicTest"):
        command("--int8", INT8, "--data", csv, "--split", "PrivateTest")


def test_a_corrupt_model_is_exit_status_2_and_one_line(tmp_path: Path):
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(INT8.read_bytes()[:3000])
    script = ROOT / "host" / "check_parity.py"
    done = subprocess.run([sys.executable, script, "--int8", broken], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "broken.tflite" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_report_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MicroferError, match="cannot write"):
        command("--int8", INT8, "--limit", 7, "--out", tmp_path / "file")


def test_a_limit_of_no_images_is_refused(capsys):
    with pytest.raises(SystemExit):
        command("--int8", INT8, "--limit", 0)
    assert "0 is below 1" in capsys.readouterr().err
