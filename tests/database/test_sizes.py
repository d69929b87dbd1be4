"""Sizes are those of Postgres, whatever is locked, and runs keep them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from checks.test_daily import test_database_is_not_overloaded as deadlocks
from checks.test_weekly import test_database_stays_below_its_limit as whole
from checks.test_weekly import test_no_table_grows_too_fast as tables
from fixtures.database.sizes import DatabaseSizes
from fixtures.evidence.pieces import needs_of
from fixtures.evidence.reading import Reading
from fixtures.history.store import file_of
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.database.past_sizes import EVENTS, MB, TEXTS, Past, table, weekly, with_past
from tests.database.trouble import session
from tests.history.past import put_back, repeat
from tests.outcomes import assert_outcome, judge, read
from tests.running import environment, run_suite

A_PARTITION = """
DO $$ BEGIN
    EXECUTE 'LOCK TABLE ' || (
        SELECT relid FROM pg_partition_tree('public.wa_events') WHERE isleaf LIMIT 1)::regclass;
END $$
"""
LOCKS = {
    "the table": (f"LOCK TABLE {TEXTS}", TEXTS),
    "a partition": (A_PARTITION, EVENTS),
    "an index": ("REINDEX INDEX public.whatsapp_messages_pkey", TEXTS),
}
BY_ANOTHER_SESSION = "locked by another session, so that the size is an estimate: "


@pytest.mark.parametrize("name", LOCKS)
def test_lock_does_not_hang(name, any_deployment):
    """A table that another session has for itself is estimated; one that may be large is unproven."""
    statement, label = LOCKS[name]
    quick = replace(weekly(), limits=replace(Limits(), lock_timeout_seconds=5.0))
    any_deployment.owner_execute(f"ANALYZE {label}")
    with session(any_deployment.owner_url) as connection:
        connection.execute("BEGIN")
        connection.execute(statement.encode())
        began = time.monotonic()
        evidence = read(any_deployment.access, [whole, tables], quick)
        assert time.monotonic() - began < 4
    outcome = judge(tables, with_past(evidence, Past()))
    assert_outcome(outcome, Status.UNPROVEN, f"the growth of {label} is not known: another session has it locked")
    assert f"{BY_ANOTHER_SESSION}{label}" in outcome.judge.findings
    small = replace(evidence, settings=weekly(table_bytes=100 * MB))
    assert_outcome(judge(tables, with_past(small, Past())), Status.PASSED)
    assert_outcome(judge(whole, with_past(evidence, Past())), Status.PASSED)


def test_sizes_are_those_of_postgres(any_deployment):
    """Parts and sums agree with the server's own functions."""
    any_deployment.superuser_execute('CREATE TABLE public."a.b" (t text); CREATE SCHEMA s; CREATE TABLE s.t ()')
    sizes: DatabaseSizes = read(any_deployment.access, [whole]).pieces["database_sizes"]
    rows = any_deployment.superuser_execute(
        "SELECT relnamespace::regnamespace::text, relname, pg_total_relation_size(oid) FROM pg_class "
        "WHERE relkind = 'r' AND NOT relispartition AND relnamespace NOT IN ('pg_catalog'::regnamespace, "
        "'information_schema'::regnamespace)"
    )
    found = {(one.schema, one.name): one.total for one in sizes.tables}
    assert {(schema, name): size for schema, name, size in rows}.items() <= found.items()
    events = next(one for one in sizes.tables if one.label == EVENTS)
    assert any_deployment.superuser_execute(
        "SELECT sum(pg_total_relation_size(relid)), sum(pg_indexes_size(relid)) FROM "
        f"pg_partition_tree('{EVENTS}')"
    ) == [(events.total, events.indexes)]
    assert sizes.count == len(sizes.tables) == len(found)
    assert sizes.all_tables == sum(found.values())
    assert sizes.all_tables + sizes.system + sizes.temporary <= sizes.database


def test_growth_is_known_after_some_runs(any_deployment, tmp_path):
    """As its user runs it: first unproven, then proven by the snapshots of earlier days.

    A table's name that looks like a phone number stands in no file: neither in the history nor in a report.
    """
    any_deployment.superuser_execute(table('public."orders of +250788123456"'))

    def run(name):
        arguments = ("-m", "weekly", f"--history-dir={tmp_path / 'history'}")
        return run_suite(tmp_path / name, *arguments, environ=environment(any_deployment.access))

    first = run("first")
    assert first.statuses["check-16"] == "unproven", first.output
    assert "growth is not known: no earlier snapshot of this database" in first.output
    (file,) = (tmp_path / "history").iterdir()
    put_back(file, 4)
    repeat(file, 2)
    last = run("last")
    assert last.statuses["check-16"] == "passed", last.output
    assert (last.folder / "charts" / "growth.svg").exists()
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"788123456" not in path.read_bytes(), path


def test_runs_of_check_12_keep_sizes(any_deployment, tmp_path):
    """They serve check 16, though they do not judge it."""

    def kept(*tests):
        reading = Reading(Settings(), any_deployment.access, needs_of(tests), lambda line: None, history=tmp_path)
        reading.open_database()
        reading.read_database()
        reading.close()
        return reading.evidence()

    daily = kept(deadlocks)
    assert "database_sizes" not in daily.pieces.keys() | daily.gaps.keys()
    put_back(file_of(tmp_path, Settings().target), 3)
    assert len(kept(whole).pieces["size_history"].points) == 1
