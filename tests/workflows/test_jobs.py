"""The shell steps of the workflows' jobs, run on this machine as GitHub's runner does."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path

import pytest

import checks
from fixtures.evidence.pieces import NEEDS, ONE_OF, needs_of
from fixtures.settings.environment import VARIABLES, variables_of
from tests.reports.notify.receiver import SECRET_PATH, Receiver
from tests.workflows.expressions import filled, truth
from tests.workflows.running import INSTALL, checkout, leaves, load, run_job

JOBS = load("verify.yml")["jobs"]
TARGET = "production"


@pytest.fixture
def plan(tmp_path):
    """Runs the job that lists the targets."""

    def running(cadence, target="", file=None):
        folder = checkout(tmp_path)
        if file is not None:
            (folder / "deployment.toml").write_text(file)
        inputs = {"cadence": cadence, "target": target}
        return run_job(JOBS["plan"], folder, {"inputs": inputs}, {"Install the suite": INSTALL})

    return running


@pytest.fixture
def verify(tmp_path):
    """Runs the job that verifies one target."""

    def running(cadence="immediate", secrets=None, instead=None, log=None, **settings):
        folder = checkout(tmp_path)
        if log is not None:
            hook = folder / ".ci" / "fetch-log"
            hook.write_text(f'#!/bin/sh\ntest "$1" = {TARGET} && cat "$LOG_TOKEN"\n')
            hook.chmod(0o755)
        context = {
            "inputs": {"cadence": cadence, "deployed_at": "", "wait": "0s"},
            "matrix": {"target": TARGET},
            "secrets": {"LOG_TOKEN": log} | (secrets or {}),
            "vars": settings,
        }
        commands = {"Install the suite with charts": INSTALL} | (instead or {})
        done = run_job(JOBS["verify"], folder, context, commands, NPM_CONFIG_OFFLINE="true")
        return done, folder / "reports" / "latest"

    return running


def test_plan_lists_the_targets(plan):
    """Its outputs are the matrix of the verifying job."""
    done = plan("immediate")
    assert not done.failed, done.log
    assert done.outputs["plan"] == {"targets": '["production", "staging"]'}
    outputs = {name: filled(text, {"steps": {"plan": {"outputs": done.outputs["plan"]}}}, {})
               for name, text in JOBS["plan"]["outputs"].items()}  # fmt: skip
    assert outputs == done.outputs["plan"]


def test_plan_accepts_one_target(plan):
    """As after a deployment, or in a run by hand."""
    done = plan("immediate", target="staging")
    assert done.outputs["plan"]["targets"] == '["staging"]'


@pytest.mark.parametrize(
    ("target", "file", "sentence"),
    [
        ("prodution", None, "the nearest valid name is production"),
        ("$(touch owned)", None, "is not a target of deployment.toml"),
        ("", "[thresholds]\n", "has no target"),
        ("", "[targets.production]\nbase_ulr = 'https://a.example'\n", "the nearest valid name is base_url"),
    ],
)
def test_plan_fails_on_invalid_target_or_file(plan, tmp_path, target, file, sentence):
    """With the suite's message; a target with shell syntax is not executed."""
    done = plan("immediate", target=target, file=file)
    assert done.failed
    assert done.outputs["plan"] == {}
    assert sentence in done.log
    assert not (tmp_path / "checkout" / "owned").exists()


def test_cadence_without_checks_fails(plan):
    """A run that verifies nothing must not look like one that passed."""
    done = plan("immediate and daily")
    assert (done.failed, done.statuses["List the targets, and require checks"]) == (True, 5)


def test_healthy_deployment_passes_the_job(verify, any_deployment):
    """A real verification, with the log from ``.ci/fetch-log``; its output has no secret."""
    access = variables_of(any_deployment.access)
    base_url, log = access.pop("EASYMO_BASE_URL"), access.pop("EASYMO_LOG_FILE")
    done, reports = verify(secrets=access, log=log, EASYMO_BASE_URL=base_url)
    report = done.statuses.pop("Make the HTML report")
    install = done.statuses.pop("Install the suite with charts")
    assert done.statuses == {"Fetch the functions' log": 0, "Verify": 0}, done.log
    assert install == 0
    # Without npm's registry report.html may be missing; the job passes anyway.
    assert (report, done.failed) == (0 if (reports / "report.html").exists() else 1, False), done.log
    assert done.summary.startswith("# Verdict: go\n")
    assert json.loads((reports / "verdict.json").read_text())["target"] == TARGET
    for secret in access.values():
        assert secret not in done.log


def test_broken_deployment_fails_the_job(verify, any_deployment):
    """The summary begins with the verdict, an annotation names the check, and junit.xml is written."""
    any_deployment.superuser_execute("UPDATE cron.job SET active = false")
    access = variables_of(any_deployment.access)
    done, reports = verify(secrets=access)
    assert done.failed
    assert done.statuses["Verify"] == 1
    assert done.summary.startswith("# Verdict: no-go\n")
    assert "::error title=Check 2 failed (must)" in done.log
    assert (reports / "junit.xml").exists()


def test_target_without_an_address_fails_the_job(verify):
    """Missing secrets are empty variables; the suite must not verify a local deployment instead."""
    done, reports = verify()
    assert (done.failed, done.statuses["Verify"]) == (True, 4)
    assert not (reports / "verdict.json").exists()


def test_verification_runs_without_the_log(verify):
    """When fetching the log fails, EASYMO_LOG_FILE is not set and the job does not fail."""
    done, _ = verify(log="/nowhere", instead={"Verify": 'test -z "${EASYMO_LOG_FILE-}"'})
    assert done.statuses["Fetch the functions' log"] == 1
    assert (done.statuses["Verify"], done.failed) == (0, False)


@pytest.mark.parametrize(("cadence", "verdict"), [("daily", "go"), ("daily", "no-go"), ("weekly", "unproven")])
def test_heartbeat_is_sent_after_every_verdict(verify, cadence, verdict):
    """To the address of the cadence only; a failed heartbeat does not change the job's result."""
    with Receiver(500) as other, Receiver(500) as receiver:
        urls = {"DAILY_HEARTBEAT_URL": other.url, "WEEKLY_HEARTBEAT_URL": other.url}
        secrets = urls | {f"{cadence.upper()}_HEARTBEAT_URL": receiver.url}
        done, _ = verify(cadence, secrets=secrets, instead={"Verify": leaves(verdict)})
        assert (set(receiver.paths), other.paths) == ({SECRET_PATH}, [])
    assert done.statuses["Send the heartbeat"] == 0
    assert done.failed == (verdict != "go")
    assert f"::warning::the heartbeat did not arrive: the answer was 500; the verdict stays {verdict}" in done.log
    assert SECRET_PATH not in done.log


def test_no_heartbeat_without_a_verdict(verify):
    """So a mistake in the settings triggers the dead-man's switch, like a run that never started."""
    with Receiver() as receiver:
        done, _ = verify("daily", secrets={"DAILY_HEARTBEAT_URL": receiver.url}, instead={"Verify": "exit 4"})
        assert receiver.paths == []
    assert "no heartbeat: the run wrote no verdict" in done.log


def test_no_heartbeat_to_another_cadence(verify):
    """Without a weekly address, a weekly run does not use the daily one."""
    with Receiver() as receiver:
        secrets = {"DAILY_HEARTBEAT_URL": receiver.url, "WEEKLY_HEARTBEAT_URL": ""}
        done, _ = verify("weekly", secrets=secrets, instead={"Verify": leaves("go")})
        assert receiver.paths == []
    assert "::notice::no heartbeat: HEARTBEAT_URL is not set" in done.log


def test_immediate_checks_send_no_heartbeat(verify):
    """They run after deployments, which have no schedule."""
    done, _ = verify("immediate", instead={"Verify": leaves("go")})
    assert "Send the heartbeat" not in done.statuses


def test_workflow_passes_exactly_the_needed_variables():
    """A check would always be unproven if a variable that it needs were missing."""
    names = [module.name for module in pkgutil.iter_modules(checks.__path__) if module.name.startswith("test_")]
    modules = [importlib.import_module(f"checks.{name}") for name in names]
    tests = [value for module in modules for name, value in vars(module).items() if name.startswith("test_")]
    pieces = needs_of(tests)
    needed = {name for piece in pieces for name in (*NEEDS[piece], *ONE_OF.get(piece, ()))}
    step = next(step for step in JOBS["verify"]["steps"] if step.get("name") == "Verify")
    passed = {name for name in step["env"] if name not in ("WAIT", "COLUMNS")}
    assert needed - passed <= {"EASYMO_LOG_FILE"}
    unnecessary = {"SUPABASE_SERVICE_ROLE_KEY", "EASYMO_SUPABASE_API_URL", "EASYMO_PAGERDUTY_API_URL"}
    assert passed == {known.name for known in VARIABLES} - unnecessary - {"EASYMO_LOG_FILE"}


def post_deploy(event, **context):
    """Return the inputs that post-deploy.yml passes after an event; None if it skips the event."""
    job = load("post-deploy.yml")["jobs"]["verify"]
    known = {"github": {"repository": "easymo/easymo"} | event, "inputs": {}, "vars": {}} | context
    if not truth(job["if"], known, {"success": lambda: True}):
        return None
    return {name: filled(str(text), known, {}) for name, text in job["with"].items()}


def workflow_run(conclusion="success", repository="easymo/easymo"):
    """Return the event at the end of the deploying workflow."""
    run = {
        "conclusion": conclusion,
        "head_repository": {"full_name": repository},
        "updated_at": "2026-03-01T12:00:00Z",
        "head_sha": "0123abcd",
    }
    return {"event_name": "workflow_run", "event": {"workflow_run": run}}


def test_successful_deploy_workflow_starts_verification():
    """Its end is the deployment's time. DEPLOYED_TARGET names another target. Failures and forks are skipped."""
    times = {"deployed_at": "2026-03-01T12:00:00Z", "wait": "6m"}
    expected = times | {"cadence": "immediate", "release": "0123abcd"}
    assert post_deploy(workflow_run()) == expected | {"target": "production"}
    assert post_deploy(workflow_run(), vars={"DEPLOYED_TARGET": "rwanda"}) == expected | {"target": "rwanda"}
    assert post_deploy(workflow_run(conclusion="failure")) is None
    assert post_deploy(workflow_run(repository="somebody/easymo")) is None


def test_dispatch_passes_target_release_and_time():
    """As another CI system sends them after a deployment."""
    payload = {"target": "rwanda", "release": "v2", "deployed_at": "2026-03-01T12:00:00Z"}
    event = {"event_name": "repository_dispatch", "event": {"client_payload": payload}}
    assert post_deploy(event) == payload | {"cadence": "immediate", "wait": "6m"}


def test_run_by_hand_passes_its_inputs():
    """Unchanged."""
    inputs = {"target": "staging", "release": "v2", "deployed_at": "", "wait": "0s"}
    event = {"event_name": "workflow_dispatch", "event": {}}
    assert post_deploy(event, inputs=inputs) == inputs | {"cadence": "immediate"}


@pytest.mark.parametrize("cadence", ["daily", "weekly"])
def test_schedules_verify_every_target(cadence):
    """An empty target means all targets."""
    job = load(f"{cadence}.yml")["jobs"]["verify"]
    asked = {key: filled(str(text), {"inputs": {}}, {}) for key, text in job["with"].items()}
    assert asked["cadence"] == cadence
    assert asked["target"] == ""
    assert job["secrets"] == "inherit"


@pytest.mark.parametrize("broken", [None, "pytest", "ruff", "mypy"])
def test_ci_fails_when_one_of_its_tools_fails(tmp_path, broken):
    """Scripts replace the tools; a failing tool fails its own job only."""
    tools = ("sudo", "python3", *(f".venv/bin/{name}" for name in ("pip", "pytest", "ruff", "mypy")))
    for tool in tools:
        path = tmp_path / "checkout" / tool
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nexit {1 if Path(tool).name == broken else 0}\n")
        path.chmod(0o755)
    path = f"{tmp_path / 'checkout'}:/usr/bin:/bin"
    context = {"github": {"ref": "refs/heads/main"}, "matrix": {"python": "3.11"}}
    runs = {
        name: run_job(job, tmp_path / "checkout", context, PATH=path)
        for name, job in load("ci.yml")["jobs"].items()
    }
    failed = {name for name, run in runs.items() if run.failed}
    assert failed == {None: set(), "pytest": {"test"}, "ruff": {"lint"}, "mypy": {"lint"}}[broken]
