"""Counters are kept from run to run, and nothing that is wrong with the file stops a run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fixtures.database.history import Snapshot, compare, file_of
from fixtures.database.performance import Counters
from tests.running import environment, run_suite

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def seen(hours: float = 0, deadlocks: int = 0, **counters: int) -> Snapshot:
    """What a run saw, so many hours after noon."""
    found = Counters(server_id=1, database_id=5, hits=10, reads=1, deadlocks=deadlocks, reset_at=None)
    return Snapshot(NOON + timedelta(hours=hours), replace(found, **counters))


def test_first_run_has_nothing_to_compare_with(tmp_path):
    """The first run keeps its counters, in a folder that it makes."""
    history, problem = compare(tmp_path / "deep" / "down", "production", seen())
    assert (history.earlier, problem) == (None, "")
    assert history.note == "this is the first run that keeps its counters"
    assert (tmp_path / "deep" / "down" / "production.json").exists()


def test_later_run_compares_with_the_earliest_of_the_last_day(tmp_path):
    """A run that is repeated does not make the first one's finding disappear."""
    for hours in (0, 24, 25):
        compare(tmp_path, "production", seen(hours, deadlocks=int(hours)))
    assert compare(tmp_path, "production", seen(26))[0].earlier == seen(24, deadlocks=24)


def test_after_a_pause_the_latest_run_counts(tmp_path):
    """Where no run was within a day, the latest one before is compared with."""
    for hours in (0, 24):
        compare(tmp_path, "production", seen(hours))
    assert compare(tmp_path, "production", seen(100))[0].earlier == seen(24)


def test_old_runs_are_forgotten(tmp_path):
    """The file stays small."""
    for hours in range(0, 24 * 40, 2):
        compare(tmp_path, "production", seen(hours))
    assert file_of(tmp_path, "production").stat().st_size < 50_000


@pytest.mark.parametrize("other", [{"server_id": 2}, {"database_id": 6}])
def test_another_database_is_not_compared_with(other, tmp_path):
    """The same target may be another server after a restore or an upgrade."""
    compare(tmp_path, "production", seen(0, **other))
    history, _ = compare(tmp_path, "production", seen(1))
    assert (history.earlier, history.note) == (None, "this is the first run on this database")


def test_runs_from_the_future_are_not_compared_with(tmp_path):
    """A clock that was put back does not make a later run an earlier one."""
    compare(tmp_path, "production", seen(48))
    assert compare(tmp_path, "production", seen(0))[0].earlier is None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"snapshots": 3}', '{"snapshots": [{"read_at": "noon"}]}', "\0"]
)
def test_damaged_file_is_begun_anew(content, tmp_path):
    """What cannot be read is said, and replaced."""
    file_of(tmp_path, "production").write_text(content)
    history, problem = compare(tmp_path, "production", seen())
    assert history.note.endswith("production.json is damaged and was begun anew")
    assert problem == ""
    assert compare(tmp_path, "production", seen(1))[0].earlier == seen()


def test_file_that_cannot_be_written_is_said(tmp_path):
    """A folder that cannot be made is one sentence, and no error."""
    (tmp_path / "taken").write_text("a file")
    history, problem = compare(tmp_path / "taken", "production", seen())
    assert history.earlier is None
    assert "the counters could not be kept in" in problem


def test_local_deployment_has_no_history(tmp_path):
    """A deployment that ends with the run has no earlier one."""
    history, problem = compare(None, "local (native)", seen())
    assert (history.earlier, history.note, problem) == (None, "a local deployment has no earlier run", "")


@pytest.mark.parametrize("target", ["../../etc/passwd", "/var/run/postgresql", "..", "db.example:5432", "a b"])
def test_file_stays_in_its_folder(target, tmp_path):
    """A target's name may be a host or a path."""
    assert file_of(tmp_path, target).parent == tmp_path
    assert file_of(tmp_path, target).stem


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
