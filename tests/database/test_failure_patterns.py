"""Check 15: no new kind of failure holds much of the DLQ, and none became much more frequent in a week."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.test_weekly import test_no_failure_pattern_is_new as check_15
from fixtures.database import failure_patterns
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.settings.weekly import Weekly
from tests.following import follow
from tests.outcomes import assert_outcome, judge, read
from tests.shapes import grow, settings_of

DLQ = "public.webhook_dlq"
LOG = "public.dlq_processing_log"
COLUMNS = "service, payload, error_message, error_type, status_code, status, created_at"
MISSING = "'column \"locale\" does not exist'"


def entries(
    count: int,
    message: str,
    days: float = 1,
    *,
    service: str = "'wa-webhook'",
    kind: str = "NULL",
    status_code: str = "NULL",
) -> str:
    """SQL that adds entries of a message, numbered by ``n``, created so many days ago."""
    return (
        f"INSERT INTO {DLQ} ({COLUMNS}) SELECT {service}, '{{}}', {message}, {kind}, {status_code}, "
        f"'reprocessed', now() - interval '{days} days' FROM generate_series(1, {count}) AS n;"
    )


def only(*statements: str) -> str:
    """SQL that leaves nothing but these entries, and an old one: the DLQ is no new one."""
    return f"DELETE FROM {DLQ};" + entries(1, "'old'", 20) + "".join(statements)


FAULTS = {
    "a failure that is new": (
        entries(10, MISSING),
        (
            "new: [",
            "] column locale does not exist: 10 of 31 entries (32.3 %), none in the 7 days before, wa-webhook, ",
        ),
    ),
    "ids, numbers, addresses and texts in it": (
        entries(
            12,
            "format('message wamid.HBgL%s== to +25078812%s failed: \"%s, said customer\" (request %s)', "
            "upper(md5(n::text)), 1000 + n, n, gen_random_uuid())",
        ),
        (
            "] message wamid.<token> to <n> failed: <text> (request <uuid>): 12 of 33 entries (36.4 %)",
            "for example: message wamid.",
        ),
    ),
    "no message, but a type and a status": (
        entries(10, "NULL", kind="'WORKER_LIMIT'", status_code="546"),
        ("] WORKER_LIMIT status 546 (no message): 10 of 31 entries",),
    ),
    "a status alone": (entries(10, "'  '", status_code="429"), ("] status 429 (no message): 10 of 31 entries",)),
    "nothing said": (entries(10, "''"), ("] (no message, no type of error): 10 of 31 entries",)),
    "in many services": (
        entries(14, MISSING, service="'svc-' || n % 7"),
        (", svc-0, svc-1, svc-2, svc-3, svc-4 and 2 more, first",),
    ),
    "three times as many": (
        entries(8, "'circuit breaker is OPEN for whatsapp-api'"),
        (
            "grown: [",
            "] circuit breaker is OPEN for whatsapp-api: 12 of 29 entries (41.4 %), 4 in the 7 days before",
        ),
    ),
    "grown from one": (
        only(entries(1, MISSING, 9), entries(10, MISSING), entries(40, "'known'", 9), entries(40, "'known'")),
        ("grown: [", "10 of 50 entries (20.0 %), 1 in the 7 days before"),
    ),
    "just over the share": (
        only(entries(90, "'known'", 9), entries(90, "'known'"), entries(11, MISSING)),
        ("11 of 101 entries (10.9 %)",),
    ),
    "two at once": (
        entries(10, MISSING) + entries(11, "'no space left on device'"),
        ("no space left on device: 11 of 42 entries", "; new: ["),
    ),
    "dated in the future": (
        entries(2, "'known'", -1),
        ("2 entries of webhook_dlq dated in the future",),
    ),
}

ODD_BUT_HEALTHY = {
    "few entries, all of them new": only(entries(9, MISSING)),
    "a single entry is 100 %": only(entries(1, MISSING)),
    "exactly the share": only(entries(90, "'known'", 9), entries(90, "'known'"), entries(10, MISSING)),
    "not quite three times as many": only(entries(10, "'known'", 9), entries(29, "'known'")),
    "a failure that went away": only(entries(50, MISSING, 9), entries(20, "'known'", 9), entries(20, "'known'")),
    "the same failure with other ids": only(
        entries(20, "'no user ' || n", 9), entries(20, "'no user ' || 100000 + n")
    ),
    "the same failure with other texts": only(
        entries(20, "format('bad json: \"%s x\"', md5(n::text))", 9),
        entries(20, "format('bad json: \"%s y\"', md5((-n)::text))"),
    ),
    "an empty DLQ, and a processor that runs": f"TRUNCATE {DLQ}",
    "services without a name": f"ALTER TABLE {DLQ} ALTER service DROP NOT NULL;"
    + entries(3, "'x'", service="NULL"),
    "a message of a megabyte": entries(1, "repeat('Z9 ', 300000)"),
    "created at no beginning of time": entries(1, "'x'").replace("now() - interval '1 days'", "'-infinity'"),
    "dollars and percent signs": only(entries(20, "'100 % of $1'", 9), entries(20, "'100 % of $1'")),
    "a status that is no HTTP status": entries(3, "NULL", status_code="2507881"),
}


def test_healthy_deployment_passes(deployment):
    """Each kind of deployment shows its patterns with share, trend and times, and draws them."""
    outcome = judge(check_15, read(deployment.access, [check_15]))
    assert_outcome(outcome, Status.PASSED)
    patterns, statuses = outcome.judge.tables
    assert [row["pattern"] for row in patterns.rows] == [
        "upstream timed out after <n> ms",
        "WhatsApp API answered <n>",
        "circuit breaker is OPEN for whatsapp-api",
    ]
    assert {row["trend"] for row in patterns.rows} <= {f"× {tenth / 10}" for tenth in range(5, 25)}
    assert sum(row["entries"] for row in patterns.rows) == sum(row["entries"] for row in statuses.rows)
    assert outcome.judge.charts == ["failure-patterns"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """Each fault fails the check, in figures and names; its command shows the failures by cause."""
    sql, parts = FAULTS[fault]
    changed(sql)
    assert_outcome(judged(check_15), Status.FAILED, *parts)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and works raises no alarm."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_15), Status.PASSED)


def test_advice_shows_the_failures(any_deployment, judged, changed):
    """The command names services, causes and times; the sentence names the services' logs."""
    changed(FAULTS["no message, but a type and a status"][0])
    outcome = judged(check_15)
    [step] = follow(any_deployment, outcome.advice)
    assert ("wa-webhook", "WORKER_LIMIT", 10) in [row[:3] for row in any_deployment.owner_execute(step.command)]
    assert "read the logs of wa-webhook at these times" in str(outcome.advice)


def test_new_failure_is_set_beside_the_deployment(judged, changed):
    """A failure that began after the deployment is said to have; an older one is not."""
    changed(FAULTS["a failure that is new"][0])
    for hours, said in ((25, True), (23, False)):
        settings = Settings(deployed_at=datetime.now(UTC) - timedelta(hours=hours))
        advice = str(judged(check_15, settings).advice)
        assert ("after the deployment: roll it back if it caused them" in advice) is said


def test_nothing_of_a_person_is_kept(any_deployment, changed):
    """Neither a phone number nor quoted words are in the evidence."""
    changed(
        entries(
            10, "'cannot answer 250788123456: \"Muraho, amafaranga\" from +1 (202) 555-0147, wa_id=250788999888'"
        )
    )
    evidence = read(any_deployment.access, [check_15])
    text = str(evidence.pieces["failure_patterns"])
    assert "cannot answer <n>" in text
    assert not any(part in text for part in ("788123456", "Muraho", "amafaranga", "555-0147", "788999888"))


UNPROVEN = {
    "first week": (
        f"DELETE FROM {DLQ}; DELETE FROM {LOG} WHERE processed_at < now() - interval '3 days';"
        + entries(10, MISSING),
        ("the oldest entry or pass is of ", ", so that the 7 days before cannot be compared: [", "a run after "),
    ),
    "second week": (
        f"DELETE FROM {DLQ} WHERE created_at < now() - interval '10 days';" + entries(10, MISSING),
        ("cannot be compared: [", "column locale does not exist: 10 of 31 entries"),
    ),
    "an empty DLQ without a processor": (
        f"TRUNCATE {DLQ}, {LOG}",
        ("no entry in 7 days, and no completed pass in public.dlq_processing_log: an empty DLQ proves nothing",),
    ),
    "an empty DLQ and a log that is gone": (
        f"TRUNCATE {DLQ}; DROP TABLE {LOG}",
        ("no entry in 7 days, and public.dlq_processing_log could not be read",),
    ),
    "an entry at no time": (
        f"ALTER TABLE {DLQ} ALTER created_at DROP NOT NULL; UPDATE {DLQ} SET created_at = NULL "
        f"WHERE id = (SELECT id FROM {DLQ} LIMIT 1)",
        ("1 entry of webhook_dlq without a time of creation; check 9 names the cause",),
    ),
    "no column with messages": (
        f"ALTER TABLE {DLQ} DROP error_message",
        ("public.webhook_dlq has no column error_message", "check 1 names the cause"),
    ),
    "no right to read messages": (
        f"REVOKE SELECT (error_message) ON {DLQ} FROM easymo_verifier",
        ("GRANT SELECT (error_message) ON public.webhook_dlq TO easymo_verifier",),
    ),
    "every message another text": (
        "DELETE FROM public.webhook_dlq;"
        + entries(6000, "'word ' || translate(md5(n::text), '0123456789', 'ghijklmnop')"),
        ("1000 entries of 6000 have messages that are too different to be grouped",),
    ),
    "other texts the week before": (
        entries(6000, "'word ' || translate(md5(n::text), '0123456789', 'ghijklmnop')", 9) + entries(30, MISSING),
        (
            "of the 7 days before have messages that are too different to be grouped, so that [",
            "may be new or not",
        ),
    ),
}


@pytest.mark.parametrize("case", UNPROVEN)
def test_nothing_is_proven(case, judged, changed):
    """Without a week to compare with, or without what would show it, the check does not pass."""
    sql, parts = UNPROVEN[case]
    changed(sql)
    assert_outcome(judged(check_15), Status.UNPROVEN, *parts)


def test_short_retention_leaves_nothing_to_compare(judged, changed):
    """Entries that may be in the archive are missing in the week before."""
    changed(entries(10, MISSING))
    settings = Settings(weekly=Weekly(retention_days=10))
    outcome = judged(check_15, settings)
    assert_outcome(outcome, Status.UNPROVEN, "entries are archived after 10 days", "weekly.retention_days of 14")


def test_thresholds_come_from_the_settings(judged, changed):
    """Window, share, factor and fewest entries."""
    changed(entries(4, MISSING))
    assert_outcome(judged(check_15), Status.PASSED)
    weekly = Weekly(pattern_entries=4)
    assert_outcome(judged(check_15, Settings(weekly=weekly)), Status.FAILED, "4 of 25 entries (16.0 %)")
    assert_outcome(judged(check_15, Settings(weekly=replace(weekly, new_pattern_percent=16.0))), Status.PASSED)
    changed(entries(4, MISSING, 9))
    assert_outcome(judged(check_15, Settings(weekly=replace(weekly, days=3))), Status.FAILED, "the 3 days before")


def test_many_entries_are_sampled(judged, changed, monkeypatch):
    """One of several entries is read, the figures are said to be estimates, and a new failure is found."""
    monkeypatch.setattr(failure_patterns, "ENTRIES", 1000)
    changed(entries(6000, "'known'", 9) + entries(4000, "'known'") + entries(2000, MISSING))
    outcome = judged(check_15)
    assert_outcome(outcome, Status.FAILED, "] column locale does not exist: about ")
    assert any(
        "one of 13 entries was read, so that figures are estimates" in said for said in outcome.judge.findings
    )
    [violation] = outcome.judge.violations
    share = float(violation.found.partition("(")[2].partition(" %")[0])
    assert 20 < share < 47


@pytest.mark.parametrize(
    "shape", ["renamed", "two_queues", "hand_grown", "drained_in_sql", "jobs_by_url", "router"]
)
def test_shape_passes_and_names_its_tables(any_deployment, shape):
    """Other names, other columns, several queues."""
    settings = settings_of(shape)
    grow(any_deployment, shape, settings)
    evidence = read(any_deployment.access, [check_15], settings)
    outcome = judge(check_15, evidence)
    assert_outcome(outcome, Status.PASSED)
    assert evidence.pieces["failure_patterns"].total >= 20


def test_second_queue_is_named(any_deployment):
    """A failure in the second of two queues is said with its table, and looked at in that one alone."""
    settings = settings_of("hand_grown")
    grow(any_deployment, "hand_grown", settings)
    any_deployment.superuser_execute(
        "INSERT INTO whatsapp.failed_outbound (template, request, phase) "
        "SELECT 'promo', '{}', 'given_up' FROM generate_series(1, 12)"
    )
    outcome = judge(check_15, read(any_deployment.access, [check_15], settings))
    assert_outcome(
        outcome,
        Status.FAILED,
        "(no message, no type of error): 15 of ",
        ", promo, receipt in failed_outbound, first",
    )
    [step] = follow(any_deployment, outcome.advice)
    assert "whatsapp.failed_outbound" in step.text


def test_half_migrated_deployment_points_to_check_1(any_deployment):
    """Without the log of the passes, an empty DLQ proves nothing."""
    settings = settings_of("half_migrated")
    grow(any_deployment, "half_migrated", settings)
    outcome = judge(check_15, read(any_deployment.access, [check_15], settings))
    assert_outcome(outcome, Status.UNPROVEN, "no entry in 7 days, and public.dlq_processing_log could not be read")
