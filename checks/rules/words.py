"""How the checks say times, durations and counts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

PLAIN_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


def clock(at: datetime | None) -> str:
    """A time as people read it, in UTC: ``2026-01-31 12:05:00 UTC``."""
    return "an unknown time" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(length: timedelta) -> str:
    """A duration in its two largest units: ``2 h 5 min``."""
    seconds = abs(round(length.total_seconds()))
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for name, size in units:
        amount, seconds = divmod(seconds, size)
        if amount or (name == "s" and not parts):
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2])


def ago(now: datetime, at: datetime) -> str:
    """How long before ``now`` something was: ``5 min ago``."""
    return f"{duration(now - at)} ago" if at <= now else f"in {duration(at - now)}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 entry``, ``2 entries``."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def listed(parts: Iterable[str], most: int = 10, separator: str = "; ") -> str:
    """Parts of a sentence, the first ``most`` of them: nobody reads the rest, and redacting it takes long."""
    told = list(parts)
    more = len(told) - most
    return separator.join(told if more <= 0 else [*told[:most], f"and {more} more"])


def quoted(*names: str) -> str:
    """A name as SQL takes it, quoted where it needs to be: of a role, or of a schema and a table.

    A keyword is taken as a name behind its schema only.
    """
    return ".".join(
        name if PLAIN_IDENTIFIER.fullmatch(name) else '"' + name.replace('"', '""') + '"' for name in names
    )
