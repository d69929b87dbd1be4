"""The suite's options may be joined to their values or not, whatever their values are."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from fixtures.arguments import OPTIONS, joined
from tests.running import ROOT, environment, run_suite


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pytest", "--report-dir", "out", "-m", "immediate"], ["pytest", "--report-dir=out", "-m", "immediate"]),
        (["pytest", "--report-dir=out"], ["pytest", "--report-dir=out"]),
        (["pytest", "--report-dir"], ["pytest", "--report-dir"]),
        (["pytest", "--basetemp", "out"], ["pytest", "--basetemp", "out"]),
        (["pytest", "--wait", "6m", "--local", "native"], ["pytest", "--wait=6m", "--local=native"]),
    ],
)
def test_options_are_joined_to_their_values(arguments, expected):
    """Only the suite's own options are touched, and only where a value follows."""
    assert joined(arguments) == expected


def test_every_option_with_a_value_is_known_here():
    """An option that is missing here works only in one of its two spellings."""
    command = [sys.executable, "-m", "pytest", "--help"]
    text = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    section = text.partition("verification of an EasyMO deployment:")[2].partition("\n\n")[0]
    assert set(re.findall(r"^  (--[a-z-]+)=", section, re.MULTILINE)) <= OPTIONS
    assert "--report-dir" in section


@pytest.mark.parametrize("spelling", [("--report-dir", "{}"), ("--report-dir={}",)])
@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_an_existing_folder_outside_the_project_is_no_path_to_tests(any_deployment, tmp_path, spelling, workers):
    """pytest itself would look for its configuration in there."""
    folder = tmp_path / "reports"
    folder.mkdir()
    arguments = [part.format(folder) for part in spelling]
    environ = environment(any_deployment.access)
    command = [sys.executable, "-m", "pytest", "-k", "success_rate", *workers, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "verdict.json").exists()


def test_a_folder_of_an_earlier_run_is_used_again(any_deployment, tmp_path):
    """What an earlier run left there is replaced, and nothing else."""
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        run = run_suite(tmp_path, "-k", "success_rate", environ=environment(any_deployment.access))
        assert run.status == 0, run.output
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list((tmp_path / "allure-results").glob("*-result.json"))) == 1
