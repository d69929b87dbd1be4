"""The locked versions, and the environments of tox."""

from __future__ import annotations

import configparser
import tomllib
from fnmatch import fnmatch

from packaging.requirements import Requirement

from fixtures.settings.environment import VARIABLES
from tests.running import ROOT


def locked() -> dict[str, str]:
    """Return package → version in ``requirements.lock``."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = (Requirement(line) for line in lines if not line.startswith("#"))
    return {pin.name.lower().replace("_", "-"): str(pin.specifier).removeprefix("==") for pin in pins}


def test_every_dependency_has_an_allowed_lock() -> None:
    """Its locked version satisfies the range in pyproject.toml, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [need for extra in project["optional-dependencies"].values() for need in extra]
    wanted = map(Requirement, [*project["dependencies"], *extras])
    versions = locked()
    assert [
        str(need) for need in wanted if not need.specifier.contains(versions.get(need.name.lower(), "0"))
    ] == []


def test_lock_contains_plain_versions_only() -> None:
    """No ranges and no URLs."""
    assert all(version.replace(".", "").isalnum() for version in locked().values())
    assert "://" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_tox_passes_all_variables_of_the_suite() -> None:
    """And those of libpq and of CI systems."""
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini", encoding="utf-8")
    passed = tox["testenv:{immediate,daily,weekly}"]["pass_env"].split()
    assert [v.name for v in VARIABLES if not any(fnmatch(v.name, pattern) for pattern in passed)] == []
    assert {"CI", "PG*", "GITHUB_*", "GITLAB_*", "CI_*"} <= set(passed)
