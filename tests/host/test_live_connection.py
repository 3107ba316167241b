"""The connection to a board, over a real TCP socket and a pseudo-terminal that is a serial device to pyserial."""

import signal
import socket
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from tests.conftest import ROOT
from tests.host.fake_board import HAS_PTY, HELLO, FakeBoard, PtyBoard, RemoteBoard, infer_result

from microfer.link import ports
from microfer.link.connection import Connection
from microfer.link.errors import LinkLostError, NoAnswerError, OtherVersionError, RefusedError
from microfer.link.events import Lost, Opened
from microfer.link.messages import (
    CROP_BYTES,
    PROTOCOL_VERSION,
    AskHello,
    Hello,
    InferCrop,
    InferResult,
    Prediction,
    Reboot,
    Statistics,
    StreamSettings,
)
from microfer.link.ports import PortError, find_ports, only_port, open_port
from microfer.link.reader import OtherVersion, Received

BOARDS = [
    FakeBoard,
    RemoteBoard,
    pytest.param(PtyBoard, marks=pytest.mark.skipif(not HAS_PTY, reason="no pseudo-terminals here")),
]


def collect(connection, enough, timeout_s=5.0):
    """Poll until `enough` says so of all events so far."""
    events, end_s = [], time.monotonic() + timeout_s
    while not enough(events):
        assert time.monotonic() < end_s, [type(event).__name__ for event in events]
        events += [timed.event for timed in connection.poll(0.05)]
    return events


def messages(events, kind):
    return [event.message for event in events if isinstance(event, Received) and isinstance(event.message, kind)]


@pytest.mark.parametrize("board_class", BOARDS)
def test_a_connection_opens_asks_for_the_hello_and_gives_every_frame_in_order(board_class):
    with board_class() as board, Connection(board.port) as connection:
        events = collect(connection, lambda events: len(messages(events, Prediction)) >= 40)
        assert events[0] == Opened(board.port)
        assert messages(events, Hello) == [HELLO]
        frames = [message.frame for message in messages(events, Prediction)]
        assert frames == list(range(frames[0], frames[0] + len(frames)))
        assert connection.counters.missed == 0
        assert not any(connection.counters.damaged.values())


@pytest.mark.parametrize("board_class", BOARDS)
def test_a_question_gets_its_answer_and_keeps_what_arrives_meanwhile(board_class):
    with board_class() as board, Connection(board.port) as connection:
        answer = connection.ask(
            InferCrop(7, bytes(range(7)) + bytes(CROP_BYTES - 7)),
            InferResult,
            wanted=lambda result: result.request == 7,
        )
        assert answer == infer_result(7, (-128, -127, -126, -125, -124, -123, -122), 31_000)
        kept = [timed.event for timed in connection.poll()]
        assert answer in messages(kept, InferResult)
        assert isinstance(kept[0], Opened)


def test_a_question_that_got_lost_is_asked_again():
    with FakeBoard(mute=[StreamSettings]) as board, Connection(board.port) as connection:
        statistics = connection.ask(StreamSettings(500, True, True), Statistics, timeout_s=0.3)
        assert statistics.previews
        assert sum(isinstance(message, StreamSettings) for message in board.commands) == 2


def test_a_board_that_never_answers_is_asked_a_bounded_number_of_times():
    with FakeBoard(mute=[StreamSettings] * 9) as board, Connection(board.port) as connection:
        with pytest.raises(NoAnswerError, match=r"did not answer StreamSettings in 2 x 0.2 s.*reset button"):
            connection.ask(StreamSettings(500, True, True), Statistics, timeout_s=0.2, tries=2)
        assert sum(isinstance(message, StreamSettings) for message in board.commands) == 2


def test_a_refusal_names_the_boards_reason():
    with FakeBoard() as board, Connection(board.port) as connection, pytest.raises(RefusedError, match="not here"):
        connection.ask(Reboot(), Hello, wanted=lambda hello: hello.uptime_us < 0)


@pytest.mark.parametrize(
    ("version", "side"),
    [(PROTOCOL_VERSION - 1, "flash the firmware of this microfer"), (PROTOCOL_VERSION + 1, "update microfer on this")],
)
def test_a_board_of_an_older_or_newer_version_is_refused_and_named(version, side):
    with FakeBoard(version=version) as board, Connection(board.port) as connection:
        with pytest.raises(OtherVersionError, match=rf"test-board, firmware 0.1.0.*version {version}.*{side}"):
            connection.ask(StreamSettings(1000, True, False), Statistics)
        assert any(isinstance(timed.event, OtherVersion) for timed in connection.poll())


@pytest.mark.parametrize("board_class", [FakeBoard, RemoteBoard])
def test_a_lost_board_comes_back_by_itself_and_its_missing_frames_are_counted(board_class):
    with board_class() as board, Connection(board.port) as connection:
        before = collect(connection, lambda events: len(messages(events, Prediction)) >= 5)
        board.unplug()
        after = collect(
            connection,
            lambda events: any(isinstance(event, Opened) for event in events) and len(messages(events, Hello)) >= 1,
        )
        kinds = [type(event) for event in after if isinstance(event, Lost | Opened)]
        assert kinds == [Lost, Opened]
        assert connection.losses == 1
        got = messages(before + after, Prediction)
        assert connection.counters.received + connection.counters.missed >= len(got)
        assert connection.counters.damaged.total() == connection.counters.damaged["cut"]


def test_a_question_survives_a_lost_board():
    with FakeBoard() as board, Connection(board.port) as connection:
        connection.ask(AskHello(), Hello)
        board.unplug()
        time.sleep(0.1)
        assert connection.ask(InferCrop(3, bytes(CROP_BYTES)), InferResult).request == 3
        assert connection.losses == 1


def test_a_board_that_stays_away_is_given_up_in_time():
    with FakeBoard() as board:
        connection = Connection(board.port, give_up_after_s=0.5)
        connection.open()
        collect(connection, lambda events: messages(events, Prediction))
    with connection, pytest.raises(LinkLostError, match=r"did not come back within 0.5 s"):
        collect(connection, lambda events: False)


@pytest.mark.skipif(not HAS_PTY, reason="no pseudo-terminals here")
def test_a_serial_device_that_vanishes_is_noticed():
    board = PtyBoard()
    with board:
        connection = Connection(board.port)
        connection.open()
        collect(connection, lambda events: messages(events, Prediction))
    lost = collect(connection, lambda events: any(isinstance(event, Lost) for event in events))
    assert not connection.is_open
    assert lost[-1].port == board.port
    connection.close()


def test_a_tap_is_given_every_byte_and_every_change():
    seen = []
    with (
        FakeBoard(frames=20) as board,
        Connection(board.port, tap=lambda at, content: seen.append((at, content))) as connection,
    ):
        collect(connection, lambda events: len(messages(events, Prediction)) >= 10)
        assert seen[0][1] == Opened(board.port)
        content = b"".join(content for _, content in seen[1:])
        assert content in bytes(board.sent_bytes)
        times = [at.monotonic_ns for at, _ in seen]
        assert times == sorted(times)


def test_a_default_connection_receives_no_pixel():
    seen = bytearray()
    with (
        FakeBoard(frames=200, period_s=0.001) as board,
        Connection(
            board.port, tap=lambda _, content: seen.extend(content if isinstance(content, bytes) else b"")
        ) as it,
    ):
        collect(it, lambda events: len(messages(events, Prediction)) >= 150)
    assert max(map(len, bytes(seen).split(b"\0"))) < CROP_BYTES


def test_an_address_where_nothing_listens_names_the_virtual_board():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(
        PortError, match=rf"cannot open socket://127.0.0.1:{port}: connection refused.*microfer virtual-board"
    ):
        Connection(f"socket://127.0.0.1:{port}").open()


def test_a_device_that_is_not_there_and_an_unknown_scheme_say_what_to_do():
    with pytest.raises(PortError, match=r"cannot open /dev/ttyNONE9: no such file.*Boards found: none"):
        open_port("/dev/ttyNONE9")
    with pytest.raises(PortError, match=r"carrier://x.*Expected socket://HOST:PORT"):
        open_port("carrier://x")


@pytest.mark.skipif(not HAS_PTY, reason="no devices of POSIX here")
def test_a_device_that_is_no_serial_port_is_named_as_such():
    with pytest.raises(
        PortError, match=r"cannot open /dev/null: inappropriate ioctl for device. It is not a serial port"
    ):
        open_port("/dev/null")


@pytest.mark.parametrize("address", ["socket://bla", "socket://:5333", "rfc2217://bla:port", "socket://bla:99999"])
def test_an_address_without_host_or_port_is_answered_with_an_example(address):
    with pytest.raises(PortError, match=rf"{address} does not name a host and a port: .*socket://127.0.0.1:5333"):
        open_port(address)


@pytest.mark.skipif(not HAS_PTY, reason="no pseudo-terminals here")
def test_a_port_that_another_program_has_is_not_shared():
    with PtyBoard() as board, Connection(board.port), pytest.raises(PortError, match="Another program uses it"):
        open_port(board.port)


@pytest.mark.skipif(sys.platform != "linux", reason="groups are Linux's")
def test_a_port_without_permission_names_the_group(monkeypatch):
    def refuse(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(ports.serial, "serial_for_url", refuse)
    with pytest.raises(PortError, match=r"You may not use it: sudo usermod -aG \w+ \$USER"):
        open_port("/dev/null")


def listed(device, vid, pid, serial_number="1"):
    return SimpleNamespace(device=device, vid=vid, pid=pid, serial_number=serial_number)


def test_boards_are_found_by_usb_numbers_and_nothing_else_is():
    found = find_ports(
        [
            listed("/dev/ttyS0", None, None),
            listed("/dev/ttyUSB0", 0x1A86, 0x7523),
            listed("/dev/ttyACM0", 0x303A, 0x1001),
            listed("/dev/ttyACM1", 0x2341, 0x0043),
        ]
    )
    assert [port.device for port in found] == ["/dev/ttyACM0", "/dev/ttyUSB0"]
    assert "USB-Serial-JTAG" in found[0].describe()
    assert "303A:1001" in found[0].describe()


def test_none_several_and_foreign_boards_each_get_their_advice():
    assert only_port(find_ports([listed("COM5", 0x303A, 0x1001)])).device == "COM5"
    with pytest.raises(PortError, match=r"no board was found on USB.*microfer virtual-board"):
        only_port([])
    both = find_ports([listed("COM5", 0x303A, 0x1001), listed("COM7", 0x10C4, 0xEA60)])
    with pytest.raises(PortError, match=r"2 ports may be the board; choose one with --port:\n  COM5.*\n  COM7"):
        only_port(both)
    with pytest.raises(PortError, match=r"does not speak microfer's link:\n  COM9: Seeed.*hold BOOT"):
        only_port(find_ports([listed("COM9", 0x2886, 0x0056)]))


def test_a_board_that_comes_back_under_another_name_is_found(monkeypatch):
    with FakeBoard() as board, FakeBoard() as moved:
        names = [board.port]
        monkeypatch.setattr(
            "microfer.link.connection.find_ports",
            lambda: find_ports([listed(names[0], 0x303A, 0x1001, "AA:BB"), listed("other", 0x303A, 0x1001, "CC")]),
        )
        with Connection(board.port) as connection:
            collect(connection, lambda events: messages(events, Prediction))
            names[0] = moved.port
            board.unplug()
            collect(connection, lambda events: Opened(moved.port, again=True) in events)
            assert connection.port == moved.port


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent there")
def test_control_c_ends_a_program_that_polls_at_once():
    code = (
        "import sys; from microfer.link.connection import Connection\n"
        "with Connection(sys.argv[1]) as connection:\n"
        "    print('open', flush=True)\n"
        "    while True: connection.poll(600)\n"
    )
    with FakeBoard(frames=0) as board:
        program = subprocess.Popen(
            [sys.executable, "-c", code, board.port],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT / "host",
        )
        assert program.stdout is not None
        program.stdout.readline()
        program.send_signal(signal.SIGINT)
        program.wait(60)  # it would poll for ten minutes
        program.stdout.close()
