"""Measure the kernels on the emulated chip: `python scripts/kernel_report.py build/kernels`.

idf.py -C tests/firmware/chip -B build/kernels build   builds the program first, for the default release
python scripts/kernel_report.py build/kernels          runs it, prints each operator, writes docs/kernels.json and .png
python scripts/kernel_report.py build/kernels --model models/s3-1/model.tflite    another model, which the program was
                                                       built with (MICROFER_MODEL): a row of the page's second table
python scripts/kernel_report.py --log run.txt          reads what an earlier run, or a real chip, printed

QEMU counts instructions (-icount, 4 ns each), so the figures are the same on every computer. It knows no caches and no
waiting for memory: the picture shows where those would be what limits a real chip, by the bandwidths stated here.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "host"), str(ROOT / "scripts")]

from firmware_qemu import FLASH_BYTES, find_qemu, qemu_command  # noqa: E402
from microfer.contract import MOST_GATHERED_BYTES  # noqa: E402
from microfer.export.kernel_plan import Convolution, plan_kernels  # noqa: E402
from microfer.files import atomic_path, write_json  # noqa: E402
from microfer.publish.pages import update_block  # noqa: E402
from microfer.release import default_model  # noqa: E402
from microfer.tflite import tflite_file  # noqa: E402
from microfer.tflite.metadata import ModelMetadata, read_metadata  # noqa: E402

INSTRUCTIONS_PER_US = 250
"""QEMU's -icount shift=2: an instruction takes 4 ns of the emulated time."""

CLOCK_HZ = 240e6
PSRAM_BYTES_PER_S = 160e6
"""Octal, 80 MHz, both edges: where the firmware keeps the weights (CONFIG_SPIRAM_RODATA)."""

FLASH_BYTES_PER_S = 40e6
"""Quad, 80 MHz: where the weights are without PSRAM."""

MULTIPLICATIONS_PER_INSTRUCTION = 16

BACKENDS = ("esp-nn", "microfer")


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


def run_chip(build: Path, seconds: int) -> str:
    """Return what the program prints until its line `end`."""
    parts = json.loads((build / "flasher_args.json").read_text())["flash_files"]
    flash = bytearray(b"\xff" * FLASH_BYTES)
    for offset, name in parts.items():
        content = (build / name).read_bytes()
        flash[int(offset, 0) : int(offset, 0) + len(content)] = content
    image, printed = build / "flash.bin", build / "printed.txt"
    image.write_bytes(flash)
    command = qemu_command(find_qemu(), image, 0, wait=False)
    at = command.index("-chardev")
    command[at : at + 4] = ["-serial", f"file:{printed}"]
    with subprocess.Popen([*command, "-icount", "shift=2,sleep=off"]) as qemu:
        for _ in range(seconds):
            time.sleep(1)
            lines = printed.read_text(errors="replace").splitlines() if printed.is_file() else []
            if "end" in lines or qemu.poll() is not None:
                break
        qemu.terminate()
    if "end" not in lines:
        raise SystemExit(f"error: no line 'end' after {seconds} s; the last ones are:\n" + "\n".join(lines[-5:]))
    return "\n".join(lines)


def read_log(text: str) -> tuple[dict[str, dict[int, int]], dict[str, dict[str, str]], list[str]]:
    """Return instructions by backend and operator, each network's line as pairs, and the lines about random cases."""
    counts: dict[str, dict[int, int]] = {name: {} for name in BACKENDS}
    networks, cases = {}, []
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
        raise SystemExit("error: the log holds no operators of both backends; is it what tests/firmware/chip prints?")
    return counts, networks, cases


def rows_of(model: Path, counts: dict[str, dict[int, int]]) -> list[Row]:
    """Return a row for each operator of the model."""
    network = tflite_file.read(model)
    plans = {plan.operator: plan for plan in plan_kernels(network).convolutions}
    if len(network.operators) != len(counts["microfer"]):
        raise SystemExit(f"error: the log is of another model than {model}")
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


def roofline(rows: list[Row], path: Path) -> None:
    """Draw products a second over products for each byte of weights, and what clock and memories allow."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    reach = [4, 1000]
    roof = MULTIPLICATIONS_PER_INSTRUCTION * CLOCK_HZ / 1e6
    axes.plot(reach, [roof] * 2, "k-", lw=1, label="vector unit: 16 products x 240 MHz")
    axes.plot(reach, [x * PSRAM_BYTES_PER_S / 1e6 for x in reach], "k--", lw=1, label="weights in PSRAM: 160 MB/s")
    axes.plot(reach, [x * FLASH_BYTES_PER_S / 1e6 for x in reach], "k:", lw=1, label="weights in flash: 40 MB/s")
    for backend, color in (("esp_nn", "tab:orange"), ("microfer", "tab:blue")):
        points = [row for row in rows if row.products]
        axes.scatter(
            [row.multiplications / row.weights_bytes for row in points],
            [row.multiplications / getattr(row, backend) * CLOCK_HZ / 1e6 for row in points],
            s=[8 + row.multiplications / 40_000 for row in points],
            color=color,
            alpha=0.6,
            label="microfer" if backend == "microfer" else "ESP-NN",
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
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png", metadata={"Software": None})
    pyplot.close(figure)


def others_in(folder: Path, metadata: ModelMetadata) -> dict[str, Any]:
    """Return what kernels.json in a folder says of other models, and nothing where there is no such file.

    Left out are the model of `metadata` and, where it is a trained one, its preset with random weights.
    """
    path = folder / "kernels.json"
    if not path.is_file():
        return {}
    kept = json.loads(path.read_text())
    replaced = {name_of(metadata), random_weights(metadata.preset)}
    before = {kept["model"]: {key: kept[key] for key in ("networks", "cases", "operators")}}
    return {name: one for name, one in sorted((before | kept["others"]).items()) if name not in replaced}


def random_weights(preset: str) -> str:
    """Return what a network that nobody trained is called."""
    return f"{preset}, random weights"


def name_of(metadata: ModelMetadata) -> str:
    """Return what a model is called in kernels.json."""
    return random_weights(metadata.preset) if metadata.model_id == "untrained" else metadata.model_id


def keep_other(folder: Path, metadata: ModelMetadata, measured: dict[str, Any]) -> None:
    """Add what was measured of a model to kernels.json in a folder, and the model to the page's table of all."""
    path = folder / "kernels.json"
    if not path.is_file():
        raise SystemExit(f"error: {path} is missing; measure the default release first")
    report = json.loads(path.read_text())
    others = {name: one for name, one in report["others"].items() if name != random_weights(metadata.preset)}
    others[name_of(metadata)] = measured
    write_json(path, report | {"others": dict(sorted(others.items()))})
    if (page := folder / "kernels.md").is_file():
        update_block(page, "others", others_table(json.loads(path.read_text())))


def others_table(report: dict[str, Any]) -> list[str]:
    """Return the lines of a Markdown table: each measured model's whole inference by backend, the default one first."""
    lines = [
        "| model | ESP-NN | microfer | arena with ESP-NN | arena with microfer | golden scores equal |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    models = {report["model"]: report["networks"]} | {name: one["networks"] for name, one in report["others"].items()}
    for name, networks in models.items():
        spent = [f"{networks[backend]['instructions'] / 1e6:.2f} M" for backend in BACKENDS]
        arenas = [f"{int(networks[backend]['arena_bytes']) / 1024:.0f} KiB" for backend in BACKENDS]
        equal = "" if name.endswith("random weights") else networks["microfer"]["equal"]
        lines.append(f"| {name} | {' | '.join([*spent, *arenas])} | {equal} |")
    return lines


def main() -> None:
    """Run or read, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=Path, help="build folder of tests/firmware/chip")
    parser.add_argument("--log", type=Path, help="read this instead of running the build")
    parser.add_argument("--model", type=Path, help="the .tflite that it was built with (default: the default release)")
    parser.add_argument("--seconds", type=int, default=600, help="give up after (default: 600)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for kernels.json and kernels.png")
    options = parser.parse_args()
    if (options.build is None) == (options.log is None):
        parser.error("name a build folder or a log")
    text = options.log.read_text(errors="replace") if options.log else run_chip(options.build, options.seconds)
    counts, networks, cases = read_log(text)
    model = options.model or default_model()
    rows = rows_of(model, counts)
    print("\n".join([*table(rows), "", *(f"{name}: {found}" for name, found in networks.items()), *cases]))
    metadata = read_metadata(tflite_file.read(model))
    if model.resolve() != default_model().resolve():
        keep_other(
            options.out, metadata, {"networks": networks, "cases": cases, "operators": [asdict(row) for row in rows]}
        )
        return
    report = {
        "model": model.parent.name,
        "bandwidths": {"clock_hz": CLOCK_HZ, "psram": PSRAM_BYTES_PER_S, "flash": FLASH_BYTES_PER_S},
        "networks": networks,
        "cases": cases,
        "totals": totals_of(rows),
        "operators": [asdict(row) for row in rows],
        "others": others_in(options.out, metadata),
    }
    write_json(options.out / "kernels.json", report)
    roofline(rows, options.out / "kernels.png")
    if (page := options.out / "kernels.md").is_file():
        update_block(page, "kernels", table(rows))
        update_block(page, "others", others_table(report))


if __name__ == "__main__":
    main()
