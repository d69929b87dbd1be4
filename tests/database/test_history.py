"""Counters and sizes are kept from run to run, and compared with those of the same database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.database.history import LOCAL, OTHER, Snapshot, compare
from fixtures.database.performance import Counters, DatabaseLoad
from fixtures.database.sizes import DatabaseSizes, TableSize
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.history.model import RunNumbers, SizeHistory, SizePoint
from fixtures.history.store import FIRST, keep
from fixtures.settings.model import Settings
from reports.redaction.redactor import Redactor
from tests.running import environment, run_suite

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RESET = datetime(2026, 4, 1, 0, 0, 0, 123457, tzinfo=UTC)


def seen(hours: float = 0, deadlocks: int = 0, **counters: int) -> DatabaseLoad:
    """What a run saw, so many hours after noon."""
    found = Counters(server_id=1, database_id=5, hits=10, reads=1, deadlocks=deadlocks, reset_at=RESET)
    return DatabaseLoad(
        read_at=NOON + timedelta(hours=hours),
        role="verifier",
        connections=(),
        sessions=(),
        hidden=0,
        tracking=True,
        counters=replace(found, **counters),
        ages=(),
    )


def sized(hours: float = 0, database: int = 1000, **tables: int) -> DatabaseSizes:
    """Sizes that a run saw, so many hours after noon; a table's name ends with its id."""
    found = tuple(TableSize("public", name, int(name[1:]), "table", size) for name, size in tables.items())
    return DatabaseSizes(
        read_at=NOON + timedelta(hours=hours),
        server_id=1,
        database_id=5,
        database=database,
        tables=found,
        count=len(found),
        all_tables=sum(tables.values()),
        system=0,
        large_objects=0,
        temporary=0,
    )


def compared(folder, load, sizes=None):
    """The counters of an earlier run, and why there are none."""
    history, _, problem = compare(folder, "production", load, sizes)
    assert problem == ""
    return history


def snapshot_of(load):
    """What is compared with."""
    return Snapshot(load.read_at, load.counters)


def test_first_run_has_nothing_to_compare_with(tmp_path):
    """The first run keeps its counters, to the microsecond of their reset."""
    history = compared(tmp_path, seen())
    assert (history.earlier, history.note) == (None, FIRST)
    assert compared(tmp_path, seen(1)).earlier == snapshot_of(seen())


def test_later_run_compares_with_the_earliest_of_the_last_day(tmp_path):
    """A run that is repeated does not make the first one's finding disappear."""
    for hours in (0, 24, 25):
        compared(tmp_path, seen(hours, deadlocks=int(hours)))
    assert compared(tmp_path, seen(26)).earlier == snapshot_of(seen(24, deadlocks=24))


def test_after_a_pause_the_latest_run_counts(tmp_path):
    """Where no run was within a day, the latest one before is compared with, however long ago."""
    for hours in (0, 24):
        compared(tmp_path, seen(hours))
    assert compared(tmp_path, seen(100 * 24)).earlier == snapshot_of(seen(24))


@pytest.mark.parametrize("other", [{"server_id": 2}, {"database_id": 6}])
def test_another_database_is_not_compared_with(other, tmp_path):
    """The same target may be another server after a restore or an upgrade."""
    compared(tmp_path, seen(0, **other))
    _, sizes, _ = compare(tmp_path, "production", seen(1), sized(1))
    assert (sizes.points, sizes.note) == ((), OTHER)
    compared(tmp_path, seen(2, **other))
    assert compared(tmp_path, seen(3)).earlier == snapshot_of(seen(1))


def test_counters_and_sizes_share_a_snapshot(tmp_path):
    """Each is compared with the runs that kept it."""
    assert compare(tmp_path, "production", seen(0), None)[1].note == FIRST
    _, sizes, _ = compare(tmp_path, "production", seen(1), sized(1, t7=5, t8=6))
    assert (sizes.points, sizes.note) == ((), "no earlier run of the last 30 days kept sizes")
    history, sizes, _ = compare(tmp_path, "production", None, sized(25, t7=9))
    assert history.note == "the counters could not be read"
    assert [(one.database, one.tables) for one in sizes.points] == [(1000, {7: 5})]
    assert compared(tmp_path, seen(26)).earlier == snapshot_of(seen(1))


def test_unknown_keys_are_left_out(tmp_path):
    """A later version may keep what this one does not know."""
    now = RunNumbers(NOON, 1, 5, {"size/database": 9, "size/table/7": 5, "size/table/seven": 5, "alerts": 0.5})
    keep(tmp_path, "production", now)
    assert compare(tmp_path, "production", None, sized(1, t7=5))[1].points[0].tables == {7: 5}


def test_long_object_ids_pass_the_redaction_gate():
    """Ids of ten digits look like phone numbers in a text."""
    ids = (2_507_881_234, 4_207_881_234)
    history = SizeHistory((SizePoint(NOON, 9, tuple((number, 5) for number in ids)),))
    evidence = Evidence(Settings(), NOON, pieces={"size_history": history})
    assert decode(to_text(Redactor().data(plain(evidence)))).pieces["size_history"] == history


def test_estimates_are_not_kept(tmp_path):
    """The size of a locked table is no measurement."""
    now = sized(0, t7=500, t8=600)
    locked = replace(now, tables=(replace(now.tables[0], locked=True), now.tables[1]))
    compare(tmp_path, "production", None, locked)
    _, sizes, _ = compare(tmp_path, "production", None, sized(24, t7=500, t8=600))
    assert sizes.points[0].tables == {8: 600}


def test_nothing_read_keeps_nothing(tmp_path):
    """Neither counters nor sizes could be read."""
    history, sizes, problem = compare(tmp_path, "production", None, None)
    assert (history.note, sizes.note, problem) == (
        "the counters could not be read",
        "the sizes could not be read",
        "",
    )
    assert list(tmp_path.iterdir()) == []


def test_problem_is_the_reason(tmp_path):
    """What went wrong with the file is why there is nothing to compare with."""
    (tmp_path / "taken").write_text("a file")
    history, sizes, problem = compare(tmp_path / "taken", "production", seen(), sized())
    assert problem.startswith("the numbers of this run could not be kept in ")
    assert (history.note, sizes.note) == (problem, problem)


def test_local_deployment_has_no_history(tmp_path):
    """A deployment that ends with the run has no earlier counters; its earlier sizes are made up."""
    history, sizes, problem = compare(None, "local (native)", seen(), sized(t7=1000))
    assert (history.earlier, history.note, problem) == (None, LOCAL, "")
    assert (sizes.seeded, len(sizes.points)) == (True, 14)
    assert [one.tables[7] for one in sizes.points] == sorted(one.tables[7] for one in sizes.points)
    assert sizes.points[-1].tables[7] == pytest.approx(990, abs=2)
    assert compare(None, "local (native)", seen(), None)[1].points == ()


def test_deadlock_between_two_runs_fails_the_second(deadlock, any_deployment, tmp_path):
    """As its user runs it: the first run keeps the counter, the second compares, and a third does not forget."""

    def run(name):
        arguments = ("-m", "daily", "-k", "deadlocks", f"--history-dir={tmp_path / 'history'}")
        return run_suite(tmp_path / name, *arguments, environ=environment(any_deployment.access))

    first = run("first")
    assert first.statuses == {"check-12": "passed"}, first.output
    deadlock()
    for name in ("second", "third"):
        again = run(name)
        assert again.statuses == {"check-12": "failed"}, again.output
        assert "1 deadlock since the run of " in again.output
    replayed = run_suite(
        tmp_path / "replay", "-m", "daily", "-k", "deadlocks", f"--replay={tmp_path / 'second/evidence.json'}"
    )
    assert replayed.statuses == {"check-12": "failed"}, replayed.output
