"""Write the figures of docs/s3-presets.md: what the presets s3 and nano cost, and what other graphs would.

python scripts/s3_presets_page.py            from the releases, or untrained networks (made once, in runs/s3/)

Estimates are the cost model's; what was counted comes from docs/kernels.json. The table of the frame budget on the same
page is written by scripts/frame_budget.py.
"""

import sys
from dataclasses import dataclass
from math import prod
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "host"))

from microfer import command  # noqa: E402
from microfer.cost.estimate import Estimate, estimate  # noqa: E402
from microfer.cost.lint import lint  # noqa: E402
from microfer.cost.step import Step  # noqa: E402
from microfer.errors import MicroferError  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.studies.chip.frame_budget import find_model  # noqa: E402
from microfer.studies.chip.kernel_record import ESP_NN, KERNELS_FILE, OWN, KernelRecord, record_of  # noqa: E402
from microfer.studies.chip.rewrites import instructions, rewrites  # noqa: E402
from microfer.tflite import tflite_file  # noqa: E402
from microfer.tflite.graph import Operator, TfliteModel  # noqa: E402

DOCS = REPOSITORY / "docs"
PAGE = DOCS / "s3-presets.md"
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


def main() -> None:
    """Write the blocks."""
    parser = command.parser(__doc__ or "")
    parser.add_argument("--cache", type=Path, default=REPOSITORY / "runs" / "s3", help="folder of untrained networks")
    options = parser.parse_args()
    networks = [known(name, options.cache) for name in NAMES]
    update_block(PAGE, "shapes", shape_lines(networks))
    update_block(PAGE, "rewrites", rewrite_lines(networks))
    update_block(PAGE, "additions", addition_lines(networks))


def known(name: str, cache: Path) -> Known:
    """Return a preset's release, or the untrained network, with its record.

    Raises:
        MicroferError: nobody counted it on the emulated chip, or TensorFlow is missing.
    """
    path, release = find_model(name, cache)
    model = tflite_file.read(path)
    one = estimate(model)
    taken = tuple(operator.step for operator in one.operators)
    record = record_of(release, name, taken, DOCS / KERNELS_FILE)
    if record is None:
        raise MicroferError(f"docs/{KERNELS_FILE} has no {name}: count it with scripts/kernel_report.py")
    return Known(name, model, one, record)


def shape_lines(networks: list[Known]) -> list[str]:
    """Return what the presets cost, a column each."""
    rows = [
        ("instructions with ESP-NN, estimated", *(f"{one.cost.instructions / 1e6:.2f} M" for one in networks)),
        (
            "the same, counted, with all around the operators",
            *(f"{_counted(one, ESP_NN) / 1e6:.2f} M" for one in networks),
        ),
        ("with the firmware's own kernels, counted", *(f"{_counted(one, OWN) / 1e6:.2f} M" for one in networks)),
        ("arena with ESP-NN, counted", *(_arena(one, ESP_NN) for one in networks)),
        ("arena with the firmware's own kernels, counted", *(_arena(one, OWN) for one in networks)),
        ("weights", *(f"{one.cost.weight_bytes / 1024:.0f} KiB" for one in networks)),
        ("largest filter bank of 3x3 or more", *(f"{_largest_bank(one) / 1024:.1f} KiB" for one in networks)),
        ("multiply-accumulates", *(f"{one.cost.macs / 1e6:.1f} M" for one in networks)),
        ("findings of the lint", *(str(len(lint(one.cost))) for one in networks)),
    ]
    return markdown(("", *(one.name for one in networks)), rows)


def _counted(one: Known, kernels: str) -> int:
    return one.record.instructions[kernels]


def _arena(one: Known, kernels: str) -> str:
    return f"{one.record.arena_bytes[kernels] / 1024:.0f} KiB"


def _largest_bank(one: Known) -> int:
    return max(step.weight_bytes for step in one.steps if step.kind == "CONV_2D" and max(step.kernel) > 1)


def rewrite_lines(networks: list[Known]) -> list[str]:
    """Return what other graphs with the same answers would cost with ESP-NN."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for one in networks:
        total = instructions(one.steps)
        for change in rewrites(one.steps):
            now, then = instructions(change.now), instructions(change.then)
            text = f"{now:,.0f} to {then:,.0f} ({100 * (then - now) / total:+.2f} %)"
            found.setdefault((change.title, change.same), {})[one.name] = text
    rows = [(title, same, *(texts.get(one.name, "-") for one in networks)) for (title, same), texts in found.items()]
    return markdown(("change", "answers stay", *(one.name for one in networks)), rows)


def addition_lines(networks: list[Known]) -> list[str]:
    """Return what additions and concatenations cost, with ESP-NN and with the firmware's own kernels."""
    rows = []
    for kind in ("ADD", "CONCATENATION"):
        for one in networks:
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
    return [*markdown(headers, rows), "", note, "", *_scale_lines(networks)]


def _scale_lines(networks: list[Known]) -> list[str]:
    """Say how many concatenations only copy: all their inputs have the output's scale and zero point."""
    texts = []
    for one in networks:
        taken = [operator for operator in one.model.operators if operator.name == "CONCATENATION"]
        same = sum(_is_copy(one.model, operator) for operator in taken)
        texts.append(f"{same} of {len(taken)} in {one.name}")
    return [f"Concatenations whose inputs have the output's scale, so that they only copy: {', '.join(texts)}."]


def _is_copy(model: TfliteModel, operator: Operator) -> bool:
    out = model.tensors[operator.outputs[0]]
    scales = {(tuple(one.scales), tuple(one.zero_points)) for one in (model.tensors[n] for n in operator.inputs)}
    return scales == {(tuple(out.scales), tuple(out.zero_points))}


def markdown(headers: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    """Return the lines of a Markdown table."""
    rule = "|".join(["---", *["---:"] * (len(headers) - 1)])
    return [f"| {' | '.join(headers)} |", f"|{rule}|", *[f"| {' | '.join(row)} |" for row in rows]]


if __name__ == "__main__":
    command.run(main)
