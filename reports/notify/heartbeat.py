"""Sends a heartbeat after a verification: ``python -m reports.notify.heartbeat [REPORT_DIR]``.

A scheduled run that never starts reports nothing. So a monitoring service (a dead-man's switch) raises an alarm
when ``HEARTBEAT_URL`` has not been requested for too long. It is requested after every run with a verdict, also
after no-go, which has its own alarm: the failed job. After a run without a verdict it is not requested. The exit
status is always 0.
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
"""An older verdict comes from an earlier run: the run before this command wrote none."""

TRIES = 2
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
"""For connecting, and for each part of the answer."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of a heartbeat. The sentence never contains the address, which is a secret."""

    sentence: str
    sent: bool
    wanted: bool = True
    """False when HEARTBEAT_URL is not set."""


def heartbeat(url: str, reports: Path, now: datetime, *, pause_seconds: float = PAUSE_SECONDS) -> Outcome:
    """Request the address, if the folder has the verdict of a run that has just finished.

    Args:
        url: the address; empty if it is not set.
        reports: the folder with ``verdict.json``.
        now: the present time.
        pause_seconds: how long to wait before the second and last try.
    """
    if not url:
        return Outcome(
            f"no heartbeat: {VARIABLE} is not set, so a run that never starts stays unnoticed", False, False
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
    """The verdict of the run that has just finished, and what is missing; one of the two is empty."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        verdict, finished = str(document["verdict"]), datetime.fromisoformat(document["finished_at"])
        age = now - finished
    except (OSError, ValueError, KeyError, TypeError):
        return "", "the run wrote no verdict"
    if age > FRESH:
        return "", f"the run wrote no verdict; the existing one is from {finished:%Y-%m-%d %H:%M} UTC"
    return verdict, ""


def _request(url: str) -> str:
    """Request the address once; returns what went wrong, without the address, or nothing."""
    import httpx

    if not url.startswith(("http://", "https://")):
        return f"{VARIABLE} does not begin with http:// or https://"
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, headers={"user-agent": "easymo-verification"}) as client,
            client.stream("GET", url) as response,
        ):
            return "" if response.is_success else f"the answer was {response.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return f"{type(error).__name__} after at most {TIMEOUT_SECONDS:g} s"


def main() -> None:
    """Send the heartbeat and print the outcome; in GitHub Actions as an annotation."""
    reports = Path(sys.argv[1]) if len(sys.argv) > 1 else REPORTS
    outcome = heartbeat(os.environ.get(VARIABLE, ""), reports, datetime.now(UTC))
    level = "" if outcome.sent else "::warning::" if outcome.wanted else "::notice::"
    command = level if os.environ.get("GITHUB_ACTIONS") == "true" else ""
    sys.stdout.write(f"{command}{outcome.sentence}\n")


if __name__ == "__main__":
    main()
