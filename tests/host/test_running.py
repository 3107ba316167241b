"""Which process gets which test: groups stay together, and TensorFlow's go to a part of the processes alone."""

import json
from types import SimpleNamespace

import pytest
from tests import running

TESTS = {"a::1": "a", "a::2": "a", "b::1": running._MARK + "b", "b::2": running._MARK + "b", "c::1": "c"}


class Node:
    """A process that notes what it is given."""

    def __init__(self, number):
        self.gateway = SimpleNamespace(id=f"gw{number}")
        self.given, self.shutting_down = [], False

    def send_runtest_some(self, indices):
        self.given += indices

    def shutdown(self):
        self.shutting_down = True


def scheduled(count, tests, tmp_path, monkeypatch):
    """Hand out tests to so many processes, each of which has done at once what it is given."""
    file = tmp_path / "groups.json"
    file.write_text(json.dumps(tests))
    monkeypatch.setattr(running, "_groups_file", lambda config: file)
    options = SimpleNamespace(loadscopereorder=False)
    config = SimpleNamespace(
        getoption={"dist": "loadgroup"}.get, getvalue=lambda name: [f"{count}*popen"], option=options
    )
    pools = running.pytest_xdist_make_scheduler(config, None)
    nodes = [Node(number) for number in range(count)]
    for node in nodes:
        pools.add_node(node)
        pools.add_node_collection(node, list(tests))
    pools.schedule()
    done = 0
    while any(len(node.given) for node in nodes) and not pools.tests_finished and done < 100:
        for node in nodes:
            for index in [
                i for i in node.given if not pools.assigned_work[node][tests[list(tests)[i]]][list(tests)[i]]
            ]:
                pools.mark_test_complete(node, index)
                done += 1
    assert not file.exists()
    return [[list(tests)[index] for index in node.given] for node in nodes]


def test_groups_stay_together_and_tensorflow_s_go_to_a_third_of_the_processes(tmp_path, monkeypatch):
    tests = {
        f"{group}::{n}": (running._MARK if group < "g" else "") + group for group in "abcdefghijklm" for n in "123"
    }
    given = scheduled(6, tests, tmp_path, monkeypatch)
    assert sorted(test for one in given for test in one) == sorted(tests)
    for number, one in enumerate(given):
        groups = [tests[test] for test in one]
        assert len(groups) == 3 * len(set(groups))
        assert number < 2 or not any(group.startswith(running._MARK) for group in groups)


@pytest.mark.parametrize("count", [1, 2])
def test_few_processes_may_all_have_everything(count, tmp_path, monkeypatch):
    given = scheduled(count, TESTS, tmp_path, monkeypatch)
    assert sorted(test for one in given for test in one) == sorted(TESTS)


def test_the_reason_for_leaving_out_names_the_package():
    report = SimpleNamespace(longrepr=("file", 3, "Skipped: clang++ not installed"))
    assert running._reason(report) == ("clang++ not installed; it comes with: apt-get install clang libclang-rt-14-dev")
    report = SimpleNamespace(longrepr=("file", 3, "Skipped: Windows copies the interpreter instead of linking to it"))
    assert running._reason(report) == "Windows copies the interpreter instead of linking to it"
