"""Loads workflows as GitHub does, and runs the shell steps of their jobs on this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.running import ROOT, environment
from tests.workflows.expressions import filled, truth

WORKFLOWS = ROOT / ".github" / "workflows"
LEFT_BEHIND = (
    ".git",
    ".venv",
    ".tox",
    "*.egg-info",
    "__pycache__",
    "latest",
    "history",
    ".*_cache",
    ".hypothesis",
)


class Loader(yaml.SafeLoader):
    """Loads YAML with the booleans of version 1.2, as GitHub does: ``on`` is a text."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def load(name: str) -> dict[str, Any]:
    """Load the workflow with this file name."""
    loaded: dict[str, Any] = yaml.load((WORKFLOWS / name).read_text(encoding="utf-8"), Loader)  # a SafeLoader
    return loaded


def names() -> list[str]:
    """Return the file names of all workflows."""
    return sorted(path.name for path in WORKFLOWS.glob("*.yml"))


def checkout(folder: Path) -> Path:
    """Copy the project as ``actions/checkout`` does: without files that runs and tools created."""
    copy = folder / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    return copy


INSTALL = f"ln -s {sys.prefix} .venv"
"""Replaces the installation step: links the environment that these tests run in."""


def leaves(verdict: str) -> str:
    """Return a command that replaces the verification: it writes a verdict and exits with its status."""
    document = json.dumps({"verdict": verdict, "finished_at": datetime.now(UTC).isoformat()})
    status = 0 if verdict == "go" else 1
    return f"mkdir -p reports/latest && echo '{document}' > reports/latest/verdict.json && exit {status}"


@dataclass
class JobRun:
    """Result of a job."""

    statuses: dict[str, int] = field(default_factory=dict)
    """Step name → exit status, of each shell step that ran."""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Step id → its outputs."""
    log: str = ""
    summary: str = ""
    failed: bool = False


def run_job(
    job: Mapping[str, Any],
    folder: Path,
    context: Mapping[str, Any],
    instead: Mapping[str, str] | None = None,
    **variables: str,
) -> JobRun:
    """Run the shell steps of a job in order, as GitHub's runner does.

    Args:
        job: the job's part of the workflow.
        folder: the checkout in which the steps run.
        context: ``inputs``, ``secrets``, ``vars``, ``matrix`` and so on.
        instead: step name → command that replaces its own.
        variables: additional environment variables of the runner.
    """
    done = JobRun()
    runner = folder.parent / "runner"
    runner.mkdir(exist_ok=True)
    for step in job["steps"]:
        functions = _functions(folder, done)
        if "run" in step and truth(step.get("if", "success()"), context, functions):
            texts = job.get("env", {}) | step.get("env", {})
            environ = {name: filled(str(text), context, functions) for name, text in texts.items()}
            command = (instead or {}).get(step["name"], step["run"])
            assert "shell" not in step
            finished = _run(command, folder, runner, variables | environ)
            done.log += finished.stdout
            done.statuses[step["name"]] = finished.returncode
            done.failed |= finished.returncode != 0 and not step.get("continue-on-error", False)
            if "id" in step:
                done.outputs[step["id"]] = _pairs(runner / "output")
    done.summary = (runner / "summary").read_text()
    return done


def _functions(folder: Path, done: JobRun) -> dict[str, Any]:
    return {
        "success": lambda: not done.failed,
        "failure": lambda: done.failed,
        "always": lambda: True,
        "cancelled": lambda: False,
        "hashFiles": lambda pattern: "hash" if list(folder.glob(pattern)) else "",
    }


def _run(command: str, folder: Path, runner: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one step as GitHub does without ``shell:``: write the command to a file and run it with bash -e."""
    (runner / "step.sh").write_text(command)
    (runner / "output").write_text("")
    for name in ("summary", "env"):
        (runner / name).touch()
    files = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(runner / "output"),
        "GITHUB_STEP_SUMMARY": str(runner / "summary"),
        "GITHUB_ENV": str(runner / "env"),
        "RUNNER_TEMP": str(runner),
        "PYTHONPATH": str(folder),
    }
    return subprocess.run(
        ["bash", "-e", str(runner / "step.sh")],
        cwd=folder,
        env=environment(None, **files | _pairs(runner / "env") | environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def _pairs(file: Path) -> dict[str, str]:
    """Return the lines ``NAME=VALUE`` of a file that steps write to."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
