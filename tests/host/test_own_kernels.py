"""What networks take with the firmware's own kernels: as counted, by a fit, or not known."""

import re

import pytest
from tests.host.tflite_graphs import chain, convolution, float_convolution

from microfer.cost.document import document
from microfer.cost.estimate import estimate
from microfer.cost.memory import CLOCK_HZ, SPEEDS
from microfer.cost.own_kernels import estimated
from microfer.cost.report import summary
from microfer.cost.step import steps
from microfer.release import MEASUREMENTS, MODELS
from microfer.studies.chip.cost_fit import own_fitted
from microfer.studies.chip.kernel_record import KERNELS_FILE, own_kernels, read_kernels
from microfer.tflite.tflite_file import read

KERNELS = MEASUREMENTS / KERNELS_FILE


def test_the_firmwares_own_kernels_come_first_as_they_were_counted():
    model = read(MODELS / "s3-1" / "model.tflite")
    own, record = own_kernels(steps(model), KERNELS), read_kernels(KERNELS)["s3-1"]
    assert own is not None
    assert (own.instructions, own.arena_bytes) == (record.instructions["microfer"], record.arena_bytes["microfer"])
    network = estimate(model)
    lines = summary(network, own)
    assert lines[1].startswith(f"own kernels   {own.instructions / 1e6:.2f} M instructions, ")
    assert lines[2].startswith(
        f"              arena {own.arena_bytes / 1024:.0f} KiB; as the firmware is built by default"
    )
    assert own.longest_s == pytest.approx(
        own.instructions / CLOCK_HZ + network.weight_bytes / SPEEDS["flash"].bytes_per_s, rel=0.01
    )
    assert document(network, (), own)["own_kernels"]["instructions"] == own.instructions
    assert own_kernels(steps(read(convolution().build())), KERNELS) is None


@pytest.mark.parametrize("name", ["nano-1", "s3-1", "thesis-bn-1", "thesis-bn-c50-1"])
def test_a_counted_network_is_within_the_error_of_a_fit_to_the_others(name, monkeypatch):
    records = {one: record for one, record in read_kernels(KERNELS).items() if (MODELS / one).is_dir()}
    networks = {one: steps(read(MODELS / one / "model.tflite")) for one in records}
    others = {one: record for one, record in records.items() if one != name}
    monkeypatch.setattr("microfer.cost.own_kernels._fit", lambda: own_fitted(others, networks))
    own = estimated(estimate(read(MODELS / name / "model.tflite")))
    assert own is not None
    assert 0.1 < own.error < 0.2
    assert own.instructions == pytest.approx(records[name].instructions["microfer"], rel=own.error)
    assert own.arena_bytes is None


def test_own_kernels_are_estimated_where_nothing_was_counted_and_not_where_an_operator_is_unknown():
    network = estimate(read(convolution(12, 16, 32).build()))
    own = estimated(network)
    assert own is not None
    assert own.shortest_s < own.instructions / CLOCK_HZ < own.longest_s
    first, second, third = summary(network, own)[1:4]
    assert re.fullmatch(r"own kernels   about 0\.\d\d M ±\d+ % instructions, .*", first)
    assert (second, third.strip().split()[0]) == (
        "              arena not known; as the firmware is built by default,",
        "estimated",
    )
    assert "does not hold" not in own.source
    large = estimated(estimate(read(convolution(200, 64, 64).build())))
    assert large is not None
    assert "1 of these are larger than any of those, so the ± does not hold" in large.source
    for graph in (float_convolution(), chain(2)):
        unknown = estimate(read(graph.build()))
        assert estimated(unknown) is None
        assert summary(unknown, None)[1].startswith("own kernels   not known")


def test_a_twin_of_a_counted_network_costs_the_same():
    twin = steps(read(MODELS / "s3-balanced-1" / "model.tflite"))
    assert own_kernels(twin, KERNELS) == own_kernels(steps(read(MODELS / "s3-1" / "model.tflite")), KERNELS)
    thesis, records = steps(read(MODELS / "thesis-bn-2" / "model.tflite")), read_kernels(KERNELS)
    for name, record in (("thesis, random weights", "thesis, random weights"), ("thesis-bn-2", "thesis-bn-1")):
        own = own_kernels(thesis, KERNELS, name=name)
        assert own is not None
        assert own.instructions == records[record].instructions["microfer"]
