"""Writing what a profile says about other models: a factor for each path."""

import json
from pathlib import Path

from microfer.deploy.cost.estimate import Estimate
from microfer.deploy.cost.profile import Profile, factors
from microfer.files import read_bytes, write_json


def write_factors(source: Path, profile: Profile, network: Estimate, out: Path) -> None:
    """Write the profile of `source`, which was taken of `network`, to `out` with its factors.

    Raises:
        MicroferError: the profile is of another network, or a file cannot be read or written.
    """
    document = json.loads(read_bytes(source))
    write_json(out, {**document, "paths": factors(profile, network.operators)})
