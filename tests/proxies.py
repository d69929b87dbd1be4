"""A TCP proxy that counts connections and can simulate a broken network."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Proxy:
    """Forwards connections from a loopback port to a server; can stop forwarding the server's bytes.

    Attributes:
        port: the proxy's port.
        connections: number of accepted connections.
    """

    def __init__(self, host: str, port: int, *, deaf_after: int | None = None) -> None:
        self._target = (host, port)
        self._deaf_after = deaf_after
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *details: object) -> None:
        for line in [self._listener, *self._sockets]:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(client)
                if self._deaf_after == 0:
                    continue
                server = socket.create_connection(self._target)
                self._sockets.append(server)
                for source, sink, limit in ((client, server, None), (server, client, self._deaf_after)):
                    threading.Thread(target=_pump, args=(source, sink, limit), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, limit: int | None) -> None:
    """Forward bytes; after ``limit`` bytes keep reading but forward nothing, like a dead network."""
    passed = 0
    with suppress(OSError):
        while data := source.recv(65536):
            passed += len(data)
            if limit is None or passed <= limit:
                sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
