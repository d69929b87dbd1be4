"""Sessions that do to a database what it should not have to bear: they hold, wait, and kill each other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from fixtures.secret import Secret

DEADLINE_SECONDS = 10.0


@contextmanager
def session(url: Secret) -> Iterator[psycopg.Connection[Any]]:
    """A connection that is ended at the end, whatever it is doing."""
    connection = psycopg.connect(url.reveal(), autocommit=True)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def running(url: Secret, statement: str) -> Iterator[int]:
    """A session that runs a statement in a thread; gives its process id, and cancels it at the end."""
    with session(url) as connection:
        pid = connection.info.backend_pid

        def work() -> None:
            try:
                connection.execute(statement.encode())
            except psycopg.Error:
                return

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield pid
        finally:
            connection.cancel_safe()
            thread.join(DEADLINE_SECONDS)


def until(url: Secret, condition: str) -> None:
    """Wait until a query gives true.

    Raises:
        TimeoutError: it does not come true in time.
    """
    ends = time.monotonic() + DEADLINE_SECONDS
    with session(url) as connection:
        while time.monotonic() < ends:
            row = connection.execute(condition.encode()).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.02)
    raise TimeoutError(condition)


def let_two_sessions_deadlock(url: Secret) -> None:
    """Let two sessions wait for each other until the server cancels one of them, and has counted it."""
    with session(url) as one, session(url) as other:
        processes = f"{one.info.backend_pid}, {other.info.backend_pid}"
        for connection in (one, other):
            connection.execute("SET deadlock_timeout = '10ms'")
        one.execute("BEGIN")
        other.execute("BEGIN")
        one.execute("SELECT pg_advisory_xact_lock(1)")
        other.execute("SELECT pg_advisory_xact_lock(2)")
        thread = threading.Thread(target=_try, args=(other, "SELECT pg_advisory_xact_lock(1)"))
        thread.start()
        _try(one, "SELECT pg_advisory_xact_lock(2)")
        for connection in (one, other):
            connection.cancel_safe()
        thread.join(DEADLINE_SECONDS)
    # A session hands in what it counted when it ends at the latest, and is listed until then.
    until(url, f"SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN ({processes})")


def _try(connection: psycopg.Connection[Any], statement: str) -> None:
    try:
        connection.execute(statement.encode())
    except psycopg.Error:
        return
