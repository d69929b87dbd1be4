"""``python -m fixtures.local`` starts a deployment and prints no secrets."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).resolve().parents[2]


def command(*words: str) -> subprocess.Popen[str]:
    """Start the command with arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", "fixtures.local", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=lambda ending: ending.name)
def test_variables_are_in_a_private_file(ending: signal.Signals) -> None:
    """The file has mode 0600 and is removed with the deployment, after SIGINT and SIGTERM."""
    with command("embedded") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        assert lines[0].startswith("embedded: PostgreSQL ")
        file = Path(lines[1].split()[6])
        assert lines[2] == "Press Ctrl-C to stop it.\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        script = f". {file} && env"
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
        )
        variables = dict(line.split("=", 1) for line in done.stdout.splitlines())
        psycopg.connect(variables["EASYMO_DATABASE_URL"], connect_timeout=5).close()
        assert not any(
            variables[name] in "".join(lines) for name in variables if "SECRET" in name or "KEY" in name
        )
        process.send_signal(ending)
        assert process.wait(20) == 0
        assert not file.parent.exists()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_unknown_kind_is_a_usage_error() -> None:
    """Exit status 4, and one sentence on standard error."""
    with command("podman") as process:
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert (out, errors) == (
        "",
        "'podman' is not a kind of local deployment; expected auto, containers, native, embedded\n",
    )
