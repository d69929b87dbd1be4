"""What Allure's report says of the run as a whole: environment, executor and categories."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import pytest

from reports.allure_text import CATEGORIES
from reports.files import write_atomically
from reports.record import Record
from reports.verdict import RunResult

REPORT = "EasyMO verification"


def write(config: pytest.Config, record: Record, result: RunResult) -> None:
    """Write ``environment.properties``, ``executor.json`` and ``categories.json`` beside Allure's results.

    Raises:
        OSError: a file cannot be written.
    """
    given = getattr(config.option, "allure_report_dir", None)
    if not given:
        return
    folder = Path(given)
    facts = record.redactor.data(environment(deployment_of(config), result))
    write_atomically(folder / "environment.properties", "".join(map(_property, facts.items())))
    write_atomically(folder / "executor.json", json.dumps(executor(result), indent=2) + "\n")
    write_atomically(folder / "categories.json", json.dumps(CATEGORIES, indent=2) + "\n")


def deployment_of(config: pytest.Config) -> dict[str, str]:
    """What the run found the deployment to be; nothing where it did not get so far."""
    from fixtures.run import EVIDENCE

    return dict(config.stash[EVIDENCE].deployment) if EVIDENCE in config.stash else {}


def environment(deployment: dict[str, str], result: RunResult) -> dict[str, str]:
    """The facts of the run that its report shows."""
    facts = {
        "target": result.target,
        "selection": result.selection,
        "verdict": result.verdict.value,
        "started_at": result.started_at.isoformat(timespec="seconds"),
        **deployment,
        "suite": suite_version(),
        "python": platform.python_version(),
    }
    commit = os.environ.get("GITHUB_SHA")
    return facts | ({"release": commit} if commit else {})


def suite_version() -> str:
    """The version of this suite that is installed."""
    try:
        return importlib.metadata.version("easymo-verification")
    except importlib.metadata.PackageNotFoundError:
        return "not installed: run from its checkout"


def executor(result: RunResult) -> dict[str, Any]:
    """Who ran it, for Allure's report: the workflow on GitHub, or a person's own machine."""
    variables = os.environ
    if variables.get("GITHUB_ACTIONS") != "true":
        started = result.started_at.isoformat(timespec="seconds")
        return {"name": "local run", "type": "local", "buildName": started, "reportName": REPORT}
    number = variables.get("GITHUB_RUN_NUMBER", "")
    run = [variables.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return {
        "name": "GitHub Actions",
        "type": "github",
        "buildName": f"{variables.get('GITHUB_WORKFLOW', 'workflow')} #{number}",
        "buildOrder": int(number) if number.isdecimal() else 0,
        "buildUrl": f"{run[0]}/{run[1]}/actions/runs/{run[2]}",
        "reportName": REPORT,
    }


def _property(fact: tuple[str, str]) -> str:
    """A line of a Java properties file, with what has a meaning there escaped."""
    name, value = (" ".join(text.splitlines()).replace("\\", "\\\\") for text in fact)
    return f"{re.sub(r'([ =:#!])', lambda match: chr(92) + match[1], name)}={value}\n"
