"""Every network by name: the SqueezeNets, which are deployed, and the baselines beside them."""

from dataclasses import replace
from typing import Any

from microfer.errors import named
from microfer.model import baselines
from microfer.model.baselines import BASELINES, Baseline
from microfer.model.presets import PRESETS, SqueezeNet

Network = SqueezeNet | Baseline

NETWORKS: dict[str, Network] = {**PRESETS, **BASELINES}


def network(name: str) -> Network:
    """Return the configuration called `name`.

    Raises:
        MicroferError: there is none, with the names that there are.
    """
    return named(NETWORKS, name, "preset")


def for_labels(config: Network, labels: tuple[str, ...]) -> Network:
    """Return the configuration for these classes: 2 to 16 names, in the order of the outputs."""
    return replace(config, labels=labels)


def to_json(config: Network) -> dict[str, Any]:
    """Return a configuration as JSON values; `from_json` takes it back."""
    return config.to_json() if isinstance(config, SqueezeNet) else baselines.to_json(config)


def from_json(values: dict[str, Any]) -> Network:
    """Return the configuration that `to_json` wrote.

    Raises:
        MicroferError: it is of another version of microfer.
    """
    return baselines.from_json(values) if "kind" in values else SqueezeNet.from_json(values)
