"""Level 4 of parity over the link: every crop is sent to the board, and its raw int8 output compared with TFLM's.

The answers so far are kept in a small file, so that a comparison that was stopped can continue.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from microfer.contract import MAX_CLASSES, MIN_CLASSES
from microfer.errors import MicroferError
from microfer.files import read_bytes, write_text
from microfer.json_reader import Length, Range, parse, typed
from microfer.link.infer_session import InferSession
from microfer.link.messages import PROTOCOL_VERSION, Hello, StreamSettings
from microfer.link.reader import Cause
from microfer.parity.board_level import BoardIdentity, BoardLevel, LinkTotals, judge
from microfer.parity.certificate import Model
from microfer.parity.images import Images

SAVE_PERIOD_S = 2.0
"""How often the answers are written down: at most that much work is lost where the program is killed."""

STATE_NAME = "board-parity.partial.json"
"""The file beside the report that a stopped comparison leaves."""

SCHEMA = "microfer.board-answers/1"

Scores = Annotated[tuple[Annotated[int, Range(-128, 127)], ...], Length(MIN_CLASSES, MAX_CLASSES)]
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
            raise ValueError("its answers are incomplete")
    except (ValueError, KeyError) as error:  # a JsonError is a ValueError
        raise MicroferError(f"{path} cannot be resumed ({error!r}); start over with --restart") from error
    for what, value in about.items():
        if found.about.get(what) != value:
            raise MicroferError(
                f"{path} holds a comparison that was stopped, and its {what} is {found.about.get(what)}, now it is "
                f"{value}; finish that one with its own options, or start over with --restart"
            )
    return found


Expect = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int8]]
"""Gives what this computer computes for crops: int8 (n, classes)."""


@dataclass(frozen=True)
class Step:
    """How far a comparison is: images done, how many of them equal, commands sent again."""

    done: int
    of: int
    equal: int
    retries: int


def compare_board(
    session: InferSession,
    model: Model,
    images: Images,
    expect: Expect,
    oracle: str,
    state: Path,
    *,
    allowed: int = 0,
    restart: bool = False,
    on_step: Callable[[Step], None] = lambda step: None,
) -> BoardLevel:
    """Return level 4 of the board that `session` speaks to, on `images`.

    model: which .tflite `expect` computes; the board's must be the same. oracle: the name of what computes it.
    state: the file for answers so far; it is left behind, complete, for the caller to delete once the result is safe.
    allowed: the most images that may differ. restart: forget the answers in `state`.

    Raises:
        MicroferError: the board runs another model, cannot run its own, does not answer any more, or speaks another
            version of the protocol; `state` is of another comparison. What was answered is kept.
    """
    hello = session.greet()
    _check_model(hello, model)
    identity = BoardIdentity(hello.board, hello.firmware_version, hello.kernels, PROTOCOL_VERSION)
    about = _about(identity, model, images)
    answers = None if restart else resume(state, about)
    if answers is not None:
        session.settings = answers.settings
    with session:
        answers = answers or BoardAnswers(about, session.settings_found)
        expected = expect(images.data.images)
        _ask_all(session, images.data.images, expected, answers, state, on_step)
        link = answers.link.plus(_link(session))
    found = np.array(answers.scores, np.int8)
    names, crops = images.data.names, images.data.images
    return judge(identity, images.about(), oracle, allowed, crops, names, expected, found, answers.invoke_us, link)


def _ask_all(
    session: InferSession,
    crops: npt.NDArray[np.uint8],
    expected: npt.NDArray[np.int8],
    answers: BoardAnswers,
    state: Path,
    on_step: Callable[[Step], None],
) -> None:
    equal = sum(row == tuple(wanted) for row, wanted in zip(answers.scores, expected.tolist(), strict=False))
    saved_s = time.monotonic()
    on_step(Step(len(answers.scores), len(crops), equal, session.retries))
    try:
        for i in range(len(answers.scores), len(crops)):
            result = session.infer(crops[i])
            scores = result.raw_scores[: result.classes]
            answers.scores.append(scores)
            answers.invoke_us.append(result.invoke_us)
            equal += scores == tuple(expected[i].tolist())
            on_step(Step(i + 1, len(crops), equal, session.retries))
            if time.monotonic() - saved_s > SAVE_PERIOD_S:
                answers.save(state, answers.link.plus(_link(session)))
                saved_s = time.monotonic()
    finally:
        if answers.scores:  # a file without any would only be in the way of another comparison
            answers.save(state, answers.link.plus(_link(session)))


def _check_model(hello: Hello, model: Model) -> None:
    if hello.model_sha256.hex() == model.sha256:
        return
    raise MicroferError(
        f"the board runs the model {hello.model_id} (SHA-256 {hello.model_sha256.hex()[:16]}...), not {model.file} "
        f"({model.model_id or 'no id'}, {model.sha256[:16]}...): name the board's .tflite with --int8, or export "
        "this one with microfer export and flash the whole firmware"
    )


def _about(identity: BoardIdentity, model: Model, images: Images) -> dict[str, str]:
    """Return what the answers depend on, as texts to be compared and shown."""
    digest = hashlib.sha256(np.ascontiguousarray(images.data.images).tobytes()).hexdigest()
    return {
        "model": f"{model.model_id or model.file} (SHA-256 {model.sha256})",
        "set of images": f"{images.describe()} (SHA-256 {digest})",
        "board": identity.describe(),
    }


def _link(session: InferSession) -> LinkTotals:
    """Return how the link fared in this sitting."""
    counters = session.connection.counters
    damaged = sum(count for cause, count in counters.damaged.items() if cause != Cause.CUT) + counters.too_long
    return LinkTotals(session.retries, session.connection.losses, counters.restarts, counters.missed, damaged)
