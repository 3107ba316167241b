"""What attacks came to, from what they printed; and the page of promises, whose tests are there."""

import json
import re

import pytest
from tests.conftest import ROOT

from microfer.errors import MicroferError
from microfer.publish.attack_tables import document, fault_lines, fuzz_lines, hour_lines, kill_lines

READER = {"target": "json", "seconds": 30, "runs": 1234, "edges": 56, "findings": [], "said": []}
KILLED = {"job": "train", "kills": 5, "runs": 6, "hit": 5, "left_over": 0, "different": ["kill 3: x"]}
WATCH = (
    "60 s: 2,383 frames: 1,648 shown, 84 lost on the link, 20 while it was away, 631 dropped on the board; 1 losses, "
    "948 views of the page; 112.7 MiB at first, 119.4 at the end, +0.7 from the second quarter to the last"
)
FAULTS = {"schema": "microfer-planted-faults-1", "faults": [{"noticed_first_by": "a"}, {"noticed_first_by": ""}]}


def gathered(**changes):
    given = {
        "readers": [json.dumps(READER)],
        "core": "\nframe_decoder: 95505 runs, 77 edges, 9 features, 4 inputs\n.",
        "kills": [json.dumps(KILLED), json.dumps(KILLED | {"hit": 4, "different": []})],
        "hour": WATCH,
        "faults": json.dumps(FAULTS),
    }
    return document(**given | changes)


def test_the_tables_say_what_was_printed():
    found = gathered()
    assert fuzz_lines(found)[2:] == [
        "| `json` | Python, atheris | 1,234 | 56 | 0 |",
        "| `frame_decoder` | C++, libFuzzer, ASan, UBSan | 95,505 | 77 | 0 |",
    ]
    assert kill_lines(found)[2:] == ["| `train` | 9 | 1 | 0 |"]
    assert "| shown | 1,648 |" in hour_lines(found)
    assert hour_lines(found)[-1].endswith("| +0.7 MiB of 119 |")
    assert fault_lines(found) == ["2 faults of one line were planted, one at a time; the tests noticed 1 of them."]


def test_what_was_not_run_says_so():
    found = gathered(hour="", faults="")
    assert hour_lines(found) == ["It has not been run yet."]
    assert fault_lines(found) == ["They have not been planted yet."]


@pytest.mark.parametrize(
    "changes",
    [{"readers": ["{}"]}, {"kills": ["["]}, {"hour": "1 passed"}, {"faults": "{}"}, {"kills": ['{"job": 1}']}],
)
def test_something_else_is_refused(changes):
    with pytest.raises(MicroferError):
        gathered(**changes)


def test_every_promise_names_tests_that_are_there():
    page = (ROOT / "docs" / "security.md").read_text()
    promises = page.split("## What is promised")[1].split("## What is not promised")[0]
    rows = [row for row in promises.splitlines() if row.startswith("| ") and "---" not in row][1:]
    assert len(rows) >= 10
    for row in rows:
        named = re.findall(r"`(tests/[a-z_./]+)`", row)
        assert named, row
        for path in named:
            assert (ROOT / path).exists(), path
