"""What is under way when a client is closed, and the time that an answer shows."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from fixtures.services.client import Service, ServiceReply, open_service
from tests.services.servers import QUICK, Asked, ScriptedServer


def test_failed_request_ends_the_others() -> None:
    """Before its error goes on, so that no connection is closed under a request, and stays open."""
    ended: list[bool] = []
    over = threading.Event()
    silent = ScriptedServer(lambda asked: [b""] if over.wait(20) else [])

    async def main(url: str) -> None:
        async def fails() -> None:
            while len(silent.asked) < 2:  # noqa: ASYNC110 - another thread counts them
                await asyncio.sleep(0.005)
            raise ValueError("no answer")

        async def goes_on() -> None:
            try:
                await client.get("/")
            finally:
                await asyncio.sleep(0)
                ended.append(True)

        try:
            async with open_service(Service("S", "V", url), QUICK) as client:
                await asyncio.gather(goes_on(), fails(), goes_on())
        finally:
            assert ended == [True, True]

    with silent as url, pytest.raises(ValueError, match="no answer"):
        asyncio.run(main(url))
    over.set()
    gc.collect()  # A connection that is still open is a warning, which is an error here.


def test_results_keep_their_order() -> None:
    def answer(asked: Asked) -> list[bytes]:
        body = asked.target.encode()
        return [b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body]

    async def main(url: str) -> list[str]:
        async with open_service(Service("S", "V", url), QUICK) as client:
            replies = await asyncio.gather(*(client.get(f"/{number}") for number in (1, 2, 3)))
            return [reply.text for reply in replies]

    with ScriptedServer(answer) as url:
        assert asyncio.run(main(url)) == ["/1", "/2", "/3"]


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
def test_time_of_a_service(date: str, found: str) -> None:
    """None without an offset, and for what is no time."""
    reply = ServiceReply(Service("S", "V", "http://s"), "GET /", 200, headers={"date": date} if date else {})
    assert str(reply.date) == found
