"""The terminal view in a real pseudo-terminal: its keys, and what Ctrl-C leaves behind."""

import os
import re
import select
import signal
import sys
import time

import pytest
from tests.conftest import ROOT
from tests.host.fake_board import FakeBoard
from tests.host.test_viewer import wait_for

from microfer.link.reader import Received
from microfer.link.recording import read_recording

pty = pytest.importorskip("pty")
termios = pytest.importorskip("termios")

VIEWER = ROOT / "host" / "serial_viewer.py"


class Terminal:
    """A command in a pseudo-terminal of 140 columns and 42 lines."""

    def __init__(self, *options, folder):
        self.text = ""
        pid, handle = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.environ.update(TERM="xterm-256color", COLUMNS="140", LINES="42")
            os.execv(sys.executable, [sys.executable, str(VIEWER), *map(str, options)])  # noqa: S606
        self.pid, self.handle = pid, handle

    def wait_for(self, pattern, timeout_s=15.0):
        end_s = time.monotonic() + timeout_s
        begin = len(self.text)
        while not re.search(pattern, self.text[begin:]):
            assert time.monotonic() < end_s, self.text[-3000:]
            if select.select([self.handle], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.handle, 65_536).decode(errors="replace")
                except OSError:
                    break

    def press(self, key):
        os.write(self.handle, key.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.handle)[3] & termios.ECHO)

    def end(self):
        """Read to the end; return the exit status."""
        while True:
            try:
                piece = os.read(self.handle, 65_536)
            except OSError:
                piece = b""
            if not piece:
                os.close(self.handle)
                return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self.text += piece.decode(errors="replace")


def test_every_key_does_what_it_says(tmp_path):
    with FakeBoard(period_s=0.03) as board:
        terminal = Terminal("--port", board.port, "--headless", folder=tmp_path)
        terminal.wait_for("self-test passed")
        assert not terminal.echoes()
        terminal.press("v")
        terminal.wait_for("▀")  # the crop
        assert board.previews
        terminal.press("s")
        terminal.wait_for("saved .*png")
        terminal.press("r")
        terminal.wait_for("REC")
        terminal.press("p")
        terminal.wait_for("PAUSED")
        terminal.press(" ")
        terminal.press("r")
        terminal.wait_for("recorded into")
        terminal.press("\x1b[A")
        terminal.press("q")
        assert terminal.end() == 0
        assert "\x1b[?1049l" in terminal.text
        wait_for(lambda: not board.previews)
    captures = tmp_path / "captures"
    assert sorted(path.suffix for path in captures.iterdir()) == [".json", ".mfrec", ".png"]
    assert any(
        isinstance(timed.event, Received)
        for path in captures.glob("*.mfrec")
        for timed in read_recording(path).events()
    )


def test_control_c_leaves_a_whole_recording_and_a_terminal_as_it_was(tmp_path):
    with FakeBoard(period_s=0.01) as board:
        terminal = Terminal("--port", board.port, "--headless", "--previews", "--record", "x.mfrec", folder=tmp_path)
        terminal.wait_for("▀")
        wait_for(lambda: board.frame > 20)
        os.kill(terminal.pid, signal.SIGINT)
        terminal.wait_for("stopped")
        echoes = terminal.echoes()
        assert terminal.end() == 130
        assert echoes
        assert "\x1b[?1049l" in terminal.text
        wait_for(lambda: not board.previews)
    recording = read_recording(tmp_path / "x.mfrec")
    assert recording.cut == ""
    assert len(recording.chunks) > 3
