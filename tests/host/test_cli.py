"""One command: its verbs, their help, from where they start, and what they need."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from microfer.cli import command, invocation
from microfer.cli.main import overview
from microfer.cli.packages import PACKAGES
from microfer.cli.verbs import GROUPS, STATUSES, VERBS

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = re.compile(r"(?:(?<=^ {2})|(?<=^ {4}))microfer ([a-z0-9-]+)(.*)$", re.MULTILINE)


def help_of(verb: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as end:
        import_module(f"microfer.cli.{VERBS[verb].module}").main(["--help"])
    assert end.value.code == 0
    return capsys.readouterr().out


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def test_the_overview_lists_every_verb_under_four_headings(narrow: None) -> None:
    text = overview()
    assert list(GROUPS) == ["make a network", "prove it", "put it on a board", "watch it"]
    assert all(re.search(rf"^{heading}$", text, re.MULTILINE) for heading in GROUPS)
    assert re.findall(r"^  ([a-z][a-z0-9-]+) {2,}\S", text, re.MULTILINE) == list(VERBS)
    assert max(map(len, text.splitlines())) <= 80


def test_the_overview_needs_the_standard_library_alone() -> None:
    line = [sys.executable, "-S", ROOT / "host" / "microfer", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd="/")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "usage: microfer VERB [options]"), done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_fits_the_terminal_and_tells_all(
    verb: str, narrow: None, capsys: pytest.CaptureFixture[str]
) -> None:
    text = help_of(verb, capsys)
    assert text.startswith(f"usage: microfer {verb} ")
    assert "exit status: 0 " in text
    assert f"microfer {verb}" in text.partition("\nexamples:\n")[2]
    for option, value in (("out", "DIR"), ("port", "PORT"), ("threads", "N"), ("baud", "BAUD"), ("seed", "SEED")):
        assert re.findall(rf"--{option}\b(?!-)(?! {value}\b)", text.partition("\n\n")[0]) == [], option
    too_wide = [line for line in text.splitlines() if len(line) > 80]
    assert not too_wide


@pytest.mark.parametrize("verb", VERBS)
def test_the_examples_of_a_verb_name_only_options_that_there_are(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "400")  # each command in one line
    found = COMMANDS.findall(help_of(verb, capsys).partition("\nexamples:\n")[2])
    assert found
    for named, options in found:
        known = help_of(named, capsys)
        used = [word for word in shlex.split(options) if word.startswith("--")]
        assert not [word for word in used if not re.search(rf"(?<![\w-]){word}(?![\w-])", known)], (named, options)


@pytest.mark.parametrize(
    ("given", "said"), [("trian", "did you mean train?"), ("fly", "lists the verbs"), ("--json", "lists the verbs")]
)
def test_what_is_no_verb_is_refused(given: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    from microfer.cli.main import main

    with pytest.raises(SystemExit) as end:
        main([given])
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_an_option_tells_its_default_and_many_choices_stand_in_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    parser = command.parser("Does it.", "  microfer train --few a    a first look", verb="train")
    parser.add_argument("--rate", type=float, default=0.5, help="of it")
    parser.add_argument("--many", choices=[f"choice-{n}" for n in range(5)], help="which one")
    parser.add_argument("--few", choices="ab", help="see `microfer doctor`")
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert "of it (default: 0.5)" in text
    assert "which one: one of choice-0, choice-1, choice-2, choice-3, choice-4" in text
    assert "--few {a,b}" in text
    assert text.endswith(f"examples:\n  a first look\n    microfer train --few a\n\n{STATUSES}\n")


@pytest.mark.parametrize(
    ("way", "train", "average"),
    [
        ("microfer", "microfer train", "microfer average"),
        ("python -m microfer", "python -m microfer train", "python -m microfer average"),
        (Path(), "python host/train.py", "python host/microfer average"),
        (Path("/a b"), "python '/a b/host/train.py'", "python '/a b/host/microfer' average"),
    ],
)
def test_a_verb_is_named_as_it_can_be_typed(
    way: str | Path, train: str, average: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invocation, "_way", lambda: way)
    monkeypatch.setattr(invocation, "_python", lambda: "python")
    text = "microfer needs it: `microfer train --data x`, then microfer average, not microfer-train"
    assert invocation.typed(text) == f"microfer needs it: `{train} --data x`, then {average}, not microfer-train"


def test_the_packages_of_a_verb_are_those_that_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=;]", one)[0] for one in project["dependencies"] if "sys_platform" not in one}
    assert set(PACKAGES["run"].values()) == wanted
    assert set(PACKAGES["train"].values()) < {one.split("==")[0] for one in project["optional-dependencies"]["train"]}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout whose `.venv` is whole and whose Python only says how it was called."""
    root = tmp_path / "a clone"
    for folder in ("host/microfer/cli", "scripts", "requirements", "models", ".venv/bin"):
        (root / folder).mkdir(parents=True)
    for pattern in ("host/*.py", "host/microfer/*.py", "host/microfer/cli/*.py", "scripts/environment.py"):
        for path in ROOT.glob(pattern):
            shutil.copy(path, root / path.relative_to(ROOT))
    (root / "models" / "DEFAULT").write_text("s3-1")
    locks = {name: sha256(name.encode()).hexdigest() for name in ("run", "train", "dev")}
    for name in locks:
        (root / "requirements" / f"{name}.lock").write_text(name)
    python = root / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "entered with" "$@"\n')
    python.chmod(0o755)
    stamp = {"state": "ready", "python": str(python.resolve()), "locks": {"run": locks["run"], "train": locks["train"]}}
    (root / ".venv" / "microfer.json").write_text(json.dumps(stamp))
    return root


@pytest.mark.skipif(os.name == "nt", reason="the Python of this clone is a shell script")
@pytest.mark.parametrize(
    ("started", "options"), [("host/train.py", ()), ("host/doctor.py", ()), ("host/microfer", ("average",))]
)
def test_a_python_without_the_packages_enters_the_environment_from_any_folder(
    started: str, options: tuple[str, ...], clone: Path, tmp_path: Path
) -> None:
    line = [sys.executable, "-S", clone / started, *options, "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"entered with {' '.join([str(clone / started), *options])} --json\n")


@pytest.mark.skipif(os.name == "nt", reason="the Python of this clone is a shell script")
def test_the_environment_has_the_command(clone: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-S", clone / "host" / "train.py"], check=True, capture_output=True)
    (clone / ".venv" / "bin" / "python").write_text('#!/bin/sh\necho "$MICROFER_TYPED" "$@"\n')
    line = [clone / ".venv" / "bin" / "microfer", "train", "--data", "a b"]
    done = subprocess.run(line, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == f"microfer {clone / 'host' / 'microfer'} train --data a b\n"


def test_a_shim_works_from_another_folder(tmp_path: Path) -> None:
    line = [sys.executable, ROOT / "host" / "export_tflm.py", "--out", "here", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["folder"] == "here"
    assert (tmp_path / "here" / "contract.h").is_file()


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("setuptools"), reason="setuptools builds the wheel")
def test_an_installed_package_does_its_work_without_the_checkout(tmp_path: Path) -> None:
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", ".venv", ".cache", "build", "runs", "*.egg-info", "generated")
    shutil.copytree(ROOT, source, ignore=ignored)
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*build, "-w", str(tmp_path)], check=True, cwd=source)
    shutil.rmtree(source)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    assert (tmp_path / "site" / "microfer" / "py.typed").is_file()

    def microfer(*arguments: str) -> str:
        line = [sys.executable, "-m", "microfer", *arguments]
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "site"), "MICROFER_CACHE": str(tmp_path / "cache")}
        done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert json.loads(microfer("export", "--json"))["folder"] == "generated"
    assert (tmp_path / "generated" / "model_data.cc").is_file()
    assert json.loads(microfer("profile", "--json"))["operators"]
    assert json.loads(microfer("parity", "--limit", "7", "--json"))["reference_against_tflm"]["verdict"] == "passed"
