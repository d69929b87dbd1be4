"""What the readers of the history share."""

from __future__ import annotations

import asyncio

import pytest

from fixtures.alert_history.replies import all_of, time_of_reply
from fixtures.services.client import Service, ServiceReply


def test_failed_reading_ends_the_others():
    """Before its error goes on, so that no client is closed under a request."""
    ended = []

    async def fails():
        await asyncio.sleep(0)
        raise ValueError("no answer")

    async def goes_on():
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    with pytest.raises(ValueError, match="no answer"):
        asyncio.run(all_of([goes_on(), fails(), goes_on()]))
    assert ended == [True, True]


def test_results_keep_their_order():
    async def result(number):
        await asyncio.sleep(0.02 / number)
        return number

    assert asyncio.run(all_of(result(number) for number in (1, 2, 3))) == [1, 2, 3]


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("Wed, 25 Nov 2026 13:00:00 GMT", "2026-11-25 13:00:00+00:00"),
        ("Wed, 25 Nov 2026 14:00:00 +0100", "2026-11-25 13:00:00+00:00"),
        ("Wed, 25 Nov 2026 13:00:00 -0000", "None"),
        ("yesterday", "None"),
        ("", "None"),
    ],
)
def test_time_of_a_service(date, found):
    """None without an offset, and for what is no time."""
    reply = ServiceReply(Service("S", "V", "http://s"), "GET /", 200, headers={"date": date} if date else {})
    assert str(time_of_reply(reply)) == found
