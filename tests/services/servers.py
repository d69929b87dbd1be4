"""A server that writes its answers piece by piece, and helpers that ask it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from fixtures.outcome import CouldNotLook
from fixtures.secret import Secret
from fixtures.services.client import Service, ServiceClient, ServiceReply, open_service
from fixtures.settings.limits import Limits

TOKEN = "glsa_2J8sYx/QvT1+mWq9Kd4ZrA7b_c0ffee42"
"""A token with characters that URLs and JSON spell in another way."""

QUICK = Limits(service_request_timeout_seconds=5.0, service_total_seconds=20.0)
BRIEF = Limits(service_request_timeout_seconds=0.3, service_total_seconds=5.0)
"""For servers that do not answer."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Script = Callable[[Asked], Iterable[bytes]]
"""Makes the pieces of an answer; the connection is closed after the last one."""


class ScriptedServer:
    """Answers each connection in a thread of its own; a context manager that returns its address."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self._script, self._tls = script, tls
        self.asked: list[Asked] = []
        self._open: list[socket.socket] = []

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self._listener.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def wait_for(self, requests: int, seconds: float = 5.0) -> None:
        """Wait until that many requests were read: a client with a brief limit may give up before."""
        until = time.monotonic() + seconds
        while len(self.asked) < requests and time.monotonic() < until:
            time.sleep(0.005)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.append(connection)
        with contextlib.suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            if (asked := _read(connection.makefile("rb"))) is not None:
                self.asked.append(asked)
                for piece in self._script(asked):
                    connection.sendall(piece)
        connection.close()


def _read(reader: Any) -> Asked | None:
    words = reader.readline().decode("latin-1").split()
    if len(words) != 3:
        return None
    headers = {}
    while line := reader.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    return Asked(words[0], words[1], headers, reader.read(int(headers.get("content-length", 0))))


def whole(status: int, body: bytes | str = b"{}", **headers: str) -> list[bytes]:
    """Return an answer in one piece."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status} Word", *lines, f"content-length: {len(content)}", "connection: close"])
    return [head.encode() + b"\r\n\r\n" + content]


def answers(status: int, body: bytes | str = b"{}", **headers: str) -> Script:
    """Return a script that gives one answer to every request."""
    return lambda asked: whole(status, body, **headers)


def in_turn(*scripts: Script) -> Script:
    """Return a script for each request in turn; the last one is for all that follow."""
    left = list(scripts)

    def next_one(asked: Asked) -> Iterable[bytes]:
        return (left.pop(0) if len(left) > 1 else left[0])(asked)

    return next_one


def service(url: str, *, secret_url: bool = False, **headers: str | Secret) -> Service:
    """Return Grafana at an address, with a token."""
    sent = headers or {"authorization": Secret(f"Bearer {TOKEN}")}
    return Service("Grafana", "EASYMO_GRAFANA_URL", url, dict(sent), secret_url)


def using(one: Service, use: Callable[[ServiceClient], Awaitable[Result]], limits: Limits = QUICK) -> Result:
    """Open a client, and return what the function makes of it."""

    async def main() -> Result:
        async with open_service(one, limits) as client:
            return await use(client)

    return asyncio.run(main())


def get(one: Service, path: str = "/api/health", limits: Limits = QUICK) -> ServiceReply:
    """Send one GET."""
    return using(one, lambda client: client.get(path), limits)


def refused(one: Service, path: str = "/api/health", limits: Limits = QUICK) -> CouldNotLook:
    """Send one GET, and return the error that it ends with."""
    with pytest.raises(CouldNotLook) as caught:
        get(one, path, limits)
    return caught.value
