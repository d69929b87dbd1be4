"""Whole runs of the suite: exit status, verdict, files and output."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fixtures.settings.address import DatabaseAddress
from tests.proxies import Proxy
from tests.running import environment, run_suite

IMMEDIATE = [f"check-0{number}" for number in range(1, 9)]


def test_healthy_deployment_is_go(deployment, tmp_path):
    """All checks pass except 7 and 8, which are always unproven; all report files are written."""
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(deployment.access))
    assert run.status == 0, run.output
    assert run.verdict["verdict"] == "go"
    assert sorted(run.statuses) == IMMEDIATE
    assert {name for name, status in run.statuses.items() if status != "passed"} == {"check-07", "check-08"}
    assert {path.name for path in tmp_path.iterdir()} >= {
        "allure-results",
        "evidence.json",
        "junit.xml",
        "summary.md",
        "verdict.json",
    }


def test_verdict_json_has_the_documented_keys(any_deployment, tmp_path):
    """The keys that other programs read, and one entry per case."""
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    verdict = run.verdict
    assert verdict["schema"] == 1
    assert verdict["selection"] == "immediate"
    assert verdict["target"] == "127.0.0.1"
    assert verdict["started_at"] <= verdict["finished_at"]
    assert verdict["not_applicable"] == []
    check = run.check("check-01")
    assert check["title"] == "DLQ tables exist and accessible"
    assert check["criterion"] == "must"
    assert {"id": "webhook_dlq", "status": "passed", "reason": ""} in check["cases"]


def test_broken_deployment_is_no_go_with_advice(any_deployment, tmp_path):
    """A failed must leads to ``no-go`` and exit status 1; the output has the finding and the advice."""
    any_deployment.superuser_execute("UPDATE cron.job SET active = false WHERE jobname = 'process-dlq-entries'")
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    assert run.status == 1
    assert run.verdict["verdict"] == "no-go"
    assert run.check("check-02")["status"] == "failed"
    case = next(case for case in run.check("check-02")["cases"] if case["status"] == "failed")
    assert case["id"] == "process-dlq-entries"
    assert "job process-dlq-entries is inactive" in case["reason"]
    assert "SELECT cron.alter_job(" in run.output
    assert "Traceback" not in run.output


def test_failed_should_leads_to_concerns(any_deployment, tmp_path):
    """No must fails, so the verdict is ``concerns`` with exit status 1."""
    any_deployment.superuser_execute(
        "UPDATE public.processed_webhook_messages SET processed = false "
        "WHERE created_at > now() - interval '1 hour'"
    )
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    assert (run.status, run.verdict["verdict"]) == (1, "concerns")
    assert run.check("check-05")["status"] == "failed"


def test_role_without_bypassrls_proves_nothing(any_deployment, tmp_path):
    """Row security hides all rows, so checks are unproven; the output has the statement that helps."""
    any_deployment.superuser_execute("ALTER ROLE easymo_verifier NOBYPASSRLS")
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert {name for name, status in run.statuses.items() if status == "passed"} <= {"check-04"}
    assert "ALTER ROLE easymo_verifier BYPASSRLS" in run.output


def test_unreachable_database_is_reported_once(any_deployment, tmp_path):
    """One case has the reason, other database checks are errors, and the endpoints are still probed."""
    away = DatabaseAddress.parse("postgresql://reader:hidden99@127.0.0.1:9/postgres")
    access = replace(any_deployment.access, database=away)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "no-go")
    probes = [case for case in run.check("check-04")["cases"] if case["status"] == "passed"]
    assert len(probes) > 50
    assert {run.statuses[name] for name in ("check-01", "check-02", "check-03", "check-05")} == {"error"}
    assert run.output.count("Connection refused") <= 2
    assert "hidden99" not in run.output
    assert "not judged because of this: 1" in run.output
    assert len(run.output.splitlines()) < 45


@pytest.mark.parametrize("columns", ["80", "110"])
def test_everything_away_takes_25_lines(any_deployment, tmp_path, columns):
    """Two causes, each once with what waits for it, and what no source covers."""
    away = DatabaseAddress.parse("postgresql://reader:hidden99@127.0.0.1:9/postgres")
    access = replace(any_deployment.access, database=away, base_url="http://127.0.0.1:9", log_file=None)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access, COLUMNS=columns))
    assert (run.status, run.verdict["verdict"]) == (1, "no-go")
    lines = run.output.splitlines()
    report = lines[next(n for n, line in enumerate(lines) if "= verdict: no-go =" in line) :]
    assert len([line for line in report if line.strip()]) <= 25, run.output
    assert [line for line in report if line.startswith("ERROR")] == [
        "ERROR Check 1 (must)",
        "ERROR Check 4 (must)",
    ]
    assert run.output.count("names the cause") == 0
    assert "no connection to 127.0.0.1:9: connection refused (3 cases)" in run.output
    assert len(run.check("check-04")["cases"]) == 112


def test_run_with_the_database_only(any_deployment, tmp_path):
    """Checks of the endpoints are unproven, and the output names the missing variable."""
    access = replace(any_deployment.access, base_url=None)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert run.statuses["check-04"] == "unproven"
    assert run.statuses["check-01"] == "passed"
    assert "EASYMO_BASE_URL is not set" in run.output


def test_run_with_the_endpoints_only(any_deployment, tmp_path):
    """Checks of the database are unproven, and the output names the missing variable."""
    access = replace(any_deployment.access, database=None)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert run.statuses["check-01"] == "unproven"
    assert "EASYMO_DATABASE_URL is not set" in run.output


def test_workers_share_one_reading(any_deployment, tmp_path):
    """Under pytest-xdist only the controller reads, over one connection; the verdict is the same."""
    environ = environment(any_deployment.access)
    port = int(environ["EASYMO_DATABASE_URL"].rpartition(":")[2].partition("/")[0])
    verdicts = []
    for workers in ((), ("-n", "2")):
        with Proxy("127.0.0.1", port) as proxy:
            environ["EASYMO_DATABASE_URL"] = environment(any_deployment.access)["EASYMO_DATABASE_URL"].replace(
                f":{port}/", f":{proxy.port}/"
            )
            folder = tmp_path / f"run{len(workers)}"
            run = run_suite(folder, "-m", "immediate", *workers, environ=environ)
            assert proxy.connections == 1
        assert run.status == 0, run.output
        verdicts.append(
            {check["check"]: (check["status"], len(check["cases"])) for check in run.verdict["checks"]}
        )
    assert verdicts[0] == verdicts[1]


def test_replay_needs_no_deployment(any_deployment, tmp_path):
    """The evidence file of a run gets the same verdict again, without any settings."""
    any_deployment.superuser_execute("TRUNCATE public.dlq_processing_log")
    first = run_suite(tmp_path / "first", "-m", "immediate", environ=environment(any_deployment.access))
    again = run_suite(tmp_path / "again", "-m", "immediate", f"--replay={tmp_path / 'first' / 'evidence.json'}")
    assert again.status == first.status == 1
    assert again.verdict["checks"] == first.verdict["checks"]
    assert again.verdict["target"] == first.verdict["target"]


def test_run_reads_only_what_its_checks_need(any_deployment, tmp_path):
    """A run of one check has only that check's evidence."""
    run = run_suite(tmp_path, "-k", "success_rate", environ=environment(any_deployment.access))
    assert run.status == 0, run.output
    evidence = json.loads((tmp_path / "evidence.json").read_text())
    assert set(evidence["pieces"]) == {"success_rate"}
    assert set(run.statuses) == {"check-05"}


@pytest.mark.parametrize(
    ("arguments", "environ", "status", "sentence"),
    [
        (("-m", "immediate", "--target", "prodution"), {}, 4, "prodution"),
        (
            ("-m", "immediate"),
            {"EASYMO_DATABASE_URL": "postgresql://u:hidden99@h:port/db"},
            4,
            "EASYMO_DATABASE_URL",
        ),
        (("-m", "immediate"), {"EASYMO_BASE_URL": "ftp://h"}, 4, "EASYMO_BASE_URL"),
        (("-m", "immediate"), {"EASYMO_DEPLOYED_AT": "yesterday"}, 4, "EASYMO_DEPLOYED_AT"),
        (("-m", "immediate", "--wait", "soon"), {}, 4, "--wait"),
        (("-m", "immediate", "--replay=no-such-file.json"), {}, 4, "no-such-file.json"),
        (("-m", "immediate", "--local", "virtual"), {}, 4, "--local"),
        (("-m", "immediat"), {}, 4, "immediat"),
        (("-m", "immediate", "-k", "nothing_is_called_this"), {}, 5, "deselected"),
    ],
)
def test_invalid_input_ends_with_a_message(tmp_path, arguments, environ, status, sentence):
    """The message names the setting; there is no traceback, no secret and no verdict."""
    run = run_suite(tmp_path, *arguments, environ=environment(None, **environ))
    assert run.status == status, run.output
    assert sentence in run.output
    assert "Traceback" not in run.output
    assert "hidden99" not in run.output
    assert not (tmp_path / "verdict.json").exists()
