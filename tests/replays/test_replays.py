"""Recorded evidence gets the recorded verdict, case by case."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replays.recordings import FOLDER, NAMES, SELECTION, statuses, unpack
from tests.running import environment, run_suite


def test_ten_deployments_are_recorded():
    """Otherwise a missing recording would go unnoticed."""
    assert len(NAMES) == 10
    assert "healthy" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_replay_gives_the_recorded_verdict(name: str, tmp_path: Path):
    """The evidence can be loaded, and no rule judges it differently."""
    evidence = unpack(name, tmp_path)
    run = run_suite(tmp_path / "out", "-q", "-m", SELECTION, f"--replay={evidence}", environ=environment())
    recorded = json.loads((FOLDER / f"{name}.verdict.json").read_text(encoding="utf-8"))
    found = statuses(run.verdict)
    added = new_cases(found, recorded)
    assert set(added.values()) <= {"unproven", "error"}
    if not added:
        assert found["verdict"] == recorded["verdict"]
    for check, judged in recorded["checks"].items():
        cases = found["checks"][check]["cases"]
        assert {case: cases.get(case) for case in judged["cases"]} == judged["cases"], check
        if not added.keys() & cases.keys():
            assert found["checks"][check]["status"] == judged["status"]


def new_cases(found: dict[str, Any], recorded: dict[str, Any]) -> dict[str, str]:
    """The cases that the recording's version did not have yet, whose facts are not in the recording."""
    return {
        case: status
        for check, judged in found["checks"].items()
        for case, status in judged["cases"].items()
        if case not in recorded["checks"].get(check, {"cases": {}})["cases"]
    }
