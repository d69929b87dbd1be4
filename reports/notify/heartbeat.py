"""Tells a dead-man's switch that a verification took place: ``python -m reports.notify.heartbeat [REPORT_DIR]``.

A scheduled run that does not happen says nothing, so somebody outside has to expect it: a service that
raises an alarm when ``HEARTBEAT_URL`` has not been requested for too long. It is requested after every run that
came to a verdict, whatever the verdict, which has its own alarm: the failed job. A run without a verdict is as
good as none. Nothing here changes the outcome of a run: the exit status is always 0.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "HEARTBEAT_URL"
REPORTS = Path("reports/latest")

FRESH = timedelta(minutes=15)
"""A verdict that is older comes from an earlier run, and the one before this command left none."""

TRIES = 2
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
"""For connecting, and for each part of the answer."""


@dataclass(frozen=True)
class Outcome:
    """What came of it, as one sentence; the address is a secret and never in it."""

    sentence: str
    sent: bool
    wanted: bool = True
    """Whether somebody waits for it; a run without an address has nobody to tell."""


def heartbeat(url: str, reports: Path, now: datetime, *, pause_seconds: float = PAUSE_SECONDS) -> Outcome:
    """Request the address, if the folder has the verdict of a run that has just ended.

    Args:
        url: the address, or nothing.
        reports: the folder with ``verdict.json``.
        now: the present time.
        pause_seconds: how long to wait before the second and last try.
    """
    if not url:
        return Outcome(
            f"no heartbeat: {VARIABLE} is not set, so nobody notices a run that did not happen", False, False
        )
    verdict, missing = _verdict(reports / "verdict.json", now)
    if missing:
        return Outcome(f"no heartbeat: {missing}", False)
    fault = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(pause_seconds)
        fault = _request(url)
        if not fault:
            return Outcome(f"heartbeat sent after the verdict {verdict}", True)
    return Outcome(f"the heartbeat did not arrive: {fault}; the verdict stays {verdict}", False)


def _verdict(file: Path, now: datetime) -> tuple[str, str]:
    """The verdict of the run that has just ended, or what is missing."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        verdict, finished = str(document["verdict"]), datetime.fromisoformat(document["finished_at"])
        age = now - finished
    except (OSError, ValueError, KeyError, TypeError):
        return "", "the run left no verdict"
    if age > FRESH:
        return "", f"the run left no verdict; the one that is there is of {finished:%Y-%m-%d %H:%M} UTC"
    return verdict, ""


def _request(url: str) -> str:
    """Request the address once; what went wrong, without the address, or nothing."""
    import httpx

    if not url.startswith(("http://", "https://")):
        return f"{VARIABLE} is no address that begins with http:// or https://"
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, headers={"user-agent": "easymo-verification"}) as client,
            client.stream("GET", url) as response,
        ):
            return "" if response.is_success else f"the answer was {response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"{type(error).__name__} after at most {TIMEOUT_SECONDS:g} s"


def main() -> None:
    """Send the heartbeat, and say what came of it; in GitHub Actions as an annotation."""
    reports = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORTS
    outcome = heartbeat(os.environ.get(VARIABLE, ""), reports, datetime.now(UTC))
    level = "" if outcome.sent else "::warning::" if outcome.wanted else "::notice::"
    command = level if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    sys.stdout.write(f"{command}{outcome.sentence}\n")


if __name__ == "__main__":
    main()
