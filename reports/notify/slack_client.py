"""Posts a message to an incoming webhook of Slack. Its address is its only credential and is never shown."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fixtures.secret import Secret

if TYPE_CHECKING:
    import httpx

TRIES = 3
TIMEOUT_SECONDS = 10.0
"""For one try, from connecting to the last byte of the answer."""

PAUSE_SECONDS = 1.0
"""Before another try, if Slack asks for no other pause."""

LONGEST_PAUSE_SECONDS = 30.0
"""If Slack asks for a longer pause, the message is not sent."""

_CODE = re.compile(rb"[a-z_]{2,60}")
"""Slack's error code, the body of its answer: ``invalid_payload``, ``no_service``."""


@dataclass(frozen=True)
class Delivery:
    """Outcome of one try."""

    fault: str = ""
    """What went wrong, without the address; empty if the message was accepted."""
    pause: float | None = None
    """Seconds after which another try may help; None if it would not."""


def post(url: Secret, message: dict[str, Any], *, pause_seconds: float = PAUSE_SECONDS) -> str:
    """Post a message; retry if Slack is busy, fails or cannot be reached.

    Args:
        url: the address of the incoming webhook.
        message: ``text`` and ``blocks``, as Slack documents them.
        pause_seconds: how long to wait before another try, if Slack asks for no other pause.

    Returns:
        What went wrong, without the address; empty if the message was accepted.
    """
    return asyncio.run(_post(url, message, pause_seconds))


async def _post(url: Secret, message: dict[str, Any], pause_seconds: float) -> str:
    outcome = Delivery()
    for attempt in range(TRIES):
        outcome = await _try(url, message, pause_seconds)
        if outcome.pause is None:
            return outcome.fault
        if outcome.pause > LONGEST_PAUSE_SECONDS:
            return f"{outcome.fault}, and asked for a pause of {outcome.pause:g} s"
        if attempt + 1 < TRIES:
            await asyncio.sleep(outcome.pause)
    return f"{outcome.fault}, {TRIES} times"


async def _try(url: Secret, message: dict[str, Any], pause_seconds: float) -> Delivery:
    import httpx

    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client, asyncio.timeout(TIMEOUT_SECONDS):
            answer = await client.post(url.reveal(), json=message)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError):
        return Delivery("SLACK_WEBHOOK_URL is not a valid http or https address")
    except httpx.ConnectError:
        return Delivery("there was no connection", pause_seconds)
    except (httpx.HTTPError, TimeoutError):
        # Slack may have accepted the message: another try could post it twice.
        return Delivery(f"there was no answer within {TIMEOUT_SECONDS:g} s")
    if answer.is_success:
        return Delivery()
    return Delivery(_fault(answer), _pause(answer, pause_seconds))


def _fault(answer: httpx.Response) -> str:
    code = _CODE.fullmatch(answer.content.strip())
    return f"the answer was {answer.status_code}" + (f" ({code[0].decode()})" if code else "")


def _pause(answer: httpx.Response, pause_seconds: float) -> float | None:
    """Seconds until another try: what Slack asks for if it is busy; None if another try would not help."""
    if answer.status_code == 429:
        asked = answer.headers.get("retry-after", "")
        return float(asked) if asked.isdecimal() else pause_seconds
    return pause_seconds if answer.status_code >= 500 else None
