"""The schedulers of ``docs/scheduling.md``: what the page shows is valid, and does here what it says."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from tests.docs.pages import snippet
from tests.reports.notify.receiver import SECRET_PATH, Receiver
from tests.running import ROOT, environment, variables
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
    """A shell script in a folder, as a scheduler runs it."""
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
    """The targets of the project's own file."""
    command = [sys.executable, "-m", "fixtures.settings.targets"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_gitlabs_file_is_valid_and_names_the_targets(tmp_path):
    """By the schema that GitLab's editor uses; GitLab has no matrix that is computed in the pipeline."""
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(snippet(PAGE, ".gitlab-ci.yml"))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.gitlab-ci", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    job = yaml.safe_load(file.read_text())["verify"]
    assert job["parallel"]["matrix"] == [{"TARGET": targets()}]
    assert job["script"][0].replace("'.[charts]'", ".") in (ROOT / "README.md").read_text()


def test_gitlabs_script_verifies_and_tells_the_switch(installed, any_deployment):
    """The script's status is the verdict's; what comes after it runs whatever the status is."""
    job = yaml.safe_load(snippet(PAGE, ".gitlab-ci.yml"))["verify"]
    shutil.rmtree(installed / ".venv", ignore_errors=True)
    (installed / ".venv").unlink(missing_ok=True)
    script = "\n".join([INSTALL, *job["script"][1:]])
    environ = variables(any_deployment.access) | {"CADENCE": "immediate", "TARGET": "production"}
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
    """Runs the command of the crontab, with its folders in the test's."""

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


def test_crons_command_is_silent_after_a_go(cron, any_deployment, tmp_path):
    """Cron mails what a command prints, so there is nothing to mail; the reports lie in the target's folder."""
    with Receiver() as receiver:
        done = cron("immediate", variables(any_deployment.access), receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    state = tmp_path / "state" / "production"
    assert json.loads((state / "immediate" / "verdict.json").read_text())["verdict"] == "go"


def test_crons_command_prints_everything_otherwise(cron, any_deployment):
    """The mail is the report: what failed, and what to do; and the switch is told all the same."""
    any_deployment.superuser_execute("UPDATE cron.job SET active = false")
    environ = variables(any_deployment.access)
    with Receiver() as receiver:
        done = cron("immediate", environ, receiver.url)
        assert receiver.paths == [SECRET_PATH]
    assert done.returncode == 1
    assert "job process-dlq-entries is inactive" in done.stdout
    assert "Verdict: no-go" in done.stdout
    assert SECRET_PATH not in done.stdout
    assert environ["WHATSAPP_APP_SECRET"] not in done.stdout


def test_crons_command_fails_where_nothing_leads_to_the_target(cron):
    """A schedule that verifies a deployment of its own would be green for ever."""
    with Receiver() as receiver:
        done = cron("immediate", {"WA_VERIFY_TOKEN": "token"}, receiver.url)
        assert receiver.paths == []
    assert done.returncode == 4
    assert "no address of this deployment" in done.stdout


def test_crontab_names_the_command_and_odd_minutes():
    """Five fields, a user, the command with a cadence and a target of the project's file."""
    lines = snippet(PAGE, "/etc/cron.d/easymo-verification").splitlines()
    for line in [line for line in lines if line[0].isdigit()]:
        minute, _, _, _, _, user, command, cadence, target = line.split()
        assert int(minute) % 5
        assert (user, command) == ("easymo", "/usr/local/bin/easymo-verify")
        assert cadence in ("daily", "weekly")
        assert target in targets()


def test_systemds_units_are_valid(installed, tmp_path):
    """By systemd's own judgement, with the suite where it is installed here."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("NOT TESTED, the units were not verified: this machine has no systemd-analyze")
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


def test_systemds_service_verifies_and_tells_the_switch(installed, any_deployment, tmp_path):
    """Its two commands, as systemd would start them: the second runs after the first, however that ended."""
    unit = dict(
        line.split("=", 1) for line in snippet(PAGE, "easymo-daily@.service").splitlines() if line.count("=")
    )
    specifiers = {"%i": "production", "%S": str(tmp_path), "-m daily": "-m immediate", INSTALLED: str(installed)}
    commands = [unit["ExecStart"], unit["ExecStopPost"]]
    for specifier, value in specifiers.items():
        commands = [command.replace(specifier, value) for command in commands]
    done = run(installed, commands[0], **variables(any_deployment.access))
    assert done.returncode == 0, done.stdout
    with Receiver() as receiver:
        assert run(installed, commands[1], HEARTBEAT_URL=receiver.url).returncode == 0
        assert receiver.paths == [SECRET_PATH]


def container():
    """The pod of the CronJob, and its container."""
    job = yaml.safe_load(snippet(PAGE, "cronjob.yaml"))
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return job, pod, pod["containers"][0]


def test_the_cronjob_can_do_little_and_is_run_once():
    """No privileges, no service account, no retry that would hide a verdict, no two runs at once."""
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
def test_the_cronjobs_command_ends_with_the_verdicts_status(installed, tmp_path, verdict, status):
    """The switch is told in between, and its answer changes nothing; with a stand-in for the verification."""
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
