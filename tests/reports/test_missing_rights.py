"""The block of missing rights: which statements it takes, and how it merges them."""

from __future__ import annotations

from dataclasses import replace

from fixtures.advice import look, sql
from fixtures.outcome import Status, Violation
from reports.case import Doubt
from reports.missing_rights import as_sql
from tests.reports.test_summary import KNOWN, result_of


def unproven(*proofs, check="check-03"):
    """An unproven case with a doubt for each proof."""
    doubts = tuple(Doubt("hidden", proof) for proof in proofs)
    return replace(KNOWN, check=check, status=Status.UNPROVEN, reason="hidden", doubts=doubts)


def test_statements_are_taken_once():
    """Each in a line of its own; an alternative becomes a comment."""
    bypass = sql("ALTER ROLE v BYPASSRLS")
    either = bypass + "or a SELECT policy USING (true) for v"
    grants = sql("GRANT USAGE ON SCHEMA cron TO v", "GRANT pg_monitor TO v")
    run = result_of(unproven(grants, bypass), unproven(either), unproven(bypass))
    assert as_sql(run).splitlines() == [
        "GRANT USAGE ON SCHEMA cron TO v;",
        "GRANT pg_monitor TO v;",
        "ALTER ROLE v BYPASSRLS; -- or a SELECT policy USING (true) for v",
    ]


def test_columns_of_a_table_are_merged():
    """Two checks that need different columns are one grant; quoted names are left as they are."""
    run = result_of(
        unproven(sql("GRANT SELECT (a, b) ON public.t TO v")),
        unproven(
            sql("GRANT SELECT (b, c) ON public.t TO v", 'GRANT SELECT ("x; y") ON public."T" TO v'),
            check="check-05",
        ),
    )
    assert as_sql(run).splitlines() == [
        "GRANT SELECT (a, b, c) ON public.t TO v;",
        'GRANT SELECT ("x; y") ON public."T" TO v;',
    ]


def test_other_advice_is_left_out():
    """Sentences, statements that look, and what the functions' role lacks."""
    serving = sql(
        "GRANT USAGE ON SCHEMA public TO service_role", "GRANT SELECT, INSERT ON public.t TO service_role"
    )
    failed = replace(
        KNOWN,
        status=Status.FAILED,
        violations=(
            Violation("no right", advice=serving),
            Violation("no right", advice=sql("GRANT SELECT ON public.t TO service_role")),
            Violation("may not read", advice=sql("GRANT SELECT (a) ON public.t TO v")),
        ),
    )
    run = result_of(
        unproven("run the checks again", look("SELECT status FROM public.t"), ""),
        failed,
    )
    assert as_sql(run) == "GRANT SELECT (a) ON public.t TO v;"


def test_nothing_missing_gives_no_block():
    """A run that lacked no right says nothing of them."""
    assert as_sql(result_of(unproven("wait"))) == ""
