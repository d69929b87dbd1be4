"""Check 16: the database stays below its size limit, and no table grows too fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from checks.test_daily import test_database_is_not_overloaded as deadlocks
from checks.test_weekly import test_database_stays_below_its_limit as whole
from checks.test_weekly import test_no_table_grows_too_fast as tables
from fixtures.database.sizes import DatabaseSizes
from fixtures.evidence.document import Evidence
from fixtures.evidence.pieces import needs_of
from fixtures.evidence.reading import Reading
from fixtures.history.model import SizeHistory, SizePoint
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from fixtures.settings.weekly import Weekly
from tests.database.trouble import session
from tests.history.past import put_back, repeat
from tests.outcomes import assert_outcome, judge, read
from tests.running import environment, run_suite

MB = 1_000_000
STEADY = 1.0
EVENTS = "public.wa_events"
TEXTS = "public.whatsapp_messages"
FILL = "INSERT INTO {} SELECT repeat(md5(g::text), 20) FROM generate_series(1, 3000) g"


def table(name: str, kind: str = "TABLE") -> str:
    """SQL that makes a table of about 2 MB."""
    return f"CREATE {kind} {name} (t text); {FILL.format(name)}"


@dataclass(frozen=True)
class Past:
    """Sizes of earlier days, as factors of the present ones."""

    days: tuple[float, ...] = tuple(range(14, 0, -1))
    database: Callable[[float], float] = lambda days: 1 - 0.001 * days
    tables: dict[str, Callable[[float], float | None]] = field(default_factory=dict)
    """Table → factor so many days ago; None where it was not there. Others had their present size."""
    dropped: Callable[[float], float] = lambda days: 0
    """Bytes, as a factor of the database, of a table that is no longer there."""


def with_past(evidence: Evidence, past: Past, limit: float = 0) -> Evidence:
    """The evidence with sizes of earlier days, and with a size limit as a factor of the present size."""
    sizes: DatabaseSizes = evidence.pieces["database_sizes"]
    if limit:
        settings = replace(evidence.settings.weekly, database_bytes=round(limit * sizes.database))
        return with_past(replace(evidence, settings=replace(evidence.settings, weekly=settings)), past)

    def point(days: float) -> SizePoint:
        factors = {one: past.tables.get(one.label, lambda _: STEADY)(days) for one in sizes.tables}
        found = {str(one.id): round(one.total * factor) for one, factor in factors.items() if factor is not None}
        gone = round(past.dropped(days) * sizes.database)
        return SizePoint(
            sizes.read_at - timedelta(days=days),
            round(past.database(days) * sizes.database),
            found | ({"1": gone} if gone else {}),
        )

    history = SizeHistory(tuple(map(point, past.days)))
    return replace(evidence, pieces=evidence.pieces | {"size_history": history})


def weekly(**values: float) -> Settings:
    """Settings of the weekly checks; the deployment has about 15 MB."""
    return Settings(weekly=replace(Weekly(), **{"table_bytes": MB, **values}))


def faster(factor: float, days: float = 7) -> Callable[[float], float]:
    """A table that grew by this factor in so many days, evenly."""
    return lambda ago: max(0.0, 1 - (1 - 1 / factor) * ago / days)


@dataclass(frozen=True)
class Case:
    """A deployment, its past, and what a person reads."""

    test: Callable[..., None]
    parts: tuple[str, ...]
    past: Past = Past()
    settings: Settings = field(default_factory=weekly)
    limit: float = 0
    """Size limit as a factor of the present size; 0 where the settings say it."""
    sql: str = "SELECT 1"
    advice: str = ""


FAULTS = {
    "already above": Case(
        whole,
        (
            "the database has 1",
            ", 83.3 % of its limit of ",
            "; largest tables: public.wa_events 2.",
            "in 5 partitions",
        ),
        limit=1.2,
        advice="raise the size of the disk, and weekly.database_bytes with it",
    ),
    "reaches the limit": Case(
        whole,
        (" MB and reaches ", " MB on 20", ", at the earliest on 20", "it grows by 1", " by 14 snapshots since 20"),
        Past(database=lambda days: 1 - 0.01 * days, tables={TEXTS: faster(1.1)}),
        limit=1.4,
        advice=f"look whether old rows of {TEXTS} are deleted, and whether auto-vacuum reaches it (check 14)",
    ),
    "reaches the limit, though a table was dropped": Case(
        whole,
        (" MB and reaches ", " MB on 20"),
        Past(
            database=lambda days: 1 - 0.01 * days + (0.3 if days > 6 else 0),
            dropped=lambda days: 0.3 if days > 6 else 0,
        ),
        limit=1.4,
    ),
    "reaches the limit, though a table was rebuilt": Case(
        whole,
        (" MB and reaches ", f"most growth: {TEXTS} "),
        Past(
            database=lambda days: 1 - 0.01 * days + (0.2 if days > 6 else 0),
            tables={TEXTS: lambda days: 1 - 0.01 * days + (2 if days > 6 else 0)},
        ),
        limit=1.4,
    ),
    "one run saw an outlier": Case(
        whole,
        (" MB and reaches ", " MB on 20"),
        Past(database=lambda days: 9 if days == 1 else 1 - 0.01 * days),
        limit=1.4,
    ),
    "a table": Case(
        tables,
        (f"{TEXTS} grew from ", " to 1.7 MB since 20", "(4.0 times as large), by "),
        Past(tables={TEXTS: faster(4)}),
        advice=f"look whether old rows of {TEXTS} are deleted",
    ),
    "partitions together": Case(
        tables,
        (f"{EVENTS} grew from ", "(3.0 times as large)"),
        Past(tables={EVENTS: faster(3)}),
        advice=f"archive and drop the partitions of {EVENTS} that are past their retention",
    ),
    "partitions at two levels": Case(
        tables,
        ("app.tree grew from ", " to 2."),
        Past(tables={"app.tree": faster(5)}),
        sql="CREATE SCHEMA app; CREATE TABLE app.tree (t text, n int DEFAULT 1) PARTITION BY LIST (n);"
        "CREATE TABLE app.branch PARTITION OF app.tree DEFAULT PARTITION BY LIST (n);"
        f"CREATE TABLE public.leaf PARTITION OF app.branch DEFAULT; {FILL.format('app.tree (t)')}",
    ),
    "a name that needs quotes": Case(
        tables,
        ('"My App"."Order; Items" grew from ',),
        Past(tables={'"My App"."Order; Items"': faster(5)}),
        sql='CREATE SCHEMA "My App"; ' + table('"My App"."Order; Items"'),
    ),
    "a materialized view": Case(
        tables,
        ("public.report grew from ",),
        Past(tables={"public.report": faster(5)}),
        sql="CREATE MATERIALIZED VIEW public.report AS "
        "SELECT repeat(md5(g::text), 20) FROM generate_series(1, 3000) g",
        advice="look whether public.report needs all its rows",
    ),
    "an unlogged table of another role": Case(
        tables,
        ("private.cache grew from ",),
        Past(tables={"private.cache": faster(5)}),
        sql="CREATE SCHEMA private; REVOKE ALL ON SCHEMA private FROM PUBLIC;"
        + table("private.cache", "UNLOGGED TABLE"),
    ),
    "TOAST and indexes": Case(
        tables,
        ("public.documents grew from ",),
        Past(tables={"public.documents": faster(5)}),
        sql="CREATE TABLE public.documents (t text); ALTER TABLE public.documents ALTER t SET STORAGE EXTERNAL;"
        "INSERT INTO public.documents SELECT repeat(md5(g::text), 300) FROM generate_series(1, 300) g",
    ),
    "the runs of pg_cron": Case(
        tables,
        ("cron.job_run_details grew from ",),
        Past(tables={"cron.job_run_details": faster(5)}),
        weekly(table_bytes=300_000),
        advice="schedule a job that deletes old rows of cron.job_run_details: pg_cron never deletes ",
    ),
    "the answers of pg_net": Case(
        tables,
        ("net._http_response grew from ",),
        Past(tables={"net._http_response": faster(5)}),
        weekly(table_bytes=30_000),
        advice="look whether pg_net's worker runs: it deletes old rows of net._http_response",
    ),
    "within a shorter history than a week": Case(
        tables,
        (f"{TEXTS} grew from ", "(3.0 times as large)"),
        Past(days=(3, 2, 1), tables={TEXTS: faster(3, days=3)}),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name, any_deployment, changed):
    """The message has figures and names; the advice fits what grows."""
    case = FAULTS[name]
    changed(case.sql)
    evidence = read(any_deployment.access, [case.test], case.settings)
    outcome = judge(case.test, with_past(evidence, case.past, case.limit))
    assert_outcome(outcome, Status.FAILED, *case.parts)
    assert case.advice in str(outcome.advice)
    assert outcome.commands == []


ODD_BUT_HEALTHY = {
    "a large new table": Case(
        tables,
        ("public.imported is new or was small before ",),
        Past(tables={"public.imported": lambda days: None if days > 2 else STEADY}),
        sql=table("public.imported"),
    ),
    "a new table is no growth": Case(
        whole,
        ("not counted as growth: public.imported is new (2.",),
        Past(
            database=lambda days: 0.8 if days > 2 else 1,
            tables={"public.imported": lambda days: None if days > 2 else STEADY},
        ),
        limit=2,
        sql=table("public.imported"),
    ),
    "restored into the same database": Case(
        whole,
        ("not counted as growth: ", "a table was dropped ", " is new "),
        Past(
            database=lambda days: 1.4 if days > 5 else 1,
            tables={name: lambda days: None if days > 5 else STEADY for name in (EVENTS, TEXTS)},
            dropped=lambda days: 0.6 if days > 5 else 0,
        ),
        limit=2,
    ),
    "rebuilt, and filled again": Case(
        tables,
        (f"tables of 1.7 MB or more; the largest: {EVENTS}",),
        Past(tables={TEXTS: lambda days: 1.2 if days > 9 else faster(5)(days)}),
        weekly(table_bytes=1_700_000),
    ),
    "exactly the factor": Case(tables, ("compared with snapshots since 20",), Past(tables={TEXTS: faster(2)})),
    "small tables may grow": Case(
        tables,
        ("0 tables of 100 MB or more",),
        Past(tables={TEXTS: faster(9)}),
        weekly(table_bytes=100 * MB),
    ),
    "shrinks": Case(
        whole,
        ("it grows by -", "in 30 days it has "),
        Past(database=lambda days: 1 + 0.05 * days),
        limit=1.4,
    ),
    "one run saw an outlier": Case(
        whole,
        ("it grows by 0 bytes a day",),
        Past(database=lambda days: 0.1 if days == 9 else 1),
        limit=1.4,
    ),
    "only the upper end reaches the limit": Case(
        whole,
        ("at the upper end of its growth it reaches ",),
        Past(database=lambda days: 1 - 0.02 * (days % 2)),
        limit=1.4,
    ),
    "runs of pg_cron are large": Case(
        whole,
        ("cron.job_run_details has ", "of the database: pg_cron never deletes the record of a run"),
        settings=weekly(table_bytes=300_000),
    ),
    "foreign and empty tables": Case(
        tables,
        ("of 1 MB or more",),
        sql="CREATE EXTENSION IF NOT EXISTS file_fdw; CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;"
        "CREATE FOREIGN TABLE public.elsewhere (t text) SERVER files OPTIONS (filename '/none');"
        "CREATE TABLE public.empty ()",
    ),
    "large objects": Case(
        whole,
        ("the server's own catalogues have ", ", of it large objects "),
        sql="SELECT lo_from_bytea(0, string_agg(sha512(g::text::bytea), '')) FROM generate_series(1, 20000) g",
    ),
}


@pytest.mark.parametrize("name", ODD_BUT_HEALTHY)
def test_odd_but_healthy_passes(name, any_deployment, changed):
    """And says what it found."""
    case = ODD_BUT_HEALTHY[name]
    changed(case.sql)
    evidence = read(any_deployment.access, [case.test], case.settings)
    outcome = judge(case.test, with_past(evidence, case.past, case.limit))
    assert_outcome(outcome, Status.PASSED)
    for part in case.parts:
        assert part in " | ".join(outcome.judge.findings)


UNPROVEN = {
    "no earlier run": ((), "no earlier snapshot of this database", "and one between "),
    "one earlier run": ((9,), "1 earlier snapshot of this database, since 20", "a run from "),
    "two runs of one day": ((0.9, 0.8), "1 earlier snapshot of this database, since 20", "a run from "),
}


@pytest.mark.parametrize("test", [whole, tables])
@pytest.mark.parametrize("name", UNPROVEN)
def test_few_snapshots_prove_no_growth(name, test, any_deployment):
    """Sizes are reported; it says when growth will be known."""
    days, reason, proof = UNPROVEN[name]
    outcome = judge(test, with_past(read(any_deployment.access, [test]), Past(days=days)))
    assert_outcome(outcome, Status.UNPROVEN, f"growth is not known: {reason}")
    assert proof in str(outcome.advice)
    assert "public.wa_events 2." in " ".join(outcome.judge.findings)


def test_reason_of_the_history_is_given(any_deployment):
    """What was wrong with the file is why growth is not known."""
    evidence = read(any_deployment.access, [whole])
    pieces = evidence.pieces | {"size_history": SizeHistory(note="the file is damaged")}
    outcome = judge(whole, replace(evidence, pieces=pieces))
    assert_outcome(outcome, Status.UNPROVEN, "no earlier snapshot of this database: the file is damaged")


def test_above_the_limit_fails_without_history(any_deployment):
    """That needs no earlier run."""
    evidence = with_past(read(any_deployment.access, [whole]), Past(days=()), 1.2)
    assert_outcome(judge(whole, evidence), Status.FAILED, ", 83.3 % of its limit of ")


@pytest.mark.parametrize("test", [whole, tables])
def test_local_deployment_has_seeded_snapshots(test, any_deployment):
    """It passes, and says by which snapshots."""
    outcome = judge(test, read(any_deployment.access, [test]))
    assert_outcome(outcome, Status.PASSED)
    assert "seeded snapshots since 20" in " ".join(outcome.judge.findings)


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
