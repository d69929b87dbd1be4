"""A run with wrong settings: sentences, exit status 4, no traceback, no secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import environment, run_suite

SECRET = "planted-4711"  # what must not be shown
BROKEN = {"EASYMO_DATABASE_URL": SECRET}
BROKEN_SENTENCE = "ERROR: EASYMO_DATABASE_URL (environment) is not a connection string; expected"


@pytest.mark.parametrize(
    ("arguments", "variables", "sentence"),
    [
        (
            ["-m", "immediate", "--target", "prodution"],
            {},
            "ERROR: --target 'prodution' is not a target of deployment.toml; "
            "the nearest valid name is production\n",
        ),
        (
            ["-m", "immediate", "--deployment=nowhere.toml"],
            {},
            "ERROR: nowhere.toml: cannot be read (no such file or directory); expected a TOML file\n",
        ),
        (
            ["-m", "immediate", "--target", "production"],
            {"EASYMO_DATABASE_URL": ""},
            "ERROR: --target production: no address of this deployment; "
            "expected EASYMO_DATABASE_URL, EASYMO_BASE_URL or a base_url in [targets.production]\n",
        ),
        (
            ["-m", "immediate"],
            {"EASYMO_DATABASE_URL": "", "EASYMO_BASE_URL": ""},
            "ERROR: EASYMO_DATABASE_URL and EASYMO_BASE_URL (environment) are set but empty, so there is nothing "
            "to verify; expected at least one of EASYMO_DATABASE_URL and EASYMO_BASE_URL, or --local auto\n",
        ),
        (["-m", "immediate", "-n", "2"], BROKEN, BROKEN_SENTENCE),
        (["checks/test_immediate.py::test_success_rate"], BROKEN, BROKEN_SENTENCE),
        (["checks/test_no_such_file.py"], BROKEN, BROKEN_SENTENCE),
        (["."], BROKEN, BROKEN_SENTENCE),
        (
            ["-m", "immediate", "--wait", "6"],
            {},
            "error: argument --wait: '6' is not a duration; expected numbers with units (d, h, m, s), "
            "at most a year, such as 90s, 6m or 1h30m\n",
        ),
    ],
    ids=["target", "file", "nowhere", "empty", "workers", "node", "missing", "root", "duration"],
)
def test_wrong_settings_are_a_usage_error(
    arguments: list[str], variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    """With and without workers, and whichever way the checks are selected."""
    run = run_suite(tmp_path, *arguments, environ=environment(**variables))
    assert run.status == 4
    assert sentence in run.output
    assert "Traceback" not in run.output
    assert SECRET not in run.output


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    """In the order of the sources."""
    environ = environment(EASYMO_BASE_URL=SECRET, EASYMO_DATABSE_URL=SECRET, WA_VERIFY_TOKEN=f"{SECRET} ")
    run = run_suite(tmp_path, "-m", "immediate", "--target", "x", environ=environ)
    assert run.status == 4
    lines = [line for line in run.output.splitlines() if line]
    assert [line.split(" ")[1] for line in lines] == [
        "EASYMO_BASE_URL",
        "WA_VERIFY_TOKEN",
        "EASYMO_DATABSE_URL",
        "--target",
    ]
    assert SECRET not in run.output


@pytest.mark.parametrize("arguments", [["--help"], ["--markers"], ["tests/settings/test_schedule.py", "-q"]])
def test_run_without_checks_loads_no_settings(arguments: list[str], tmp_path: Path) -> None:
    """Help, markers and the suite's own tests work with wrong settings."""
    run = run_suite(tmp_path, *arguments, environ=environment(**BROKEN))
    assert run.status == 0, run.output
    assert BROKEN_SENTENCE not in run.output
