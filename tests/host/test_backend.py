"""Keras' backend: which one is taken, what is refused, and that TensorFlow starts without a word."""

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from microfer.errors import MicroferError
from microfer.model import backend

pytestmark = pytest.mark.tensorflow

ROOT = Path(__file__).resolve().parents[2]

LOGGED = b"""\
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1796005062.701757   15170 port.cc:153] oneDNN custom operations are on.
E0000 00:00:1796005070.327558   15170 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)
I0000 00:00:1796005567.355572   21539 cpu_feature_guard.cc:227] This TensorFlow binary is optimized
To enable the following instructions: AVX2, in other operations, rebuild TensorFlow.
fully_quantize: 0, inference_type: 6, input_inference_type: INT8, output_inference_type: INT8
"""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The packages that are there, and no choice made yet."""
    packages: set[str] = set()
    monkeypatch.setenv("KERAS_BACKEND", "")
    monkeypatch.setattr(backend, "find_spec", lambda name: name if name in packages else None)
    return packages


def test_what_is_preferred_is_taken_and_else_what_is_there(installed: set[str], monkeypatch) -> None:
    assert backend.choose_backend() == "torch"  # which is missing, so that its absence is what an error names
    for there, prefer, chosen in (
        ({"tensorflow"}, "torch", "tensorflow"),
        ({"torch"}, "tensorflow", "torch"),
        ({"torch", "tensorflow"}, "torch", "torch"),
        ({"torch", "tensorflow"}, "tensorflow", "tensorflow"),
    ):
        monkeypatch.setenv("KERAS_BACKEND", "")
        installed.clear()
        installed.update(there)
        assert backend.choose_backend(prefer) == chosen
        assert os.environ["KERAS_BACKEND"] == chosen


def test_a_choice_that_was_made_is_kept(installed: set[str], monkeypatch) -> None:
    installed.update({"torch", "tensorflow"})
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert backend.choose_backend() == "jax"


@pytest.mark.parametrize("command", ["train", "quantize"])
def test_a_backend_that_there_is_not_is_named_with_those_that_there_are(command: str, monkeypatch, run_host) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "foo")
    options = ("model.keras", "--model-id", "x") if command == "quantize" else ()
    with pytest.raises(MicroferError, match="KERAS_BACKEND=foo names no backend: set it to torch, tensorflow or jax"):
        run_host(command, *options, "--synthetic")


def test_no_threads_are_refused(capsys, run_host) -> None:
    with pytest.raises(SystemExit):
        run_host("train", "--synthetic", "--threads", 0)
    assert "argument --threads: 0 is below 1" in capsys.readouterr().err


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.split(".")[0] == "keras"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MicroferError, match=r"training needs the package .*requirements/train\.lock"):
        backend.load_keras("training")


def test_what_is_no_log_line_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with backend.without_logged_lines():
        os.write(2, LOGGED + b"a warning of C++\n")
        print("a warning of Python", file=sys.stderr)
        assert capfd.readouterr().err == "a warning of Python\n"
    assert capfd.readouterr().err == "a warning of C++\n"
    print("afterwards", file=sys.stderr)
    assert capfd.readouterr().err == "afterwards\n"


def test_an_error_while_importing_leaves_standard_error_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"why\n")
        importlib.import_module("no_such_package")

    with pytest.raises(ImportError), backend.without_logged_lines():
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "why\nafter\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorflow", "torch"])
@pytest.mark.skipif(not find_spec("tensorflow"), reason="tensorflow is not installed (requirements/train.lock)")
def test_tensorflow_starts_without_a_word(name: str) -> None:
    if not find_spec(name):
        pytest.skip(f"{name} is not installed")
    script = """
import sys, numpy
from microfer.model import backend
keras = backend.load_keras("this")
keras.utils.set_random_seed(0)
network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
network.predict_on_batch(numpy.zeros((1, 4), "float32"))
assert "tensorflow" in sys.modules
"""
    environment = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"KERAS_BACKEND": name, "PYTHONPATH": str(ROOT / "host")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
