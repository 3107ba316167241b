"""Remake `requirements/{run,train,dev}.lock` from pyproject.toml. For maintainers; users never need it.

    python scripts/lock.py             keep the pins that are there, add and drop what pyproject.toml asks for
    python scripts/lock.py --upgrade   take the newest versions that fit together

Needs `uv` (`pip install uv`). Where packages come from is the maintainer's own setting (uv reads UV_DEFAULT_INDEX,
UV_INDEX and SSL_CERT_FILE): the locks hold names, versions and hashes, never an address. Torch and JAX stay outside
them, because the right build of those depends on the user's accelerator.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "requirements"
EXTRAS = {"dev": ("train", "dev"), "train": ("train",), "run": ()}
"""Largest first: its pins bind the smaller ones, so that going from `run` to `dev` changes no version."""

CONSTRAINTS = (
    "backports-strenum<1.3",  # later ones refuse Python 3.11, which uv does not look at and pip does
    "cobs==1.2.0",  # the last with a wheel for every system; later ones need a C compiler outside Windows
)
HEADER = """\
# {title}. Made by scripts/lock.py; do not edit by hand.
# For Python 3.11 to 3.13 on Linux, macOS (Apple silicon) and Windows: pip install --require-hashes -r {name}.lock
"""
TITLES = {
    "run": "Demo, parity, evaluation of int8 models, viewer",
    "train": "The packages of run.lock, and training, pruning and quantization",
    "dev": "The packages of train.lock, linters and tests",
}


def main() -> int:
    """Remake the three locks; return 0, or 1 where uv is missing or finds no solution."""
    parser = argparse.ArgumentParser(description="Remake requirements/{run,train,dev}.lock.")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions instead of keeping the pins")
    upgrade = parser.parse_args().upgrade
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        print("error: uv is not installed; get it with `pip install uv`", file=sys.stderr)
        return 1
    made: dict[str, str] = {}
    try:
        for name, extras in EXTRAS.items():
            made[name] = _compile(uv, name, extras, bound_by=made.get("dev"), upgrade=upgrade)
            check(name, made[name])
    except subprocess.CalledProcessError:
        return 1
    for name, text in made.items():
        (FOLDER / f"{name}.lock").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}.lock: {len(pins(text))} packages")
    return 0


def _compile(uv: str, name: str, extras: tuple[str, ...], bound_by: str | None, upgrade: bool) -> str:
    with tempfile.TemporaryDirectory() as folder:
        constraints, output = Path(folder, "constraints.txt"), Path(folder, f"{name}.lock")
        constraints.write_text("\n".join(CONSTRAINTS) + "\n" + (bound_by or ""))
        present = FOLDER / output.name
        if present.exists():
            shutil.copy(present, output)  # uv prefers the versions that it finds in its output file
        command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--python-version", "3.11"]
        command += ["--fork-strategy", "fewest"]  # one version for every Python, so that figures agree between them
        # pip before 23.3 does not see that the pin of `a` is also that of `a[extra]`, unless the lock says so.
        command += ["--no-header", "--no-annotate", "--no-strip-extras", "--no-emit-index-url", "--no-emit-find-links"]
        command += ["--constraint", str(constraints), "--output-file", str(output), *(["--upgrade"] if upgrade else [])]
        command += [argument for extra in extras for argument in ("--extra", extra)]
        subprocess.run([*command, "pyproject.toml"], cwd=ROOT, check=True)
        return HEADER.format(title=TITLES[name], name=name) + output.read_text(encoding="utf-8")


def pins(text: str) -> dict[str, str]:
    """Return the pinned requirement lines of a lock, by package name: `{"numpy": "numpy==2.4.6"}`, markers included.

    A package's extras stand in its line, `coverage[toml]==7.17.3`, not in its name.
    """
    lines = (line.removesuffix(" \\") for line in text.splitlines())
    return {re.split(r"\[|==", line)[0]: line for line in lines if re.match(r"[a-z0-9]", line)}


def check(name: str, text: str) -> None:
    """Raise ValueError where a lock holds an address, a source folder or a package that must stay outside."""
    if re.search(r"://|--(extra-)?index|--find-links| @ ", text):
        raise ValueError(f"{name}.lock holds an address")
    outside = {"torch", "jax", "jaxlib", "tensorflow-cpu", "opencv-python", *(["tensorflow"] if name == "run" else [])}
    if found := outside & pins(text).keys():
        raise ValueError(f"{name}.lock holds {', '.join(sorted(found))}, which must stay outside")


if __name__ == "__main__":
    sys.exit(main())
