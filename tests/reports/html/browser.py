"""A headless Chromium, driven by its DevTools protocol over two pipes with the standard library only."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
ENTER = """
import fcntl, os, sys
commands, answers = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3])
os.dup2(commands, 3)
os.dup2(answers, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Executes Chromium, which reads commands from descriptor 3 and writes answers to descriptor 4."""

DOCUMENTS = "[document, ...[...document.querySelectorAll('iframe')].map(frame => frame.contentDocument)]"
"""The page and its frames; Allure shows descriptions in a frame."""

FIND_CASE = """
(() => {
  const bytes = text => Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  const named = name => JSON.parse(new TextDecoder().decode(bytes(window.allureReportData[name])));
  const names = Object.keys(window.allureReportData).filter(name => name.startsWith("data/test-results/"));
  location.hash = names.map(named).find(found => found.name == TITLE).id;
})()
"""
"""Opens the page of a case, whose id is in the data of Allure's single file."""

DESKTOP = (1280, 900)
PHONE = (390, 844)
ANSWER_SECONDS = 30.0
"""Time for one answer of the browser, on a machine that runs other tests too."""


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome on this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserError(Exception):
    """The browser did not execute a command."""


class Browser:
    """One page of a newly started Chromium with an empty profile.

    Attributes:
        requested: the URL of every request that the page has made, in order.
        errors: exceptions and errors that the page's scripts have logged.
    """

    def __init__(self, *flags: str) -> None:
        path = find_chromium()
        assert path is not None
        self.requested: list[str] = []
        self.errors: list[str] = []
        self._profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        reading, self._writer = os.pipe()
        self._reader, writing = os.pipe()
        profile = f"--user-data-dir={self._profile.name}"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-IS", "-c", ENTER, str(reading), str(writing), path),
                *(*FLAGS, *flags, profile, "about:blank"),
            ],
            pass_fds=(reading, writing),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(reading)
        os.close(writing)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        """Attach to the first page, which appears shortly after the browser answers."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (pages := self._pages()):
            if time.monotonic() > deadline:
                raise BrowserError("the browser has no page")
            time.sleep(0.05)
        self._session = self.send("Target.attachToTarget", targetId=pages[0], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def _pages(self) -> list[str]:
        targets = self.send("Target.getTargets")["targetInfos"]
        return [target["targetId"] for target in targets if target["type"] == "page"]

    def close(self) -> None:
        """End the browser and delete its profile."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for descriptor in (self._reader, self._writer):
            os.close(descriptor)
        self._profile.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reader], [], [], max(deadline - time.monotonic(), 0))
            if not ready:
                raise BrowserError(f"no answer within {ANSWER_SECONDS:g} s")
            read = os.read(self._reader, 1 << 20)
            if not read:
                raise BrowserError("the browser is gone")
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._notice(message.get("method", ""), message.get("params", {}))
        return message

    def _notice(self, event: str, parameters: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            url = parameters["request"]["url"]
            self.requested.append(url if len(url) < 200 else url[:60] + "…")
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"].get("exception", parameters)))
        elif event == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(parameters["entry"]["text"])

    def look(self, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
        """Set the size of the window in CSS pixels, and prefer light or dark colours."""
        width, height = size
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=size == PHONE,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, file: Path, fragment: str = "") -> None:
        """Open a file by its address, as a double click does."""
        self.send("Page.navigate", url="about:blank")
        self.send("Page.navigate", url=file.resolve().as_uri() + fragment)
        self.wait("document.readyState == 'complete' && location.protocol == 'file:'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 20.0) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > deadline:
                raise BrowserError(f"not within {seconds:g} s: {condition}; the page shows {self.text()[:2000]!r}")
            time.sleep(0.05)

    def text(self) -> str:
        """The visible text of the page and of its frames."""
        return str(self.evaluate(f"{DOCUMENTS}.map(part => part.body ? part.body.innerText : '').join('\\n')"))

    def click(self, text: str) -> None:
        """Click the innermost element that shows this text."""
        self.evaluate(
            "(() => { const found = [...document.querySelectorAll('body *')].filter(element => "
            f"element.innerText && element.innerText.includes({json.dumps(text)}));"
            "if (!found.length) throw new Error('nothing to click');"
            "found[found.length - 1].click(); })()"
        )

    def open_report(self, file: Path) -> None:
        """Open Allure's single file, and wait for its list of results."""
        self.open(file)
        self.wait("document.querySelector('[data-tree-scroll-container]')")
        self.wait("document.body.innerText.includes('Metadata')")
        # The fonts in the file load later and change the layout.
        self.wait("document.fonts.status == 'loaded'")
        time.sleep(0.5)

    def show_case(self, title: str) -> None:
        """Open the page of a case by its address, as a link to it does."""
        self.evaluate(FIND_CASE.replace("TITLE", json.dumps(title)))
        self.wait(f"document.body.innerText.includes({json.dumps(title)})")
        self.wait("document.body.innerText.includes('Overview')")
        self.wait(f"{DOCUMENTS}.every(part => part && part.readyState == 'complete')")
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
        time.sleep(0.5)

    def show_charts(self) -> None:
        """Open Allure's charts."""
        self.evaluate("location.hash = '#charts'")
        self.wait("document.body.innerText.includes('run by run')")
        time.sleep(1.5)

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window; 0 if it does not scroll sideways."""
        return int(
            self.evaluate(
                "Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)"
            )
        )

    def screenshot(self, *, whole: bool = False) -> bytes:
        """The visible part of the page, or the whole page, as PNG."""
        answer = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])


@contextmanager
def browser(*flags: str) -> Iterator[Browser]:
    """A browser for as long as the block runs."""
    started = Browser(*flags)
    try:
        yield started
    finally:
        started.close()
