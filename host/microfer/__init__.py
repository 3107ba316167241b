"""microfer: perceived-expression recognition that runs on an ESP32-S3 camera board.

What a program wants is imported when it is asked for: `load_model`, `classify`, `open_board`, `estimate` and
`check_parity`. docs/api.md shows each at work.
"""

from typing import TYPE_CHECKING, Any

from microfer.contract import LABELS
from microfer.errors import MicroferError

if TYPE_CHECKING:
    from microfer.api import Model, Perceived, check_parity, classify, estimate, load_model, open_board

__version__ = "0.1.0"

__all__ = [
    "LABELS",
    "MicroferError",
    "Model",
    "Perceived",
    "__version__",
    "check_parity",
    "classify",
    "estimate",
    "load_model",
    "open_board",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from microfer import api

    return getattr(api, name)
