"""Check 14: auto-vacuum is on, set as the contract wants it, and comes when it is due."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.rules.vacuum import triggers
from checks.test_daily import test_auto_vacuum_runs as check_14
from fixtures.database.table_statistics import TableStatistics
from fixtures.outcome import Status
from fixtures.settings.model import Settings, Vacuum, Windows
from tests.database.trouble import session
from tests.following import mend
from tests.outcomes import assert_outcome, judge, judge_all, read

TEXTS = "public.whatsapp_messages"
HELD_BACK = f"ALTER TABLE {TEXTS} SET (autovacuum_vacuum_threshold = 0);"
# Allots a transaction id, so that the deployment is put right for the next test: counters know no rollback.
FORGET = f"SELECT pg_stat_reset_single_table_counters('{TEXTS}'::regclass), pg_current_xact_id();"

FAULTS = {
    "setting missing": (
        f"ALTER TABLE {TEXTS} RESET (autovacuum_vacuum_scale_factor)",
        "whatsapp_messages: autovacuum_vacuum_scale_factor is 0.2 (the server's)",
    ),
    "all settings missing": (
        f"ALTER TABLE {TEXTS} RESET (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor, "
        "autovacuum_vacuum_cost_delay)",
        "autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
    ),
    "another value": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_analyze_scale_factor = 0.2)",
        "whatsapp_messages: autovacuum_analyze_scale_factor is 0.2 (its own)",
    ),
    "disabled": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false)",
        "auto-vacuum is disabled on whatsapp_messages",
    ),
    "disabled in another spelling": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = off)",
        "auto-vacuum is disabled on whatsapp_messages",
    ),
    "disabled on the TOAST table": (
        f"ALTER TABLE {TEXTS} SET (toast.autovacuum_enabled = false)",
        "auto-vacuum is disabled on the TOAST table of whatsapp_messages",
    ),
    "past its trigger point, never vacuumed": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false);{FORGET} UPDATE {TEXTS} SET direction = direction",
        "dead tuples, past its trigger point of ",
    ),
    "many inserted rows, never vacuumed": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false); {FORGET}"
        f"INSERT INTO {TEXTS} (direction) SELECT 'inbound' FROM generate_series(1, 9000)",
        "9000 inserted rows, past its trigger point of ",
    ),
    "many changed rows, never analysed": (
        f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false); {FORGET}"
        f"INSERT INTO {TEXTS} (direction) SELECT 'inbound' FROM generate_series(1, 9000)",
        "9000 changed rows, past its trigger point of ",
    ),
}

ODD_BUT_HEALTHY = {
    "the server has the setting": f"ALTER TABLE {TEXTS} RESET (autovacuum_vacuum_scale_factor);"
    "ALTER ROLE easymo_verifier SET client_min_messages = warning",
    "the value in another spelling": f"ALTER TABLE {TEXTS} SET (autovacuum_vacuum_scale_factor = 5e-2, "
    "autovacuum_vacuum_cost_delay = 5.0)",
    "enabled on purpose": f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = yes, toast.autovacuum_enabled = tr)",
    "other parameters beside": f"ALTER TABLE {TEXTS} SET (fillfactor = 90, autovacuum_vacuum_threshold = 500)",
    "past its trigger point, vacuumed today": f"UPDATE {TEXTS} SET direction = direction; VACUUM ANALYZE {TEXTS}",
    "never vacuumed, and nothing to do": FORGET + f"ANALYZE {TEXTS}",
    "inserts never trigger": f"ALTER TABLE {TEXTS} SET (autovacuum_vacuum_insert_threshold = -1)",
}


def test_healthy_deployment_passes(deployment):
    """The server and the hot tables of every kind of deployment are well."""
    outcomes = judge_all([check_14], read(deployment.access, [check_14]))
    assert {case: outcome.reason for case, outcome in outcomes.items()} == {
        "check-14[server]": "",
        "check-14[wa_events]": "",
        "check-14[whatsapp_messages]": "",
    }


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """The message has the table, the setting or the figures."""
    sql, part = FAULTS[fault]
    for statement in sql.split(";"):
        changed(statement)
    assert_outcome(judged(check_14, vacuumed="whatsapp_messages"), Status.FAILED, part)
    assert_outcome(judged(check_14, vacuumed="wa_events"), Status.PASSED)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and vacuumed raises no alarm."""
    for statement in ODD_BUT_HEALTHY[variant].split(";"):
        changed(statement)
    settings = None
    if variant == "the server has the setting":
        settings = Settings(vacuum=Vacuum(autovacuum_vacuum_scale_factor=0.2))
    assert_outcome(judged(check_14, settings, vacuumed="whatsapp_messages"), Status.PASSED)


def test_partition_without_settings_fails_by_name(any_deployment, judged, changed):
    """A new partition inherits no storage parameters."""
    name = changed("SELECT 'wa_events_' || to_char(now() + interval '2 months', 'YYYY_MM')")[0][0]
    changed(f"ALTER TABLE public.{name} RESET (autovacuum_vacuum_scale_factor)")
    outcome = judged(check_14, vacuumed="wa_events")
    assert_outcome(outcome, Status.FAILED, f"{name}: autovacuum_vacuum_scale_factor is 0.2 (the server's)")
    assert mend(any_deployment, lambda: judged(check_14, vacuumed="wa_events"))


def test_partition_of_the_past_is_not_judged(judged, changed):
    """Nobody writes to it: neither its settings nor its last vacuum matter."""
    changed(
        "CREATE TABLE public.old PARTITION OF public.wa_events "
        "FOR VALUES FROM ('2020-01-01+00') TO ('2020-02-01+00') WITH (autovacuum_enabled = false);"
        "INSERT INTO public.old (event_type, direction, status, created_at) "
        "SELECT 'm', 'inbound', 'x', '2020-01-03' FROM generate_series(1, 9000)"
    )
    outcome = judged(check_14, vacuumed="wa_events")
    assert_outcome(outcome, Status.PASSED)
    assert any("of a time that has ended, not judged" in one for one in outcome.judge.findings)


def test_partitions_of_a_successor_count(judged, changed):
    """Until the two are swapped, the successor's partitions carry the settings too."""
    changed(
        "CREATE TABLE public.wa_events_new (LIKE public.wa_events) PARTITION BY RANGE (created_at);"
        "CREATE TABLE public.wa_events_new_2031_01 PARTITION OF public.wa_events_new DEFAULT"
    )
    assert_outcome(judged(check_14, vacuumed="wa_events"), Status.FAILED, "wa_events_new_2031_01: autovacuum_")


def test_partitioned_table_without_partitions_fails(judged, changed):
    """A table that cannot take a row is not a table without dead ones."""
    changed(
        "DO $$ DECLARE name regclass; BEGIN FOR name IN SELECT inhrelid FROM pg_inherits WHERE inhparent = "
        "'public.wa_events'::regclass LOOP EXECUTE 'DROP TABLE ' || name; END LOOP; END $$"
    )
    assert_outcome(judged(check_14, vacuumed="wa_events"), Status.FAILED, "wa_events is partitioned and has no")


@pytest.mark.parametrize("name", ["autovacuum", "track_counts"])
def test_server_that_does_not_vacuum_fails(name, any_deployment, judged, changed):
    """Without these two nothing is ever vacuumed by itself."""
    changed(f"ALTER SYSTEM SET {name} = off")
    changed("SELECT pg_reload_conf(), pg_sleep(0.2)")
    assert_outcome(judged(check_14, vacuumed="server"), Status.FAILED, f"{name} is off")


def test_vacuum_that_is_too_long_ago_fails(judged, changed):
    """A vacuum of yesterday does not count for today."""
    changed(f"VACUUM ANALYZE {TEXTS}")
    changed(f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false)")
    changed(f"UPDATE {TEXTS} SET direction = direction")
    settings = Settings(windows=replace(Windows(), vacuum_seconds=0.001))
    assert_outcome(
        judged(check_14, settings, vacuumed="whatsapp_messages"), Status.FAILED, ", last vacuumed ", " ago"
    )


def test_hidden_vacuum_is_unproven(judged, changed):
    """A role that does not see others' vacuums cannot say that there is none."""
    for statement in (*FORGET.split(";"), f"UPDATE {TEXTS} SET direction = direction"):
        changed(statement) if statement else None
    changed("REVOKE pg_monitor FROM easymo_verifier")
    assert_outcome(
        judged(check_14, vacuumed="whatsapp_messages"),
        Status.UNPROVEN,
        "whether it is being vacuumed is hidden from role easymo_verifier",
        "GRANT pg_read_all_stats TO easymo_verifier",
    )


def test_counters_that_were_set_back_are_unproven(judged, changed):
    """A table whose counters stand at nothing is not one that needs nothing."""
    changed(FORGET.rstrip(";"))
    assert_outcome(
        judged(check_14, vacuumed="whatsapp_messages"),
        Status.UNPROVEN,
        "whether whatsapp_messages is past its trigger point is not known: its counters were set back",
    )


def test_server_that_does_not_count_is_named(judged, changed):
    """Counters that nobody keeps were not set back, and ANALYZE does not help."""
    changed("ALTER ROLE easymo_verifier SET track_counts = off")
    outcome = judged(check_14, vacuumed="wa_events")
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        " is past its trigger point is not known: the server does not count (track_counts is off)",
        "(set track_counts to on)",
    )
    assert "set back" not in outcome.reason
    assert outcome.reason.count("whether wa_events_") in (4, 5)


def test_locked_table_is_judged(any_deployment, judged, changed):
    """Settings and counters are known without a lock on the table."""
    changed(f"ALTER TABLE {TEXTS} RESET (autovacuum_vacuum_scale_factor)")
    with session(any_deployment.owner_url) as connection:
        connection.execute(f"BEGIN; LOCK TABLE {TEXTS} IN ACCESS EXCLUSIVE MODE")
        outcome = judged(check_14, vacuumed="whatsapp_messages")
    assert_outcome(outcome, Status.FAILED, "whatsapp_messages: autovacuum_vacuum_scale_factor is 0.2")


def test_advice_for_a_name_with_capitals_runs(any_deployment, judged, changed):
    """A name that needs quotes has them in the command."""
    month = changed("SELECT to_char(now() + interval '2 months', 'YYYY_MM')")[0][0]
    changed(
        f'ALTER TABLE public.wa_events_{month} RENAME TO "WA Events";'
        'ALTER TABLE public."WA Events" RESET (autovacuum_vacuum_cost_delay);'
        'ALTER TABLE public."WA Events" SET (autovacuum_enabled = off)'
    )
    outcome = judged(check_14, vacuumed="wa_events")
    assert_outcome(outcome, Status.FAILED, "WA Events: autovacuum_vacuum_cost_delay is 2", "disabled on WA Events")
    assert mend(any_deployment, lambda: judged(check_14, vacuumed="wa_events"))


def test_vacuum_that_is_under_way_passes(any_deployment):
    """A table that is being vacuumed now is not left alone."""
    evidence = read(any_deployment.access, [check_14])
    statistics = evidence.piece("table_statistics")
    busy = tuple(
        replace(table, dead=10**6, vacuumed_at=None, being_vacuumed=table.name == "whatsapp_messages")
        for table in statistics.tables
    )
    known = evidence.pieces | {"table_statistics": replace(statistics, tables=busy)}
    evidence = replace(evidence, pieces=known)
    assert_outcome(judge(check_14, evidence, vacuumed="whatsapp_messages"), Status.PASSED)
    assert_outcome(judge(check_14, evidence, vacuumed="wa_events"), Status.FAILED, "1000000 dead tuples")


SERVER = {
    "autovacuum_vacuum_threshold": "50",
    "autovacuum_vacuum_scale_factor": "0.2",
    "autovacuum_vacuum_insert_threshold": "1000",
    "autovacuum_vacuum_insert_scale_factor": "0.2",
    "autovacuum_analyze_threshold": "50",
    "autovacuum_analyze_scale_factor": "0.1",
}
CAPPED = SERVER | {"autovacuum_vacuum_max_threshold": "100000000"}


def table(rows: float = 10_000, frozen: int | None = None, **options: str) -> TableStatistics:
    """A table of so many rows in 100 pages."""
    return TableStatistics(
        table="t", name="t", live=0, dead=0, changed=0, inserted=0, vacuumed_at=None, analysed_at=None,
        estimated_rows=rows, pages=100, frozen_pages=frozen, size=819200, options=options, toast_options={},
        being_vacuumed=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "server", "dead", "changed_rows", "inserted"),
    [
        (table(), SERVER, 2050, 1050, 3000),
        (table(-1), SERVER, 50, 50, 1000),
        (table(0), SERVER, 50, 50, 1000),
        (table(autovacuum_vacuum_scale_factor="0.05"), SERVER, 550, 1050, 3000),
        (table(autovacuum_vacuum_threshold="0", autovacuum_vacuum_scale_factor="0"), SERVER, 0, 1050, 3000),
        (table(autovacuum_analyze_scale_factor="0.02"), SERVER, 2050, 250, 3000),
        (table(autovacuum_vacuum_insert_threshold="-1"), SERVER, 2050, 1050, None),
        (table(), SERVER | {"autovacuum_vacuum_insert_threshold": "-1"}, 2050, 1050, None),
        (table(autovacuum_vacuum_insert_threshold="5"), SERVER, 2050, 1050, 2005),
        (table(10**9), SERVER, 200_000_050, 100_000_050, 200_001_000),
        (table(10**9, frozen=0), CAPPED, 100_000_000, 100_000_050, 200_001_000),
        (table(10**9, autovacuum_vacuum_max_threshold="-1"), CAPPED, 200_000_050, 100_000_050, 200_001_000),
        (table(autovacuum_vacuum_max_threshold="100"), CAPPED, 100, 1050, 3000),
        (table(frozen=75), CAPPED, 2050, 1050, 1500),
        (table(frozen=500), CAPPED, 2050, 1050, 1000),
        (table(), {}, 2050, 1050, 3000),
    ],
)
def test_trigger_points_are_those_of_the_server(one, server, dead, changed_rows, inserted):
    """Versions 14 to 18 compute them so; 18 brought the cap and the share of pages that are not frozen."""
    points = {trigger.what: trigger.point for trigger in triggers(one, server)}
    assert points == pytest.approx(
        {"dead tuples": dead, "changed rows": changed_rows}
        | ({} if inserted is None else {"inserted rows": inserted})
    )
