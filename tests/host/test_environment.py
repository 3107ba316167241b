"""`.venv` is made once, kept while the locks stand, and made anew when it was cut off. No network is used."""

import ast
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from scripts import environment, lock
from scripts.environment import LOCKS, STAMP, SetupError, prepare

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = "import environment\nenvironment.enter('run')\nimport sys, tiny_run\nprint(sys.prefix)\nprint(sys.argv[1:])\n"


def make_wheel(folder: Path, name: str) -> str:
    """Write the wheel of an empty package; return its SHA-256."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository, with spaces in its path, whose locks name packages that lie beside it."""
    root = tmp_path / "a clone with spaces"
    for folder in ("requirements", "scripts", "wheels"):
        (root / folder).mkdir(parents=True)
    shutil.copy(REPOSITORY / "scripts" / "environment.py", root / "scripts")
    (root / "scripts" / "work.py").write_text(SCRIPT)
    text = "# a comment\n"
    for name in LOCKS:
        digest = make_wheel(root / "wheels", f"tiny_{name}")
        text += f"tiny-{name}==1.0 \\\n    --hash=sha256:{digest}\n"
        (root / "requirements" / f"{name}.lock").write_text(text)
    for variable in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", (root / "wheels").as_uri())
    return root


@pytest.fixture(scope="module")
def made_once(tmp_path_factory) -> str:
    """What a script says to get a copy of an environment with nothing but pip in it, which takes seconds to make."""
    template = tmp_path_factory.mktemp("template") / ".venv"
    environment._make(template)
    return (
        "import environment, shutil\n"
        "def make(venv):\n"
        f"    shutil.copytree({str(template)!r}, venv, symlinks=True)\n"
        "    environment._write_stamp(venv, 'installing', {})\n"
        "environment._make = make\n"
    )


@pytest.fixture
def quick(checkout, made_once):
    """The same, whose environment is a copy of one that was made before."""
    (checkout / "scripts" / "work.py").write_text(made_once + SCRIPT)
    return checkout


@pytest.fixture
def steps(monkeypatch):
    """Replace the two slow steps by ones that leave a trace; return the list of what was done."""
    done = []

    def make(venv: Path) -> None:
        done.append("make")
        shutil.rmtree(venv, ignore_errors=True)
        environment._python_of(venv).parent.mkdir(parents=True)
        environment._python_of(venv).touch()

    monkeypatch.setattr(environment, "_make", make)
    monkeypatch.setattr(environment, "_install", lambda venv, path: done.append(path.stem))
    return done


def stamp_of(root: Path) -> dict[str, object]:
    return json.loads((root / ".venv" / STAMP).read_text())


def start(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "work.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_first_start_installs_and_runs_the_script_inside_and_a_second_one_installs_nothing(checkout, monkeypatch):
    first = start(checkout, "one", "two words")
    assert first.returncode == 0, first.stderr
    prefix, arguments = first.stdout.splitlines()
    assert Path(prefix).resolve() == (checkout / ".venv").resolve()
    assert arguments == "['one', 'two words']"
    assert "installing run.lock" in first.stderr

    monkeypatch.setenv("PIP_FIND_LINKS", "nowhere")  # nothing could be installed now
    second = start(checkout)
    assert second.returncode == 0
    assert second.stderr == ""


@pytest.mark.parametrize("caches", [True, False])
def test_where_python_keeps_no_bytecode_packages_are_compiled_at_once(checkout, made_once, monkeypatch, caches):
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    if not caches:
        monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    command = [sys.executable, "-c", f"{made_once}environment.prepare('dev')"]
    subprocess.run(command, cwd=checkout / "scripts", capture_output=True, check=True)
    assert bool(list(checkout.rglob("tiny_dev.*.pyc"))) is not caches


def test_a_file_with_another_hash_is_refused_and_not_taken_for_installed(quick):
    (quick / "wheels" / "tiny_run-1.0-py3-none-any.whl").write_bytes(b"changed")
    run = start(quick)
    assert run.returncode == 2
    assert "error: pip could not install run.lock" in run.stderr
    assert "HASH" in run.stderr
    assert stamp_of(quick)["state"] == "installing"


def test_a_first_start_without_network_says_so(quick, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    run = start(quick)
    assert run.returncode == 2
    assert "no package index answered: connect to the network once" in run.stderr


def test_a_larger_lock_adds_to_the_same_environment(checkout, steps):
    prepare("run", checkout)
    (checkout / ".venv" / "trace").touch()
    prepare("dev", checkout)
    assert steps == ["make", "run", "dev"]
    assert (checkout / ".venv" / "trace").exists()


@pytest.mark.parametrize("smaller", LOCKS)
def test_a_smaller_lock_after_a_larger_one_installs_nothing(checkout, steps, smaller):
    prepare("dev", checkout)
    prepare(smaller, checkout)
    assert steps == ["make", "dev"]


def test_a_changed_lock_brings_the_largest_installed_one_up_to_date(checkout, steps):
    prepare("train", checkout)
    for name in LOCKS:
        (checkout / "requirements" / f"{name}.lock").write_text("# another\n")
    prepare("run", checkout)
    assert steps == ["make", "train", "train"]
    assert set(stamp_of(checkout)["locks"]) == {"run", "train"}


@pytest.mark.parametrize("cut_off_at", ["first install", "upgrade"])
def test_an_interrupted_install_is_done_again_from_the_start(checkout, steps, monkeypatch, cut_off_at):
    if cut_off_at == "upgrade":
        prepare("run", checkout)
    with monkeypatch.context() as patch:
        patch.setattr(environment, "_install", lambda venv, path: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare("dev", checkout)
    steps.clear()
    prepare("dev", checkout)
    assert steps == ["make", "dev"]


@pytest.mark.parametrize("damage", ["not json", "{}", '{"state": "ready", "python": "/gone", "locks": {}}', "[]"])
def test_a_damaged_or_foreign_stamp_means_a_new_environment(checkout, steps, damage):
    prepare("run", checkout)
    (checkout / ".venv" / STAMP).write_text(damage)
    prepare("run", checkout)
    assert steps == ["make", "run", "make", "run"]


@pytest.mark.skipif(os.name == "nt", reason="Windows copies the interpreter instead of linking to it")
def test_another_interpreter_behind_the_link_means_a_new_environment(checkout, steps):
    prepare("run", checkout)
    python = environment._python_of(checkout / ".venv")
    python.unlink()
    python.symlink_to(sys.executable)
    prepare("run", checkout)
    assert steps == ["make", "run", "make", "run"]


def test_an_environment_that_someone_else_made_is_left_alone(checkout):
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "mine").touch()
    with pytest.raises(SetupError, match="was not made by this script; rename or delete it"):
        prepare("run", checkout)
    assert (checkout / ".venv" / "mine").exists()


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_a_python_of_another_age_is_told_which_one_to_take(checkout, monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SetupError, match=r"needs Python 3\.11 to 3\.13"):
        prepare("run", checkout)


def test_a_debian_python_without_venv_names_the_package(checkout, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find_spec(name))
    with pytest.raises(SetupError, match="install the package python3-venv"):
        prepare("run", checkout)


def test_a_missing_lock_is_named(checkout):
    (checkout / "requirements" / "dev.lock").unlink()
    with pytest.raises(SetupError, match=r"cannot read .*dev\.lock"):
        prepare("run", checkout)


@pytest.mark.parametrize("script", ["environment.py", "demo.py", "test.py"])
def test_an_old_python_can_read_the_scripts_as_far_as_their_message(script):
    ast.parse((REPOSITORY / "scripts" / script).read_text(), feature_version=(3, 7))


@pytest.mark.parametrize(("smaller", "larger"), [("run", "train"), ("train", "dev")])
def test_each_lock_holds_the_one_before_in_the_same_versions(smaller, larger):
    small, large = (lock.pins((REPOSITORY / "requirements" / f"{name}.lock").read_text()) for name in (smaller, larger))
    assert small.items() < large.items()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_address(name):
    text = (REPOSITORY / "requirements" / f"{name}.lock").read_text()
    lock.check(name, text)
    for requirement in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        assert "--hash=sha256:" in requirement, requirement


@pytest.mark.parametrize(
    "line", ["--index-url https://example.org/simple", "--find-links wheels", "torch==2.13.0", "x @ file:///x.whl"]
)
def test_the_lock_check_refuses_addresses_and_what_must_stay_outside(line):
    with pytest.raises(ValueError, match="holds"):
        lock.check("run", f"numpy==2.4.6\n{line}\n")
