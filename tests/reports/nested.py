"""Runs pytest on a small project of checks with this suite's plugins, and reads the files it writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]

QUICK = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "no:timeout"]
"""Disables plugins that a nested run does not need."""

CONFTEST = (
    'pytest_plugins = ["fixtures.settings.plugin", "checks.judge", "reports.notify.plugin", "reports.plugin"]\n'
)

SETTINGS = """
[pytest]
strict = true
testpaths = ["checks"]
addopts = ["--max-worker-restart=0"]
filterwarnings = ["error"]
markers = ["immediate: first hour", "daily: a day later", "weekly: a week later", "check: the item"]
"""

HEAD = """
import logging
import os
import pytest
from checks.checklist import check
from fixtures.outcome import CheckFailed, CouldNotLook, NotApplicable, Unproven, Violation

pytestmark = pytest.mark.immediate
"""


@dataclass(frozen=True)
class Run:
    """A finished nested run."""

    status: int
    output: str
    folder: Path

    @cached_property
    def verdict(self) -> dict[str, Any]:
        return json.loads((self.folder / "verdict.json").read_text())

    @cached_property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text()

    @cached_property
    def checks(self) -> dict[str, dict[str, Any]]:
        return {entry["check"]: entry for entry in self.verdict["checks"]}

    @cached_property
    def junit(self) -> dict[str, ElementTree.Element]:
        tree = ElementTree.parse(self.folder / "junit.xml")
        return {case.get("name", ""): case for case in tree.iter("testcase")}

    @cached_property
    def suite(self) -> ElementTree.Element:
        return next(ElementTree.parse(self.folder / "junit.xml").iter("testsuite"))

    @cached_property
    def allure(self) -> dict[str, dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in (self.folder / "allure-results").glob("*-result.json")]
        assert len({result["name"] for result in found}) == len(found)
        return {result["name"]: result for result in found}

    @property
    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


def project(folder: Path, source: str, conftest: str = CONFTEST) -> Path:
    """Create a project whose checks are this source; returns its folder."""
    (folder / "checks").mkdir(parents=True, exist_ok=True)
    (folder / "pytest.toml").write_text(SETTINGS)
    (folder / "conftest.py").write_text(conftest)
    (folder / "checks" / "test_nested.py").write_text(HEAD + source)
    return folder


def run(folder: Path, *options: str, variables: dict[str, str] | None = None, timeout: float = 60) -> Run:
    """Run pytest in a project, in a process of its own."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    known = {"EASYMO_BASE_URL": "https://nested.example", "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", *QUICK, "--report-dir=out", *options],
        cwd=folder,
        env=kept | known | (variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Run(finished.returncode, finished.stdout, folder / "out")
