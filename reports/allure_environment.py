"""What Allure's report says of the run as a whole: environment, executor and categories."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reports.allure_text import CATEGORIES
from reports.files import write_atomically
from reports.record import Record
from reports.verdict import RunResult

if TYPE_CHECKING:
    from fixtures.evidence import Evidence

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
    facts = facts_of(config, record, result)
    write_atomically(folder / "environment.properties", "".join(map(_property, facts.items())))
    write_atomically(folder / "executor.json", json.dumps(executor(result), indent=2) + "\n")
    write_atomically(folder / "categories.json", json.dumps(CATEGORIES, indent=2) + "\n")


def facts_of(config: pytest.Config, record: Record, result: RunResult) -> dict[str, str]:
    """The facts of a run, redacted, for Allure's report and for the page."""
    facts: dict[str, str] = record.redactor.data(environment(config, result))
    return facts


def environment(config: pytest.Config, result: RunResult) -> dict[str, str]:
    """The facts of a run that its report shows, the most important first."""
    from fixtures.run import EVIDENCE

    facts = {
        "verdict": result.verdict.value,
        "target": result.target,
        "selection": result.selection,
        "started": result.started_at.isoformat(timespec="seconds"),
    }
    if EVIDENCE in config.stash:
        facts |= _seen(config.stash[EVIDENCE])
    return facts | _who() | {"suite": suite_version(), "python": platform.python_version()}


def _seen(evidence: Evidence) -> dict[str, str]:
    """What the run found the deployment to be: its time, its parts, the versions that its functions tell."""
    deployed = evidence.settings.deployed_at
    facts = {"deployed at": deployed.isoformat(timespec="seconds")} if deployed else {}
    facts |= {name.replace("_", " "): value for name, value in evidence.deployment.items()}
    health = evidence.pieces.get("function_health")
    versions = {name: found.version for name, found in health.functions.items()} if health else {}
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return facts | ({"functions": told} if told else {})


def _who() -> dict[str, str]:
    """Who ran it and where: the actor and the run on GitHub, or the user of this machine."""
    variables = os.environ
    if variables.get("GITHUB_ACTIONS") != "true":
        return {"run by": _user()}
    actor = variables.get("GITHUB_TRIGGERING_ACTOR") or variables.get("GITHUB_ACTOR", "")
    facts = {"run by": actor, "run": run_url(), "release": variables.get("GITHUB_SHA", "")}
    return {name: value for name, value in facts.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "a user without a name"


def run_url() -> str:
    """The address of the run on GitHub; empty elsewhere."""
    parts = [os.environ.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""


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
    return {
        "name": "GitHub Actions",
        "type": "github",
        "buildName": f"{variables.get('GITHUB_WORKFLOW', 'workflow')} #{number}",
        "buildOrder": int(number) if number.isdecimal() else 0,
        "buildUrl": run_url(),
        "reportName": REPORT,
    }


def _property(fact: tuple[str, str]) -> str:
    """A line of a Java properties file, with what has a meaning there escaped."""
    name, value = (" ".join(text.splitlines()).replace("\\", "\\\\") for text in fact)
    return f"{re.sub(r'([ =:#!])', lambda match: chr(92) + match[1], name)}={value}\n"
