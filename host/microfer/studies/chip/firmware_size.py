"""What each part of the firmware takes of flash and RAM, from the linker's map file. Standard library alone.

Heap and tensor arena are taken while the board runs: its statistics on the link report those.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FLASH, RAM = "flash", "ram"
MEMORIES = {
    # What is copied from flash into RAM at the start takes both.
    ".flash.text": (FLASH,),
    ".flash.rodata": (FLASH,),
    ".flash.appdesc": (FLASH,),
    ".flash.rodata_noload": (),
    ".iram0.vectors": (FLASH, RAM),
    ".iram0.text": (FLASH, RAM),
    ".iram0.data": (FLASH, RAM),
    ".iram0.bss": (RAM,),
    ".dram0.data": (FLASH, RAM),
    ".dram0.bss": (RAM,),
    ".noinit": (RAM,),
}
"""Output sections of ESP-IDF's linker script for the ESP32-S3 that hold something."""

PARTS = (
    # The first that fits; archive and object as the map names them.
    ("the network's weights", r"liblib\.a\(model_data\."),
    ("golden pictures", r"liblib\.a\(golden\."),
    ("face cascade's table", r"liblib\.a\(frontal_face\."),
    ("core: the rest of firmware/lib", r"liblib\.a\("),
    ("firmware/src", r"libsrc\.a\(|firmware/src/"),
    ("TFLM", r"esp-tflite-micro"),
    ("ESP-NN", r"esp-nn"),
    ("camera driver", r"esp32-camera|esp32_camera|esp_jpeg"),
    ("FreeRTOS", r"libfreertos\.a"),
    ("C and C++ libraries", r"lib(c|m|gcc|stdc\+\+|c_nano|nosys)\.a"),
    ("the rest of ESP-IDF", r""),
)

_OUTPUT = re.compile(r"^(\.[\w.]+)(?:\s+0x[0-9a-f]+\s+0x[0-9a-f]+.*)?$")
_INPUT = re.compile(r"^ (?:\S+)?\s+0x[0-9a-f]{8,16}\s+0x([0-9a-f]+)\s+(\S.*\.(?:o|obj|a\(.+\)))$")
_FILL = re.compile(r"^ \*fill\*\s+0x[0-9a-f]+\s+0x([0-9a-f]+)")


@dataclass(frozen=True)
class StackFrame:
    """What one function takes of the stack, itself alone. `grows`: it takes more while it runs."""

    function: str
    file: str
    bytes: int
    grows: bool


def sizes(lines: Iterable[str]) -> dict[str, dict[str, int]]:
    """Return the bytes of flash and RAM of each part, in the order of PARTS, from the lines of a map file."""
    totals = {name: {FLASH: 0, RAM: 0} for name, _ in PARTS}
    for memories, size, origin in _pieces(lines):
        for memory in memories:
            totals[_part(origin)][memory] += size
    return totals


def stack_frames(folder: Path) -> list[StackFrame]:
    """Return the stack frames of microfer's own functions, largest first, from GCC's .su files below `folder`."""
    frames = []
    for path in folder.rglob("*.su"):
        for line in path.read_text().splitlines():
            place, size, kind = line.split("\t")
            file, function = place.split(":", 1)[0], place.split(":", 3)[-1]
            frames.append(StackFrame(function, Path(file).name, int(size), "dynamic" in kind))
    return sorted(frames, key=lambda frame: -frame.bytes)


def _pieces(lines: Iterable[str]) -> Iterator[tuple[tuple[str, ...], int, str]]:
    """Give each input section: its memories, its size and the object it comes from; "" for what fills gaps."""
    memories: tuple[str, ...] = ()
    is_map = False
    for line in _whole(lines):
        is_map = is_map or line.startswith("Linker script and memory map")
        if not is_map:
            continue
        if output := _OUTPUT.match(line):
            memories = MEMORIES.get(output[1], ())
        elif memories and (found := _INPUT.match(line)):
            yield memories, int(found[1], 16), found[2]
        elif memories and (found := _FILL.match(line)):
            yield memories, int(found[1], 16), ""


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Join what the linker wrote on two lines because a section's name is long."""
    name = ""
    for line in (line.rstrip("\n") for line in lines):
        if name:
            line = f"{name} {line.strip()}" if line.startswith("  ") else line  # noqa: PLW2901
            name = ""
        if re.fullmatch(r" \.\S+", line):
            name = line
            continue
        yield line


def _part(origin: str) -> str:
    return next(name for name, pattern in PARTS if re.search(pattern, origin))


def table(totals: dict[str, dict[str, int]]) -> str:
    """Return the sizes for people, in KiB, and their sums."""
    rows = [(name, part[FLASH], part[RAM]) for name, part in totals.items()]
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    lines = [f"{'':32} {'flash':>12} {'static RAM':>12}"]
    lines += [f"{name:32} {flash / 1024:>8.1f} KiB {ram / 1024:>8.1f} KiB" for name, flash, ram in rows]
    return "\n".join(lines)
