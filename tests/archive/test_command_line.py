"""The options of archiving in whole runs: refused in one sentence, done by one process, only where asked for."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from fixtures.settings.access import Access
from fixtures.settings.address import DatabaseAddress
from tests.archive.letters import ARCHIVE, DLQ, old
from tests.running import ROOT, environment, run_suite

WEEKLY = ("-m", "weekly", "-k", "archived")
TARGET = "127.0.0.1"
OPTION = f"--archive-dlq={TARGET}"

SLOW = (
    "CREATE FUNCTION public.keeps() RETURNS trigger LANGUAGE plpgsql AS $$ "
    "BEGIN PERFORM pg_sleep(0.02); RETURN OLD; END $$;"
    f"CREATE TRIGGER slow BEFORE DELETE ON {DLQ} FOR EACH ROW EXECUTE FUNCTION public.keeps();"
)


@pytest.fixture
def owner(letters):
    """The environment of a run as the owner of the tables, on a deployment with 30 old entries."""
    letters.execute(old(30))
    url = letters.deployment.owner_url.reveal()
    return environment(replace(letters.deployment.access, database=DatabaseAddress.parse(url)))


REFUSED = {
    "another name": (
        (*WEEKLY, "--archive-dlq=production"),
        '--archive-dlq: this run verifies the target "127.0.0.1", not "production"; nothing was written',
    ),
    "a part of the name": ((*WEEKLY, "--archive-dlq=127.0.0"), 'not "127.0.0"; nothing was written'),
    "no name": ((*WEEKLY, "--archive-dlq="), 'not ""; nothing was written'),
    "a dry run of nothing": (
        (*WEEKLY, "--dry-run"),
        "--dry-run says what --archive-dlq=TARGET would move: use it with --archive-dlq",
    ),
    "a local deployment": (
        (*WEEKLY, "--archive-dlq=local", "--local", "embedded"),
        "--archive-dlq is for a deployment that outlives the run: use it without --local",
    ),
    "without check 19": (
        ("-m", "immediate", OPTION),
        "check 19, which judges the archive, is not selected (-m weekly); nothing was written",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_run_is_refused(letters, owner, tmp_path, case):
    """With exit status 4 and one sentence."""
    arguments, said = REFUSED[case]
    run = run_suite(tmp_path, *arguments, environ=owner)
    assert run.status == 4, run.output
    assert said in run.output
    assert run.output.count("nothing was written") <= 1
    assert letters.rows(ARCHIVE) == []


def test_replay_is_refused(tmp_path):
    """It has no deployment."""
    evidence = tmp_path / "evidence.json"
    evidence.write_bytes(gzip.decompress((ROOT / "tests/replays/evidence/healthy.json.gz").read_bytes()))
    run = run_suite(tmp_path / "out", *WEEKLY, OPTION, f"--replay={evidence}")
    assert run.status == 4, run.output
    assert "--replay needs no deployment: use it without --archive-dlq" in run.output


def test_deployment_without_a_database_is_refused(tmp_path):
    """Only the functions are known."""
    only = Access(base_url="http://127.0.0.1:9")
    run = run_suite(tmp_path, *WEEKLY, OPTION, environ=environment(only))
    assert run.status == 4, run.output
    assert "--archive-dlq needs EASYMO_DATABASE_URL, of a role that may write" in run.output


def test_database_that_is_away_is_refused(tmp_path):
    """Nobody knows what would be moved."""
    gone = Access(database=DatabaseAddress.parse("postgresql://postgres:word@127.0.0.1:9/postgres"))
    run = run_suite(tmp_path, *WEEKLY, OPTION, environ=environment(gone))
    assert run.status == 4, run.output
    assert "127.0.0.1:9" in run.output
    assert "; nothing was written" in run.output


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_read_only_role_is_refused(letters, tmp_path, workers):
    """The usual role of the suite: with the grants, in one sentence, once."""
    letters.execute(old(3))
    run = run_suite(tmp_path, *WEEKLY, OPTION, *workers, environ=environment(letters.deployment.access))
    assert run.status == 4, run.output
    assert run.output.count("GRANT SELECT, DELETE, UPDATE (id) ON public.webhook_dlq TO easymo_verifier") == 1
    assert letters.rows(ARCHIVE) == []


def test_nothing_is_written_without_the_option(letters, owner, tmp_path):
    """Neither is anything looked at as if it were to be moved."""
    before = letters.snapshot()
    run = run_suite(tmp_path, *WEEKLY, environ=owner)
    assert (run.status, run.statuses) == (1, {"check-19": "failed"}), run.output
    assert (letters.snapshot(), letters.rows(ARCHIVE)) == (before, [])


def test_collecting_and_listing_write_nothing(letters, owner, tmp_path):
    """Nothing is run, so nothing is archived."""
    for informing in ("--collect-only", "--setup-plan"):
        run_suite(tmp_path, *WEEKLY, OPTION, informing, environ=owner)
        assert letters.rows(ARCHIVE) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_one_process_archives_before_the_database_is_read(letters, owner, tmp_path, workers):
    """Check 19 judges what is left; the report has what was moved."""
    before = letters.snapshot()
    run = run_suite(tmp_path, *WEEKLY, OPTION, *workers, environ=owner)
    assert (run.status, run.statuses) == (0, {"check-19": "passed"}), run.output
    assert (letters.snapshot(), len(letters.rows(ARCHIVE))) == (before, 30)
    moved = "30 entries of public.webhook_dlq moved into public.webhook_dlq_archive"
    assert run.output.count(f"archive: {moved}") == 1
    assert moved in (tmp_path / "evidence.json").read_text()


def test_stopped_archiving_is_a_concern(letters, owner, tmp_path):
    """The run goes on, says why, and check 19 fails on what is left."""
    letters.execute(SLOW.replace("RETURN OLD", "RETURN NULL"))
    run = run_suite(tmp_path, *WEEKLY, OPTION, environ=owner)
    assert (run.status, run.statuses) == (1, {"check-19": "failed"}), run.output
    assert "archive: archiving of public.webhook_dlq stopped after 0 entries: 0 of 30 entries" in run.output


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_run_leaves_each_entry_in_one_table(letters, owner, archive, tmp_path, ending):
    """While a slow batch is deleting; the next run moves the rest."""
    letters.execute(SLOW)
    before = letters.snapshot()
    command = [sys.executable, "-m", "pytest", *WEEKLY, OPTION, f"--report-dir={tmp_path}"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=owner, start_new_session=True, **quiet) as process:
        deleting = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ILIKE 'delete from %'"
        until = time.monotonic() + 30
        while letters.execute(deleting) == [(0,)] and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(ending)
        status = process.wait(30)
    assert status in {signal.SIGINT: (2,)}.get(ending, (-ending, 2)), status
    assert letters.snapshot() == before
    while letters.execute(deleting) != [(0,)] and time.monotonic() < until:
        time.sleep(0.02)
    letters.execute(f"DROP TRIGGER slow ON {DLQ}")
    archive()
    assert (letters.snapshot(), len(letters.rows(ARCHIVE))) == (before, 30)
