"""The CI run of this process, from the variables of GitHub Actions or GitLab CI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class CiRun:
    """A run of a CI system; a fact whose variables are missing is empty."""

    system: str
    """Name of the CI system for readers."""
    kind: str
    """Name of the CI system for Allure."""
    run_name: str
    """Name of the run for readers: ``daily #17``."""
    run_number: str
    run_url: str
    """The page of the run."""
    artefacts_url: str
    """The page of the run's artefacts."""
    actor: str
    """Who started it."""
    commit: str
    """The commit of this suite."""
    files_url: str
    """Address below which the suite's files can be read at this commit."""


def ci_run(environ: Mapping[str, str] = os.environ) -> CiRun | None:
    """The CI run of this process; None outside of CI."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    return _gitlab(environ) if environ.get("GITLAB_CI") == "true" else None


def run_url() -> str:
    """The address of the run; empty outside of CI."""
    run = ci_run()
    return run.run_url if run else ""


def _github(environ: Mapping[str, str]) -> CiRun:
    commit = environ.get("GITHUB_SHA", "")
    project = _joined(environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", ""))
    run = _joined(project, "actions", "runs", environ.get("GITHUB_RUN_ID", ""))
    number = environ.get("GITHUB_RUN_NUMBER", "")
    return CiRun(
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


def _gitlab(environ: Mapping[str, str]) -> CiRun:
    commit, job = environ.get("CI_COMMIT_SHA", ""), environ.get("CI_JOB_URL", "")
    number = environ.get("CI_PIPELINE_IID", "")
    return CiRun(
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
    """An address joined from its parts; empty if one of them is missing."""
    return "/".join(parts) if all(parts) else ""
