"""Writing what a profile says about other models: a factor for each path."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microfer.cost.estimate import Estimate
from microfer.cost.profile import Profile, factors
from microfer.files import write_json


def write_factors(document: Mapping[str, Any], profile: Profile, network: Estimate, out: Path) -> None:
    """Write a profile's document, of which `profile` was read and which was taken of `network`, with its factors.

    Raises:
        MicroferError: the profile is of another network, or the file cannot be written.
    """
    write_json(out, {**document, "paths": factors(profile, network.operators)})
