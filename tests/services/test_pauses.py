"""A service that asks for a pause gets it, in each form, as long as there is time; then its answer counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fixtures.services import client as client_module
from fixtures.services.pauses import asked_pause
from tests.services.servers import QUICK, ScriptedServer, answers, get, in_turn, service

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATE = format_datetime(NOW, usegmt=True)
IN_30 = NOW + timedelta(seconds=30)

ASKED: dict[str, tuple[Mapping[str, str], float]] = {
    "nothing": ({}, 0.5),
    "seconds": ({"retry-after": "7"}, 7),
    "parts of seconds": ({"retry-after": "1.5"}, 1.5),
    "no pause": ({"retry-after": "0"}, 0),
    "a date": ({"retry-after": format_datetime(IN_30, usegmt=True), "date": DATE}, 30),
    "a date without a zone": ({"retry-after": "Sun, 01 Mar 2026 12:00:30 -0000", "date": DATE}, 30),
    "an ISO date": ({"retry-after": IN_30.isoformat(), "date": DATE}, 30),
    "a date that has passed": ({"retry-after": format_datetime(NOW - timedelta(1), usegmt=True), "date": DATE}, 0),
    "reset in seconds": ({"x-ratelimit-reset": "12"}, 12),
    "reset of the standard": ({"ratelimit-reset": "12"}, 12),
    "reset as a point in time": ({"x-ratelimit-reset": f"{IN_30.timestamp():.0f}", "date": DATE}, 30),
    "reset in milliseconds": ({"x-ratelimit-reset": f"{IN_30.timestamp() * 1000:.0f}", "date": DATE}, 30),
    "both": ({"retry-after": "3", "x-ratelimit-reset": "12"}, 3),
    "first not understood": ({"retry-after": "soon", "x-ratelimit-reset": "12"}, 12),
    "negative": ({"retry-after": "-5"}, 0.5),
    "words": ({"retry-after": "in a while"}, 0.5),
    "other digits": ({"retry-after": "٣"}, 0.5),
    "two values": ({"retry-after": "1, 2"}, 0.5),
    "a dot": ({"retry-after": "."}, 0.5),
    "no date": ({"retry-after": "Sun, 99 Foo 2026 99:00:00 GMT"}, 0.5),
}


@pytest.mark.parametrize(("headers", "seconds"), ASKED.values(), ids=list(ASKED))
def test_pause_by_the_headers(headers: Mapping[str, str], seconds: float) -> None:
    """Numbers, points in time and dates; by the service's own clock, where it shows it."""
    assert asked_pause(headers, 0.5) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["9" * 400, "1e999", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 18], ids=range(4))
@pytest.mark.parametrize("header", ["retry_after", "x_ratelimit_reset"])
def test_huge_pause_is_not_made(text: str, header: str) -> None:
    """The answer with the request for it counts, and comes at once."""
    begin = time.monotonic()
    server = ScriptedServer(answers(429, "slow down", **{header: text}))
    with server as url:
        reply = get(service(url))
    assert time.monotonic() - begin < 1
    assert len(server.asked) == (3 if text == "1e999" else 1)
    error = reply.fault()
    assert error.reason.endswith("answered GET /api/health with HTTP 429: slow down")
    assert error.advice == "run the checks again later: Grafana limits the requests of a time"


def test_pause_is_made() -> None:
    """Between the answer that asks for it and the next request."""
    server = ScriptedServer(in_turn(answers(429, retry_after="0.3"), answers(200)))
    begin = time.monotonic()
    with server as url:
        assert get(service(url)).status == 200
    assert time.monotonic() - begin >= 0.3
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [502, 503, 504])
def test_gateway_faults_are_tried_again(status: int) -> None:
    """Three times, and the last answer counts."""
    passing = ScriptedServer(in_turn(answers(status), answers(status), answers(200)))
    lasting = ScriptedServer(in_turn(answers(status), answers(status), answers(status, "third"), answers(200)))
    with passing as url:
        assert get(service(url)).status == 200
    with lasting as url:
        reply = get(service(url))
    assert (reply.status, reply.text, len(lasting.asked)) == (status, "third", 3)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 410, 500])
def test_other_answers_are_not_tried_again(status: int) -> None:
    """They say what they say."""
    server = ScriptedServer(answers(status))
    with server as url:
        assert get(service(url)).status == status
    assert len(server.asked) == 1


def test_no_other_try_without_requests_left() -> None:
    """The answer counts, not the limit."""
    server = ScriptedServer(answers(503, "starting"))
    with server as url:
        reply = get(service(url), limits=replace(QUICK, service_requests=2))
    assert (reply.status, reply.text, len(server.asked)) == (503, "starting", 2)


def test_pauses_without_a_request_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """They grow."""
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.1)
    begin = time.monotonic()
    with ScriptedServer(answers(503)) as url:
        get(service(url))
    assert time.monotonic() - begin >= 0.3
