"""Fixtures of the host's tests."""

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from microfer.tflite.metadata import Golden, ModelMetadata, embed_metadata

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
HOST = Path(__file__).resolve().parents[2] / "host"


@pytest.fixture
def run_host(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int | None]:
    """Run a command of `host/` in this process, by its name and its arguments, and return its status."""

    def run(command: str, *arguments: object) -> int | None:
        spec = importlib.util.spec_from_file_location(f"command_{command.removesuffix('.py')}", HOST / command)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setattr(sys, "argv", [command, *map(str, arguments)])
        return module.main()

    return run


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A model that takes a millisecond, with all that an export needs: what a board of a test runs."""
    content = json.loads((GOLDEN / "tiny_scores.json").read_text())
    golden = Golden(content["pictures_sha256"], tuple(map(tuple, content["scores"])))
    metadata = ModelMetadata(
        model_id="tiny-test-1", preset="tiny", arena=None, temperature=1.25, uncertain_below=0.35, golden=golden
    )
    path = tmp_path_factory.mktemp("model") / "tiny.tflite"
    path.write_bytes(embed_metadata((GOLDEN / "tiny_int8.tflite").read_bytes(), metadata))
    return path
