"""What every workflow keeps to, whatever it does: pins, permissions, secrets, schedules, limits."""

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
    """The jobs of a workflow that run on a machine."""
    return {key: job for key, job in load(name)["jobs"].items() if "steps" in job}


def steps(name):
    """Every step of a workflow."""
    return [step for job in jobs(name).values() for step in job["steps"]]


def test_workflows_are_valid():
    """By the schemas that GitHub's editors use."""
    for schema, files in (
        ("vendor.github-workflows", [WORKFLOWS / name for name in names()]),
        ("vendor.dependabot", [ROOT / ".github" / "dependabot.yml"]),
    ):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", names())
def test_actions_are_pinned_by_commit_and_say_their_version(name):
    """A tag can be moved to other code; dependabot reads the comment and renews both."""
    used = [line.strip() for line in (WORKFLOWS / name).read_text().splitlines() if "uses:" in line]
    for line in used:
        if "uses: ./" not in line:
            assert re.fullmatch(r"(- )?uses: actions/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_each_action_is_pinned_once():
    """All workflows use the same commit of an action."""
    pins = {}
    for name in names():
        for step in steps(name):
            if "uses" in step:
                action, commit = step["uses"].split("@")
                pins.setdefault("/".join(action.split("/")[:2]), set()).add(commit)
    assert {action: len(commits) for action, commits in pins.items()} == dict.fromkeys(pins, 1)


@pytest.mark.parametrize("name", names())
def test_jobs_may_read_the_code_and_nothing_else(name):
    """Nothing by default; a job that checks the code out may read it, and keeps no credentials for it."""
    workflow = load(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
    for step in steps(name):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"] == {"persist-credentials": False}


@pytest.mark.parametrize("name", names())
def test_no_expression_stands_in_a_shell_command(name):
    """Whatever an event brings reaches a shell as the value of a variable, never as a part of its text."""
    assert [step["name"] for step in steps(name) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("name", names())
def test_jobs_end(name):
    """A job that hangs is ended long before GitHub's six hours."""
    for job in jobs(name).values():
        assert 0 < job["timeout-minutes"] <= 60


def test_secrets_reach_only_the_steps_that_need_them():
    """A secret of the deployment is in the environment of the one step that verifies."""
    for name in names():
        for job in load(name)["jobs"].values():
            assert "secrets" not in str(job.get("env", ""))
            for step in job.get("steps", []):
                found = set(re.findall(r"secrets\.(\w+)", str(step)))
                allowed = {
                    "Verify": SECRET,
                    "Fetch the functions' log": {"LOG_TOKEN"},
                    "Tell the dead-man's switch": {"DAILY_HEARTBEAT_URL", "WEEKLY_HEARTBEAT_URL"},
                }.get(step.get("name", ""), set())
                assert found <= allowed


def test_targets_are_verified_one_run_at_a_time_and_no_run_is_cancelled():
    """Two runs at once would find each other's requests; a run that is cut off has no verdict."""
    job = load("verify.yml")["jobs"]["verify"]
    assert job["concurrency"] == {"group": "verify-${{ matrix.target }}", "cancel-in-progress": False}
    assert job["strategy"]["fail-fast"] is False
    assert job["environment"] == "verify-${{ matrix.target }}"
    for name in VERIFYING:
        assert "concurrency" not in load(name)


def test_schedules_avoid_the_hours_at_which_runs_are_dropped():
    """Odd minutes that no common interval hits, once a day and once a week, at different times."""
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


def test_events_that_start_the_first_hours_checks():
    """After the deploying workflow, from anywhere else, and by hand; with the default branch's code each time."""
    events = load("post-deploy.yml")["on"]
    assert set(events) == {"workflow_run", "repository_dispatch", "workflow_dispatch"}
    assert events["workflow_run"]["types"] == ["completed"]
    assert events["workflow_run"]["branches"] == ["main"]


def test_the_readmes_commands_are_those_of_ci():
    """What the README promises is what CI runs, on every Python that the package says it supports."""
    commands = README_COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(commands) == 2
    run = [step.get("run") for step in jobs("ci.yml")["test"]["steps"]]
    assert [command for command in commands if command not in run] == []
    assert jobs("ci.yml")["test"]["strategy"]["matrix"]["python"][0] == "3.11"


def test_the_suite_is_installed_as_the_readme_does():
    """One way of installing: the README's, with locked versions; what verifies draws charts as well."""
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
