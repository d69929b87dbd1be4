"""What the tests of the logs share: a log file that they write, read and judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fixtures.logs.model import FunctionLogs
from fixtures.logs.read import read_logs
from fixtures.settings.access import Access
from fixtures.settings.model import Settings

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

Reader = Callable[..., FunctionLogs]


def line(seconds_ago: float = 60, **fields: Any) -> str:
    """A line of a log, at info level from wa-webhook where nothing else is said."""
    time = (NOW - timedelta(seconds=seconds_ago)).isoformat()
    entry = {"timestamp": time, "level": "info", "service": "wa-webhook", "event": "WEBHOOK_RECEIVED"} | fields
    return json.dumps({name: value for name, value in entry.items() if value is not None})


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Where the log stands."""
    return tmp_path / "functions.log"


@pytest.fixture
def read(log_file: Path) -> Reader:
    """Writes lines into the log file and gives what is read from it."""

    def reading(*lines: str, settings: Settings | None = None) -> FunctionLogs:
        log_file.write_text("".join(f"{text}\n" for text in lines))
        logs = read_logs(settings or Settings(), Access(log_file=str(log_file)), NOW)
        assert isinstance(logs, FunctionLogs), logs
        return logs

    return reading
