"""A server that writes its answers byte by byte: HTTP/1.0, chunked, cut off, endless, or not HTTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.webhooks.server import PATH, Arrival, Response, honest

Style = Callable[[Arrival, Response], bytes | None]
"""Makes the bytes of an answer; for None the server sends nothing and keeps the connection open."""

CLOSE = b"\r\nconnection: close\r\n"


class RawServer:
    """Answers each connection in its own thread; a context manager that returns its address.

    Args:
        style: makes the answers; the connection is closed after bytes with ``connection: close``.
        tls: the server's side of TLS; without it the server speaks plain HTTP.
        reset: whether closing a connection resets it.
    """

    def __init__(self, style: Style, tls: ssl.SSLContext | None = None, *, reset: bool = False) -> None:
        self._style, self._tls, self._reset = style, tls, reset
        self.arrivals: list[Arrival] = []
        self._open: set[socket.socket] = set()

    def __enter__(self) -> str:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self._listener.getsockname()[1]}/raw"

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *list(self._open)):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError, ValueError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._open.add(connection)
            reader = connection.makefile("rb")
            while True:
                arrival = _read(reader)
                if arrival is None:
                    break
                self.arrivals.append(arrival)
                written = self._style(arrival, honest(arrival))
                if written is None:
                    continue
                connection.sendall(written)
                if CLOSE in written or not written:
                    break
            if self._reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()


def _read(reader: Any) -> Arrival | None:
    line = reader.readline().decode("latin-1").split()
    if not line:
        return None
    headers = []
    while (header := reader.readline().strip()) != b"":
        name, _, value = header.decode("latin-1").partition(":")
        headers.append((name.lower(), value.strip()))
    length = int(dict(headers).get("content-length", 0))
    target = urlsplit(line[1])
    found = PATH.fullmatch(target.path)
    assert found is not None
    query = parse_qsl(target.query, keep_blank_values=True)
    return Arrival(line[0], found["function"], found["rest"] or "", query, headers, reader.read(length))


def written(response: Response, *, version: str = "1.1", body: bytes | None = None, more: bytes = b"") -> bytes:
    """Return an answer as bytes."""
    body = response.body if body is None else body
    headers = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
    head = f"HTTP/{version} {response.status} Word\r\n{headers}content-length: {len(response.body)}"
    return head.encode() + b"\r\n" + more + b"\r\n" + body


def http_10(arrival: Arrival, right: Response) -> bytes:
    return written(right, version="1.0", more=b"connection: close\r\n")


def close_each(arrival: Arrival, right: Response) -> bytes:
    return written(right, more=b"connection: close\r\n")


def in_chunks(arrival: Arrival, right: Response) -> bytes:
    head = f"HTTP/1.1 {right.status} Word\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    chunks = (right.body[at : at + 3] for at in range(0, len(right.body), 3))
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def with_endless_refusals(arrival: Arrival, right: Response) -> bytes:
    if right.status != 401:
        return written(right)
    endless = b"HTTP/1.1 401 No\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    return endless + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 8
