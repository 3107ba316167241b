"""The figures of docs/s3-presets.md: what the presets s3 and nano cost, and what other graphs would.

Estimates are the cost model's; what was counted comes from measurements/kernels.json.
"""

from dataclasses import dataclass
from functools import cache
from math import prod

from microfer.cost.estimate import Estimate, estimate
from microfer.cost.lint import lint
from microfer.cost.step import Step
from microfer.errors import MicroferError
from microfer.markdown import table
from microfer.release import MEASUREMENTS
from microfer.studies.chip.frame_budget import UNTRAINED, find_model
from microfer.studies.chip.kernel_record import ESP_NN, KERNELS_FILE, OWN, KernelRecord, record_of
from microfer.studies.chip.rewrites import instructions, rewrites
from microfer.tflite import tflite_file
from microfer.tflite.graph import Operator, TfliteModel

NAMES = ("s3", "nano", "thesis-bn")


@dataclass(frozen=True)
class Known:
    """A network: its file, the estimate, and what was counted of it."""

    name: str
    model: TfliteModel
    cost: Estimate
    record: KernelRecord

    @property
    def steps(self) -> tuple[Step, ...]:
        """The operators."""
        return tuple(one.step for one in self.cost.operators)


@cache
def networks() -> tuple[Known, ...]:
    """Return the networks of the page."""
    return tuple(known(name) for name in NAMES)


def known(name: str) -> Known:
    """Return a preset's release, or the untrained network, with its record.

    Raises:
        MicroferError: nobody counted it on the emulated chip, or TensorFlow is missing.
    """
    path, release = find_model(name, UNTRAINED)
    model = tflite_file.read(path)
    one = estimate(model)
    taken = tuple(operator.step for operator in one.operators)
    record = record_of(release, name, taken, MEASUREMENTS / KERNELS_FILE)
    if record is None:
        raise MicroferError(f"{MEASUREMENTS / KERNELS_FILE} has no {name}: count it with scripts/measure.py kernels")
    return Known(name, model, one, record)


def shape_lines() -> list[str]:
    """Return what the presets cost, a column each."""
    rows = [
        ("instructions with ESP-NN, estimated", *(f"{one.cost.instructions / 1e6:.2f} M" for one in networks())),
        (
            "the same, counted, with all around the operators",
            *(f"{_counted(one, ESP_NN) / 1e6:.2f} M" for one in networks()),
        ),
        ("with the firmware's own kernels, counted", *(f"{_counted(one, OWN) / 1e6:.2f} M" for one in networks())),
        ("arena with ESP-NN, counted", *(_arena(one, ESP_NN) for one in networks())),
        ("arena with the firmware's own kernels, counted", *(_arena(one, OWN) for one in networks())),
        ("weights", *(f"{one.cost.weight_bytes / 1024:.0f} KiB" for one in networks())),
        ("largest filter bank of 3x3 or more", *(f"{_largest_bank(one) / 1024:.1f} KiB" for one in networks())),
        ("multiply-accumulates", *(f"{one.cost.macs / 1e6:.1f} M" for one in networks())),
        ("findings of the lint", *(str(len(lint(one.cost))) for one in networks())),
    ]
    return table(("", *(one.name for one in networks())), rows)


def _counted(one: Known, kernels: str) -> int:
    return one.record.instructions[kernels]


def _arena(one: Known, kernels: str) -> str:
    return f"{one.record.arena_bytes[kernels] / 1024:.0f} KiB"


def _largest_bank(one: Known) -> int:
    return max(step.weight_bytes for step in one.steps if step.kind == "CONV_2D" and max(step.kernel) > 1)


def rewrite_lines() -> list[str]:
    """Return what other graphs with the same answers would cost with ESP-NN."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in networks():
        total = instructions(one.steps)
        for change in rewrites(one.steps):
            now, then = instructions(change.now), instructions(change.then)
            text = f"{now:,.0f} to {then:,.0f} ({100 * (then - now) / total:+.2f} %)"
            found.setdefault((change.title, change.same), {})[one.name] = text
    rows = [(title, same, *(texts.get(one.name, "-") for one in networks())) for (title, same), texts in found.items()]
    return table(("change", "answers stay", *(one.name for one in networks())), rows)


def addition_lines() -> list[str]:
    """Return what additions and concatenations cost, with ESP-NN and with the firmware's own kernels."""
    rows = []
    for kind in ("ADD", "CONCATENATION"):
        for one in networks():
            elements = sum(step.output_elements for step in one.steps if step.kind == kind)
            row = [kind, one.name, f"{elements:,}"]
            for kernels in (ESP_NN, OWN):
                spent = one.record.of_kind(kind, kernels)
                share = spent / one.record.of_kind(None, kernels)
                row += [f"{spent:,} ({100 * share:.1f} %)", f"{spent / elements:.1f}"]
            rows.append(tuple(row))
    headers = ("operator", "network", "elements", "ESP-NN", "an element", "own kernels", "an element")
    shape = (12, 12, 128)
    alone = Step(0, "ADD", shape, shape, input_elements=2 * prod(shape), output_elements=prod(shape), inputs=2)
    note = f"One addition of 12x12x128, by the cost model: {instructions([alone]):,.0f} instructions with ESP-NN."
    return [*table(headers, rows), "", note, "", *_scale_lines()]


def _scale_lines() -> list[str]:
    """Say how many concatenations only copy: all their inputs have the output's scale and zero point."""
    texts = []
    for one in networks():
        taken = [operator for operator in one.model.operators if operator.name == "CONCATENATION"]
        same = sum(_is_copy(one.model, operator) for operator in taken)
        texts.append(f"{same} of {len(taken)} in {one.name}")
    return [f"Concatenations whose inputs have the output's scale, so that they only copy: {', '.join(texts)}."]


def _is_copy(model: TfliteModel, operator: Operator) -> bool:
    out = model.tensors[operator.outputs[0]]
    scales = {(tuple(one.scales), tuple(one.zero_points)) for one in (model.tensors[n] for n in operator.inputs)}
    return scales == {(tuple(out.scales), tuple(out.zero_points))}
