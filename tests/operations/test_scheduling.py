"""The scheduler files shown in ``docs/scheduling.md`` are valid, and run here as the page says."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from fixtures.settings.environment import variables_of
from tests.docs.pages import snippet
from tests.reports.notify.receiver import SECRET_PATH, Receiver
from tests.running import ROOT, environment
from tests.workflows.running import INSTALL, checkout, leaves

PAGE = "scheduling.md"
INSTALLED = "/opt/easymo-verification"


@pytest.fixture
def installed(tmp_path):
    """A checkout with the suite installed in it."""
    folder = checkout(tmp_path)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def run(folder, script, **environ):
    """Run a shell script in a folder, as a scheduler does."""
    return subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=folder,
        env=environment(None, PYTHONPATH=str(folder), **environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def targets():
    """Return the targets of the project's deployment.toml."""
    command = [sys.executable, "-m", "fixtures.settings.targets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_gitlab_file_is_valid_and_lists_the_targets(tmp_path):
    """Valid by GitLab's schema; GitLab cannot compute a matrix in the pipeline, so the file lists the targets."""
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(snippet(PAGE, ".gitlab-ci.yml"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    job = yaml.safe_load(file.read_text())["verify"]
    assert job["parallel"]["matrix"] == [{"TARGET": targets()}]
    assert job["script"][0].replace("'.[charts]'", ".") in (ROOT / "README.md").read_text()


def test_gitlab_script_verifies_and_sends_heartbeat(installed, any_deployment):
    """The script ends with the verdict's exit status; ``after_script`` sends the heartbeat."""
    job = yaml.safe_load(snippet(PAGE, ".gitlab-ci.yml"))["verify"]
    shutil.rmtree(installed / ".venv", ignore_errors=True)
    (installed / ".venv").unlink(missing_ok=True)
    script = "\n".join([INSTALL, *job["script"][1:]])
    environ = variables_of(any_deployment.access) | {"CADENCE": "immediate", "TARGET": "production"}
    done = run(installed, script, **environ)
    assert done.returncode == 0, done.stdout
    assert "Verdict: go" in done.stdout
    for path in (*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]):
        assert (installed / path).exists()
    with Receiver() as receiver:
        after = run(installed, "\n".join(job["after_script"]), HEARTBEAT_URL=receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert after.returncode == 0


@pytest.fixture
def cron(installed, tmp_path):
    """Runs the crontab's command, with its folders replaced by folders of the test."""

    def running(cadence, environ, heartbeat=""):
        settings = tmp_path / "etc"
        settings.mkdir(exist_ok=True)
        lines = [f"{name}={shlex.quote(value)}\n" for name, value in environ.items()]
        (settings / "production.env").write_text("".join(lines))
        (settings / f"production.{cadence}.env").write_text(f"HEARTBEAT_URL='{heartbeat}'\n")
        script = snippet(PAGE, "/usr/local/bin/easymo-verify")
        for path, own in (
            (INSTALLED, installed),
            ("/etc/easymo", settings),
            ("/var/lib/easymo-verification", tmp_path / "state"),
        ):
            assert path in script
            script = script.replace(path, str(own))
        return run(tmp_path, f"set -- {cadence} production\n{script}")

    return running


def test_cron_command_is_silent_after_a_go(cron, any_deployment, tmp_path):
    """Cron mails all output, so a go must print nothing; the reports are in the target's folder."""
    with Receiver() as receiver:
        done = cron("immediate", variables_of(any_deployment.access), receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    state = tmp_path / "state" / "production"
    assert json.loads((state / "immediate" / "verdict.json").read_text())["verdict"] == "go"


def test_cron_command_prints_a_no_go(cron, any_deployment):
    """The mail contains the failed check and the verdict, but no secret; the heartbeat is sent too."""
    any_deployment.superuser_execute("UPDATE cron.job SET active = false")
    environ = variables_of(any_deployment.access)
    with Receiver() as receiver:
        done = cron("immediate", environ, receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert done.returncode == 1
    assert "job process-dlq-entries is inactive" in done.stdout
    assert "Verdict: no-go" in done.stdout
    assert SECRET_PATH not in done.stdout
    assert environ["WHATSAPP_APP_SECRET"] not in done.stdout


def test_cron_command_fails_without_an_address(cron):
    """Otherwise it would start a healthy local deployment and always end in go."""
    with Receiver() as receiver:
        done = cron("immediate", {"WA_VERIFY_TOKEN": "token"}, receiver.url)
        assert receiver.paths == []
    assert done.returncode == 4
    assert "no address of this deployment" in done.stdout


def test_crontab_lines_are_complete():
    """Five fields, with a minute not divisible by 5; user, command, cadence, and a target of deployment.toml."""
    lines = snippet(PAGE, "/etc/cron.d/easymo-verification").splitlines()
    for line in [line for line in lines if line[0].isdigit()]:
        minute, _, _, _, _, user, command, cadence, target = line.split()
        assert int(minute) % 5
        assert (user, command) == ("easymo", "/usr/local/bin/easymo-verify")
        assert cadence in ("daily", "weekly")
        assert target in targets()


def test_systemd_units_are_valid(installed, tmp_path):
    """``systemd-analyze verify`` accepts them, with the path of this installation."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("NOT TESTED, the units were not verified: systemd-analyze is not installed")
    for name in ("easymo-daily@.service", "easymo-daily@.timer"):
        (tmp_path / name).write_text(snippet(PAGE, name).replace(INSTALLED, str(installed)))
    (tmp_path / "alarm@.service").write_text("[Service]\nType=oneshot\nExecStart=/bin/true\n")
    units = [str(tmp_path / f"easymo-daily@production.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(
        [analyse, "verify", "--man=no", *units],
        env=environment(None, SYSTEMD_UNIT_PATH=f"{tmp_path}:"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    complaints = [line for line in done.stderr.splitlines() if "easymo" in line]
    assert complaints == []
    calendar = next(line for line in snippet(PAGE, "easymo-daily@.timer").splitlines() if "OnCalendar" in line)
    command = [analyse, "calendar", calendar.partition("=")[2]]
    assert subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def test_systemd_service_verifies_and_sends_heartbeat(installed, any_deployment, tmp_path):
    """``ExecStart`` verifies; ``ExecStopPost``, which runs after every outcome, sends the heartbeat."""
    unit = dict(
        line.split("=", 1) for line in snippet(PAGE, "easymo-daily@.service").splitlines() if line.count("=")
    )
    specifiers = {"%i": "production", "%S": str(tmp_path), "-m daily": "-m immediate", INSTALLED: str(installed)}
    commands = [unit["ExecStart"], unit["ExecStopPost"]]
    for specifier, value in specifiers.items():
        commands = [command.replace(specifier, value) for command in commands]
    done = run(installed, commands[0], **variables_of(any_deployment.access))
    assert done.returncode == 0, done.stdout
    with Receiver() as receiver:
        assert run(installed, commands[1], HEARTBEAT_URL=receiver.url).returncode == 0
        assert receiver.paths == [SECRET_PATH]


def container():
    """Return the CronJob, its pod and its container."""
    job = yaml.safe_load(snippet(PAGE, "cronjob.yaml"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return job, pod, pod["containers"][0]


def test_cronjob_is_restricted_and_runs_once():
    """No privileges, no service account token, no retry that would hide a verdict, no parallel runs."""
    job, pod, verify = container()
    spec = job["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"]) == ("Forbid", "Etc/UTC")
    assert int(spec["schedule"].split()[0]) % 5
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert pod["restartPolicy"] == "Never"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert verify["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["name"] for mount in verify["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert "env" not in verify
    assert verify["args"][-1] in targets()
    user = (ROOT / "Dockerfile").read_text()
    assert f"USER {pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" in user


@pytest.mark.parametrize(("verdict", "status"), [("go", 0), ("no-go", 1)])
def test_cronjob_command_ends_with_the_verdicts_status(installed, tmp_path, verdict, status):
    """Also when the heartbeat gets a 503. A script replaces the verification and leaves the verdict."""
    _, _, verify = container()
    stand_in = tmp_path / "bin" / "pytest"
    stand_in.parent.mkdir()
    stand_in.write_text(f'#!/bin/sh\ntest "$*" = "-m daily --target production" || exit 9\n{leaves(verdict)}\n')
    stand_in.chmod(0o755)
    path = f"{stand_in.parent}:{sys.prefix}/bin:/usr/bin:/bin"
    with Receiver(503) as receiver:
        script = shlex.join([*verify["command"], *verify["args"]])
        done = run(installed, script, HEARTBEAT_URL=receiver.url, PATH=path)
        assert set(receiver.paths) == {SECRET_PATH}
    assert done.returncode == status, done.stdout
    assert f"the verdict stays {verdict}" in done.stdout
