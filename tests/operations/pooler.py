"""A real pgbouncer in front of a deployment's database: SCRAM, session or transaction mode, optional TLS."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

UNPRIVILEGED = 65534
"""User id of pgbouncer when the tests run as root, because it refuses to run as root."""
START_SECONDS = 10.0


def program() -> str:
    """Return the path of pgbouncer; skip the test if it is not installed."""
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("NOT TESTED through a pooler: pgbouncer is not installed (apt-get install pgbouncer)")
    return found


class Pooler:
    """pgbouncer on loopback, running while its context is open.

    Args:
        folder: for its files.
        url: libpq URI of the database; its role logs in through the pooler.
        secret: the role's SCRAM verifier, as the server stores it.
        mode: ``session`` or ``transaction``.
        tls: certificate and key; if given, clients must use TLS.
    """

    def __init__(
        self, folder: Path, url: str, secret: str, mode: str, tls: tuple[Path, Path] | None = None
    ) -> None:
        self._folder = folder
        self._url = urlsplit(url)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        lines = [
            "[databases]",
            f"postgres = host=127.0.0.1 port={self._url.port} dbname=postgres",
            "[pgbouncer]",
            "listen_addr = 127.0.0.1",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = scram-sha-256",
            f"auth_file = {folder / 'users.txt'}",
            f"pool_mode = {mode}",
            "default_pool_size = 1",
            "query_wait_timeout = 10",
        ]
        if tls is not None:
            lines += ["client_tls_sslmode = require"]
            lines += [f"client_tls_cert_file = {tls[0]}", f"client_tls_key_file = {tls[1]}"]
        (folder / "users.txt").write_text(f'"{self._url.username}" "{secret}"\n')
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        for path in (folder, *folder.iterdir()):
            if os.geteuid() == 0:
                os.chown(path, UNPRIVILEGED, UNPRIVILEGED)

    def url(self, *, host: str = "127.0.0.1", options: str = "sslmode=disable") -> str:
        """Return a libpq URI through the pooler."""
        password = self._url.password
        return f"postgresql://{self._url.username}:{password}@{host}:{self.port}/postgres?{options}"

    def __enter__(self) -> Pooler:
        user = {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [program(), "-q", str(self._folder / "pgbouncer.ini")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                **user,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._listens():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < deadline, "pgbouncer did not start to listen"
            time.sleep(0.02)
        return self

    def __exit__(self, *details: object) -> None:
        self._process.kill()
        self._process.wait()

    def _listens(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def setting(self, name: str) -> str:
        """Return a setting of the one server session that all the pooler's clients share."""
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5, prepare_threshold=None) as connection:
            row = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
            assert row is not None
            return str(row[0])
