"""Each shape gets its right verdict, its sentences are true, and the advice on each of its faults is followed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pytest

from fixtures.advice import Advice, Kind, in_turn
from fixtures.settings.model import Settings
from tests.following import FOLLOWED, follow, shape_of
from tests.shapes import grow, settings_of
from tests.shapes.model import Fault, Story, alike, points, said, unlike
from tests.shapes.stories import STORIES, checks_of, judged, of_database, verdict

CADENCES = ("immediate", "daily", "deploy")
MOST_ADVICE = 4
"""Reports that are followed, one after the other, until nothing more is advised."""
DATABASE = of_database([*checks_of("immediate"), *checks_of("daily")])

FAKE = """#!/bin/sh
# Stands for Supabase's command line: "deploys" a function by writing its name down.
[ "$1 $2" = "functions deploy" ] || exit 64
echo "$3" >> "{deployed}"
"""


@dataclass
class Supabase:
    """A program ``supabase`` on PATH that deploys functions to the tests' server."""

    folder: Path
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the program."""
        program = self.folder / "supabase"
        program.write_text(FAKE.format(deployed=self.folder / "deployed"), encoding="utf-8")
        program.chmod(0o755)

    def __call__(self, command: str) -> None:
        """Run a command as a shell does."""
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(command, shell=True, check=True, env=os.environ | {"PATH": path})
        self.ran.append(command)

    @property
    def deployed(self) -> list[str]:
        """The functions that were deployed since."""
        file = self.folder / "deployed"
        return file.read_text(encoding="utf-8").split() if file.exists() else []


@pytest.fixture
def supabase(tmp_path):
    """The program; its functions answer from the time that they are deployed."""
    return Supabase(tmp_path)


@pytest.mark.parametrize("shape", STORIES)
def test_healthy_shape_gets_its_verdict(any_deployment, server, shape):
    """With the operators' settings, all cadences: what does not pass is said in pinned sentences."""
    story, settings = STORIES[shape], settings_of(shape)
    grow(any_deployment, shape, settings)
    tests = list(chain.from_iterable(map(checks_of, CADENCES)))
    outcomes = judged(any_deployment, tests, settings, server.serve(story.endpoints))
    assert unlike(outcomes, story.healthy) == {}
    assert {cadence: verdict(outcomes, checks_of(cadence)) for cadence in story.verdicts} == story.verdicts


@pytest.mark.parametrize("shape", STORIES)
def test_default_settings_name_what_is_there(any_deployment, shape):
    """Nothing is configured: the sentences are pinned, what is nearest is named, and no command is advised.

    A case that points to another check points to one that failed.
    """
    story = STORIES[shape]
    grow(any_deployment, shape, Settings())
    outcomes = judged(any_deployment, DATABASE, Settings())
    assert unlike(outcomes, story.by_default) == {}
    advised = {case: one.commands for case, one in outcomes.items() if case in story.by_default and one.commands}
    assert advised == story.default_commands
    failed = {case.partition("[")[0] for case, sentence in said(outcomes).items() if sentence.startswith("failed")}
    assert all("check-01" in failed for one in outcomes.values() if points(one))


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        pytest.param(shape, fault, id=f"{shape}: {fault.wrong}")
        for shape in STORIES
        for fault in STORIES[shape].faults
    ],
)
def test_advice_on_a_fault_is_followed(any_deployment, server, supabase, shape: str, fault: Fault):
    """Its sentences are pinned, each command of the report is run by the role that has to, and judged again."""
    story, settings = STORIES[shape], settings_of(shape)
    grow(any_deployment, shape, settings)
    address = server.serve(meanwhile(story, fault, supabase)) if fault.endpoints else None
    tests = list(chain.from_iterable(map(checks_of, CADENCES))) if address else DATABASE

    def look():
        return judged(any_deployment, tests, settings, address)

    if fault.change:
        any_deployment.superuser_execute(fault.change)
    outcomes = look()
    assert unlike(outcomes, fault.says) == {}
    steps, first = [], advice_on(outcomes)
    for _ in range(MOST_ADVICE):
        followed = follow(any_deployment, advice_on(outcomes), supabase)
        steps += followed
        if all(step.kind is Kind.LOOK for step in followed):
            break
        before, outcomes = said(outcomes), look()
        if said(outcomes) == before:
            break
    pinned = [(text, Kind.LOOK) for text in fault.looks] + [(text, None) for text in fault.commands]
    unpinned = [step.text for step in steps if not any(alike(step.text, text) for text, _ in pinned)]
    assert unpinned == []
    assert [text for text, _ in pinned if not any(alike(step.text, text) for step in steps)] == []
    assert fault.sentence in str(first)
    if fault.by_hand:
        any_deployment.owner_execute(fault.by_hand)
    if fault.waits:
        any_deployment.superuser_execute(fault.waits)
    if fault.by_hand or fault.waits:
        outcomes = look()
    assert unlike(outcomes, fault.left) == {}
    FOLLOWED.update(map(shape_of, steps))


def meanwhile(story: Story, fault: Fault, supabase: Supabase):
    """The endpoints with a fault, until the function is deployed anew."""
    assert fault.endpoints is not None

    def behaving(arrival):
        mended = fault.mended_by in supabase.deployed
        return (story.endpoints if mended else fault.endpoints)(arrival)

    return behaving


def advice_on(outcomes) -> Advice:
    """What the report advises."""
    parts = [outcomes[case].advice for case in said(outcomes)]
    return in_turn(parts)
