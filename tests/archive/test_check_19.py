"""Check 19: no entry of the DLQ has been settled for longer than the retention."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_weekly import test_old_dlq_entries_are_archived as check_19
from fixtures.database import archive_state
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.settings.weekly import Weekly
from tests.archive.letters import DLQ, old
from tests.following import FOLLOWED, shape_of
from tests.outcomes import assert_outcome, judge, read
from tests.running import environment, run_suite
from tests.shapes import grow, settings_of

LOG = "public.dlq_processing_log"
LATELY = "now() - interval '2 days'"

FAULTS = {
    "reprocessed": (
        old(3),
        ("3 settled entries of public.webhook_dlq past the retention: reprocessed 3, the oldest 40 d ago (20",),
    ),
    "failed": (old(2, "'failed'"), ("2 settled entries of ", "past the retention: failed 2")),
    "discarded": (
        old(1, "'discarded'"),
        ("1 settled entry of public.webhook_dlq past the retention: discarded 1",),
    ),
    "all three, for years": (
        old(30) + old(2, "'failed'", 400) + old(1, "'discarded'", 800),
        ("33 settled entries of ", ": reprocessed 30, failed 2, discarded 1, the oldest 800 d ago"),
    ),
    "a minute past the retention": (
        old(1).replace("'40 days'", "'30 days 1 minute'"),
        ("1 settled entry of ",),
    ),
    "an update in the future hides nothing": (
        old(1) + f"UPDATE {DLQ} SET updated_at = now() + interval '9 days' WHERE error_message = 'failed 1'",
        ("1 settled entry of ", "the oldest 40 d ago"),
    ),
    "since ever": (
        f"UPDATE {DLQ} SET created_at = '-infinity', updated_at = '-infinity', last_retry_at = NULL, "
        "reprocessed_at = NULL WHERE status = 'failed'",
        ("2 settled entries of public.webhook_dlq past the retention: failed 2",),
    ),
}

ODD_BUT_HEALTHY = {
    "an hour within the retention": old(5).replace("'40 days'", "'29 days 23 hours'"),
    "pending for months": old(3, "'pending'") + old(1, "'processing'"),
    "created long ago, and reprocessed by hand lately": old(4)
    + f"UPDATE {DLQ} SET reprocessed_at = {LATELY} WHERE error_message LIKE 'failed %'",
    "created long ago, and given up lately": old(4, "'discarded'")
    + f"UPDATE {DLQ} SET updated_at = {LATELY} WHERE error_message LIKE 'failed %'",
    "an empty DLQ, and a processor that runs": f"TRUNCATE {DLQ}",
    "only entries that wait": f"DELETE FROM {DLQ} WHERE status <> 'pending'",
    "a status of its own": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check;" + old(3, "'on hold'"),
    "an archive, and nothing else": f"CREATE TABLE {DLQ}_archive (LIKE {DLQ}); TRUNCATE {DLQ}, {LOG}",
}

UNPROVEN = {
    "an empty DLQ without a processor": (
        f"TRUNCATE {DLQ}, {LOG}",
        ("no settled entry, and no completed pass in public.dlq_processing_log: an empty DLQ proves nothing",),
    ),
    "an empty DLQ and a log that is gone": (
        f"TRUNCATE {DLQ}; DROP TABLE {LOG}",
        ("no settled entry, and public.dlq_processing_log could not be read",),
    ),
    "created at no time": (
        f"ALTER TABLE {DLQ} ALTER created_at DROP NOT NULL;" + old(2) + f"UPDATE {DLQ} SET created_at = NULL "
        "WHERE error_message LIKE 'failed %'",
        ("2 settled entries without any time; check 9 names the cause",),
    ),
    "hidden": (
        "ALTER ROLE easymo_verifier NOBYPASSRLS",
        ("row security hides rows of public.webhook_dlq", "BYPASSRLS"),
    ),
    "no column": (f"ALTER TABLE {DLQ} DROP updated_at", ("has no column updated_at", "check 1 names the cause")),
}


def test_healthy_deployment_passes(deployment):
    """A month of letters is within the retention; the report has their ages, and a chart."""
    outcome = judge(check_19, read(deployment.access, [check_19]))
    assert_outcome(outcome, Status.PASSED)
    [finding] = outcome.judge.findings
    assert finding.startswith("77 settled entries: reprocessed 73, failed 2, discarded 2, the oldest 27 d")
    [table] = outcome.judge.tables
    assert {row["past the retention"] for row in table.rows} == {False}
    assert outcome.judge.charts == ["settled-entries"]


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """Each fault fails the check, in figures and names."""
    sql, parts = FAULTS[fault]
    changed(sql)
    assert_outcome(judged(check_19), Status.FAILED, *parts)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and works raises no alarm."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_19), Status.PASSED)


@pytest.mark.parametrize("case", UNPROVEN)
def test_nothing_is_proven(case, judged, changed):
    """What cannot be seen is not archived."""
    sql, parts = UNPROVEN[case]
    changed(sql)
    assert_outcome(judged(check_19), Status.UNPROVEN, *parts)


def test_retention_is_a_setting(judged):
    """The oldest letter is 28 days old."""
    outcome = judged(check_19, Settings(weekly=Weekly(retention_days=20)))
    assert_outcome(outcome, Status.FAILED, "settled entries of public.webhook_dlq past the retention")
    assert "for 20 days are in the archive" in outcome.judge.violations[0].expected


def test_more_than_are_looked_at(judged, changed, monkeypatch):
    """The first ones by creation are looked at, and the figures say so."""
    monkeypatch.setattr(archive_state, "MOST", 20)
    changed(old(30))
    outcome = judged(check_19)
    assert_outcome(outcome, Status.FAILED, "at least 20 settled entries of public.webhook_dlq past the retention")


@pytest.mark.parametrize("shape", ["renamed", "two_queues", "hand_grown"])
def test_shape_passes(any_deployment, shape):
    """Other names, other columns, other words."""
    settings = settings_of(shape)
    grow(any_deployment, shape, settings)
    assert_outcome(judge(check_19, read(any_deployment.access, [check_19], settings)), Status.PASSED)


def test_half_migrated_deployment_points_to_check_1(any_deployment):
    """The times of retries come with a later migration."""
    settings = settings_of("half_migrated")
    grow(any_deployment, "half_migrated", settings)
    outcome = judge(check_19, read(any_deployment.access, [check_19], settings))
    assert_outcome(outcome, Status.UNPROVEN, "has no column last_retry_at", "check 1 names the cause")


def test_second_queue_is_named(any_deployment):
    """Each table has its own violation, with its own words in the command."""
    settings = settings_of("two_queues")
    grow(any_deployment, "two_queues", settings)
    any_deployment.superuser_execute(
        "INSERT INTO template_retries (worker, message, state, inserted_at, changed_at) "
        "SELECT 't', '{}', 'dead', now() - interval '50 days', now() - interval '50 days' "
        "FROM generate_series(1, 2);" + old(1)
    )
    outcome = judge(check_19, read(any_deployment.access, [check_19], settings))
    assert_outcome(
        outcome,
        Status.FAILED,
        "1 settled entry of public.webhook_dlq past the retention: reprocessed 1",
        "2 settled entries of public.template_retries past the retention: failed 2, the oldest 50 d ago",
    )
    assert "WHERE (state = 'dead' OR state = 'dropped')" in str(outcome.advice)


def test_advice_is_followed(any_deployment, judged, changed, tmp_path):
    """Its look shows the entries; its commands, run as the owner, say what would be moved, and move it."""
    changed(old(30) + old(2, "'failed'"))
    target = any_deployment.access.database.where.partition(":")[0]
    outcome = judged(check_19, Settings(target=target))
    look, dry_run, real = outcome.advice.commands
    assert len(any_deployment.owner_execute(look.command)) == 2
    owner = environment(replace(any_deployment.access), EASYMO_DATABASE_URL=any_deployment.owner_url.reveal())

    def run(command, name):
        program, *arguments = command.split()
        assert program == "pytest"
        return run_suite(tmp_path / name, *arguments, "-k", "archived", environ=owner)

    first = run(dry_run.text, "dry")
    assert (first.status, first.check("check-19")["status"]) == (1, "failed"), first.output
    assert "32 entries of public.webhook_dlq, settled before 20" in first.output
    assert judged(check_19).status is Status.FAILED
    second = run(real.text, "real")
    assert (second.status, second.statuses) == (0, {"check-19": "passed"}), second.output
    assert "archive: 32 entries of public.webhook_dlq moved into public.webhook_dlq_archive" in second.output
    assert_outcome(judged(check_19), Status.PASSED)
    FOLLOWED.update(map(shape_of, (look, dry_run, real)))
