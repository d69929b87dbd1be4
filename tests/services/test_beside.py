"""Readers beside each other: what happens to one costs that one only, and the run gets its results in time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from fixtures.outcome import CheckFailed, CouldNotLook, Gap, NotApplicable, Status, Unproven, Violation
from fixtures.services import beside as module
from fixtures.services.beside import Beside
from fixtures.services.client import open_service
from tests.services.servers import QUICK, Asked, ScriptedServer, service, whole

SLOW = Gap(
    Status.ERROR,
    "the log lines could not be read within 0.2 s",
    "look whether the service answers slowly, or raise limits.service_total_seconds in deployment.toml",
)


@pytest.fixture(autouse=True)
def short_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLACK_SECONDS", 0.2)


async def quick() -> str:
    """A reader that reads."""
    return "evidence"


async def hanging() -> None:
    await asyncio.sleep(30)


async def blocking() -> None:
    """A reader that cannot be cancelled."""
    time.sleep(2)  # noqa: ASYNC251  the fault that is tested


async def in_a_thread() -> None:
    """A look-up of a host, for example, which cannot be cancelled either."""
    await asyncio.to_thread(time.sleep, 2)


async def deaf() -> None:
    """A reader that goes on although it is cancelled."""
    for _ in range(200):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            continue


@pytest.mark.parametrize("read", [hanging, blocking, in_a_thread, deaf])
def test_hanging_reader_costs_its_own_piece(read: Callable[[], object]) -> None:
    """The others are there, and the results come when its limit has passed."""
    begin = time.monotonic()
    readings = Beside({"log_lines": read, "alerting": quick, "dashboards": quick}, 0.2)
    results = readings.results()
    assert time.monotonic() - begin < 1.5
    assert results == {"log_lines": SLOW, "alerting": "evidence", "dashboards": "evidence"}


def test_blocked_reader_does_not_delay_another() -> None:
    """Also if the other one is still reading while the first one blocks."""

    async def steady() -> int:
        for _ in range(10):
            await asyncio.sleep(0.01)
        return 10

    begin = time.monotonic()
    results = Beside({"a": blocking, "b": steady}, 0.2).results()
    assert results["b"] == 10
    assert time.monotonic() - begin < 1.5


def test_limit_of_its_own() -> None:
    """A piece with another limit does not delay the gaps of the others."""
    begin = time.monotonic()
    results = Beside({"log_lines": hanging, "test_alert": quick}, 0.2, {"test_alert": 30.0}).results()
    assert time.monotonic() - begin < 1.5
    assert results == {"log_lines": SLOW, "test_alert": "evidence"}


def fault(kind: str) -> Gap:
    return Gap(
        Status.ERROR,
        f"reading the log lines ended with {kind}: a fault of the suite, or an answer that it does not expect",
        "report it with the version of the service",
    )


RAISED: dict[str, tuple[BaseException, Gap]] = {
    "fault": (KeyError("token"), fault("KeyError")),
    "its own timeout": (TimeoutError(), fault("TimeoutError")),
    "deep": (RecursionError(), fault("RecursionError")),
    "exit": (SystemExit(3), fault("SystemExit")),
    "interrupt": (KeyboardInterrupt(), fault("KeyboardInterrupt")),
    "cancelled by itself": (asyncio.CancelledError(), fault("CancelledError")),
    "could not look": (CouldNotLook("away", "look"), Gap(Status.ERROR, "away", "look")),
    "unproven": (Unproven("no permission", "grant it"), Gap(Status.UNPROVEN, "no permission", "grant it")),
    "failed": (CheckFailed(Violation("wrong", advice="do it")), Gap(Status.FAILED, "wrong", "do it")),
    "not applicable": (NotApplicable("not used"), Gap(Status.NOT_APPLICABLE, "not used")),
}


@pytest.mark.parametrize(("error", "gap"), RAISED.values(), ids=list(RAISED))
def test_exception_is_a_gap_of_its_piece(error: BaseException, gap: Gap) -> None:
    """Without its text, which may have anything; the other readers are not cancelled."""

    async def failing() -> None:
        raise error

    async def later() -> str:
        await asyncio.sleep(0.05)
        return "evidence"

    assert Beside({"log_lines": failing, "alerting": later}, 5).results() == {
        "log_lines": gap,
        "alerting": "evidence",
    }


def test_results_are_there_after_the_limit() -> None:
    """A run that probes for longer than the limit still gets what was read."""
    readings = Beside({"alerting": quick, "log_lines": hanging}, 0.2)
    time.sleep(0.3)
    begin = time.monotonic()
    assert readings.results() == {"alerting": "evidence", "log_lines": SLOW}
    assert time.monotonic() - begin < 0.2


def test_nothing_to_read() -> None:
    """No piece, no result."""
    assert Beside({}, 5).results() == {}


def test_stop_lets_a_reader_undo() -> None:
    """It is cancelled, undoes what it did, and its result is returned; the others are not waited for."""
    began = threading.Event()

    async def undoing() -> str:
        began.set()
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            return "undone"
        return "not cancelled"

    readings = Beside({"test_alert": undoing, "log_lines": blocking}, 30)
    assert began.wait(5)
    begin = time.monotonic()
    assert readings.stop(["test_alert", "unknown"], 5) == {"test_alert": "undone"}
    assert time.monotonic() - begin < 1.5


def test_stop_does_not_wait_for_ever() -> None:
    """A reader that does not undo in time has no result."""
    began = threading.Event()

    async def stubborn() -> None:
        began.set()
        await deaf()

    readings = Beside({"test_alert": stubborn}, 30)
    assert began.wait(5)
    assert readings.stop(["test_alert"], 0.1) == {}


def test_stop_after_the_end() -> None:
    """What was read is returned."""
    readings = Beside({"test_alert": quick}, 5)
    readings.results()
    assert readings.stop(["test_alert"], 1) == {"test_alert": "evidence"}


def test_two_readers_of_one_service() -> None:
    """Each has its own client, time and number of requests; one that uses up its own does not stop the other."""
    barrier = threading.Barrier(2, timeout=5)

    def together(asked: Asked) -> Iterator[bytes]:
        # Answers only when the other reader asks too.
        barrier.wait()
        yield from whole(200, f'"{asked.target}"')

    server = ScriptedServer(together)
    with server as url:

        def reads(path: str, number: int) -> Callable[[], object]:
            async def read() -> list[str]:
                limits = replace(QUICK, service_requests=5, service_request_timeout_seconds=5)
                async with open_service(service(url), limits) as client:
                    found = [(await client.get(path)).result for _ in range(5)]
                    if number > 5:
                        await client.get(path)
                    return found

            return read

        results = Beside({"dashboards": reads("/a", 5), "alerting": reads("/b", 6)}, 5).results()
    assert results["dashboards"] == ["/a"] * 5
    gap = results["alerting"]
    assert isinstance(gap, Gap)
    assert "got the 5 requests that one run may send" in gap.reason
    assert len(server.asked) == 10
