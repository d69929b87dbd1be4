"""The list of targets for a CI matrix: names from deployment.toml, or an error message."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.running import ROOT, environment

FLEET = "[targets.production]\nbase_url = 'https://a.example'\n\n[targets.rwanda]\n\n[targets.staging]\n"


def listed(tmp_path, file, *arguments):
    """Run the module on a settings file; return its exit status and output."""
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


def test_all_targets_are_one_line_of_json(tmp_path):
    """A workflow passes the line to ``fromJSON``."""
    done = listed(tmp_path, FLEET)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert json.loads(done.stdout) == ["production", "rwanda", "staging"]


def test_target_option_selects_one_and_empty_means_all(tmp_path):
    """CI systems pass a missing input as an empty text."""
    assert json.loads(listed(tmp_path, FLEET, "--target", "rwanda").stdout) == ["rwanda"]
    assert len(json.loads(listed(tmp_path, FLEET, "--target", "").stdout)) == 3


def test_own_deployment_toml_is_valid():
    """It lists ``production``."""
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
def test_invalid_file_or_target_prints_no_matrix(tmp_path, file, arguments, sentence):
    """Exit status 4 and one message, instead of a matrix whose jobs all fail later."""
    done = listed(tmp_path, file, *arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert sentence in done.stderr
