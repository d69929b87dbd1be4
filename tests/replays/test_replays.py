"""Recorded evidence gets the verdict that it got when it was recorded, case by case."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.replays.recordings import FOLDER, NAMES, SELECTION, statuses, unpack
from tests.running import environment, run_suite


def test_ten_deployments_are_recorded():
    """A recording that got lost would not fail; healthy and faulty ones are there."""
    assert len(NAMES) == 10
    assert "healthy" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_replay_gives_the_recorded_verdict(name: str, tmp_path: Path):
    """The evidence format is kept, and no rule judges it differently."""
    evidence = unpack(name, tmp_path)
    run = run_suite(tmp_path / "out", "-q", "-m", SELECTION, f"--replay={evidence}", environ=environment())
    recorded = json.loads((FOLDER / f"{name}.verdict.json").read_text(encoding="utf-8"))
    assert statuses(run.verdict) == recorded
