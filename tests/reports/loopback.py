"""A base for the servers of these tests, which listen on loopback."""

from __future__ import annotations

import socketserver
import threading
from typing import Self


class LoopbackServer:
    """Listens on a free port of loopback while used as a context manager.

    Attributes:
        address: the server's host and port, such as ``127.0.0.1:40123``.
    """

    def __init__(
        self, handler: type[socketserver.BaseRequestHandler], kind: type[socketserver.ThreadingTCPServer]
    ) -> None:
        self._server = kind(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *details: object) -> None:
        self._server.shutdown()
        self._server.server_close()
