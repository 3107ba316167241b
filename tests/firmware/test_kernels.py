"""The convolution kernels' portable twin against a plain reference, on more than 100,000 random convolutions.

The same cases run on the chip, real or emulated, with the vector unit's kernels: tests/firmware/chip.
"""

import re
import subprocess
from pathlib import Path

import pytest
from tests.firmware import make_generated
from tests.firmware.toolchain import HERE, LIB, TOOLCHAINS, Toolchain, link

CASES = {"gcc": (1, 50_000), "clang": (1_000_001, 50_000), "arm32": (2_000_001, 10_000)}
"""Compiler -> first case and how many."""


@pytest.fixture(scope="module", params=TOOLCHAINS, ids=lambda toolchain: toolchain.name)
def toolchain(request) -> Toolchain:
    if missing := request.param.missing():
        pytest.skip(f"{missing} not installed")
    return request.param


@pytest.fixture(scope="module")
def probe(toolchain, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(f"kernels_{toolchain.name}")
    make_generated.make(folder / "generated")
    return link(toolchain, folder, "probe", [HERE / "kernels_probe.cc", *sorted((LIB / "kernels").glob("*.cc"))])


def test_random_convolutions_equal_the_reference_in_every_bit(toolchain, probe):
    first, count = CASES[toolchain.name]
    command = [*toolchain.emulator, str(probe), str(first), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.fullmatch(r"(\d+) cases, (\d+) outputs, (\d+) at the rim, 0 differ\n", done.stdout)
    assert found
    assert int(found[1]) == count
    assert 0.2 < int(found[3]) / int(found[2]) < 0.8, "some saturate, but not most"
