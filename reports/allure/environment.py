"""What Allure's report says of the run as a whole: environment, executor and categories."""

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
from reports.ci.place import place as place_of_run
from reports.record import Record
from reports.verdict import RunResult

if TYPE_CHECKING:
    from fixtures.evidence.document import Evidence
    from fixtures.settings.model import Settings

REPORT = "EasyMO verification"
RUN = "run"
"""The fact that is the address of the run."""


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
    told = environment(config, result)
    facts: dict[str, str] = record.redactor.data(told)
    # The number of a run on GitHub looks like a phone number, and the way to the run would lead nowhere.
    if RUN in told:
        facts[RUN] = record.redactor.known_secrets_only(told[RUN])
    return facts


def environment(config: pytest.Config, result: RunResult) -> dict[str, str]:
    """The facts of a run that its report shows, the most important first."""
    facts = {
        "verdict": result.verdict.value,
        "target": result.target,
        "selection": result.selection,
        "started": result.started_at.isoformat(timespec="seconds"),
    }
    evidence = config.stash.get(EVIDENCE, None)
    if evidence is not None:
        facts |= _deployed(evidence.settings)
    facts |= _who()
    if evidence is not None:
        facts |= _seen(evidence)
    return facts | {"suite": suite_version(), "python": platform.python_version()}


def _deployed(settings: Settings) -> dict[str, str]:
    """What the run was told of the deployment: which release, and since when."""
    facts = {"release": settings.release} if settings.release else {}
    time = settings.deployed_at
    return facts | ({"deployed at": time.isoformat(timespec="seconds")} if time else {})


def _seen(evidence: Evidence) -> dict[str, str]:
    """What the run found the deployment to be: its parts, and the versions that its functions tell."""
    facts = {name.replace("_", " "): value for name, value in evidence.deployment.items()}
    health = evidence.pieces.get("function_health")
    versions = {name: found.version for name, found in health.functions.items()} if health else {}
    told = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    return facts | ({"functions": told} if told else {})


def _who() -> dict[str, str]:
    """Who ran it and where: the actor and the run of the CI system, or the user of this machine."""
    place = place_of_run()
    if place is None:
        return {"run by": _user()}
    facts = {"run by": place.actor, RUN: place.run_url, "suite's commit": place.commit}
    return {name: value for name, value in facts.items() if value}


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "a user without a name"


def suite_version() -> str:
    """The version of this suite that is installed."""
    try:
        return importlib.metadata.version("easymo-verification")
    except importlib.metadata.PackageNotFoundError:
        return "not installed: run from its checkout"


def executor(result: RunResult) -> dict[str, Any]:
    """Who ran it, for Allure's report: the CI system's job, or a person's own machine."""
    place = place_of_run()
    if place is None:
        started = result.started_at.isoformat(timespec="seconds")
        return {"name": "local run", "type": "local", "buildName": started, "reportName": REPORT}
    return {
        "name": place.system,
        "type": place.kind,
        "buildName": place.run_name,
        "buildOrder": int(place.run_number) if place.run_number.isdecimal() else 0,
        "buildUrl": place.run_url,
        "reportName": REPORT,
    }


def _property(fact: tuple[str, str]) -> str:
    """A line of a Java properties file, with what has a meaning there escaped."""
    name, value = (" ".join(text.splitlines()).replace("\\", "\\\\") for text in fact)
    return f"{re.sub(r'([ =:#!])', lambda match: chr(92) + match[1], name)}={value}\n"
