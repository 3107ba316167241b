"""Fixtures of the host's tests."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from microfer.cli.verbs import VERBS
from microfer.tflite.metadata import Golden, ModelMetadata, embed_metadata

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture
def run_host() -> Callable[..., int | None]:
    """Run a verb in this process, by its name or that of its script in `host/`, and return its status."""
    scripts = {Path(verb.script).name: verb.name for verb in VERBS.values() if verb.script}

    def run(command: str, *arguments: object) -> int | None:
        module = import_module(f"microfer.cli.{VERBS[scripts.get(command, command)].module}")
        return module.main([*map(str, arguments)])

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
