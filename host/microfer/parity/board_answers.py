"""What a board has answered so far, in a small file, so that a comparison that was stopped goes on where it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from microfer.contract import NUM_CLASSES
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_text
from microfer.json_reader import Length, Range, parse, typed
from microfer.link.messages import StreamSettings
from microfer.parity.board_level import LinkTotals

SCHEMA = "microfer.board-answers/1"

Scores = Annotated[tuple[Annotated[int, Range(-128, 127)], ...], Length(NUM_CLASSES, NUM_CLASSES)]
"""A raw int8 output."""


@dataclass
class BoardAnswers:
    """The answers to the first images, in their order.

    about: what these are answers of: model, images, board, kernels, firmware. settings: those that the board had when
    the comparison began. link: how it fared in the sittings before this one.
    """

    about: dict[str, str]
    settings: StreamSettings
    scores: list[tuple[int, ...]] = field(default_factory=list)
    invoke_us: list[int] = field(default_factory=list)
    link: LinkTotals = field(default_factory=lambda: LinkTotals(sittings=0))

    def save(self, path: Path, link: LinkTotals) -> None:
        """Write all to `path`, as a whole or not at all. link: how it fared up to now, earlier sittings included."""
        content = {
            "schema": SCHEMA,
            "about": self.about,
            "settings": asdict(self.settings),
            "link": asdict(link),
            "scores": self.scores,
            "invoke_us": self.invoke_us,
        }
        write_text(path, json.dumps(content))


def resume(path: Path, about: dict[str, str]) -> BoardAnswers | None:
    """Return the answers in `path`, None where there is no such file.

    Raises:
        MicroferError: the file is damaged, or holds answers of another model, board or set of images.
    """
    if not path.is_file():
        return None
    try:
        content = typed(parse(read_bytes(path)), dict[str, Any])
        if content["schema"] != SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}")
        found = BoardAnswers(
            typed(content["about"], dict[str, str], "about"),
            typed(content["settings"], StreamSettings, "settings"),
            typed(content["scores"], list[Scores], "scores"),
            typed(content["invoke_us"], list[Annotated[int, Range(0, 2**32 - 1)]], "invoke_us"),
            typed(content["link"], LinkTotals, "link"),
        )
        if len(found.scores) != len(found.invoke_us):
            raise ValueError("its answers are not whole")
    except (ValueError, KeyError) as error:  # a JsonError is a ValueError
        raise MicroferError(f"{path} cannot be gone on with ({error!r}); begin anew with --restart") from error
    for what, value in about.items():
        if found.about.get(what) != value:
            raise MicroferError(
                f"{path} holds a comparison that was stopped, and its {what} is {found.about.get(what)}, now it is "
                f"{value}; finish that one with its own options, or begin anew with --restart"
            )
    return found
