"""The viewer's web server: what it serves, whom it refuses, what it does, how it ends. The page is in test_web_page."""

import base64
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from tests.conftest import ROOT
from tests.host.fake_board import FakeBoard, preview

from microfer.contract import LABELS, MAX_CLASSES
from microfer.errors import MicroferError
from microfer.link.connection import Connection
from microfer.link.source import LiveSource
from microfer.viewer.viewer import Viewer
from microfer.viewer.web import ENOUGH_STREAMS, HOST, WebServer, serve
from microfer.viewer.web_request import FILES, FOLDER, PERIOD_S, SECURITY, Handler

LIMIT_S = 10


@contextlib.contextmanager
def session(board, **options):
    """A started viewer of this board, and its server."""
    with Viewer(LiveSource(Connection(board.port)), **options) as viewer:
        viewer.source.connection.open()
        viewer.start()
        with WebServer(viewer) as server:
            yield viewer, server


@pytest.fixture
def live(tmp_path):
    with FakeBoard() as board, session(board, snapshots=tmp_path) as (viewer, server):
        yield board, viewer, server


def ask(server, name="", method="GET", body=None, key=None, address=HOST, **headers):
    connection = http.client.HTTPConnection(address, server.server_address[1], timeout=LIMIT_S)
    with contextlib.closing(connection):
        path = f"/{server.key if key is None else key}/{name}"
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def act(server, name, **options):
    return ask(server, f"act/{name}", "POST", json.dumps(options), Content_Type="application/json")


class Stream:
    """An open stream of events. `raw` holds every byte that came."""

    def __init__(self, server):
        self._connection = http.client.HTTPConnection(HOST, server.server_address[1], timeout=LIMIT_S)
        self._connection.request("GET", f"/{server.key}/events")
        self._answer = self._connection.getresponse()
        self.status, self.raw = self._answer.status, b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._answer.close()
        self._connection.close()

    def event(self):
        """Name and content of the next event; None after the last."""
        name, content = None, None
        while line := self._answer.readline():
            self.raw += line
            if line.startswith(b"event: "):
                name = line[7:-1].decode()
            elif line.startswith(b"data: "):
                content = json.loads(line[6:])
            elif name is not None:
                return name, content
        return None

    def until(self, wanted):
        """The next view for which `wanted` is true."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            name, content = self.event()
            if name == "view" and wanted(content):
                return content
        raise AssertionError("no such view came")


def wait_until(is_so):
    end_s = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end_s, "it did not come about"
        time.sleep(0.01)


# --- what it serves, and to whom


@pytest.mark.parametrize("name", FILES)
def test_the_page_is_served_with_headers_that_keep_it_to_itself(live, name):
    status, headers, content = ask(live[2], name)
    assert (status, content) == (200, (FOLDER / FILES[name][0]).read_bytes())
    assert headers["Content-Type"] == FILES[name][1]
    assert {key: headers[key] for key in SECURITY} == SECURITY
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_needs_nothing_from_elsewhere():
    assert {file for file, _ in FILES.values()} == {path.name for path in FOLDER.iterdir()}
    for path in FOLDER.iterdir():
        addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", path.read_text())
        assert set(addresses) <= {"http://www.w3.org"}, path  # the name of SVG, which nobody opens
        assert "innerHTML" not in path.read_text()


OTHER_HOSTS = [
    *("evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "[", "10.0.0.1"),
    *("evil.example@127.0.0.1", "evil.example:80@localhost:80", "127.0.0.1/evil.example", "127.0.0.1#", "127.0.0.1?x"),
    *("127.0.0.1:", "127.0.0.1:x", "127.0.0.1:80:80", "localhost.", "0", "127.0.0.1, evil.example", "[::1]"),
    "0.0.0.0",  # noqa: S104 - all that this computer is called, and so what another host may be called
]


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_a_request_that_names_another_host_is_refused_even_with_the_key(live, host):
    status, _, content = ask(live[2], "events", Host=host)
    assert status == 421
    assert b"127.0.0.1 and localhost only" in content


def test_a_request_that_names_two_hosts_is_refused(live):
    with socket.create_connection((HOST, live[2].server_address[1]), timeout=LIMIT_S) as connection:
        connection.sendall(f"GET /{live[2].key}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n".encode())
        assert b" 421 " in connection.makefile("rb").readline()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:9000"])
def test_this_computers_names_are_answered_on_any_port_so_that_one_can_be_forwarded(live, host):
    assert ask(live[2], Host=host)[0] == 200


@pytest.mark.parametrize("key", ["", "x", "events", "%00", "%C3%BC"])
def test_without_the_sessions_key_there_is_nothing(live, key):
    for name in ("", "events", "app.js"):
        assert ask(live[2], name, key=key)[0] == 404
    assert ask(live[2], "act/quit", "POST", "{}", key=key, Content_Type="application/json")[0] == 404
    assert not live[1].finished.is_set()


def test_each_session_has_another_key():
    viewer = Viewer(LiveSource(Connection("socket://127.0.0.1:1")))
    with WebServer(viewer) as one, WebServer(viewer) as other:
        assert one.key != other.key
        assert len(one.key) >= 20


@pytest.mark.parametrize("name", ["../web.py", "..%2fweb.py", "/etc/passwd", "nothing", "style.css/", "act/quit"])
def test_nothing_but_the_page_is_read_from_disk(live, name):
    assert ask(live[2], name)[0] == 404


def test_it_listens_on_127_0_0_1_alone(live):
    port = live[2].server_address[1]
    assert live[2].server_address[0] == "127.0.0.1"
    others = {"127.0.0.2"} if sys.platform == "linux" else set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # sends nothing; tells this computer's own address
        others.add(probe.getsockname()[0])
    for address in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection((address, port), timeout=1)


def test_a_taken_port_is_an_error_that_says_so():
    with socket.create_server((HOST, 0)) as taken, Viewer(LiveSource(Connection("socket://127.0.0.1:1"))) as viewer:
        port = taken.getsockname()[1]
        with pytest.raises(MicroferError, match=f"port {port} .* choose another one"):
            WebServer(viewer, port)
        with pytest.raises(MicroferError, match="--web-port"):
            WebServer(viewer, 99_999)


# --- actions


def test_the_actions_do_what_the_keys_do(live, tmp_path):
    _, viewer, server = live
    wait_until(lambda: viewer.view().frame is not None)
    assert act(server, "pause", on=True)[0] == 204
    assert viewer.view().paused
    assert act(server, "pause", on=True)[0] == 204
    assert viewer.view().paused
    assert act(server, "pause", on=False)[0] == 204
    assert not viewer.view().paused
    assert act(server, "previews", on=True)[0] == 204
    assert viewer.view().previews
    wait_until(lambda: viewer.view().crop is not None)
    assert act(server, "snapshot")[0] == 204
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".json"}
    assert act(server, "record", on=True)[0] == 204
    assert viewer.view().recording is not None
    assert act(server, "record", on=False)[0] == 204
    assert viewer.view().recording is None
    assert act(server, "step")[0] == 204
    assert act(server, "quit")[0] == 204
    assert viewer.finished.is_set()


def test_an_action_that_fails_says_why(live, tmp_path):
    folder = tmp_path / "folder"
    live[1]._folder = folder
    folder.write_text("a file stands where the folder should be")
    status, _, content = act(live[2], "snapshot")
    assert status == 409
    assert b"cannot write" in content


@pytest.mark.parametrize(
    ("status", "changed"),
    [
        (403, {"Origin": "https://evil.example"}),
        (403, {"Origin": "null"}),
        (415, {"Content_Type": "text/plain"}),  # what a form of another page could send without asking
        (415, {"Content_Type": ""}),
        (413, {"Content_Length": "1001"}),
        (413, {"Content_Length": "-1"}),
        (413, {"Content_Length": "all"}),
        (413, {"Content_Length": "9" * 5000}),
        (413, {"Content_Length": "1e2"}),
        (400, {"name": "act/speed", "body": '{"speed": 1' + "0" * 400 + "}"}),
        (400, {"name": "act/speed", "body": '{"speed": {}}'}),
        (400, {"name": "act/speed", "body": '{"speed": "fast"}'}),
        (400, {"name": "act/speed", "body": '{"speed": NaN}'}),
        (400, {"body": "[" * 990}),
        (400, {"body": '{"on":' * 160}),
        (400, {"body": "{"}),
        (400, {"body": "[]"}),
        (400, {"body": "{}"}),
        (400, {"body": '{"on": 1}'}),
        (400, {"body": '{"on": "false"}'}),
        (404, {"name": "act/format"}),
        (404, {"name": "previews"}),
    ],
)
def test_an_action_that_another_page_or_a_mistake_asks_for_is_refused(live, status, changed):
    request = {"name": "act/previews", "body": '{"on": true}', "Content_Type": "application/json"} | changed
    assert ask(live[2], method="POST", **request)[0] == status
    assert not live[1].view().previews


def test_the_pages_own_origin_is_allowed(live):
    host = f"127.0.0.1:{live[2].server_address[1]}"
    headers = {"Origin": f"http://{host}", "Host": host, "Content_Type": "application/json"}
    assert ask(live[2], "act/previews", "POST", '{"on": true}', **headers)[0] == 204


def test_a_request_that_drips_is_ended_by_one_deadline_and_not_kept_by_each_byte(live):
    """Each header line, and the body, come in time for a socket's own limit; all of them together do not."""
    server = live[2]
    server.request_s = 0.3
    for begin in (b"GET / HTTP/1.1\r\n", f"POST /{server.key}/act/pause HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()):
        with socket.create_connection((HOST, server.server_address[1]), timeout=LIMIT_S) as connection:
            connection.sendall(begin)
            with contextlib.suppress(ConnectionError):
                for number in range(100):
                    connection.sendall(f"X-Drip-{number}: 1\r\n".encode())
                    if _has_ended(connection, 0.05):
                        break
                else:
                    raise AssertionError("it was kept")
    assert ask(server)[0] == 200


def test_a_body_that_never_comes_is_ended_by_the_same_deadline(live):
    server = live[2]
    server.request_s = 0.3
    with socket.create_connection((HOST, server.server_address[1]), timeout=LIMIT_S) as connection:
        head = f"POST /{server.key}/act/pause HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 12\r\n"
        connection.sendall((head + "Content-Type: application/json\r\n\r\n{").encode())
        assert connection.recv(1) == b""
    assert not live[1].view().paused


def _has_ended(connection, wait_s):
    connection.settimeout(wait_s)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_the_limit_of_a_request_that_is_on_its_way_is_ten_seconds(live):
    assert live[2].request_s == Handler.timeout == 10


# --- the stream


def test_the_stream_begins_with_what_never_changes_and_goes_on_with_views(live):
    with Stream(live[2]) as stream:
        name, constants = stream.event()
        assert name == "constants"
        assert len(constants["colors"]) == MAX_CLASSES
        view = stream.until(lambda view: view["frame"] and view["board"])
        assert view["labels"] == list(LABELS)
        assert view["frame"]["headline"] == "happiness"
        assert view["board"]["name"] == "test-board"
        assert view["facts"][0][0] == "board"
        later = stream.until(lambda view: view["frame"]["number"] > 20)
        assert later["frames"]["captured"] > 20


def test_views_come_no_faster_than_a_browser_wants_them(live):
    count, begin_s = 12, time.monotonic()
    with Stream(live[2]) as stream:
        for _ in range(count):
            stream.event()
    # The board's 200 predictions a second would be there in a fifth of this time; a busy computer may take longer.
    assert time.monotonic() - begin_s >= (count - 2) * PERIOD_S


def test_a_silent_board_still_ages_on_the_page():
    with FakeBoard(frames=1) as board, session(board) as (_, server), Stream(server) as stream:
        stream.until(lambda view: view["frame_age_s"] is not None and view["frame_age_s"] > 0.5)


class ObstinateBoard(FakeBoard):
    """Sends its crops whatever it is told."""

    previews = property(lambda self: True, lambda self, on: None)


def test_no_pixel_is_in_any_byte_while_previews_are_off_even_if_the_board_sends_some():
    with ObstinateBoard() as board, session(board) as (viewer, server), Stream(server) as stream:
        stream.until(lambda view: view["frame"] and view["frame"]["number"] > 100)
        assert viewer._model.view(viewer.source.now()).crop is not None
        assert viewer.view().crop is None
        assert b'"pixels"' not in stream.raw
        for number in range(200):
            assert base64.b64encode(preview(number).pixels) not in stream.raw


def test_pixels_come_when_asked_for_and_stop_at_once_even_in_a_pause(live):
    server = live[2]
    with Stream(server) as stream:
        act(server, "previews", on=True)
        view = stream.until(lambda view: view["crop"])
        assert base64.b64decode(view["crop"]["pixels"]) == preview(view["crop"]["frame"]).pixels
        act(server, "pause", on=True)
        stream.until(lambda view: view["paused"] and view["crop"])
        act(server, "previews", on=False)
        stream.until(lambda view: not view["previews"])
        for _ in range(5):
            assert stream.event()[1]["crop"] is None


def test_the_stream_ends_with_a_last_word(live):
    with Stream(live[2]) as stream:
        stream.until(lambda view: view["frame"])
        act(live[2], "quit")
        events = list(iter(stream.event, None))
    assert events[-1] == ("end", {"text": "The viewer has ended."})
    assert all(name == "view" for name, _ in events[:-1])


def test_a_failure_is_the_last_word():
    with FakeBoard(version=9) as board, session(board) as (_, server), Stream(server) as stream:
        events = list(iter(stream.event, None))
    assert "protocol version 9" in events[-1][1]["text"]


def test_more_pages_than_enough_are_refused_until_one_is_closed(live):
    server = live[2]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(Stream(server)) for _ in range(ENOUGH_STREAMS)]
        assert all(stream.event()[0] == "constants" for stream in streams)
        assert ask(server, "events")[0] == 503
        streams[0].__exit__()
        wait_until(lambda: server._streams < ENOUGH_STREAMS)
        with Stream(server) as another:
            assert another.status == 200


def test_a_page_that_is_closed_in_the_middle_leaves_nothing_behind(live, capfd):
    server = live[2]
    with Stream(server) as stream:
        stream.until(lambda view: view["frame"])
    with socket.create_connection((HOST, server.server_address[1])) as half:
        half.sendall(b"GET /")
    wait_until(lambda: server._streams == 0)
    assert capfd.readouterr() == ("", "")


# --- how it ends


def test_serve_starts_the_viewer_prints_the_address_and_returns_at_quit(capfd):
    with FakeBoard() as board, Viewer(LiveSource(Connection(board.port)), frames=20) as viewer:
        viewer.source.connection.open()
        before = threading.active_count()
        serve(viewer, browser=False)
        assert viewer.arrived == 20
        wait_until(lambda: threading.active_count() <= before)
    printed = capfd.readouterr().err
    port = int(re.search(r"http://127\.0\.0\.1:(\d+)/[\w-]{20,}/", printed)[1])
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, port), timeout=1)


def test_the_listener_that_was_there_is_kept_and_comes_back():
    with FakeBoard() as board, Viewer(LiveSource(Connection(board.port))) as viewer:
        heard = []
        viewer.listener = listener = heard.append
        viewer.source.connection.open()
        with WebServer(viewer):
            viewer.start()
            wait_until(lambda: heard)
        assert viewer.listener is listener


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_command_server_and_stream():
    command = [sys.executable, str(ROOT / "host" / "serial_viewer.py"), "--web", "--no-browser", "--port"]
    with FakeBoard() as board:
        process = subprocess.Popen([*command, board.port], stderr=subprocess.PIPE, text=True)
        with process:
            printed = process.stderr.readline()
            port, key = re.search(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", printed).groups()
            connection = http.client.HTTPConnection(HOST, int(port), timeout=LIMIT_S)
            connection.request("GET", f"/{key}/events")
            answer = connection.getresponse()
            assert answer.readline() == b"event: constants\n"
            process.send_signal(signal.SIGINT)
            assert b"event: end\n" in answer.read()
            rest = process.stderr.read()
            assert process.wait(LIMIT_S) == 130, rest
    assert "Traceback" not in rest


def test_ctrl_c_before_the_viewers_thread_began_is_no_crash(monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", _interrupt_the_viewer)
    viewer = Viewer(LiveSource(Connection("socket://127.0.0.1:1")))
    with pytest.raises(KeyboardInterrupt), viewer:
        serve(viewer, browser=False)
    assert viewer.finished.is_set()


def _interrupt_the_viewer(thread, start=threading.Thread.start):
    if thread.name == "viewer":
        raise KeyboardInterrupt
    start(thread)


def test_a_browser_is_opened_where_there_is_one_and_else_the_address_is_to_be_opened(monkeypatch, capfd):
    opened = []
    monkeypatch.setenv("DISPLAY", ":7")
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or len(opened) == 1)

    def printed():
        with FakeBoard() as board, Viewer(LiveSource(Connection(board.port)), frames=1) as viewer:
            viewer.source.connection.open()
            serve(viewer)
        return capfd.readouterr().err

    assert "no browser" not in (first := printed())
    assert opened[0] in first
    assert "no browser could be started" in printed()
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert "no browser could be started" in printed()
    assert len(opened) == 2
