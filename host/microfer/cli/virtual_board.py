"""Be a board without hardware: the firmware compiled for this computer, behind a TCP port that viewers open."""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from microfer.cli import command
from microfer.cli.invocation import typed
from microfer.console import console

if TYPE_CHECKING:
    from microfer.virtual_board.frame_source import FrameSource
    from microfer.virtual_board.virtual_board import BoardSettings, VirtualBoard

EXAMPLES = """
  microfer virtual-board                          drawn people come and go before its camera
  microfer view --port socket://127.0.0.1:5333    in another terminal: watch it

  microfer virtual-board me.jpg                   your picture, framed as a person would hold the camera
  microfer virtual-board holidays/ --hold 1       each picture of a folder for a second
  microfer virtual-board film.mp4 --fps 15        a video, over and over
  microfer virtual-board --webcam                 the first webcam of this computer, live
  microfer virtual-board --empty                  nobody is there

  microfer virtual-board --flip-bits 1e-4 --bursts 0.05 --boot-text    a bad cable
  microfer virtual-board --camera-stops-after 50  a camera that hangs, and is started again by the firmware
  microfer virtual-board --built-for other.tflite   the firmware of one model with another one in flash
  microfer virtual-board --fast --frames 1000     for tests: no waiting, the same bytes at each run

The first start compiles the firmware's core, which needs a C++ compiler (CXX chooses one) and takes some seconds. What
was compiled is kept in .cache, or in the folder that MICROFER_CACHE names.
Nothing leaves this computer: the port is open on the loopback address alone. Ctrl-C ends the board.

exit status: 0 ended as asked or by Ctrl-C, 2 something cannot be used
"""

DEFAULT_SLOW_BYTES_PER_S = 2000
SLOW_SEND_BUFFER_BYTES = 2600
"""Just above the longest frame, so that a slow host's board soon has to drop some."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the options, be the board until the end, print what became of its frames."""
    options = _parse(arguments)
    from microfer.virtual_board.virtual_board import VirtualBoard

    settings, source = _settings(options), _source(options)
    show = _Show(options.json)
    try:
        with VirtualBoard(settings, source, progress=show.note, tell=show.note) as board:
            show.ready(board)
            try:
                _wait(board, options)
            except KeyboardInterrupt:
                show.note("stopped")
        show.end(board)
    finally:
        source.close()
    return 0


def _wait(board: "VirtualBoard", options: argparse.Namespace) -> None:
    end_s = time.monotonic() + (options.seconds or float("inf"))
    while time.monotonic() < end_s:
        if board.wait(min(0.2, end_s - time.monotonic())) and options.frames:
            return


class _Show:
    """What is printed: people's lines on standard error, the port or JSON lines on standard output."""

    def __init__(self, is_json: bool) -> None:
        self._is_json = is_json

    def note(self, text: str) -> None:
        if self._is_json:
            print(json.dumps({"event": "note", "text": text}), flush=True)
        else:
            console.print(escape(text), highlight=False, soft_wrap=True)

    def ready(self, board: "VirtualBoard") -> None:
        facts = {"kernels": board.kernels, "source": board.source.name, "fps": board.settings.fps}
        if self._is_json:
            print(json.dumps({"event": "ready", "port": board.url} | facts), flush=True)
            return
        pace = "as fast as it can" if board.settings.fast else f"{board.settings.fps:g} frames a second"
        console.print(f"a board with {board.kernels} kernels sees {escape(board.source.name)}, {pace}", highlight=False)
        command.say(typed(f"watch it: microfer view --port {board.url}"))
        print(board.url, flush=True)

    def end(self, board: "VirtualBoard") -> None:
        port, wire = board.port.counters, board.port.to_host.counters
        counts = {
            "frames_given": board.camera.given if board.camera else 0,
            "invokes": board.network.invokes,
            "restarts": board.restarts,
            "port": vars(port) | {"stalls": board.port.times.stalls},
            "to_host": vars(wire),
            "to_board": vars(board.port.to_board.counters),
        }
        if self._is_json:
            print(json.dumps({"event": "end"} | counts), flush=True)
            return
        console.print(
            f"{counts['frames_given']:,} camera frames, {port.written:,} frames sent ({port.without_host:,} when "
            f"nobody listened), {port.refused:,} dropped because the port was full, {port.hosts} connections",
            highlight=False,
            soft_wrap=True,
        )
        if wire.lost_bytes or wire.flipped_bits or wire.bursts or port.disconnects or board.port.times.stalls:
            console.print(
                f"faults: {wire.lost_bytes:,} bytes lost, {wire.flipped_bits:,} bits flipped, {wire.bursts:,} bursts "
                f"of noise, {port.disconnects} disconnects, {board.port.times.stalls} stalls",
                highlight=False,
                soft_wrap=True,
            )


def _settings(options: argparse.Namespace) -> "BoardSettings":
    from microfer.contract import SEND_BUFFER_BYTES
    from microfer.virtual_board.parts import CameraFaults
    from microfer.virtual_board.virtual_board import BoardSettings
    from microfer.virtual_board.wire_faults import WireFaults

    return BoardSettings(
        model=command.chosen_model(options.model),
        built_for=options.built_for,
        fps=options.fps,
        frames=options.frames,
        fast=options.fast,
        tcp_port=options.tcp_port,
        send_buffer_bytes=SLOW_SEND_BUFFER_BYTES if options.slow_host else SEND_BUFFER_BYTES,
        arena_bytes=options.arena,
        invoke_fails_every=options.invoke_fails_every,
        wire=WireFaults(
            lose_bytes=options.lose_bytes,
            flip_bits=options.flip_bits,
            bursts=options.bursts,
            stall_s=options.stall,
            disconnect_every_s=options.disconnect,
            bytes_per_s=options.slow_host,
            boot_text=options.boot_text,
            speak_version=options.speak_version,
            seed=options.seed,
        ),
        camera=CameraFaults(options.dead_camera, options.camera_stops_after, options.wrong_size_every),
    )


def _source(options: argparse.Namespace) -> "FrameSource":
    from microfer.errors import MicroferError
    from microfer.virtual_board.frame_source import PictureSource, SceneSource, WebcamSource, open_source

    if sum((bool(options.sources), options.webcam is not None, options.empty)) > 1:
        raise MicroferError("a camera sees one thing: name pictures or a video, or --webcam, or --empty, not several")
    if options.webcam is not None:
        return WebcamSource(options.webcam, options.framing or "fill")
    if not options.sources:
        return SceneSource(options.seed, is_empty=options.empty)
    source = open_source(options.sources, options.framing)
    if isinstance(source, PictureSource):
        source.hold_s = options.hold
    return source


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser(__doc__ or "", EXAMPLES, verb="virtual-board")
    sees = parser.add_argument_group("what its camera sees (a drawn scene, if nothing is named)")
    sees.add_argument("sources", nargs="*", type=Path, metavar="FILE", help="pictures, folders of pictures, or a video")
    sees.add_argument("--webcam", nargs="?", type=int, const=0, metavar="N", help="webcam N, or the first one")
    sees.add_argument("--empty", action="store_true", help="a scene without anybody")
    sees.add_argument(
        "--framing",
        choices=("face", "fill", "whole"),
        help="the largest face (pictures), the middle that fills the frame (videos), or all of it with bars",
    )
    sees.add_argument("--hold", type=_positive_number, default=3.0, metavar="S", help="seconds a picture (default: 3)")

    board = parser.add_argument_group("the board")
    board.add_argument("--tcp-port", type=int, default=5333, metavar="N", help="0: any free one")
    board.add_argument("--port", type=int, dest="tcp_port", help=argparse.SUPPRESS)  # its name before
    board.add_argument("--model", type=Path, metavar="MODEL.tflite", help="what it runs (default: the current one)")
    board.add_argument("--fps", type=float, default=10.0, help="frames a second of its camera (default: 10)")
    board.add_argument("--frames", type=command.positive, metavar="N", help="end after N camera frames")
    board.add_argument("--seconds", type=_positive_number, metavar="S", help="end after S seconds")
    board.add_argument("--fast", action="store_true", help="no waiting, a simulated clock, starts with the first host")
    board.add_argument("--seed", type=command.seed, default=0, help="of the drawn scene and of all faults (default: 0)")
    board.add_argument("--json", action="store_true", help="print one JSON object a line: ready, notes, end")
    _add_faults(parser)
    return parser.parse_args(arguments)


def _add_faults(parser: argparse.ArgumentParser) -> None:
    wire = parser.add_argument_group("faults of the line")
    wire.add_argument("--lose-bytes", type=float, default=0.0, metavar="RATE", help="part of the bytes, such as 1e-4")
    wire.add_argument("--flip-bits", type=float, default=0.0, metavar="RATE", help="part of the bits, such as 1e-5")
    wire.add_argument("--bursts", type=float, default=0.0, metavar="RATE", help="noise at this part of the frames")
    wire.add_argument("--stall", type=float, default=0.0, metavar="S", help="stand still for S seconds now and then")
    wire.add_argument("--disconnect", type=float, default=0.0, metavar="S", help="close the connection every S seconds")
    wire.add_argument(
        "--slow-host",
        nargs="?",
        type=command.positive,
        const=DEFAULT_SLOW_BYTES_PER_S,
        default=0,
        metavar="BYTES",
        help="a host that reads only this many bytes a second (2000), behind a small buffer",
    )
    wire.add_argument("--boot-text", action="store_true", help="the ROM's text at each start, log lines between frames")
    wire.add_argument("--speak-version", type=int, metavar="N", help="an older or newer version of the protocol")

    inside = parser.add_argument_group("faults of the board")
    inside.add_argument("--dead-camera", action="store_true", help="no camera answers")
    inside.add_argument("--camera-stops-after", type=command.positive, default=0, metavar="N", help="after N frames")
    inside.add_argument("--wrong-size-every", type=command.positive, default=0, metavar="N", help="every Nth frame")
    inside.add_argument("--invoke-fails-every", type=command.positive, default=0, metavar="N", help="every Nth run")
    inside.add_argument("--built-for", type=Path, metavar="MODEL.tflite", help="the firmware is another model's")
    inside.add_argument("--arena", type=command.positive, metavar="BYTES", help="TFLM's tensor arena, such as 1000")


def _positive_number(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number
