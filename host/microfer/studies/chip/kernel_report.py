"""The kernels on the emulated chip, operator by operator: what its program printed, as a report, a table and a picture.

QEMU counts instructions (-icount, 4 ns each), so the figures are the same on every computer. It knows no caches and no
waiting for memory: the picture shows where those would be what limits a real chip, by the bandwidths stated here.
"""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from microfer import markdown
from microfer.contract import MOST_GATHERED_BYTES
from microfer.cost.memory import CLOCK_HZ
from microfer.errors import MicroferError
from microfer.export.kernel_plan import Convolution, plan_kernels
from microfer.json_reader import read_json
from microfer.release import default_model
from microfer.studies.chip.emulator import INSTRUCTIONS_PER_US
from microfer.studies.chip.kernel_record import ESP_NN, OWN
from microfer.tflite import tflite_file
from microfer.tflite.metadata import ModelMetadata, read_metadata

PSRAM_BYTES_PER_S = 160e6
"""Octal, 80 MHz, both edges: where the firmware keeps the weights (CONFIG_SPIRAM_RODATA)."""

FLASH_BYTES_PER_S = 40e6
"""Quad, 80 MHz: where the weights are without PSRAM."""

MULTIPLICATIONS_PER_INSTRUCTION = 16

BACKENDS = (ESP_NN, OWN)


@dataclass(frozen=True)
class Row:
    """One operator: instructions by backend; for a convolution its products, outputs, and bytes of weights streamed.

    bound: what limits microfer's kernel on a chip with octal PSRAM, "instructions" or "weights".
    """

    operator: int
    name: str
    what: str
    outputs: int
    products: int
    weights_bytes: int
    esp_nn: int
    microfer: int
    per_instruction: float
    bound: str

    @property
    def multiplications(self) -> int:
        """How many products the operator sums in all."""
        return self.outputs * self.products


def read_log(text: str) -> tuple[dict[str, dict[int, int]], dict[str, dict[str, Any]], list[str]]:
    """Return instructions by backend and operator, each network's line as pairs, and the lines about random cases.

    Raises:
        MicroferError: these lines are not what tests/firmware/chip prints.
    """
    counts: dict[str, dict[int, int]] = {name: {} for name in BACKENDS}
    networks: dict[str, dict[str, Any]] = {}
    cases = []
    for line in text.splitlines():
        match line.split():
            case ["operator", backend, index, _, us]:
                counts[backend][int(index)] = int(us) * INSTRUCTIONS_PER_US
            case ["network", backend, "equal", equal, "of", total, "arena", arena, "us", us]:
                instructions = int(us) * INSTRUCTIONS_PER_US
                networks[backend] = {"equal": f"{equal} of {total}", "arena_bytes": arena, "instructions": instructions}
            case ["cases" | "additions" | "poolings" | "noise", *_]:
                cases.append(line)
    if not all(counts.values()):
        raise MicroferError("the log holds no operators of both backends; is it what tests/firmware/chip prints?")
    return counts, networks, cases


def rows_of(model: Path, counts: dict[str, dict[int, int]]) -> list[Row]:
    """Return a row for each operator of the model. Raises MicroferError where the counts are of another model."""
    network = tflite_file.read(model)
    plans = {plan.operator: plan for plan in plan_kernels(network).convolutions}
    if len(network.operators) != len(counts["microfer"]):
        raise MicroferError(f"the log is of another model than {model}")
    return [
        _row(index, operator.name, plans.get(index), *(counts[backend][index] for backend in BACKENDS))
        for index, operator in enumerate(network.operators)
    ]


def _row(index: int, name: str, plan: Convolution | None, esp_nn: int, microfer: int) -> Row:
    if plan is None:
        return Row(index, name, "", 0, 0, 0, esp_nn, microfer, 0.0, "instructions")
    height, width, channels = plan.output_shape
    rows, row_bytes = height * width, -(-plan.products // 16) * 16
    is_direct = plan.kernel == (1, 1) and plan.stride == (1, 1) and plan.products == row_bytes
    passes = 1 if is_direct else -(-rows // max(1, MOST_GATHERED_BYTES // row_bytes))
    weights = passes * channels * plan.products
    is_streaming = weights / PSRAM_BYTES_PER_S > microfer / CLOCK_HZ
    return Row(
        operator=index,
        name=name,
        what=f"{plan.kernel[0]}x{plan.kernel[1]}, {plan.input_shape[2]} to {channels}, {height}x{width}",
        outputs=rows * channels,
        products=plan.products,
        weights_bytes=weights,
        esp_nn=esp_nn,
        microfer=microfer,
        per_instruction=round(plan.multiplications / microfer, 2),
        bound="weights" if is_streaming else "instructions",
    )


def totals_of(rows: list[Row]) -> dict[str, dict[str, int]]:
    """Return instructions by operator kind and backend, and of all."""
    totals: dict[str, dict[str, int]] = {}
    for row in rows:
        for name in (row.name, "all"):
            entry = totals.setdefault(name, {"esp_nn": 0, "microfer": 0})
            entry["esp_nn"] += row.esp_nn
            entry["microfer"] += row.microfer
    return totals


def table(rows: list[Row]) -> list[str]:
    """Return the lines of a Markdown table: convolutions one by one, the rest by kind."""
    lines = [
        "| operator | shape | products an output | ESP-NN | microfer | times | products an instruction | bound by |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.products:
            lines.append(
                f"| {row.operator} | {row.what} | {row.products} | {row.esp_nn:,} | {row.microfer:,} "
                f"| {row.esp_nn / row.microfer:.1f} | {row.per_instruction:.1f} | {row.bound} |"
            )
    for name, entry in totals_of(rows).items():
        # A copy of a few bytes may take less than the microsecond that the program counts in.
        times = f"{entry['esp_nn'] / entry['microfer']:.1f}" if entry["microfer"] else ""
        lines.append(f"| all {name} | | | {entry['esp_nn']:,} | {entry['microfer']:,} | {times} | | |")
    lines.append(lines.pop(next(i for i, line in enumerate(lines) if line.startswith("| all all |"))))
    return [line.replace("| all all |", "| **everything** |") for line in lines]


def rows_in(report: dict[str, Any]) -> list[Row]:
    """Return the default release's rows from what `report_with` returned."""
    names = [field.name for field in fields(Row)]
    return [Row(**{name: row[name] for name in names}) for row in report["operators"]]


def roofline(rows: list[Row]) -> Figure:
    """Draw products a second over products for each byte of weights, and what clock and memories allow."""
    figure = Figure(figsize=(8, 5), layout="tight")
    axes = figure.subplots()
    reach = [4, 1000]
    roof = MULTIPLICATIONS_PER_INSTRUCTION * CLOCK_HZ / 1e6
    axes.plot(reach, [roof] * 2, "k-", lw=1, label="vector unit: 16 products x 240 MHz")
    axes.plot(reach, [x * PSRAM_BYTES_PER_S / 1e6 for x in reach], "k--", lw=1, label="weights in PSRAM: 160 MB/s")
    axes.plot(reach, [x * FLASH_BYTES_PER_S / 1e6 for x in reach], "k:", lw=1, label="weights in flash: 40 MB/s")
    points = [row for row in rows if row.products]
    for backend, color, label in (("esp_nn", "tab:orange", "ESP-NN"), ("microfer", "tab:blue", "microfer")):
        axes.scatter(
            [row.multiplications / row.weights_bytes for row in points],
            [row.multiplications / getattr(row, backend) * CLOCK_HZ / 1e6 for row in points],
            s=[8 + row.multiplications / 40_000 for row in points],
            color=color,
            alpha=0.6,
            label=label,
        )
    axes.set(
        xscale="log",
        yscale="log",
        ylim=(50, 6000),
        xlim=(reach[0], reach[1]),
        xlabel="products for each byte of weights read",
        ylabel="million products a second, at one instruction a cycle",
        title="Convolutions of the release on the ESP32-S3: a point above a line waits for that memory",
    )
    axes.title.set_fontsize(10)
    axes.legend(fontsize=8, loc="lower left")
    axes.grid(True, which="both", alpha=0.2)
    return figure


def report_with(path: Path, model: Path, text: str) -> dict[str, Any]:
    """Return kernels.json, as it stands at `path`, with what the chip's program printed about a model.

    The default release becomes the document's own network, another model one of its `others`. A trained model takes
    the place of its preset with random weights.

    Raises:
        MicroferError: the text is of another model or none, or another than the default release comes first.
    """
    counts, networks, cases = read_log(text)
    rows = rows_of(model, counts)
    measured = {"networks": networks, "cases": cases, "operators": [asdict(row) for row in rows]}
    metadata = read_metadata(tflite_file.read(model))
    if model.resolve() == default_model().resolve():
        bandwidths = {"clock_hz": CLOCK_HZ, "psram": PSRAM_BYTES_PER_S, "flash": FLASH_BYTES_PER_S}
        document = {"model": model.parent.name, "bandwidths": bandwidths, "totals": totals_of(rows)}
        return document | measured | {"others": _others_in(path, metadata)}
    if not path.is_file():
        raise MicroferError(f"{path} is missing; measure the default release first")
    kept = read_json(path, dict[str, Any])
    others = {name: one for name, one in kept["others"].items() if name != random_weights(metadata.preset)}
    return kept | {"others": dict(sorted((others | {name_of(metadata): measured}).items()))}


def _others_in(path: Path, metadata: ModelMetadata) -> dict[str, Any]:
    """Return what a kernels.json says of other models than this one; nothing where there is no such file."""
    if not path.is_file():
        return {}
    kept = read_json(path, dict[str, Any])
    replaced = {name_of(metadata), random_weights(metadata.preset)}
    before = {kept["model"]: {key: kept[key] for key in ("networks", "cases", "operators")}}
    return {name: one for name, one in sorted((before | kept["others"]).items()) if name not in replaced}


def random_weights(preset: str) -> str:
    """Return what a network that nobody trained is called."""
    return f"{preset}, random weights"


def name_of(metadata: ModelMetadata) -> str:
    """Return what a model is called in kernels.json."""
    return random_weights(metadata.preset) if metadata.model_id == "untrained" else metadata.model_id


def others_table(report: dict[str, Any]) -> list[str]:
    """Return the lines of a Markdown table: each measured model's whole inference by backend, the default one first."""
    rows = []
    models = {report["model"]: report["networks"]} | {name: one["networks"] for name, one in report["others"].items()}
    for name, networks in models.items():
        spent = [f"{networks[backend]['instructions'] / 1e6:.2f} M" for backend in BACKENDS]
        arenas = [f"{int(networks[backend]['arena_bytes']) / 1024:.0f} KiB" for backend in BACKENDS]
        equal = "" if name.endswith("random weights") else networks["microfer"]["equal"]
        rows.append((name, *spent, *arenas, equal))
    headers = ("model", "ESP-NN", "microfer", "arena with ESP-NN", "arena with microfer", "golden scores equal")
    return markdown.table(headers, rows)
