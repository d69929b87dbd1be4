"""Logs from stand-ins of services: a log as the functions write it, read and judged as in a run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from checks.test_immediate import test_functions_logged_no_error as check_06
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.local.functions.http import Handler
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.local.stand_ins.supabase_logs import SupabaseLogs
from fixtures.logs import supabase
from fixtures.logs.model import ApplicationLogs, FunctionLogs
from fixtures.logs.sources import read_service_logs
from fixtures.outcome import Gap
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.outcomes import Outcome, judge

REFERENCE = "abcdefghijklmnopqrst"
TOKEN = "sbp_planted0token0of0the0tests00"
QUICK = Limits(service_request_timeout_seconds=2.0, service_total_seconds=4.0)


def entry(seconds_ago: float = 60, **fields: Any) -> dict[str, Any]:
    """An entry of the functions' log."""
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {
        "timestamp": time.isoformat(),
        "level": "info",
        "service": "wa-webhook",
        "event": "WEBHOOK_RECEIVED",
        "status": 200,
        **fields,
    }


@dataclass
class Served:
    """A stand-in that serves one log, and a run that reads it."""

    log: Path
    handler: Any
    variable: str
    settings: Settings = field(default_factory=lambda: Settings(limits=QUICK))

    def write(self, *entries: dict[str, Any]) -> None:
        """Replace the log."""
        self.log.write_text("".join(f"{json.dumps(one)}\n" for one in entries))

    def access(self, name: str) -> Access:
        """How a run reaches it."""
        url = start_stand_in(name, self.handler)
        if self.variable == "EASYMO_LOKI_URL":
            return Access(loki_url=url)
        return Access(supabase_api_url=url, supabase_token=Secret(TOKEN), project_ref=REFERENCE)

    def read(self, access: Access | None = None) -> ApplicationLogs:
        """Read it as a run does."""
        known = access or self.access("a service")
        found = asyncio.run(read_service_logs(self.settings, known, datetime.now(UTC)))
        return ApplicationLogs().adding(found)

    def logs(self, case: str) -> FunctionLogs:
        """The logs of one case."""
        found = self.read().of(case)
        assert isinstance(found, FunctionLogs)
        return found

    def gap(self, case: str, access: Access | None = None) -> Gap:
        """Why there are none."""
        return self.read(access).gaps[case]

    def judge(self, case: str) -> Outcome:
        """Read it and judge one case."""
        evidence = Evidence(self.settings, datetime.now(UTC), pieces={"application_logs": self.read()})
        return judge(check_06, decode(to_text(plain(evidence))), application_log=case)


def healthy_project(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A project of Supabase with healthy logs, which is read without pauses."""
    monkeypatch.setattr(supabase, "PAUSE_SECONDS", 0.01)
    log = folder / "functions.log"
    found = Served(log, SupabaseLogs(log, REFERENCE), "EASYMO_SUPABASE_API_URL")
    found.write(entry(600), entry(120, level="warning", status=404), entry(60, service="dlq-processor"))
    return found


def row(source: str, seconds_ago: float = 50, **columns: Any) -> dict[str, Any]:
    """A further entry of Supabase's log store."""
    time = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    return {"source": source, "time": time, "event_message": "", **columns}


def answering(status: int, body: str, kind: str = "application/json") -> Handler:
    """A service that answers everything alike."""
    from fixtures.local.functions.http import Response

    return lambda request: Response(status, body.encode(), kind)


Change = Callable[[Served], None]
"""Makes a healthy log or service faulty."""
