"""The lists of planted faults are in step with the code, and the script tells what is noticed from what is not."""

import json
import re
import subprocess
from pathlib import Path

import pytest

import planted_faults
from microfer.errors import MicroferError
from planted_faults import CPP_PROGRAMS, Fault, Result, planted, read_faults, report

ROOT = Path(__file__).resolve().parents[2]


def test_every_fault_of_the_lists_can_still_be_planted():
    """If this fails a line has changed: change it in tests/faults too, or take out what no longer can be."""
    for fault in read_faults():
        planted((ROOT / fault.file).read_text(encoding="utf-8"), fault)


def test_there_are_enough_faults_in_the_firmware_and_each_stands_once():
    firmware = [fault for fault in read_faults() if fault.file.startswith("firmware/")]
    assert len([fault for fault in firmware if fault.noticed_by]) >= 70
    assert len({(fault.file, fault.old, fault.new) for fault in read_faults()}) == len(read_faults())


def test_the_tests_that_must_notice_exist():
    for test in {test for fault in read_faults() for test in fault.noticed_by}:
        if test in CPP_PROGRAMS or test == planted_faults.COMPILER:
            continue
        path, _, name = test.partition("::")
        text = (ROOT / path).read_text(encoding="utf-8")
        assert not name or re.search(rf"^def {re.escape(name.split('[')[0])}\(", text, re.MULTILINE), test


FAULT = Fault("a.py", "x < 1", "x <= 1", ("tests/test_a.py",))


@pytest.mark.parametrize("content", ["y", "x < 1\nx < 1\n"])
def test_a_line_that_is_not_there_or_there_twice_is_said(content):
    with pytest.raises(MicroferError, match=r"a\.py has 'x < 1' \d times"):
        planted(content, FAULT)
    assert planted("if x < 1:\n", FAULT) == "if x <= 1:\n"


@pytest.mark.parametrize(
    "row",
    [
        {"file": "a", "old": "b", "new": "c"},
        {"file": "a", "old": "b", "new": "c", "noticed_by": ["t"], "why": "nothing changes"},
        {"file": "a", "old": "b"},
        {"file": "a", "old": "b", "new": "c", "why": "so", "line": 3},
    ],
)
def test_a_list_that_says_too_little_or_too_much_is_refused(tmp_path, row):
    (tmp_path / "list.json").write_text(json.dumps({"faults": [row]}))
    with pytest.raises(MicroferError):
        read_faults(tmp_path)


def test_the_report_counts_by_file_and_names_what_got_past():
    results = [Result(FAULT, "tests/test_a.py", 1.0), Result(Fault("a.py", "p", "q", ("t",)), "", 1.0)]
    text = report(results, [Fault("b.py", "m", "n", why="the same")])
    assert re.search(r"^a\.py +2 +1$", text, re.MULTILINE)
    assert "NOT NOTICED  a.py: p  ->  q" in text
    assert "changes nothing  b.py: m  ->  n\n    the same" in text


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one function, a test of it that sees half of what may go wrong, and a list of faults."""
    root = tmp_path / "repository"
    (root / "tests" / "faults").mkdir(parents=True)
    (root / "a.py").write_text("def small(x):\n    return x < 10\n")
    (root / "tests" / "test_a.py").write_text(
        "import sys\nsys.path.insert(0, '.')\nimport a\n\n\n"
        "def test_small():\n    assert a.small(9) and not a.small(11)\n"
    )
    faults = [
        {"file": "a.py", "old": "x < 10", "new": "x > 10", "noticed_by": ["tests/test_a.py::test_small"]},
        {"file": "a.py", "old": "    return x < 10", "new": "    return x <= 10", "noticed_by": ["tests/test_a.py"]},
    ]
    (root / "tests" / "faults" / "list.json").write_text(json.dumps({"faults": faults}))
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=root, check=True)
    monkeypatch.setattr(planted_faults, "ROOT", root)
    monkeypatch.setattr(planted_faults, "read_faults", lambda: read_faults(root / "tests" / "faults"))
    return root


def test_a_fault_that_no_test_sees_is_told_from_one_that_is_noticed(repository, tmp_path, capsys):
    assert planted_faults.main(["--quiet", "--json", str(tmp_path / "out.json")]) == 1
    said = capsys.readouterr().out
    assert "NOT NOTICED  a.py: return x < 10  ->  return x <= 10" in said
    rows = json.loads((tmp_path / "out.json").read_text())["faults"]
    assert [row["noticed_first_by"] for row in rows] == ["tests/test_a.py::test_small", ""]
    assert (repository / "a.py").read_text() == "def small(x):\n    return x < 10\n"


def test_a_test_that_fails_without_a_fault_ends_it(repository, capsys):
    (repository / "a.py").write_text("def small(x):\n    return x < 10 and x != 9\n")
    (repository / "tests" / "faults" / "list.json").write_text(
        json.dumps({"faults": [{"file": "a.py", "old": "x < 10", "new": "x > 10", "noticed_by": ["tests/test_a.py"]}]})
    )
    assert planted_faults.main(["--quiet"]) == 2
    assert "tests/test_a.py fails without any fault" in capsys.readouterr().err
