"""A proxy in front of the functions that counts requests by method and path."""

from __future__ import annotations

import re
import socket
import threading
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

REQUEST = re.compile(rb"(GET|POST) /functions/v1/([\w-]+(?:/health)?)\S* HTTP/1\.1\r\n")


class CountingProxy:
    """Forwards connections from a loopback port to the functions, and keeps the bytes that the client sent.

    Attributes:
        url: the proxy's address, to use instead of the functions' address.
    """

    def __init__(self, base_url: str) -> None:
        target = urlsplit(base_url)
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sent: list[bytearray] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def requests(self) -> dict[str, int]:
        """Method and path → number of requests, such as ``GET wa-webhook/health`` → 1."""
        found = [match for stream in self._sent for match in REQUEST.findall(bytes(stream))]
        return dict(Counter(f"{method.decode()} {path.decode()}" for method, path in found))

    def __enter__(self) -> CountingProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sent.append(bytearray())
                for source, sink, kept in ((client, server, self._sent[-1]), (server, client, bytearray())):
                    threading.Thread(target=_pump, args=(source, sink, kept), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    with suppress(OSError), source:
        while data := source.recv(65536):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
