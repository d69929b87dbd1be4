"""Posts a message to one of Slack's incoming webhooks, whose address is its only credential and is never shown."""

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
"""Before another try, where Slack does not say how long."""

LONGEST_PAUSE_SECONDS = 30.0
"""Slack may ask for a longer pause; the run does not wait so long, and the message is not sent."""

_CODE = re.compile(rb"[a-z_]{2,60}")
"""How Slack says in an answer's body what is wrong: ``invalid_payload``, ``no_service``."""


@dataclass(frozen=True)
class Delivery:
    """What came of one try."""

    fault: str = ""
    """What went wrong, without the address; empty where the message was taken."""
    pause: float | None = None
    """Seconds after which another try may help; None where it would not."""


def post(url: Secret, message: dict[str, Any], *, pause_seconds: float = PAUSE_SECONDS) -> str:
    """Post a message, and again where Slack is busy or out of reach.

    Args:
        url: the address of the incoming webhook.
        message: ``text`` and ``blocks``, as Slack documents them.
        pause_seconds: how long to wait before another try, where Slack does not say.

    Returns:
        What went wrong, in words and without the address; nothing where the message was taken.
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
        return Delivery("SLACK_WEBHOOK_URL is no address that can be posted to")
    except httpx.ConnectError:
        return Delivery("there was no connection", pause_seconds)
    except (httpx.HTTPError, TimeoutError):
        # It may have been taken: another try could say it twice.
        return Delivery(f"there was no answer within {TIMEOUT_SECONDS:g} s")
    if answer.is_success:
        return Delivery()
    return Delivery(_said(answer), _pause(answer, pause_seconds))


def _said(answer: httpx.Response) -> str:
    code = _CODE.fullmatch(answer.content.strip())
    return f"the answer was {answer.status_code}" + (f" ({code[0].decode()})" if code else "")


def _pause(answer: httpx.Response, pause_seconds: float) -> float | None:
    """How long to wait before another try: as long as Slack says where it is busy, a moment where it is broken."""
    if answer.status_code == 429:
        asked = answer.headers.get("retry-after", "")
        return float(asked) if asked.isdecimal() else pause_seconds
    return pause_seconds if answer.status_code >= 500 else None
