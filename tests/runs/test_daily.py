"""Whole runs of the daily checks in a separate pytest process: exit status, verdict and output."""

from __future__ import annotations

import re

import pytest

from fixtures.settings.access import Access
from fixtures.settings.address import DatabaseAddress
from tests.deployments import kinds_under_test
from tests.running import environment, run_suite

LOST = (
    "INSERT INTO public.wa_events (event_type, message_id, phone_number, direction, status, created_at) VALUES "
    "('message', 'wamid.HBgLMTIwMjU1NTAxNDcVAgASGBQzQTdCNUQ5Rg', '12025550147', 'inbound', 'received', "
    "now() - interval '2 hours')"
)
CHECKS = {f"check-{number:02d}" for number in range(9, 15)}


@pytest.mark.parametrize("kind", ["native", "containers", "embedded"])
def test_local_deployment_passes_the_daily_checks(kind, tmp_path):
    """Every kind of local deployment gets a go."""
    if kind not in kinds_under_test() and kind != "embedded":
        pytest.skip(f"NOT TESTED on {kind}: this kind is not under test")
    run = run_suite(tmp_path, "-m", "daily", "--local", kind)
    assert run.status == 0, run.output
    assert run.verdict["verdict"] == "go"
    assert run.statuses == dict.fromkeys(CHECKS, "passed"), run.output
    assert run.verdict["not_applicable"] == []


def test_immediate_and_daily_checks_in_one_run(any_deployment, tmp_path):
    """All 14 checks share one reading of the deployment."""
    run = run_suite(tmp_path, "-m", "immediate or daily", environ=environment(any_deployment.access))
    assert run.status == 0, run.output
    assert set(run.statuses) == {f"check-{number:02d}" for number in range(1, 15)}


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_lost_message_is_a_concern(workers, any_deployment, tmp_path):
    """Its id is reported by its last characters; no file and no output contains the phone number."""
    any_deployment.superuser_execute(LOST)
    run = run_suite(tmp_path, "-m", "daily", *workers, environ=environment(any_deployment.access))
    assert run.status == 1, run.output
    assert run.verdict["verdict"] == "concerns"
    assert run.statuses == dict.fromkeys(CHECKS, "passed") | {"check-10": "failed"}
    reason = run.check("check-10")["cases"][0]["reason"]
    assert re.fullmatch(r"1 message neither processed nor in the DLQ: unknown 1, 20[^;]*, ids …NUQ5Rg", reason)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 20
    for text in (run.output, *(path.read_text(errors="replace") for path in written)):
        assert "HBgLMTIwMjU1" not in text
        assert "12025550147" not in text


def test_check_13_needs_a_partitioned_table(any_deployment, tmp_path):
    """Otherwise it is not applicable: listed with its reason, and not among the checks."""
    any_deployment.superuser_execute(
        "CREATE TABLE public.plain AS SELECT * FROM public.wa_events; DROP TABLE public.wa_events;"
        "ALTER TABLE public.plain RENAME TO wa_events; GRANT SELECT ON public.wa_events TO easymo_verifier"
    )
    run = run_suite(tmp_path, "-m", "daily", "-k", "partitions", environ=environment(any_deployment.access))
    assert [entry["check"] for entry in run.verdict["not_applicable"]] == ["check-13"]
    assert run.verdict["checks"] == []


def test_without_a_database_most_checks_are_unproven(any_deployment, tmp_path):
    """Only check 11 passes: the health endpoint reports the breakers."""
    only = Access(base_url=any_deployment.access.base_url)
    run = run_suite(tmp_path, "-m", "daily", environ=environment(only))
    assert run.status == 0, run.output
    assert run.statuses == dict.fromkeys(CHECKS, "unproven") | {"check-11": "passed"}
    assert "EASYMO_DATABASE_URL is not set" in run.output


def test_unreachable_database_is_reported_once(tmp_path):
    """Without check 1 in the run, each check has the reason, and the output repeats it at most 4 times."""
    gone = Access(database=DatabaseAddress.parse("postgresql://verifier:word@127.0.0.1:9/postgres"))
    run = run_suite(tmp_path, "-m", "daily", environ=environment(gone))
    assert run.status == 1
    assert run.verdict["verdict"] == "concerns"
    assert run.check("check-09")["status"] == "error"
    assert "the database at 127.0.0.1:9 could not be reached" in run.check("check-09")["cases"][0]["reason"]
    assert run.output.count("could not be reached") < 5
    assert "check 1 names the cause" not in run.output
