"""A headless Chromium for tests, driven over DevTools' pipe: JSON messages with a zero byte after each."""

import base64
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIMIT_S = 30


def browser_path() -> str | None:
    """Chromium or Chrome, or None where neither is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page. `problems` holds what its console reported: errors, refused resources, exceptions."""

    def __init__(self, width: int = 1280, height: int = 1000) -> None:
        self.size = width, height
        self.problems: list[Any] = []
        self._number = 0
        self._rest = b""
        self._session: str | None = None

    def __enter__(self) -> Self:
        path = browser_path()
        assert path, "there is no Chromium"
        self._profile = tempfile.TemporaryDirectory(prefix="microfer-browser-", ignore_cleanup_errors=True)
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        # The browser reads commands from 3 and writes answers to 4. Far numbers first: 3 or 4 may be one of ours.
        far_in, far_out = (os.dup2(handle, far) for handle, far in ((theirs_in, 103), (theirs_out, 104)))
        null = os.open(os.devnull, os.O_RDWR)
        arguments = [
            path,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
            *("--disable-dev-shm-usage", "--disable-background-networking", "--mute-audio", "--remote-debugging-pipe"),
            *(f"--user-data-dir={self._profile.name}", f"--window-size={self.size[0]},{self.size[1]}", "about:blank"),
        ]
        self._process = os.posix_spawn(
            arguments[0],
            arguments,
            os.environ | {"HOME": self._profile.name},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, null, 1),
                (os.POSIX_SPAWN_DUP2, null, 2),
                (os.POSIX_SPAWN_DUP2, far_in, 3),
                (os.POSIX_SPAWN_DUP2, far_out, 4),
            ],
            setpgroup=0,
        )
        for handle in (theirs_in, theirs_out, far_in, far_out, null):
            os.close(handle)
        target = next(one for one in self._ask("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self._ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        os.close(self._from)
        os.killpg(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        self._profile.cleanup()

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return what a JavaScript expression is, as JSON has it; promises are waited for."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Return the expression's value as soon as it is true. An element that is not there yet makes it false."""
        end_s = time.monotonic() + LIMIT_S
        quiet = f"(() => {{ try {{ return {script} }} catch (error) {{ return false }} }})()"
        while not (value := self.run(quiet)):
            assert time.monotonic() < end_s, f"still not true: {script}\n{self.problems}"
            time.sleep(0.05)
        return value

    def text(self, selector: str) -> Any:
        """What is written in an element, as far as it is visible."""
        return self.run(f"document.querySelector({json.dumps(selector)}).innerText.trim()")

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def press(self, key: str) -> None:
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, text=key if kind == "keyDown" else "")

    def look(self, dark: bool = False, width: int | None = None, height: int | None = None) -> None:
        """Let the page be one for a dark or light surrounding, and as large as told."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        if width:
            self._ask(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )

    def screenshot(self, path: Path | str, whole: bool = False) -> None:
        answer = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(answer["data"]))

    def _ask(self, method: str, **options: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": options}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end_s = time.monotonic() + LIMIT_S
        while True:
            answer = self._receive(end_s)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)

    def _receive(self, end_s: float) -> Any:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end_s - time.monotonic()))
            assert ready, "the browser does not answer"
            piece = os.read(self._from, 1 << 16)
            assert piece, "the browser has ended"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(event["params"]["exceptionDetails"])
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] in {"error", "warning"}:
            self.problems.append(event["params"]["entry"]["text"])
