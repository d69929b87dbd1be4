"""Allure's description of the run as a whole: environment, executor and categories."""

from __future__ import annotations

import getpass
import importlib.metadata
import json
import platform
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fixtures.files import write_atomically
from fixtures.keys import EVIDENCE
from reports.allure.text import CATEGORIES
from reports.ci.run import ci_run
from reports.record import Record
from reports.verdict import RunResult

if TYPE_CHECKING:
    from fixtures.evidence.document import Evidence
    from fixtures.settings.model import Settings

REPORT = "EasyMO verification"
RUN = "run"
"""Name of the fact that holds the address of the CI run."""


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
    plain = environment(config, result)
    facts: dict[str, str] = record.redactor.data(plain)
    # A run's number on GitHub looks like a phone number; masked, it would break the address.
    if RUN in plain:
        facts[RUN] = record.redactor.known_secrets_only(plain[RUN])
    return facts


def environment(config: pytest.Config, result: RunResult) -> dict[str, str]:
    """The facts of a run, not redacted, the most important first."""
    facts = {
        "verdict": result.verdict.value,
        "target": result.target,
        "selection": result.selection,
        "started": result.started_at.isoformat(timespec="seconds"),
    }
    evidence = config.stash.get(EVIDENCE, None)
    if evidence is not None:
        facts |= _deployed(evidence.settings)
    facts |= _origin()
    if evidence is not None:
        facts |= _found(evidence)
    return facts | {"suite": suite_version(), "python": platform.python_version()}


def _deployed(settings: Settings) -> dict[str, str]:
    """Release and time of the deployment, from the settings."""
    facts = {"release": settings.release} if settings.release else {}
    time = settings.deployed_at
    return facts | ({"deployed at": time.isoformat(timespec="seconds")} if time else {})


def _found(evidence: Evidence) -> dict[str, str]:
    """The deployment's parts that the run found, and the versions that its functions report."""
    facts = {name.replace("_", " "): value for name, value in evidence.deployment.items()}
    health = evidence.pieces.get("function_health")
    versions = {name: found.version for name, found in health.functions.items()} if health else {}
    reported = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return facts | ({"functions": reported} if reported else {})


def _origin() -> dict[str, str]:
    """Who started the run and where: actor and address of the CI run, or the user of this machine."""
    run = ci_run()
    if run is None:
        return {"run by": _user()}
    facts = {"run by": run.actor, RUN: run.run_url, "suite's commit": run.commit}
    return {name: value for name, value in facts.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown user"


def suite_version() -> str:
    """The installed version of this suite."""
    try:
        return importlib.metadata.version("easymo-verification")
    except importlib.metadata.PackageNotFoundError:
        return "not installed: run from its checkout"


def executor(result: RunResult) -> dict[str, Any]:
    """Allure's executor: the CI run, or this machine."""
    run = ci_run()
    if run is None:
        started = result.started_at.isoformat(timespec="seconds")
        return {"name": "local run", "type": "local", "buildName": started, "reportName": REPORT}
    return {
        "name": run.system,
        "type": run.kind,
        "buildName": run.run_name,
        "buildOrder": int(run.run_number) if run.run_number.isdecimal() else 0,
        "buildUrl": run.run_url,
        "reportName": REPORT,
    }


def _property(fact: tuple[str, str]) -> str:
    """A line of a Java properties file, with its special characters escaped."""
    name, value = (" ".join(text.splitlines()).replace("\\", "\\\\") for text in fact)
    return f"{re.sub(r'([ =:#!])', lambda match: chr(92) + match[1], name)}={value}\n"
