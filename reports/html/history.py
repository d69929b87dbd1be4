"""Earlier runs of the same target and selection: one file of JSON lines, which a CI system keeps between runs.

Allure reads such a file and appends the run to it. It gets a copy with the runs before this one only, so that
rendering a run again adds nothing and shows the same. The run that it appends is stored under its own identity and
time, without data that no report needs.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fixtures.files import write_atomically

LIMIT = 100
"""Runs that are kept: three months with one run a day; 7 MB with about 70 KB a run."""

SHOWN = 30
"""Earlier runs that a report shows; each makes it about 90 KB larger."""

LONGEST_NAME = 60
LONGEST_MESSAGE = 300
_RUN = uuid.UUID("6f1b3a52-8f0f-4c39-9d0a-5a0b8a7f4b1e")
"""The namespace of runs' identities."""

_KEPT = ("id", "name", "fullName", "status", "start", "stop", "duration", "url", "historyId", "reportLinks")
"""What is kept of a case, without labels, which every run has again."""

Point = dict[str, Any]
"""A run in Allure's format."""


@dataclass(frozen=True)
class RunIdentity:
    """Identity of a run: target, selection and time."""

    target: str
    selection: str
    started_at: datetime

    @property
    def uuid(self) -> str:
        """The same for every rendering of the run."""
        return str(uuid.uuid5(_RUN, "\n".join((self.target, self.selection, self.started_at.isoformat()))))

    @property
    def timestamp(self) -> int:
        """Time of its start, in milliseconds since 1970."""
        return int(self.started_at.timestamp() * 1000)

    @property
    def file_name(self) -> str:
        """Name of the file with the runs of the same target and selection."""
        return f"{file_safe(self.target, '.')}.{file_safe(self.selection)}.jsonl"


def file_safe(name: str, allowed: str = "") -> str:
    """Convert a name to a part of a file name for any system; different names stay different.

    Args:
        name: any text.
        allowed: characters that stay, besides letters, digits, dashes and underscores.
    """
    kept = re.sub(rf"[^a-z0-9_{re.escape(allowed)}-]+", "-", name.lower())[:LONGEST_NAME].strip("-.")
    if kept and kept == name:
        return kept
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept}-{digest}".lstrip("-")


def read(file: Path) -> tuple[list[Point], int]:
    """The runs in a file, oldest first, and how many of its lines could not be parsed.

    Raises:
        OSError: the file exists but cannot be read.
    """
    if not file.exists():
        return [], 0
    lines = [line for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    points = [point for line in lines if (point := _point(line)) is not None]
    return sorted(points, key=_time), len(lines) - len(points)


def before(points: Iterable[Point], run: RunIdentity) -> list[Point]:
    """The newest runs before this one, oldest first."""
    return [point for point in points if _time(point) < run.timestamp and point["uuid"] != run.uuid][-SHOWN:]


def write(file: Path, points: Iterable[Point]) -> None:
    """Write the newest runs, one per line, completely or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    newest = sorted(points, key=_time)[-LIMIT:]
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, "".join(f"{json.dumps(point, ensure_ascii=False)}\n" for point in newest))


def with_run(points: Iterable[Point], appended: Point, run: RunIdentity) -> list[Point]:
    """Add this run, or replace an earlier rendering of it."""
    others = [point for point in points if point["uuid"] != run.uuid]
    cases = {history_id: _slim(case) for history_id, case in appended["testResults"].items()}
    ours = appended | {"uuid": run.uuid, "timestamp": run.timestamp, "testResults": cases}
    return sorted([*others, ours], key=_time)


def _slim(case: Point) -> Point:
    message = {"message": case["message"][:LONGEST_MESSAGE]} if case.get("message") else {}
    return {key: case[key] for key in _KEPT if key in case} | message


def _point(line: str) -> Point | None:
    try:
        point = json.loads(line)
    except ValueError:
        return None
    shaped = isinstance(point, dict) and isinstance(point.get("testResults"), dict)
    known = shaped and isinstance(point.get("uuid"), str) and isinstance(point.get("timestamp"), int)
    return point if known else None


def _time(point: Point) -> int:
    return int(point["timestamp"])
