"""``--report-dir=DIR`` accepts any folder."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import pages
from tests.running import ROOT, environment, run_suite

PATH_OPTION = re.compile(r"--(?:report-dir|history-dir|replay|deployment) (?!and\b|or\b)")
"""Path options followed by a space instead of ``=``: if the path exists, pytest takes it for a path to tests."""


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_existing_folder_outside_the_project(any_deployment, tmp_path, workers):
    """pytest does not take it for a path to tests, in workers neither."""
    run = run_suite(tmp_path, "-k", "success_rate", *workers, environ=environment(any_deployment.access))
    assert run.status == 0, run.output
    assert (tmp_path / "verdict.json").exists()


def test_folder_of_an_earlier_run_is_reused(any_deployment, tmp_path):
    """Reports of the earlier run are replaced; other files stay."""
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        run = run_suite(tmp_path, "-k", "success_rate", environ=environment(any_deployment.access))
        assert run.status == 0, run.output
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list((tmp_path / "allure-results").glob("*-result.json"))) == 1


@pytest.mark.parametrize(
    "path",
    [*pages(), *sorted((ROOT / ".github/workflows").glob("*.yml"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_docs_join_path_options_to_values(path):
    """Only ``--report-dir=DIR``, with ``=``, works for every DIR."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "pytest" in line]
    assert [line for line in lines if PATH_OPTION.search(line)] == []
