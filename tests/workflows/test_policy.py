"""Rules for all workflows: pins, permissions, secrets, schedules, timeouts."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from fixtures.settings.environment import VARIABLES
from tests.running import ROOT
from tests.workflows.running import WORKFLOWS, load, names

VERIFYING = ("post-deploy.yml", "daily.yml", "weekly.yml")
SECRET = {variable.name for variable in VARIABLES if variable.secret}
README_COMMAND = re.compile(r"```sh\n(python3 -m venv .*?)\n```")


def jobs(name):
    """Return the jobs of a workflow that have steps."""
    return {key: job for key, job in load(name)["jobs"].items() if "steps" in job}


def steps(name):
    """Return every step of a workflow."""
    return [step for job in jobs(name).values() for step in job["steps"]]


def test_workflows_are_valid():
    """By GitHub's schemas."""
    for schema, files in (
        ("vendor.github-workflows", [WORKFLOWS / name for name in names()]),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
    ):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", names())
def test_actions_are_pinned_by_commit(name):
    """A tag can be moved to other code. The comment has the version; dependabot updates both."""
    used = [line.strip() for line in (WORKFLOWS / name).read_text().splitlines() if "uses:" in line]
    for line in used:
        if "uses: ./" not in line:
            assert re.fullmatch(r"(- )?uses: actions/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_action_has_one_pinned_commit():
    """All workflows use the same commit of an action."""
    pins = {}
    for name in names():
        for step in steps(name):
            if "uses" in step:
                action, commit = step["uses"].split("@")
                pins.setdefault("/".join(action.split("/")[:2]), set()).add(commit)
    assert {action: len(commits) for action, commits in pins.items()} == dict.fromkeys(pins, 1)


@pytest.mark.parametrize("name", names())
def test_jobs_may_only_read_the_code(name):
    """Workflows have no permissions, jobs ``contents: read``; a checkout keeps no credentials."""
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


@pytest.mark.parametrize("name", names())
def test_shell_commands_contain_no_expression(name):
    """Event data reaches a shell only as the value of a variable, so it cannot be executed."""
    assert [step["name"] for step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", names())
def test_jobs_have_a_timeout(name):
    """At most 60 minutes; GitHub's default is 6 hours."""
    for job in jobs(name).values():
        assert 0 < job["timeout-minutes"] <= 60


def test_secrets_reach_only_the_steps_that_need_them():
    """The deployment's secrets are in the environment of the step ``Verify`` only."""
    for name in names():
        for job in load(name)["jobs"].values():
            assert "secrets" not in str(job.get("env", ""))
            for step in job.get("steps", []):
                found = set(re.findall(r"secrets\.(\w+)", str(step)))
                allowed = {
                    "Verify": SECRET,
                    "Fetch the functions' log": {"LOG_TOKEN"},
                    "Send the heartbeat": {"DAILY_HEARTBEAT_URL", "WEEKLY_HEARTBEAT_URL"},
                }.get(step.get("name", ""), set())
                assert found <= allowed


def test_one_run_per_target_and_none_cancelled():
    """Parallel runs would see each other's requests; a cancelled run has no verdict."""
    job = load("verify.yml")["jobs"]["verify"]
    assert job["concurrency"] == {"group": "verify-${{ matrix.target }}", "cancel-in-progress": False}
    assert job["strategy"]["fail-fast"] is False
    assert job["environment"] == "verify-${{ matrix.target }}"
    for name in VERIFYING:
        assert "concurrency" not in load(name)


def test_schedules_avoid_busy_minutes():
    """Odd minutes not divisible by 5, because GitHub drops runs at busy times; daily and weekly hours differ."""
    schedules = {name: load(name)["on"].get("schedule") for name in names()}
    assert {name for name, found in schedules.items() if found} == {"daily.yml", "weekly.yml"}
    minute, hour, *rest = schedules["daily.yml"][0]["cron"].split()
    assert rest == ["*", "*", "*"]
    assert int(minute) % 5
    assert int(minute) % 2
    weekly_minute, weekly_hour, *rest = schedules["weekly.yml"][0]["cron"].split()
    assert rest == ["*", "*", "1"]
    assert int(weekly_minute) % 5
    assert int(weekly_minute) % 2
    assert hour != weekly_hour


def test_events_that_start_the_immediate_checks():
    """The end of the deploying workflow on main, a repository_dispatch, and a run by hand."""
    events = load("post-deploy.yml")["on"]
    assert set(events) == {"workflow_run", "repository_dispatch", "workflow_dispatch"}
    assert events["workflow_run"]["types"] == ["completed"]
    assert events["workflow_run"]["branches"] == ["main"]


def test_ci_runs_the_readmes_commands():
    """On every supported Python, from 3.11."""
    commands = README_COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(commands) == 2
    run = [step.get("run") for step in jobs("ci.yml")["test"]["steps"]]
    assert [command for command in commands if command not in run] == []
    assert jobs("ci.yml")["test"]["strategy"]["matrix"]["python"][0] == "3.11"


def test_workflows_install_as_the_readme_does():
    """With locked versions; the verifying job adds the extra ``charts``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    installing = {
        (name, job, step["run"].replace("-e '.[charts]'", "-e ."))
        for name in names()
        for job, found in jobs(name).items()
        for step in found["steps"]
        if step.get("name", "").startswith("Install the suite")
    }
    assert {job for _, job, _ in installing} == {"lint", "plan", "verify"}
    assert [command for _, _, command in installing if command not in readme] == []
    assert any("'.[charts]'" in str(step) for step in jobs("verify.yml")["verify"]["steps"])
