"""The history file: snapshots of runs, kept, thinned and carried over."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta

import pytest

from fixtures.history import store
from fixtures.history.model import RunNumbers
from fixtures.history.store import ALL_KEPT, FIRST, KEPT, file_of, keep, surplus
from tests.history.past import NOON, numbers_in, record
from tests.running import ROOT

OLD = {
    "schema": 1,
    "snapshots": [
        {
            "read_at": "2026-04-30T12:00:00.000001Z",
            "counters": {
                "server_id": 1,
                "database_id": 5,
                "hits": 9,
                "reads": 8,
                "deadlocks": 7,
                "reset_at": None,
            },
        },
        {
            "read_at": "2026-05-01T11:00:00Z",
            "counters": {
                "server_id": 2**62,
                "database_id": 5,
                "hits": 9,
                "reads": 8,
                "deadlocks": 0,
                "reset_at": "2026-04-01T00:00:00.123457Z",
            },
        },
    ],
}
"""A file of an earlier version of the suite."""


def test_first_run_begins_a_file(tmp_path):
    """In a folder that it makes."""
    kept = keep(tmp_path / "deep" / "down", "production", record())
    assert (kept.earlier, kept.note, kept.problem) == ((), FIRST, "")
    assert [path.name for path in (tmp_path / "deep" / "down").iterdir()] == ["production.sqlite3"]


def test_later_runs_get_the_earlier_ones(tmp_path):
    """Oldest first, with whole numbers and fractions as they were, of any database."""
    runs = [record(0, size=2**62, rate=0.1), record(1, server=-(2**63), size=-3), record(2)]
    found = [keep(tmp_path, "production", run).earlier for run in runs]
    assert found == [(), (runs[0],), (runs[0], runs[1])]


def test_targets_have_their_own_files(tmp_path):
    """Each target has its own runs."""
    keep(tmp_path, "production", record(0))
    assert keep(tmp_path, "staging", record(1)).earlier == ()


@pytest.mark.parametrize("target", ["../../etc/passwd", "/var/run/postgresql", "..", "db.example:5432", "a b", ""])
def test_file_stays_in_its_folder(target, tmp_path):
    """A target's name may be a host or a path."""
    assert file_of(tmp_path, target).parent == tmp_path
    assert file_of(tmp_path, target).stem


def test_only_the_last_month_is_returned(tmp_path):
    """And the latest run before it, so that a pause does not lose the comparison."""
    for days in (0, 10, 20, 60):
        keep(tmp_path, "production", record(days))
    assert [one.read_at for one in keep(tmp_path, "production", record(70)).earlier] == [
        NOON + timedelta(days=days) for days in (20, 60)
    ]


def test_runs_from_the_future_are_not_returned(tmp_path):
    """A clock that was put back does not make a later run an earlier one."""
    keep(tmp_path, "production", record(2))
    assert keep(tmp_path, "production", record(0)).earlier == ()


def test_same_run_twice_is_one_snapshot(tmp_path):
    """The first one stays."""
    keep(tmp_path, "production", record(0, size=1))
    keep(tmp_path, "production", record(0, size=2))
    assert numbers_in(file_of(tmp_path, "production")) == [("size", 1)]


def test_file_holds_numbers_only(tmp_path):
    """Its only texts are the keys."""
    keep(tmp_path, "production", record(0, size=1))
    content = file_of(tmp_path, "production").read_bytes()
    assert b"production" not in content
    assert b"size" in content


def test_days_are_thinned(tmp_path):
    """Every run of the last 14 days, the last one of each day before, for 400 days."""
    times = {n: NOON + timedelta(hours=8 * n) for n in range(3 * 450)}
    now = max(times.values())
    gone = set(surplus(times, now))
    kept = [at for n, at in times.items() if n not in gone]
    assert min(kept) >= now - KEPT
    recent = [at for at in kept if now - at <= ALL_KEPT]
    assert len(recent) == 3 * 14 + 1
    older = [at for at in kept if now - at > ALL_KEPT]
    assert len(older) == len({at.date() for at in older}) == 386
    assert all(at.hour == 20 for at in older[1:])


def test_thinning_deletes_numbers_and_unused_keys(tmp_path):
    """The file does not grow for ever."""
    for hours in range(0, 24 * 40, 6):
        keep(tmp_path, "production", record(hours / 24, **{f"size/table/{hours}": hours}))
    found = numbers_in(file_of(tmp_path, "production"))
    assert 70 < len(found) < 90
    with closing(sqlite3.connect(file_of(tmp_path, "production"))) as connection:
        assert connection.execute("SELECT count(*) FROM key").fetchone() == (len(found),)


def test_year_of_large_snapshots_stays_small(tmp_path):
    """A year with 200 tables takes less than 4 MB."""
    numbers = {f"size/table/{n}": 10**9 + n for n in range(200)}
    file = file_of(tmp_path, "production")
    for days in range(30):
        keep(tmp_path, "production", record(days, **numbers))
    assert file.stat().st_size < 4_000_000 * 30 / 400


def test_jump_of_the_clock_deletes_nothing(tmp_path):
    """A database that believes to be in another century for one run does not cost the history."""
    keep(tmp_path, "production", record(0))
    keep(tmp_path, "production", record(36_500))
    assert keep(tmp_path, "production", record(1)).earlier == (record(0),)
    assert len(numbers_in(file_of(tmp_path, "production"))) == 2


def test_json_file_is_carried_over_once(tmp_path):
    """Nothing of it is lost, to the microsecond; then it is set aside."""
    (tmp_path / "production.json").write_text(json.dumps(OLD))
    first = keep(tmp_path, "production", record(0))
    assert [one.place for one in first.earlier] == [(1, 5), (2**62, 5)]
    assert [one.numbers for one in first.earlier] == [
        {"counter/hits": 9, "counter/reads": 8, "counter/deadlocks": 7},
        {
            "counter/hits": 9,
            "counter/reads": 8,
            "counter/deadlocks": 0,
            "counter/reset_at": 1_775_001_600_123_457,
        },
    ]
    assert first.earlier[0].read_at.microsecond == 1
    assert (first.note, first.problem) == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["production.json.imported", "production.sqlite3"]
    assert keep(tmp_path, "production", record(1)).earlier == (*first.earlier, record(0))


def test_json_file_of_a_run_in_between_is_added(tmp_path):
    """An earlier version of the suite may run once more and begin a new JSON file."""
    keep(tmp_path, "production", record(-0.5))
    (tmp_path / "production.json").write_text(json.dumps(OLD))
    kept = keep(tmp_path, "production", record(0))
    assert [one.read_at for one in kept.earlier] == sorted(one.read_at for one in kept.earlier)
    assert len(kept.earlier) == 3


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"snapshots": 3}', '{"snapshots": [{"read_at": "noon"}]}', "\0", "[" * 99_999],
    ids=["empty", "cut", "list", "number", "time", "zero", "deep"],
)
def test_damaged_json_file_is_set_aside(content, tmp_path):
    """That is said, and the run's numbers are kept."""
    (tmp_path / "production.json").write_text(content)
    kept = keep(tmp_path, "production", record(0))
    assert kept.note == f"{tmp_path}/production.json is damaged: it was set aside as production.json.damaged"
    assert keep(tmp_path, "production", record(1)).earlier == (record(0),)


def test_older_file_is_migrated(tmp_path, monkeypatch):
    """A change of the schema is applied once, and keeps every snapshot."""
    keep(tmp_path, "production", record(0))
    later = (*store.MIGRATIONS, "ALTER TABLE snapshot ADD COLUMN release TEXT")
    monkeypatch.setattr(store, "MIGRATIONS", later)
    assert keep(tmp_path, "production", record(1)).earlier == (record(0),)
    assert keep(tmp_path, "production", record(2)).earlier == (record(0), record(1))


def test_newer_file_is_left_alone(tmp_path, monkeypatch):
    """An older version of the suite says so, and changes nothing."""
    file = file_of(tmp_path, "production")
    with monkeypatch.context() as newer:
        newer.setattr(store, "MIGRATIONS", (*store.MIGRATIONS, "ALTER TABLE snapshot ADD COLUMN release TEXT"))
        keep(tmp_path, "production", record(0))
    before = file.read_bytes()
    kept = keep(tmp_path, "production", record(1))
    assert kept.problem == (
        f"{file} was written by a newer version of the suite (schema 2, this version knows 1): it was "
        "neither read nor changed"
    )
    assert (kept.note, kept.earlier) == (kept.problem, ())
    assert file.read_bytes() == before


RUNS = """
import sys
from datetime import timedelta
from pathlib import Path
from fixtures.history.store import keep
from tests.history.past import record
process = int(sys.argv[2])
for n in range(8):
    now = record(n / 1000 + process / 10_000, process=process)
    kept = keep(Path(sys.argv[1]), "production", now)
    assert not kept.problem, kept.problem
"""


def test_runs_at_the_same_time_lose_nothing(tmp_path):
    """Three processes begin the same file, carry the same JSON file over, and add to it at once."""
    (tmp_path / "production.json").write_text(json.dumps(OLD))
    command = [sys.executable, "-c", RUNS, str(tmp_path)]
    running = [subprocess.Popen([*command, str(n)], cwd=ROOT) for n in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    found = numbers_in(file_of(tmp_path, "production"))
    assert [value for name, value in found if name == "process"] == [0, 1, 2] * 8
    assert [value for name, value in found if name == "counter/deadlocks"] == [7, 0]


def test_record_that_sqlite_cannot_hold_is_said(tmp_path):
    """A number beyond 64 bits costs the run's numbers, not the run."""
    kept = keep(tmp_path, "production", RunNumbers(NOON, 2**80, 5, {"size": 1}))
    assert "could not be kept in" in kept.problem
