"""Real local deployments for the suite's own tests: started once, and restored between tests.

A pytest plugin. A test with ``deployment`` runs once per kind, with a healthy deployment; ``any_deployment`` uses
only the fastest kind, for tests that do not depend on the kind. A test may change its deployment in any way.

``EASYMO_TEST_KINDS`` lists the kinds, separated by commas: ``native``, ``containers``, ``embedded``. By default
the first two are used if this machine has them, and the third if it has neither. The summary lists the kinds left
out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import psycopg
import pytest

from fixtures.local import Kind, LocalDeployment, LocalDeploymentError
from fixtures.local.server import obstacle

KINDS_VARIABLE = "EASYMO_TEST_KINDS"
LEFT_OUT_VARIABLE = "EASYMO_TEST_KINDS_LEFT_OUT"
KNOWN = tuple(kind for kind in get_args(Kind) if kind != "auto")
QUICKEST_FIRST = ("native", "embedded", "containers")

RUN_EVERY_SECONDS = 300
ROOM_SECONDS = 8.0
"""Shortest time between the start of a test and the next scheduled run, which would disturb the test."""
RUN_TAKES_SECONDS = 1.0
BUILD_SECONDS = 300.0
"""Time limit for building the container image if the engine does not have it."""
STALE_SECONDS = 240.0
"""Older traffic is seeded again."""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


class Deployment(LocalDeployment):
    """A local deployment that knows whether it was changed since it was last restored."""

    _baseline: tuple[int, int, float]
    """Next transaction id, log size and time when it was last restored."""

    def superuser_execute(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one or more statements as the bootstrap superuser; return the rows of the last."""
        return _execute(self.superuser_url.reveal(), statement, parameters)

    def owner_execute(self, statement: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run one or more statements as role ``postgres``; return the rows of the last."""
        return _execute(self.owner_url.reveal(), statement, parameters)

    def reset(self) -> None:
        """Restore the healthy state, and remember it.

        A rebuild while the scheduler is working may cause a deadlock, and a rebuild does not reset the server's
        deadlock count. Then all counters are reset and the database is rebuilt once more.
        """
        super().reset()
        if self.superuser_execute(DEADLOCKS) != [(0,)]:
            self.superuser_execute("SELECT pg_stat_reset()")
            super().reset()
        self.is_right()

    def put_right(self) -> None:
        """Restore the healthy, freshly seeded state if it changed; wait if a scheduled run is about to start."""
        left = RUN_EVERY_SECONDS - time.time() % RUN_EVERY_SECONDS
        if left < ROOM_SECONDS:
            time.sleep(left + RUN_TAKES_SECONDS)
        transaction, log_size, since = self._baseline
        if time.monotonic() - since > STALE_SECONDS or self._next_transaction() != transaction:
            self.reset()
        elif self._log_size() != log_size:
            assert self.access.log_file is not None
            os.truncate(self.access.log_file, log_size)

    def is_right(self) -> None:
        """Remember its present state as healthy, after a start or a reset."""
        self._baseline = (self._next_transaction(), self._log_size(), time.monotonic())

    def _next_transaction(self) -> int:
        """Return the id of the next writing transaction, which does not change while no one writes.

        Return 0 if the server cannot be asked, or has settings of ``ALTER SYSTEM``.
        """
        try:
            rows = self.superuser_execute(
                "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint,"
                " (SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf')"
            )
        except psycopg.Error:
            return 0
        return 0 if rows[0][1] else int(rows[0][0])

    def _log_size(self) -> int:
        assert self.access.log_file is not None
        return os.stat(self.access.log_file).st_size


def _execute(url: str, statement: str, parameters: Sequence[Any] | None) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        cursor = connection.execute(statement.encode(), parameters)
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []


def pytest_configure(config: pytest.Config) -> None:
    """Choose the kinds once; pytest-xdist workers get them through the environment."""
    if hasattr(config, "workerinput") or LEFT_OUT_VARIABLE in os.environ:
        return
    asked = os.environ.get(KINDS_VARIABLE)
    left_out = {}
    if asked is None:
        left_out = {
            kind: reason
            for kind in ("native", "containers")
            if (reason := obstacle(kind, time.monotonic() + BUILD_SECONDS, print))
        }
        kinds = [kind for kind in ("native", "containers") if kind not in left_out] or ["embedded"]
    else:
        kinds = [kind.strip() for kind in asked.split(",")]
        for kind in kinds:
            if kind not in KNOWN:
                raise pytest.UsageError(
                    f"{KINDS_VARIABLE}: {kind!r} is not a kind of local deployment; expected {', '.join(KNOWN)}"
                )
    os.environ[KINDS_VARIABLE] = ",".join(kinds)
    os.environ[LEFT_OUT_VARIABLE] = "; ".join(f"{kind} ({reason})" for kind, reason in left_out.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which kinds of deployment were not tested, and why."""
    if left_out := os.environ.get(LEFT_OUT_VARIABLE):
        terminalreporter.section("local deployments")
        terminalreporter.line(f"NOT TESTED on: {left_out}", yellow=True, bold=True)


def kinds_under_test() -> list[str]:
    """Return the kinds of deployment that tests run on, as :func:`pytest_configure` chose them."""
    return os.environ[KINDS_VARIABLE].split(",")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes ``deployment`` once per kind."""
    if "deployment" in metafunc.fixturenames:
        metafunc.parametrize("deployment", kinds_under_test(), indirect=True)


@pytest.fixture(scope="session")
def running_deployments() -> Iterator[dict[str, Deployment]]:
    """Kind → deployment of this process; started on demand, stopped at the end."""
    running: dict[str, Deployment] = {}
    yield running
    for deployment in running.values():
        deployment.stop()


def healthy(running: dict[str, Deployment], kind: Any) -> Deployment:
    """Return the running deployment of a kind, restored if it was changed; start it if there is none."""
    if kind in running:
        try:
            running[kind].put_right()
        except (LocalDeploymentError, psycopg.OperationalError):
            # A test may have stopped its server; later tests need a new one, not the same error.
            running.pop(kind).stop()
    if kind not in running:
        running[kind] = Deployment.start(kind)
        running[kind].is_right()
        running[kind].put_right()
    return running[kind]


@pytest.fixture
def deployment(request: pytest.FixtureRequest, running_deployments: dict[str, Deployment]) -> Deployment:
    """A healthy, freshly seeded deployment of each kind under test."""
    return healthy(running_deployments, request.param)


@pytest.fixture
def any_deployment(running_deployments: dict[str, Deployment]) -> Deployment:
    """A healthy, freshly seeded deployment of the fastest kind under test."""
    return healthy(running_deployments, min(kinds_under_test(), key=QUICKEST_FIRST.index))
