"""Whole runs of the suite, as the engineer on call starts them: exit status, verdict, files and terminal."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fixtures.settings.address import DatabaseAddress
from tests.proxies import Proxy
from tests.running import environment, run_suite

IMMEDIATE = [f"check-0{number}" for number in range(1, 9)]


def test_healthy_deployment_is_go(deployment, tmp_path):
    """Every must passes, what is not built in yet is unproven and does not stop it, and the files are there."""
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


def test_verdict_has_the_contracts_form(any_deployment, tmp_path):
    """What others read of ``verdict.json``: its keys, their values, and one entry per case."""
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
    """A must that fails is a ``no-go``, exit status 1, and the terminal names finding and advice."""
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


def test_should_that_fails_is_a_concern(any_deployment, tmp_path):
    """Nothing that must hold is broken, so the verdict is ``concerns``."""
    any_deployment.superuser_execute(
        "UPDATE public.processed_webhook_messages SET processed = false "
        "WHERE created_at > now() - interval '1 hour'"
    )
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    assert (run.status, run.verdict["verdict"]) == (1, "concerns")
    assert run.check("check-05")["status"] == "failed"


def test_role_that_is_shown_nothing_proves_nothing(any_deployment, tmp_path):
    """Row security leaves every check that reads such a table unproven, with the grant."""
    any_deployment.superuser_execute("ALTER ROLE easymo_verifier NOBYPASSRLS")
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(any_deployment.access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert {name for name, status in run.statuses.items() if status == "passed"} <= {"check-04"}
    assert "ALTER ROLE easymo_verifier BYPASSRLS" in run.output


def test_unreachable_database_is_reported_once(any_deployment, tmp_path):
    """One case carries the reason, the others that needed the database are errors, the HTTP half still runs."""
    away = DatabaseAddress.parse("postgresql://reader:hidden99@127.0.0.1:9/postgres")
    access = replace(any_deployment.access, database=away)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "no-go")
    probes = [case for case in run.check("check-04")["cases"] if case["status"] == "passed"]
    assert len(probes) > 50
    assert {run.statuses[name] for name in ("check-01", "check-02", "check-03", "check-05")} == {"error"}
    assert run.output.count("Connection refused") <= 2
    assert "hidden99" not in run.output
    assert len(run.output.splitlines()) < 120


def test_only_the_database_is_named(any_deployment, tmp_path):
    """What the endpoints would have proved is unproven, and says which variable is missing."""
    access = replace(any_deployment.access, base_url=None)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert run.statuses["check-04"] == "unproven"
    assert run.statuses["check-01"] == "passed"
    assert "EASYMO_BASE_URL is not set" in run.output


def test_only_the_endpoints_are_named(any_deployment, tmp_path):
    """What the database would have proved is unproven, and says which variable is missing."""
    access = replace(any_deployment.access, database=None)
    run = run_suite(tmp_path, "-m", "immediate", environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "unproven")
    assert run.statuses["check-01"] == "unproven"
    assert "EASYMO_DATABASE_URL is not set" in run.output


def test_workers_share_verdict_and_connection(any_deployment, tmp_path):
    """Under pytest-xdist the controller alone reads, over one connection."""
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
    """The evidence file of a run gives the same verdict again, with nothing configured."""
    any_deployment.superuser_execute("TRUNCATE public.dlq_processing_log")
    first = run_suite(tmp_path / "first", "-m", "immediate", environ=environment(any_deployment.access))
    again = run_suite(tmp_path / "again", "-m", "immediate", f"--replay={tmp_path / 'first' / 'evidence.json'}")
    assert again.status == first.status == 1
    assert again.verdict["checks"] == first.verdict["checks"]
    assert again.verdict["target"] == first.verdict["target"]


def test_only_what_the_selected_checks_need_is_read(any_deployment, tmp_path):
    """A run of one check asks the deployment for nothing else."""
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
def test_bad_input_is_one_sentence_and_an_exit_status(tmp_path, arguments, environ, status, sentence):
    """Which setting, where it came from, what was expected: never a traceback, never a secret."""
    run = run_suite(tmp_path, *arguments, environ=environment(None, **environ))
    assert run.status == status, run.output
    assert sentence in run.output
    assert "Traceback" not in run.output
    assert "hidden99" not in run.output
    assert not (tmp_path / "verdict.json").exists()
