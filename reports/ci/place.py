"""The CI system that a run takes place in, where it is one that says so: GitHub Actions or GitLab CI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """What a CI system tells a run about itself; whatever it does not tell is empty."""

    system: str
    """Its name for people."""
    kind: str
    """Its name for Allure."""
    run_name: str
    """What people call the run: ``daily #17``."""
    run_number: str
    run_url: str
    """Where the run is seen."""
    artefacts_url: str
    """Where the files that the run has kept are seen."""
    actor: str
    """Who started it."""
    commit: str
    """The commit of the suite that runs."""
    files_url: str
    """Where the suite's files can be read as they are at that commit."""


def place(environ: Mapping[str, str] = os.environ) -> Place | None:
    """The CI system that this process runs in, or None."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    return _gitlab(environ) if environ.get("GITLAB_CI") == "true" else None


def run_url() -> str:
    """The address of the run; empty outside of CI."""
    found = place()
    return found.run_url if found else ""


def _github(environ: Mapping[str, str]) -> Place:
    commit = environ.get("GITHUB_SHA", "")
    project = _joined(environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", ""))
    run = _joined(project, "actions", "runs", environ.get("GITHUB_RUN_ID", ""))
    number = environ.get("GITHUB_RUN_NUMBER", "")
    return Place(
        system="GitHub Actions",
        kind="github",
        run_name=f"{environ.get('GITHUB_WORKFLOW', 'workflow')} #{number}",
        run_number=number,
        run_url=run,
        artefacts_url=f"{run}#artifacts" if run else "",
        actor=environ.get("GITHUB_TRIGGERING_ACTOR") or environ.get("GITHUB_ACTOR", ""),
        commit=commit,
        files_url=_joined(project, "blob", commit),
    )


def _gitlab(environ: Mapping[str, str]) -> Place:
    commit, job = environ.get("CI_COMMIT_SHA", ""), environ.get("CI_JOB_URL", "")
    number = environ.get("CI_PIPELINE_IID", "")
    return Place(
        system="GitLab CI",
        kind="gitlab",
        run_name=f"{environ.get('CI_JOB_NAME', 'job')} #{number}",
        run_number=number,
        run_url=job,
        artefacts_url=_joined(job, "artifacts", "browse"),
        actor=environ.get("GITLAB_USER_LOGIN", ""),
        commit=commit,
        files_url=_joined(environ.get("CI_PROJECT_URL", ""), "-", "blob", commit),
    )


def _joined(*parts: str) -> str:
    """An address of its parts; empty where one of them is not known."""
    return "/".join(parts) if all(parts) else ""
