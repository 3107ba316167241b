"""Coverage-guided fuzzing of the readers in Python with atheris, the libFuzzer of Python: one JSON object of figures.

python tests/fuzz/python_fuzz.py recording --seconds 600     the readers: --help names them

A reader may return or raise MicroferError; whatever else it does is a finding, whose input is kept in --findings.
atheris is in no lock: it has wheels for few versions of Python. `pip install atheris` where it does.
"""

import argparse
import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "host"), str(ROOT)]

NAMES = ("json", "recording", "link", "checkpoint", "keras", "network", "metadata", "profile", "csv", "tflite")


def targets() -> dict[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """Return, by its name, what reads bytes and the inputs to start from."""
    from dataclasses import replace

    from tests.host import test_input_fuzz as readers
    from tests.host.fuzzing import outcome
    from tests.host.test_data_fuzz import CSV

    from microfer.cost.profile import read_profile
    from microfer.data.csv_reader import read_csv
    from microfer.json_reader import JsonError, parse
    from microfer.link.events import Instant, Timed
    from microfer.link.protocol import encode
    from microfer.link.reader import LinkReader
    from microfer.model import networks
    from microfer.model.saved import MEMBER, read_config
    from microfer.tflite.check import check_deployable
    from microfer.tflite.metadata import ENTRY_NAME, read_metadata
    from microfer.tflite.tflite_file import read
    from microfer.training import checkpoint

    def parsed(content: bytes) -> None:
        with contextlib.suppress(JsonError):
            parse(content)

    def streamed(content: bytes) -> None:
        reader = LinkReader()
        events = reader.feed(content) + reader.close()
        assert reader.counters.bytes == len(content)
        readers.shown(Timed(Instant(n, n), event) for n, event in enumerate(events))

    def in_archive(content: bytes) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(MEMBER, content)
        return packed.getvalue()

    nano = json.dumps({"network": networks.to_json(networks.network("nano")), "notes": {}}).encode()
    entry, profile = readers.MODEL.metadata[ENTRY_NAME], json.dumps(readers.PROFILE).encode()
    frames = encode(readers.HELLO, 0) + encode(readers.prediction(1), 1) + encode(readers.STATISTICS, 2)
    return {
        "json": (parsed, [nano, entry, profile]),
        "recording": (lambda content: readers.in_a_file("a.mfrec", content, readers.played), [readers.RECORDING]),
        "link": (streamed, [frames, b"boot\r\n" + frames[3:]]),
        "checkpoint": (lambda content: readers.in_a_file("a.npz", content, checkpoint.read), [readers.CHECKPOINT]),
        "keras": (lambda content: readers.in_a_file("a.keras", content, read_config), [in_archive(nano)]),
        "network": (lambda content: readers.in_a_file("a.keras", in_archive(content), read_config), [nano]),
        "metadata": (
            lambda content: outcome(lambda: read_metadata(replace(readers.MODEL, metadata={ENTRY_NAME: content}))),
            [entry],
        ),
        "profile": (lambda content: readers.in_a_file("profile.json", content, read_profile), [profile]),
        "csv": (lambda content: outcome(lambda: read_csv(io.BytesIO(content), "fer.csv")), [CSV]),
        "tflite": (
            lambda content: outcome(lambda: check_deployable(read(content))),
            [(ROOT / "tests" / "golden" / "tiny_int8.tflite").read_bytes()],
        ),
    }


def fuzz(name: str, seconds: int, findings: Path) -> None:
    """Fuzz one target in this process, which libFuzzer then ends."""
    import atheris

    with atheris.instrument_imports(include=["microfer"], enable_loader_override=False):
        read_input, seeds = targets()[name]
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    longest = max(4096, 2 * max(map(len, seeds)))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={longest}",
        f"-artifact_prefix={findings}/{name}-",
        "-timeout=20",
    ]
    atheris.Setup(
        [sys.argv[0], *options, "-rss_limit_mb=3000", str(corpus)], lambda content: read_input(bytes(content))
    )
    atheris.Fuzz()


def figures(name: str, seconds: int, findings: Path) -> dict[str, object]:
    """Fuzz one target in a process of its own; return its runs, the edges that it covered, and its findings."""
    findings.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, name, "--seconds", str(seconds), "--findings", str(findings), "--here"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    runs = re.findall(r"Done (\d+) runs in (\d+) second", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    found = sorted(path.name for path in findings.glob(f"{name}-*"))
    if not runs and not found:
        raise SystemExit(f"{name} was not fuzzed:\n{done.stderr[-2000:]}")
    said = [] if runs else done.stderr.splitlines()[-40:]
    count = int(runs[-1][0]) if runs else 0
    edges = int(covered[-1]) if covered else 0
    return {"target": name, "seconds": seconds, "runs": count, "edges": edges, "findings": found, "said": said}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--findings", type=Path, default=Path(tempfile.gettempdir()) / "findings")
    parser.add_argument("--here", action="store_true", help="in this process, with libFuzzer's own output")
    options = parser.parse_args()
    if options.here:
        fuzz(options.target, options.seconds, options.findings)
    found = figures(options.target, options.seconds, options.findings)
    print(json.dumps(found, indent=2))
    return 1 if found["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
