"""One stand-in for Grafana on a socket for all tests of the dashboards; each test puts its own behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from checks.test_immediate import test_dashboard_shows_data as check_07
from fixtures.local.functions.http import Handler, IncomingRequest, Response
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Dashboard
from tests.dashboards.building import TOKEN
from tests.outcomes import Outcome, judge, read

JudgedDashboards = Callable[..., Outcome]


class Behind:
    """Passes requests to the Grafana of the current test."""

    def __init__(self) -> None:
        self.current: Handler | None = None
        self.url = start_stand_in("Grafana", self)

    def __call__(self, request: IncomingRequest) -> Response:
        assert self.current is not None
        return self.current(request)


@pytest.fixture(scope="session")
def behind() -> Behind:
    """The stand-in's socket."""
    return Behind()


@pytest.fixture
def grafana_access(behind: Behind) -> Iterator[Access]:
    """How the suite reaches the stand-in."""
    yield Access(grafana_url=behind.url, grafana_token=Secret(TOKEN))
    behind.current = None


@pytest.fixture
def judged(behind: Behind, grafana_access: Access) -> JudgedDashboards:
    """Judges the dashboard of the DLQ by check 7, or by another test."""

    def judging(
        one: Handler,
        test: Callable[..., None] = check_07,
        *,
        settings: Settings | None = None,
        access: dict[str, Any] | None = None,
        **expected: Any,
    ) -> Outcome:
        behind.current = one
        wanted = Dashboard("dlq", **({"title": "DLQ"} | expected))
        settings = settings or Settings(dashboards=(wanted,))
        evidence = read(replace(grafana_access, **(access or {})), [test], settings)
        parameters = {"dashboard": "dlq"} if test is check_07 else {}
        return judge(test, evidence, **parameters)

    return judging


def now_ms() -> float:
    """Now in milliseconds since 1970."""
    return datetime.now(UTC).timestamp() * 1000
