"""What a .tflite does not hold by itself, and travels in it: its metadata entry named `microfer`.

The entry is UTF-8 JSON, keys sorted, no spaces. Reading needs the standard library alone; writing needs the
`flatbuffers` package and the schema that ai-edge-litert brings.
"""

import json
import math
import re
import reprlib
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, replace
from typing import Any

from microfer.contract import (
    INPUT_LAYOUTS,
    LABEL_PATTERN,
    LABELS,
    MAX_CLASSES,
    MIN_CLASSES,
    VECTOR_BYTES,
    InputLayout,
    max_score_floor,
)
from microfer.errors import MicroferError, shown
from microfer.json_reader import JsonError, parse
from microfer.tflite.graph import TfliteModel
from microfer.tflite.packing import new_buffer, pack, unpack
from microfer.tflite.tflite_file import read

ENTRY_NAME = "microfer"
FORMAT_VERSION = 1

LONGEST_ENTRY_BYTES = 64 << 10
"""Of an entry, some hundreds of bytes and thirty for each golden picture."""

TEMPERATURE_RANGE = (0.05, 20.0)
"""Calibration divides the logits by the temperature. Outside this range it is a fault of the calibration, not a fit."""

_SHORT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,30}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HOST_LINE = re.compile(r"host[A-Za-z0-9 ._+,():/-]{1,115}")


@dataclass(frozen=True)
class Arena:
    """The tensor arena that the host's TFLM interpreter used.

    It is not what the board needs: ESP-NN takes its scratch from the arena too, and a host does not see it (122 KiB
    on the host against 362 KiB on the device for one network). So `measured_on` must begin with the word `host`, as in
    "host: tflite-micro 0.dev20261023182759, Linux x86-64".
    """

    bytes: int
    measured_on: str

    def __post_init__(self) -> None:
        is_count = isinstance(self.bytes, int) and not isinstance(self.bytes, bool)
        _check(is_count and 0 < self.bytes < 2**31, "arena.bytes", self.bytes, "a whole number of bytes above 0")
        is_line = isinstance(self.measured_on, str) and _HOST_LINE.fullmatch(self.measured_on) is not None
        expected = "one line beginning with 'host', of letters, digits, spaces and ._+,():/-"
        _check(is_line, "arena.measured_on", self.measured_on, expected)


@dataclass(frozen=True)
class Golden:
    """What the model answers on the golden pictures: what a board's self-test compares its own answers with.

    pictures_sha256: which pictures these are, see `golden.pictures_sha256`; 64 hexadecimal digits.
    scores: for each picture, in order, the model's raw int8 output (a number of -128..127 for each class) for the crop
        of its face.
    """

    pictures_sha256: str
    scores: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        is_hash = isinstance(self.pictures_sha256, str) and _SHA256.fullmatch(self.pictures_sha256) is not None
        _check(is_hash, "golden.pictures_sha256", self.pictures_sha256, "64 of 0-9, a-f")
        are_scores = bool(self.scores) and all(
            len(row) == len(self.scores[0]) and all(type(score) is int and -128 <= score <= 127 for score in row)
            for row in self.scores
        )
        _check(are_scores, "golden.scores", self.scores, "a whole number of -128..127 for each class and picture")


@dataclass(frozen=True)
class ModelMetadata:
    """What belongs to one model beside its weights. Building one checks every value and raises MicroferError.

    model_id: short name, at most 31 of `a-z0-9._-`, such as "thesis-bn-1"; the board reports it.
    preset: the network's configuration, such as "thesis-bn".
    input_layout: one of INPUT_LAYOUTS.
    labels: the classes, 2 to 16 names in the order of the outputs; FER-2013's are `contract.LABELS`.
    temperature: what the logits are divided by before the softmax to calibrate the confidence; 1.0 = uncalibrated.
    uncertain_below: confidence in [0, 1) under which the answer is "uncertain"; 0.0 = never.
    score_floor: levels of 256 that are taken from every score before the temperature, 0..max_score_floor; what smoothed
        labels gave to every class in training, see `compress.temperature.natural_floor`. The entry lacks the key where
        it is 0, as every entry did that an older microfer wrote.
    arena: measured on the host's TFLM interpreter; None where it has no wheel and nothing was measured.
    golden: the answers to the golden pictures; None where they were not computed. The entry then lacks the key.
    """

    model_id: str
    preset: str
    arena: Arena | None
    temperature: float = 1.0
    uncertain_below: float = 0.0
    input_layout: InputLayout = "plain"
    labels: tuple[str, ...] = LABELS
    format_version: int = FORMAT_VERSION
    golden: Golden | None = None
    score_floor: int = 0

    def __post_init__(self) -> None:
        is_known = self.format_version == FORMAT_VERSION and not isinstance(self.format_version, bool)
        _check(is_known, "format_version", self.format_version, f"{FORMAT_VERSION}, all that this microfer reads")
        for key, name in (("model_id", self.model_id), ("preset", self.preset)):
            is_name = isinstance(name, str) and _SHORT_NAME.fullmatch(name) is not None
            _check(is_name, key, name, "1 to 31 of a-z, 0-9, '.', '_', '-'")
        _check(self.input_layout in INPUT_LAYOUTS, "input_layout", self.input_layout, " or ".join(INPUT_LAYOUTS))
        names = f"{', '.join(LABELS)}, in this order, or {MIN_CLASSES} to {MAX_CLASSES} other names, each once"
        _check(_are_labels(self.labels), "labels", self.labels, names)
        low, high = TEMPERATURE_RANGE
        is_temperature = _is_number(self.temperature) and low <= self.temperature <= high
        _check(is_temperature, "temperature", self.temperature, f"a number from {low} to {high}")
        is_confidence = _is_number(self.uncertain_below) and 0 <= self.uncertain_below < 1
        _check(is_confidence, "uncertain_below", self.uncertain_below, "a number from 0 to below 1")
        is_level = isinstance(self.score_floor, int) and not isinstance(self.score_floor, bool)
        highest = max_score_floor(len(self.labels))
        is_floor = is_level and 0 <= self.score_floor <= highest
        _check(is_floor, "score_floor", self.score_floor, f"a whole number from 0 to {highest}")
        is_arena = self.arena is None or isinstance(self.arena, Arena)
        _check(is_arena, "arena", self.arena, "an object with bytes and measured_on, or null")
        is_golden = self.golden is None or isinstance(self.golden, Golden)
        _check(is_golden, "golden", self.golden, "an object with pictures_sha256 and scores, or no such key")
        fits = self.golden is None or len(self.golden.scores[0]) == len(self.labels)
        _check(fits, "golden.scores", self.golden, f"{len(self.labels)} for each picture, as there are labels")

    def to_json(self) -> bytes:
        """Return the entry's bytes: UTF-8 JSON, keys sorted, no spaces."""
        content = asdict(self) | {
            "temperature": float(self.temperature),
            "uncertain_below": float(self.uncertain_below),
        }
        if self.golden is None:
            del content["golden"]
        if not self.score_floor:
            del content["score_floor"]
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_metadata(model: TfliteModel) -> ModelMetadata:
    """Return the model's `microfer` entry.

    Raises:
        MicroferError: the entry is missing or not JSON, a key is missing, unknown or has a value out of range.
    """
    entry = model.metadata.get(ENTRY_NAME)
    if entry is None:
        raise MicroferError(
            f"{model.name} has no metadata entry named {ENTRY_NAME!r} (it has {sorted(model.metadata) or 'none'}); "
            "quantize the network with microfer, which writes it"
        )
    try:
        content = parse(entry, longest=LONGEST_ENTRY_BYTES)
    except JsonError as error:
        raise MicroferError(f"{model.name}: metadata entry {ENTRY_NAME!r}: {error}") from error
    try:
        metadata = _from_json(content)
        _check_outputs(model, metadata)
    except MicroferError as error:
        raise MicroferError(f"{model.name}: metadata entry {ENTRY_NAME!r}: {error}") from error
    return metadata


def _check_outputs(model: TfliteModel, metadata: ModelMetadata) -> None:
    shape = model.tensors[model.outputs[0]].shape if model.outputs else ()
    is_each = not shape or shape[-1] == len(metadata.labels)
    _check(is_each, "labels", metadata.labels, f"a name for each of the {shape[-1] if shape else 0} outputs")


def _are_labels(labels: Any) -> bool:
    is_list = isinstance(labels, tuple) and MIN_CLASSES <= len(labels) <= MAX_CLASSES
    return (
        is_list
        and all(isinstance(name, str) and re.fullmatch(LABEL_PATTERN, name) for name in labels)
        and len(set(labels)) == len(labels)
        and (labels == LABELS or set(labels) != set(LABELS))  # the seven have one order, everywhere
    )


def embed_metadata(tflite: bytes, metadata: ModelMetadata) -> bytes:
    """Return the .tflite with `metadata` in it, in place of what it may have held before. Same input, same bytes.

    All constant data in the result begins at multiples of 16 bytes, which TFLM's kernels count on. Needs the
    packages `flatbuffers` and `ai_edge_litert`.

    Raises:
        MicroferError: the .tflite is corrupt, or packing it again changed a tensor's data.
    """
    before = read(tflite)
    model = unpack(tflite)
    entries = {entry.name: entry for entry in model.metadata or []}
    if ENTRY_NAME.encode() in entries:
        model.buffers[entries[ENTRY_NAME.encode()].buffer] = new_buffer(metadata.to_json())
    else:
        from ai_edge_litert.schema_py_generated import MetadataT

        model.buffers.append(new_buffer(metadata.to_json()))
        model.metadata = [*(model.metadata or []), MetadataT(ENTRY_NAME, len(model.buffers) - 1)]
    packed = pack(model)
    _check_same_network(before, read(packed))
    return packed


def _check_same_network(before: TfliteModel, after: TfliteModel) -> None:
    same = before.operators == after.operators and len(before.tensors) == len(after.tensors)
    same = same and (before.inputs, before.outputs) == (after.inputs, after.outputs)
    for old, new in zip(before.tensors, after.tensors, strict=False):
        same = same and replace(old, data_offset=0) == replace(new, data_offset=0)
        old_data = before.content[old.data_offset : old.data_offset + old.data_bytes]
        same = same and old_data == after.content[new.data_offset : new.data_offset + new.data_bytes]
        same = same and new.data_offset % VECTOR_BYTES == 0
    if not same:
        raise MicroferError(
            "writing the metadata changed the network; the installed ai-edge-litert knows another schema than the "
            "converter that made this .tflite: install the versions in requirements/"
        )


def _from_json(content: Any) -> ModelMetadata:
    values = _keys(content, ModelMetadata, "the entry", optional={"golden", "score_floor"})
    arena = values.pop("arena")
    labels = values.pop("labels")
    golden = _golden(values.pop("golden")) if "golden" in values else None
    _check(isinstance(labels, list), "labels", labels, "a list")
    return ModelMetadata(
        **values,
        labels=tuple(labels),
        arena=None if arena is None else Arena(**_keys(arena, Arena, "arena")),
        golden=golden,
    )


def _golden(content: Any) -> Golden:
    values = _keys(content, Golden, "golden")
    scores = values["scores"]
    are_lists = isinstance(scores, list) and all(isinstance(row, list) for row in scores)
    _check(are_lists, "golden.scores", scores, "a list of lists")
    return Golden(values["pictures_sha256"], tuple(map(tuple, scores)))


def _keys(
    content: Any, kind: type[Arena] | type[Golden] | type[ModelMetadata], what: str, optional: Set[str] = frozenset()
) -> dict[str, Any]:
    """Return a copy of a JSON object that has exactly the fields of `kind`, the optional ones perhaps."""
    if not isinstance(content, Mapping):
        raise MicroferError(f"{what} must be a JSON object, found {shown(content)}")
    expected = set(kind.__dataclass_fields__)
    if missing := sorted(expected - optional - set(content)):
        raise MicroferError(f"{what} lacks the key {shown(missing[0])}")
    if unknown := sorted(set(content) - expected):
        raise MicroferError(f"{what} has the unknown key {shown(unknown[0])}")
    return dict(content)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _check(is_right: bool, key: str, found: Any, expected: str) -> None:
    if not is_right:
        raise MicroferError(f"key {key!r} is {reprlib.repr(found)}, expected {expected}")
