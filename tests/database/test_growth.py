"""Check 16: the database stays below its size limit, and no table grows too fast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from checks.test_weekly import test_database_stays_below_its_limit as whole
from checks.test_weekly import test_no_table_grows_too_fast as tables
from fixtures.history.model import SizeHistory
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.database.past_sizes import EVENTS, FILL, MB, STEADY, TEXTS, Past, faster, table, weekly, with_past
from tests.outcomes import assert_outcome, judge, read


@dataclass(frozen=True)
class Case:
    """A deployment, its past, and what a person reads."""

    test: Callable[..., None]
    parts: tuple[str, ...]
    past: Past = field(default_factory=Past)
    settings: Settings = field(default_factory=weekly)
    limit: float = 0
    """Size limit as a factor of the present size; 0 where the settings say it."""
    sql: str = "SELECT 1"
    advice: str = ""


BLOAT = """
SELECT relname FROM pg_class
WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared
      AND pg_total_relation_size(oid) > 500000 AND pg_database_size(current_database()) > 20000000
"""


@pytest.fixture(autouse=True)
def small_database(any_deployment):
    """Compact the catalogues, which grow with every deployment that was rebuilt before in this process."""
    for (name,) in any_deployment.superuser_execute(BLOAT):
        any_deployment.superuser_execute(f"VACUUM FULL pg_catalog.{name}")


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


def test_trouble_with_the_history_is_reported(any_deployment):
    """Also where growth is known: the next run may have less to compare with."""
    evidence = with_past(read(any_deployment.access, [whole]), Past())
    noted = replace(evidence.pieces["size_history"], note="the disk is full")
    outcome = judge(whole, replace(evidence, pieces=evidence.pieces | {"size_history": noted}))
    assert_outcome(outcome, Status.PASSED)
    assert "the history of earlier runs: the disk is full" in outcome.judge.findings


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
