"""How the tests are run: which process gets which, what each file costs, and what is missing on this computer.

Two kinds of processes share them. Those that load TensorFlow take half a gigabyte and a core each, so there are as
many of them as cores for `scripts/test.py`; the others mostly wait, for boards, pages and programs, and there are more
of them. Tests marked `tensorflow` go to the first kind alone.
"""

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microfer.errors import TRAIN_LOCK_HINT

if sys.platform != "win32":
    import resource

HEAVY = ("tensorflow", "torch", "jax", "keras", "tf_keras")
"""What only tests marked `tensorflow` may load."""

HEAVY_SHARE = 3
"""One process in so many may load them, where there are so many."""

_MARK = "loads TensorFlow: "

PACKAGES = {
    "arm-linux-gnueabihf-g++": "apt-get install g++-arm-linux-gnueabihf",
    "qemu-arm": "apt-get install qemu-user",
    "qemu-system-xtensa": "Espressif's QEMU: https://github.com/espressif/qemu/releases",
    "clang++": "apt-get install clang libclang-rt-14-dev",
    "clang-format": "apt-get install clang-format",
    "clang-tidy": "apt-get install clang-tidy",
    "g++": "apt-get install g++",
    "cmake": "apt-get install cmake",
    "nm ": "apt-get install binutils",
    "Chromium": "apt-get install chromium",
    "haarcascade": "apt-get install opencv-data",
    "tf_keras": TRAIN_LOCK_HINT,
    "keras": TRAIN_LOCK_HINT,
    "tensorflow": TRAIN_LOCK_HINT,
    "torch": "python -m pip install torch",
    "jax": "python -m pip install jax",
    "C++ compiler": "apt-get install g++",
}
"""What a reason for skipping names, most special first -> what brings it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what scripts/test.py passes on."""
    group = parser.getgroup("microfer")
    group.addoption(
        "--soak",
        action="store_true",
        help="run the tests that are marked soak as well, and the fuzzing tests for MICROFER_SOAK_S seconds each "
        "(600 where that is not set), with other examples every time",
    )
    group.addoption("--costs", type=int, default=0, metavar="N", help="show the N files that took most CPU seconds")


def pytest_configure(config: pytest.Config) -> None:
    """Let the modules that are collected after this know for how long they run."""
    if config.getoption("soak"):
        os.environ.setdefault("MICROFER_SOAK_S", "600")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out `soak` unless asked for; tell processes what to share out: slow tests one by one, then whole files.

    What a file's tests have in common, such as programs compiled by one toolchain, is then made once.
    """
    if not config.getoption("--soak"):
        left = [item for item in items if item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        item.own_markers = [one for one in item.own_markers if one.name != "xdist_group"]
        item.add_marker(pytest.mark.xdist_group(_group(item, mark.args[0] if mark else "")))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _group(item: pytest.Item, given: str) -> str:
    """Return the name of what is run by one process, one test after the other."""
    params = item.callspec.params.values() if hasattr(item, "callspec") else ()
    compiler = next((value.compiler for value in params if hasattr(value, "compiler")), "")
    alone = item.nodeid.replace("@", " ") if item.get_closest_marker("slow") else ""
    name = given or alone or f"{item.path.name} {compiler}"
    return (_MARK if item.get_closest_marker("tensorflow") else "") + name


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process where to write what belongs together: the one that shares tests out does not collect them."""
    node.workerinput["groups"] = str(_groups_file(node.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Write each test's group, before the tests are reported as collected.

    pytest-xdist 3.8 means to add it to the test's name, which pytest 9.2 no longer lets it, and forgets it.
    """
    told = getattr(session.config, "workerinput", {})
    if told.get("workerid") == "gw0" and "groups" in told:
        groups = {item.nodeid: item.get_closest_marker("xdist_group").args[0] for item in session.items}
        Path(told["groups"]).write_text(json.dumps(groups))


def _groups_file(config: pytest.Config) -> Path:
    return Path(tempfile.gettempdir()) / f"microfer-groups-{os.getpid()}-{id(config)}.json"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let only some of the processes have what loads TensorFlow."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class Pools(LoadScopeScheduling):
        """Hands out groups in their order, to each process the next one that it may have."""

        def schedule(self) -> None:
            file = _groups_file(config)
            if self.collection is None and file.exists():
                self.groups = json.loads(file.read_text())
                file.unlink()
            super().schedule()

        def _split_scope(self, nodeid: str) -> str:
            return self.groups[nodeid]

        def _assign_work_unit(self, node: Any) -> None:
            scope = next((scope for scope in self.workqueue if self._may_have(node, scope)), None)
            if scope is None:
                node.shutdown()
            else:
                self.workqueue.move_to_end(scope, last=False)
                super()._assign_work_unit(node)

        def _may_have(self, node: Any, scope: str) -> bool:
            number = int(node.gateway.id.removeprefix("gw"))
            heavy = self.numnodes if self.numnodes < HEAVY_SHARE else self.numnodes // HEAVY_SHARE
            # One with a higher number stands for another that has crashed.
            return not heavy <= number < self.numnodes or not scope.startswith(_MARK)

    return Pools(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note what is loaded, and the time."""
    item.stash[_BEGAN] = _loaded(), _cpu_s()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Add a test's CPU seconds to its last report; let it fail where it loads what its mark does not say."""
    report = yield
    if call.when == "teardown" and _BEGAN in item.stash:
        loaded, began_s = item.stash[_BEGAN]
        report.user_properties.append(("cpu_s", round(_cpu_s() - began_s, 2)))
        if not item.get_closest_marker("tensorflow") and (new := _loaded() - loaded):
            report.outcome = "failed"
            report.longrepr = f"{item.path.name} loads {', '.join(sorted(new))}: mark it with pytest.mark.tensorflow"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say at the end why tests were left out, a line a reason, and what the files cost."""
    stats = terminalreporter.stats
    reasons = Counter(_reason(report) for report in stats.get("skipped", ()))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} left out: {reason}")
    if most := config.getoption("--costs"):
        costs: Counter[str] = Counter()
        for report in (one for reports in stats.values() for one in reports if hasattr(one, "user_properties")):
            costs[report.nodeid.split("::")[0]] += dict(report.user_properties).get("cpu_s", 0) * 100
        terminalreporter.section("CPU seconds a file, processes that it started included")
        for path, cost in costs.most_common(most):
            terminalreporter.write_line(f"{cost / 100:8.1f} {path}")
        terminalreporter.write_line(f"{sum(costs.values()) / 100:8.1f} all {len(costs)} files")


_BEGAN = pytest.StashKey[tuple[set[str], float]]()


def _loaded() -> set[str]:
    return {name for name in HEAVY if name in sys.modules}


def _cpu_s() -> float:
    """Return the CPU seconds of this process and of those that it started and that have ended."""
    if sys.platform == "win32":
        return sum(os.times()[:2])
    from tests.host import forked

    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both) + forked.spent_s


def _reason(report: pytest.TestReport) -> str:
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    text = text.removeprefix("Skipped: ")
    brings = next((package for name, package in PACKAGES.items() if name.lower() in f"{text} ".lower()), None)
    return text if brings is None or brings in text else f"{text}; it comes with: {brings}"
