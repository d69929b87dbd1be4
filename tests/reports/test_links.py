"""Facts about the CI run in the reports, and links from the reports to the run and to the pages of the checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reports.ci.run import ci_run
from tests.reports.nested import Run, project, run
from tests.running import environment, run_suite

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_REPOSITORY": "easymo/verification",
    "GITHUB_SHA": COMMIT,
    "GITHUB_RUN_ID": "19731234567",
    "GITHUB_RUN_NUMBER": "42",
    "GITHUB_WORKFLOW": "daily",
    "GITHUB_TRIGGERING_ACTOR": "amina",
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PROJECT_URL": "https://gitlab.example/easymo/verification",
    "CI_COMMIT_SHA": COMMIT,
    "CI_JOB_URL": "https://gitlab.example/easymo/verification/-/jobs/77",
    "CI_JOB_NAME": "verify: [production]",
    "CI_PIPELINE_IID": "42",
    "GITLAB_USER_LOGIN": "amina",
}
PAGE = "docs/checks/check-02.md"
FAILING = """
@check(2, "Cron", criterion="must", area="database")
def test_cron(judge):
    judge.requires(False, "off", advice="switch it on (`SELECT 1`)")
"""
EXPLAINED = """# Check 2 · Cron

Must · database

## Proves
Per job: it is scheduled, on its `schedule`,
and <alive>.

## Reads
The catalogue.
"""
TOML = '[reports]\ndocumentation = "https://docs.example/easymo"\n'


def finished(folder: Path, *, toml: str = "", page: str = "", **variables: str) -> Run:
    """A run of one failing check, with these settings and this page, if given."""
    project(folder, FAILING)
    (folder / "deployment.toml").write_text(toml)
    if page:
        (folder / PAGE).parent.mkdir(parents=True)
        (folder / PAGE).write_text(page)
    return run(folder, variables=variables)


def result(found: Run) -> dict[str, Any]:
    """Allure's result of the check."""
    (only,) = found.allure.values()
    return only


def facts(found: Run) -> dict[str, str]:
    """The environment of the run as Allure's report shows it."""
    text = (found.folder / "allure-results" / "environment.properties").read_text()
    return dict(line.replace("\\", "").split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(
    ("variables", "expected", "pages"),
    [
        (
            GITHUB,
            {
                "name": "GitHub Actions",
                "type": "github",
                "buildName": "daily #42",
                "buildUrl": "https://github.example/easymo/verification/actions/runs/19731234567",
            },
            f"https://github.example/easymo/verification/blob/{COMMIT}",
        ),
        (
            GITLAB,
            {
                "name": "GitLab CI",
                "type": "gitlab",
                "buildName": "verify: [production] #42",
                "buildUrl": "https://gitlab.example/easymo/verification/-/jobs/77",
            },
            f"https://gitlab.example/easymo/verification/-/blob/{COMMIT}",
        ),
    ],
    ids=["github", "gitlab"],
)
def test_run_in_ci_is_linked(
    tmp_path: Path, variables: dict[str, str], expected: dict[str, str], pages: str
) -> None:
    """Reports have actor, address and commit of the run, and link pages at an address outside the machine."""
    found = finished(tmp_path, **variables)
    executor = json.loads((found.folder / "allure-results" / "executor.json").read_text())
    assert executor == expected | {"buildOrder": 42, "reportName": "EasyMO verification"}
    assert {"run by": "amina", "run": expected["buildUrl"], "suite's commit": COMMIT}.items() <= facts(
        found
    ).items()
    assert "release" not in facts(found), "the suite's commit is not what was deployed"
    assert [link["url"] for link in result(found)["links"]] == [f"{pages}/{PAGE}"]
    html = (found.folder / "index.html").read_text()
    assert f'href="{pages}/{PAGE}"' in html
    assert f'href="{expected["buildUrl"]}"' in html


def test_documentation_setting_overrides_ci(tmp_path: Path) -> None:
    """The address in the settings overrides that of the CI system."""
    found = finished(tmp_path, toml=TOML, **GITHUB)
    assert [link["url"] for link in result(found)["links"]] == [f"https://docs.example/easymo/{PAGE}"]
    assert f'href="https://docs.example/easymo/{PAGE}"' in (found.folder / "index.html").read_text()


def test_report_without_links_quotes_the_page(tmp_path: Path) -> None:
    """A report mailed from a local machine has no link to the page, so it contains the section Proves."""
    found = finished(tmp_path, page=EXPLAINED)
    html = (found.folder / "index.html").read_text()
    assert "Per job: it is scheduled, on its <code>schedule</code>, and &lt;alive&gt;." in html
    assert "The catalogue." not in html
    assert f"<code>{PAGE}</code>" in html
    description = result(found)["descriptionHtml"]
    assert (
        "<strong>What a pass of this check proves:</strong> Per job: it is scheduled, on its <code>" in description
    )
    (link,) = result(found)["links"]
    assert (found.folder / link["url"]).read_text() == EXPLAINED


@pytest.mark.parametrize("page", ["", "# Check 2\n\n## Reads\nThe catalogue.\n"], ids=["missing", "other"])
def test_page_without_proves_is_left_out(tmp_path: Path, page: str) -> None:
    """The page may be missing if the suite is installed without its documentation."""
    found = finished(tmp_path, page=page)
    assert "What a pass" not in result(found)["descriptionHtml"]
    assert "What this check proves, and how" in (found.folder / "index.html").read_text()


def test_commands_in_advice_are_shown_as_code(tmp_path: Path) -> None:
    """Text between backticks becomes code in the description."""
    assert "switch it on (<code>SELECT 1</code>)" in result(finished(tmp_path))["descriptionHtml"]


def test_release_comes_from_the_settings(tmp_path: Path) -> None:
    """In CI the commit of the suite is not taken as the release."""
    variables = GITHUB | {"EASYMO_RELEASE": "v1.4.0-3-g0123abc", "EASYMO_DEPLOYED_AT": "2026-01-31T12:00:00+00:00"}
    nowhere = {"EASYMO_BASE_URL": "http://127.0.0.1:9"}
    done = run_suite(
        tmp_path, "-m", "immediate", "-k", "dlq_table", environ=environment(None, **variables, **nowhere)
    )
    assert done.status == 1, done.output
    shown = facts(Run(0, "", tmp_path))
    assert (shown["release"], shown["deployed at"]) == ("v1.4.0-3-g0123abc", "2026-01-31T12:00:00+00:00")
    assert shown["suite's commit"] == COMMIT


@pytest.mark.parametrize("flag", ["GITHUB_ACTIONS", "GITLAB_CI"])
def test_missing_ci_variables_leave_facts_empty(flag: str) -> None:
    """No address is made from only some of its parts."""
    found = ci_run({flag: "true"})
    assert found is not None
    assert (found.run_url, found.artefacts_url, found.files_url, found.actor, found.commit) == ("",) * 5
    assert ci_run({flag: "false"}) is None
