"""``python -m fixtures.local``: a deployment for a person, whose secrets are not shown on the terminal."""

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
    return subprocess.Popen(
        [sys.executable, "-m", "fixtures.local", *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM], ids=lambda ending: ending.name)
def test_variables_are_in_a_file_that_goes_with_the_deployment(ending: signal.Signals) -> None:
    with command("embedded") as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        assert said[0].startswith("embedded: PostgreSQL ")
        file = Path(said[1].split()[6])
        assert said[2] == "Ctrl-C ends it.\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        script = f". {file} && env"
        done = subprocess.run(
            ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": os.defpath}
        )
        named = dict(line.split("=", 1) for line in done.stdout.splitlines())
        psycopg.connect(named["EASYMO_DATABASE_URL"], connect_timeout=5).close()
        assert not any(named[name] in "".join(said) for name in named if "SECRET" in name or "KEY" in name)
        process.send_signal(ending)
        assert process.wait(20) == 0
        assert not file.parent.exists()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_wrong_kind_is_a_usage_error_in_one_sentence() -> None:
    with command("podman") as process:
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert (out, errors) == (
        "",
        "'podman' is no kind of local deployment; expected auto, containers, native, embedded\n",
    )
