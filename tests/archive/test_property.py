"""Property: whatever happens to dead letters while they are archived, none is lost, and none stands twice."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.archive.archiving import Archiving
from fixtures.archive.moving import Stage
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
from tests.archive.letters import ARCHIVE, DLQ

STATUSES = ("pending", "processing", "reprocessed", "failed", "discarded")
AGES = (0, 29, 31, 400)

entry = st.fixed_dictionaries(
    {
        "status": st.sampled_from(STATUSES),
        "created": st.sampled_from(AGES),
        "updated": st.sampled_from(AGES),
        "message": st.none()
        | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=9),
    }
)


@dataclass(frozen=True)
class Event:
    """Something that happens at the n-th step of a run of archiving."""

    at: int
    what: str


events = st.lists(
    st.builds(Event, st.integers(0, 25), st.sampled_from(("interrupt", "cut", "add", "revive", "rival"))),
    max_size=4,
)


class Fate:
    """Makes the events happen, in a session of its own."""

    def __init__(self, letters, happening, address):
        self.letters, self.address, self.step = letters, address, -1
        self.left = sorted(happening, key=lambda event: event.at)

    def __call__(self, step: Stage) -> None:
        """Count a step, and let what belongs to it happen."""
        self.step += 1
        while self.left and self.left[0].at <= self.step:
            self.happen(self.left.pop(0).what)

    def happen(self, what: str) -> None:
        """Interrupt the run, cut its connection, add an entry, put one back, or archive at the same time."""
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "cut":
            self.letters.execute(
                "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE application_name = "
                "'easymo-verification' AND usename = 'postgres'"
            )
        elif what == "add":
            self.letters.execute(insert({"status": "failed", "created": 400, "updated": 400, "message": "late"}))
        elif what == "revive":
            self.letters.execute(
                f"UPDATE {DLQ} SET status = 'pending' WHERE id = (SELECT id FROM {DLQ} WHERE status = 'failed' "
                "LIMIT 1 FOR UPDATE SKIP LOCKED)"
            )
        else:
            quiet = []
            Archiving(Settings(), quiet.append, quiet.append, batch=2).run(self.address, dry_run=False)


def insert(values):
    """SQL that adds one entry."""
    message = "NULL" if values["message"] is None else psycopg.sql.Literal(values["message"]).as_string(None)
    return (
        f"INSERT INTO {DLQ} (service, payload, status, error_message, created_at, updated_at) VALUES "
        f"('s', '{{}}', '{values['status']}', {message}, now() - interval '{values['created']} days', "
        f"now() - interval '{values['updated']} days');"
    )


def content(letters):
    """Ids of both tables, and the rows without their status, which an event may change."""
    rows = [
        row
        for table in (DLQ, ARCHIVE)
        if letters.execute(f"SELECT to_regclass('{table}') IS NOT NULL") == [(True,)]
        for row in letters.execute(f"SELECT id, error_message, created_at, updated_at FROM {table}")
    ]
    assert len({row[0] for row in rows}) == len(rows), "an entry stands twice"
    return {row[0]: row for row in rows}


@pytest.fixture
def prepared(letters):
    """The letters' fixture is restored once; each example empties both tables."""
    return letters


@given(entries=st.lists(entry, max_size=12), happening=events, batch=st.integers(1, 5))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_and_nothing_stands_twice(prepared, entries, happening, batch):
    """Interrupted, cut, with rivals, with entries that come and change: at the end all old ones are archived."""
    letters = prepared
    letters.execute(f"DROP TABLE IF EXISTS {ARCHIVE}; DELETE FROM {DLQ};" + "".join(map(insert, entries)))
    before = content(letters)
    address = DatabaseAddress.parse(letters.deployment.owner_url.reveal())
    fate, lines = Fate(letters, happening, address), []
    with suppress(KeyboardInterrupt):
        Archiving(Settings(), lines.append, lines.append, fate, batch=batch).run(address, dry_run=False)
    after = content(letters)
    assert before.items() <= after.items()
    assert {row[1] for key, row in after.items() if key not in before} <= {"late"}
    Archiving(Settings(), lines.append, lines.append).run(address, dry_run=False)
    assert content(letters) == after
    settled = "status IN ('reprocessed', 'failed', 'discarded') AND greatest(created_at, updated_at)"
    assert letters.execute(f"SELECT count(*) FROM {DLQ} WHERE {settled} < now() - interval '30 days'") == [(0,)]
    assert letters.execute(
        f"SELECT count(*) FROM {ARCHIVE} WHERE NOT ({settled} < now() - interval '30 days')"
    ) == [(0,)]
