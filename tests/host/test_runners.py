"""Running a model on crops: the encoding, every runner, worker processes, the arena, the noise of a layer."""

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from microfer.contract import INPUT_SCALE, INPUT_ZERO_POINT
from microfer.errors import MicroferError
from microfer.runtimes import runners
from microfer.runtimes.arena import measure_arena
from microfer.runtimes.parallel import CHUNK, WORTH_A_PROCESS, run_parallel
from microfer.runtimes.runners import LiteRTRunner, open_model, open_tflite
from microfer.runtimes.sqnr import layer_sqnr, spread, worst_layer
from microfer.tensor import decode_scores, encode_float, encode_int8

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]
INT8 = ROOT / "tests" / "golden" / "tiny_int8.tflite"
FLOAT_IO = ROOT / "tests" / "golden" / "tiny_float_io.tflite"

needs_tflm = pytest.mark.skipif(not runners.has_tflm(), reason="tflite-micro has no wheel for this machine")


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (count, 48, 48)).astype(np.uint8)


def corrupted(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


# The tensor encoding


def test_all_256_gray_values_are_encoded_exactly():
    every = np.arange(256, dtype=np.uint8).repeat(9).reshape(1, 48, 48)
    coded = encode_int8(every)
    assert (coded.shape, coded.dtype) == ((1, 48, 48, 1), np.int8)
    assert np.array_equal(coded[0, :, :, 0].astype(int), every[0].astype(int) - 128)
    reals = (coded.astype(np.float64) - INPUT_ZERO_POINT) * INPUT_SCALE
    assert np.allclose(reals, encode_float(every), atol=1e-7)


def test_float_input_spans_zero_to_one():
    images = np.zeros((1, 48, 48), np.uint8)
    images[0, 0, 0] = 255
    coded = encode_float(images)
    assert coded.dtype == np.float32
    assert (coded.min(), coded.max()) == (0, 1)


def test_int8_scores_are_multiples_of_a_256th():
    raw = np.array([[-128, 127, 0, -127, 64, -64, -1]], np.int8)
    assert decode_scores(raw).tolist() == [[0 / 256, 255 / 256, 128 / 256, 1 / 256, 192 / 256, 64 / 256, 127 / 256]]


@pytest.mark.parametrize(
    "images", [np.zeros((1, 47, 48), np.uint8), np.zeros((1, 48, 48)), np.zeros((48, 48), np.uint8)]
)
@pytest.mark.parametrize("encode", [encode_float, encode_int8])
def test_anything_but_uint8_crops_is_refused(images, encode):
    with pytest.raises(ValueError, match=r"expected crops uint8 \(n, 48, 48\)"):
        encode(images)


# The runners


@pytest.mark.parametrize("name", ["reference", "optimized", pytest.param("tflm", marks=needs_tflm)])
def test_every_runner_gives_raw_outputs_and_the_scores_they_stand_for(name):
    runner = open_model(INT8, name)
    raw = runner.raw(crops(3))
    assert (raw.shape, raw.dtype) == ((3, 7), np.int8)
    assert len(np.unique(raw, axis=0)) > 1
    assert np.array_equal(runner.scores(crops(3)), decode_scores(raw))
    assert runner.scores(crops(3)).sum(axis=1) == pytest.approx(1, abs=7 / 256)


@needs_tflm
def test_tflm_equals_the_reference_kernels_bit_for_bit():
    images = crops(20)
    assert np.array_equal(open_model(INT8, "tflm").raw(images), open_model(INT8, "reference").raw(images))


def test_a_second_run_gives_the_same_output():
    runner = open_model(INT8)
    assert np.array_equal(runner.raw(crops(4)), runner.raw(crops(4)))


def test_a_float_tflite_gives_scores_but_no_raw_output():
    runner = open_model(FLOAT_IO)
    scores = runner.scores(crops(2))
    assert scores.dtype == np.float32
    assert np.abs(scores - open_model(INT8).scores(crops(2))).max() <= 1 / 256
    with pytest.raises(MicroferError, match="float output"):
        runner.raw(crops(2))


def test_float_input_where_int8_is_needed_names_both_and_the_next_step():
    with pytest.raises(MicroferError, match=r"tiny_float_io.tflite.*FLOAT32, expected INT8; quantize"):
        open_model(FLOAT_IO, need_int8=True)


def test_tflm_refuses_a_float_tflite():
    with pytest.raises(MicroferError, match="FLOAT32"):
        open_model(FLOAT_IO, "tflm")


@pytest.mark.parametrize("kept", [0, 4, 100, 0.5, 0.97])
@pytest.mark.parametrize("name", ["reference", "tflm"])
def test_a_truncated_tflite_is_named(tmp_path: Path, kept, name):
    content = INT8.read_bytes()
    cut = corrupted(tmp_path / "cut.tflite", content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(MicroferError, match=r"cut\.tflite"):
        open_model(cut, name)


def test_a_file_of_noise_is_named(tmp_path: Path):
    with pytest.raises(MicroferError, match=r"noise\.tflite"):
        open_model(corrupted(tmp_path / "noise.tflite", b"TFL3" * 1000))


def test_a_missing_model_is_named(tmp_path: Path):
    for suffix in (".tflite", ".keras"):
        with pytest.raises(MicroferError, match=r"cannot read .*gone"):
            open_model(tmp_path / f"gone{suffix}")


def test_a_model_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(MicroferError, match=r"neither a \.keras nor a \.tflite"):
        open_model(corrupted(tmp_path / "model.onnx", b""))


def test_an_unknown_runner_lists_the_known_ones():
    with pytest.raises(MicroferError, match="reference, optimized, tflm"):
        open_tflite(INT8, "fastest")


def test_a_machine_without_a_tflm_wheel_is_told_what_stands_in(monkeypatch):
    monkeypatch.setitem(sys.modules, "tflite_micro.python.tflite_micro", None)
    assert not runners.has_tflm()
    with pytest.raises(MicroferError, match=r"TFLM is not installed.*Linux x86-64.*reference kernels take its place"):
        open_model(INT8, "tflm")
    with pytest.raises(MicroferError, match="TFLM is not installed"):
        measure_arena(INT8)


def test_a_keras_model_without_keras_names_the_lock_to_install(monkeypatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MicroferError, match=r"pip install --require-hashes -r requirements/train\.lock"):
        open_model(corrupted(tmp_path / "model.keras", b""))


def test_a_damaged_keras_model_is_named(tmp_path: Path):
    pytest.importorskip("keras", reason="Keras is in the train lock")
    with pytest.raises(MicroferError, match=r"damaged\.keras is not a Keras 3 model"):
        open_model(corrupted(tmp_path / "damaged.keras", b"PK\x03\x04 nothing"))


def rewritten(path: Path, source: Path, change) -> Path:
    """A copy of a .keras whose config.json went through `change`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, json.dumps(change(json.loads(content))) if name == "config.json" else content)
    return path


def test_no_code_in_a_keras_model_is_run(tmp_path: Path):
    """A Lambda layer holds code; Keras would run it when told to trust the file."""
    keras = pytest.importorskip("keras", reason="Keras is in the train lock")
    mark = tmp_path / "code was run"
    crop = keras.Input((48, 48, 1))
    flat = keras.layers.Flatten()(crop)
    run = keras.layers.Lambda(lambda x, mark=str(mark): (open(mark, "w").close(), x)[1], output_shape=(2304,))(flat)  # noqa: PTH123
    keras.Model(crop, keras.layers.Dense(7, "softmax")(run)).save(tmp_path / "lambda.keras")
    mark.unlink(missing_ok=True)
    with pytest.raises(MicroferError, match=r"lambda\.keras is not a Keras 3 model that can be loaded"):
        open_model(tmp_path / "lambda.keras")
    assert not mark.exists()


def test_a_keras_model_that_asks_for_more_than_its_weights_is_refused_before_it_is_built(tmp_path: Path):
    keras = pytest.importorskip("keras", reason="Keras is in the train lock")
    crop = keras.Input((48, 48, 1))
    keras.Model(crop, keras.layers.Dense(7, "softmax")(keras.layers.Flatten()(crop))).save(tmp_path / "good.keras")

    def grow(config):
        layers = config["config"]["layers"]
        wide = next(layer for layer in layers if layer["class_name"] == "Dense")
        wide["config"]["units"] = 1_000_000_000
        return config

    with pytest.raises(MicroferError, match=r"and the network 2,305,000,000,000 numbers"):
        open_model(rewritten(tmp_path / "bomb.keras", tmp_path / "good.keras", grow))


def test_a_keras_model_runs_in_batches_and_its_shapes_are_checked(tmp_path: Path, monkeypatch):
    keras = pytest.importorskip("keras", reason="Keras is in the train lock")
    monkeypatch.setattr(runners, "KERAS_BATCH", 4)
    crop = keras.Input((48, 48, 1))
    keras.Model(crop, keras.layers.Dense(7, "softmax")(keras.layers.Flatten()(crop))).save(tmp_path / "good.keras")
    runner = open_model(tmp_path / "good.keras")
    steps: list[int] = []
    scores = runner.scores(crops(10), steps.append)
    assert (scores.shape, scores.dtype, steps) == ((10, 7), np.float32, [4, 4, 2])
    assert scores.sum(axis=1) == pytest.approx(1, abs=1e-5)
    with pytest.raises(MicroferError, match="no int8 output"):
        runner.raw(crops(1))
    with pytest.raises(MicroferError, match="float model"):
        open_model(tmp_path / "good.keras", need_int8=True)
    crop = keras.Input((48, 48, 3))
    keras.Model(crop, keras.layers.Dense(7, "softmax")(keras.layers.Flatten()(crop))).save(tmp_path / "colour.keras")
    with pytest.raises(MicroferError, match=r"input has the shape \(None, 48, 48, 3\), expected \(None, 48, 48, 1\)"):
        open_model(tmp_path / "colour.keras")


# Worker processes


def test_processes_give_what_one_process_gives_in_the_same_order():
    runner = open_model(INT8)
    images = crops(WORTH_A_PROCESS + CHUNK // 2)
    divided = run_parallel(runner, images, "raw", workers=2)
    assert np.array_equal(divided, runner.raw(images))
    assert np.array_equal(run_parallel(runner, images, "scores", workers=1), decode_scores(divided))


@needs_tflm
def test_runners_can_travel_to_another_process():
    for name in ("reference", "optimized", "tflm"):
        runner = open_model(INT8, name)
        copy = pickle.loads(pickle.dumps(runner))  # noqa: S301 - written the line before
        assert copy.name == runner.name
        assert np.array_equal(copy.raw(crops(2)), runner.raw(crops(2)))


class DeadlyRunner:
    """Ends its process, as the kernel does to one that takes too much memory."""

    name = "deadly"
    divisible = True

    def raw(self, images, progress=None):
        os._exit(9)


def test_a_worker_that_dies_is_an_error_and_not_a_hang():
    with pytest.raises(MicroferError, match=r"deadly died.*--workers 1"):
        run_parallel(DeadlyRunner(), crops(WORTH_A_PROCESS), "raw", workers=2)


SLOW_SCRIPT = """
import sys, time
sys.path.insert(0, {host!r})
import numpy as np
from microfer.runtimes.parallel import run_parallel

class Slow:
    name = "slow"
    divisible = True
    def raw(self, images, progress=None):
        print("working", flush=True)
        time.sleep(0.2)
        return np.zeros((len(images), 7), np.int8)

if __name__ == "__main__":
    run_parallel(Slow(), np.zeros((4000, 48, 48), np.uint8), "raw", workers=2)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals to a process group are POSIX")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, end: signal.Signals):
    script = tmp_path / "slow.py"
    script.write_text(SLOW_SCRIPT.format(host=str(ROOT / "host")))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert parent.stdout.readline() == b"working\n"
    if end == signal.SIGINT:
        os.killpg(parent.pid, end)  # what a terminal does on Ctrl-C
    else:
        parent.send_signal(end)
    # Every worker holds the pipe's other end: its end of file means that none is left.
    begun = time.monotonic()
    parent.stdout.read()
    parent.stdout.close()
    assert parent.wait(30) != 0
    assert time.monotonic() - begun < 30


# Arena and noise


@needs_tflm
def test_the_measured_arena_is_the_smallest_that_works():
    from tflite_micro.python.tflite_micro import runtime

    size = measure_arena(INT8)
    assert size % 16 == 0
    # The first convolution's output, int8 23 x 23 x 4, must fit with its input, 48 x 48.
    assert 23 * 23 * 4 + 48 * 48 < size < 64 * 1024
    runtime.Interpreter.from_bytes(INT8.read_bytes(), arena_size=size).invoke()
    with pytest.raises(RuntimeError):
        runtime.Interpreter.from_bytes(INT8.read_bytes(), arena_size=size - 16)
    assert measure_arena(INT8.read_bytes()) == size


@needs_tflm
def test_the_arena_of_a_corrupt_model_is_an_error(tmp_path: Path):
    with pytest.raises(MicroferError, match=r"cut\.tflite"):
        measure_arena(corrupted(tmp_path / "cut.tflite", INT8.read_bytes()[:2000]))


@pytest.mark.slow
def test_a_layer_that_is_ten_percent_too_large_has_twenty_decibel():
    keras = pytest.importorskip("keras", reason="Keras and TensorFlow are in the train lock")
    tf = pytest.importorskip("tensorflow", reason="TensorFlow is in the train lock")
    keras.utils.set_random_seed(3)
    crop = keras.Input((48, 48, 1), batch_size=1)
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="first")(crop)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="second")(x)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(7, 1, name="last")(x))
    model = keras.Model(crop, keras.layers.Softmax()(x))
    images = crops(20)
    floating = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    second = model.get_layer("second")
    kernel, bias = second.get_weights()
    second.set_weights([1.1 * kernel, bias])  # the bias is 0, so every output grows by a tenth
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([encode_float(images[i : i + 1])] for i in range(len(images)))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    quantized = converter.convert()
    layers = layer_sqnr(floating, quantized, images)
    assert ["first" in layers[0][0], "second" in layers[1][0]] == [True, True]
    assert layers[0][1] > 35
    assert layers[1][1] == pytest.approx(-20 * math.log10(0.1), abs=1)
    wanted = LiteRTRunner(floating).scores(images)
    noise = wanted - LiteRTRunner(quantized).scores(images)
    assert layers[-1][1] == pytest.approx(10 * math.log10((wanted**2).sum() / (noise**2).sum()), abs=0.01)


def test_equal_activations_have_no_noise():
    # Both files hold the same int8 network; only their ends differ.
    layers = layer_sqnr(FLOAT_IO, INT8, crops(3))
    inner = [decibel for name, decibel in layers if "conv" in name.lower()]
    assert len(inner) >= 4
    assert all(math.isinf(decibel) and decibel > 0 for decibel in inner)


def test_noise_without_an_image_is_an_error():
    with pytest.raises(MicroferError, match="without an image"):
        layer_sqnr(FLOAT_IO, INT8, crops(0))


def test_models_in_the_wrong_order_are_refused():
    with pytest.raises(MicroferError, match="takes int8 input, expected float32"):
        layer_sqnr(INT8, FLOAT_IO, crops(1))


def test_noise_is_measured_on_images_from_the_whole_split():
    images = np.arange(90, dtype=np.uint8)
    assert spread(images, 4).tolist() == [0, 29, 59, 89]
    assert spread(images[:3], 4).tolist() == [0, 1, 2]


def test_the_worst_layer_is_the_first_with_the_lowest_ratio():
    assert worst_layer([("a", 40.0), ("b", 12.5), ("c", 12.5), ("d", math.inf)]) == ("b", 12.5)
