"""The targets as a CI system's matrix: names from the settings' file, or one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.running import ROOT, environment

FLEET = "[targets.production]\nbase_url = 'https://a.example'\n\n[targets.rwanda]\n\n[targets.staging]\n"


def names(tmp_path, file, *arguments):
    """What the module prints for a file of settings, with its exit status."""
    if file is not None:
        (tmp_path / "deployment.toml").write_text(file)
    done = subprocess.run(
        [sys.executable, "-m", "fixtures.settings.targets", *arguments],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def test_all_targets_stand_on_one_line_of_json(tmp_path):
    """The line is what ``fromJSON`` of a workflow takes."""
    done = names(tmp_path, FLEET)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert json.loads(done.stdout) == ["production", "rwanda", "staging"]


def test_one_target_can_be_chosen_and_an_empty_choice_means_all(tmp_path):
    """CI systems pass an input that nobody gave as an empty text."""
    assert json.loads(names(tmp_path, FLEET, "--target", "rwanda").stdout) == ["rwanda"]
    assert len(json.loads(names(tmp_path, FLEET, "--target", "").stdout)) == 3


def test_the_projects_own_file_names_its_targets():
    """The file that comes with the project is fine."""
    done = subprocess.run(
        [sys.executable, "-m", "fixtures.settings.targets"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "production" in json.loads(done.stdout)


@pytest.mark.parametrize(
    ("file", "arguments", "sentence"),
    [
        (FLEET, ["--target", "prodution"], "the nearest valid name is production"),
        (FLEET + "[thresholds]\ndlq_pendin = 3\n", [], "the nearest valid name is dlq_pending"),
        ("[thresholds]\n", [], "has no target; expected a table [targets.NAME] for each deployment"),
        ("", [], "has no target"),
        ("[targets", [], "is not TOML"),
        (None, [], "deployment.toml: cannot be read (no such file or directory)"),
        (FLEET, ["--deployment=elsewhere.toml"], "elsewhere.toml: cannot be read"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_no_matrix(tmp_path, file, arguments, sentence):
    """A matrix job that begins with a slip in the file would fail once per target, and later."""
    done = names(tmp_path, file, *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert sentence in done.stderr
