"""Runs the suite as users do: pytest in a separate process; returns exit status, output and report folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.settings.access import Access
from fixtures.settings.environment import variables_of

ROOT = Path(__file__).resolve().parent.parent
STARTS = (
    *("EASYMO_", "WHATSAPP_", "WA_VERIFY", "SUPABASE_", "PAGERDUTY_", "SLACK_"),
    *("GITHUB_", "GITLAB_", "CI_", "PG", "PYTEST_"),
)


@dataclass(frozen=True)
class Run:
    """Result of a run."""

    status: int
    """Exit status."""
    output: str
    """Standard output and standard error."""
    folder: Path
    """The report folder."""

    @property
    def verdict(self) -> dict[str, Any]:
        """The content of ``verdict.json``."""
        loaded: dict[str, Any] = json.loads((self.folder / "verdict.json").read_text())
        return loaded

    def check(self, name: str) -> dict[str, Any]:
        """Return one check of the verdict."""
        return next(check for check in self.verdict["checks"] if check["check"] == name)

    @property
    def statuses(self) -> dict[str, str]:
        """Check → status."""
        return {check["check"]: check["status"] for check in self.verdict["checks"]}


def environment(access: Access | None = None, **more: str) -> dict[str, str]:
    """Return this process's environment without the suite's variables, plus those of a deployment."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(STARTS)}
    if access is not None:
        environ |= variables_of(access)
    return environ | more


def run_suite(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, timeout: float = 120
) -> Run:
    """Run ``pytest`` with arguments and a report folder; raises no error for any exit status.

    The history is kept beside the report folder, so that runs of different tests do not share it.
    """
    if not any(argument.startswith("--history-dir=") for argument in arguments):
        arguments = (f"--history-dir={folder}-history", *arguments)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", f"--report-dir={folder}", *arguments],
        cwd=ROOT,
        env=dict(environment() if environ is None else environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Run(done.returncode, done.stdout, folder)
