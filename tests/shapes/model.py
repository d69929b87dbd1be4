"""What a shape's story says: faults, with the sentences of the suite and what its advice does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fixtures.outcome import Status
from reports.verdict import Verdict
from tests.outcomes import Outcome
from tests.webhooks.server import Behaviour, honest

Says = Mapping[str, str]
"""Case → its status and sentence, such as ``failed: …``; an ellipsis stands for what differs."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong in a shape."""

    wrong: str
    """What is wrong, for the table in the documentation."""
    says: Says
    """The cases that it changes."""
    change: str = ""
    """SQL that brings it about, run by a superuser."""
    endpoints: Behaviour | None = None
    """How the endpoints behave meanwhile; None if it is no fault of theirs."""
    mended_by: str = ""
    """The function whose deployment mends the endpoints."""
    commands: tuple[str, ...] = ()
    """The commands in the advice, without those that only look."""
    looks: tuple[str, ...] = ()
    """The statements in the advice that only look."""
    sentence: str = ""
    """What the advice says where no command heals."""
    by_hand: str = ""
    """SQL by which a person does what the sentence says, run by the owner of the tables."""
    waits: str = ""
    """SQL for what only time brings, such as the next run of a job, run by a superuser."""
    left: Says = field(default_factory=dict)
    """What the cases still say at the end; empty if all pass."""


@dataclass(frozen=True)
class Story:
    """A shape for the documentation and the tests."""

    shape: str
    """Its folder."""
    title: str
    text: str
    """What is unlike the contract."""
    verdicts: Mapping[str, Verdict]
    """Marker → the right verdict with the shape's settings."""
    faults: tuple[Fault, ...]
    healthy: Says = field(default_factory=dict)
    """What the suite says of the healthy shape besides passes, with its settings."""
    by_default: Says = field(default_factory=dict)
    """What it says of the healthy shape with the default settings, of the database."""
    endpoints: Behaviour = honest
    default_commands: Mapping[str, list[str]] = field(default_factory=dict)
    """The commands that are advised with the default settings."""


def said(outcomes: Mapping[str, Outcome]) -> dict[str, str]:
    """The cases that did not pass, as :data:`Says` has them, without those that only point to another check."""
    return {
        case: f"{one.status.value}: {one.reason}"
        for case, one in outcomes.items()
        if one.status not in (Status.PASSED, Status.NOT_APPLICABLE) and not points(one)
    }


def points(outcome: Outcome) -> bool:
    """Whether a case is unproven because of what another check names."""
    return outcome.status is Status.UNPROVEN and "names the cause" in outcome.reason


def unlike(outcomes: Mapping[str, Outcome], expected: Says) -> dict[str, str]:
    """Case → what was said and is not expected; and pin → its sentence, where that fits no case."""
    unused, found = dict(expected), {}
    for case, sentence in said(outcomes).items():
        fitting = [pin for pin, text in expected.items() if alike(case, pin) and alike(sentence, text)]
        if not fitting:
            found[case] = sentence
        for pin in fitting:
            unused.pop(pin, None)
    return found | {pin: f"passed, not: {sentence}" for pin, sentence in unused.items()}


def alike(text: str, pattern: str) -> bool:
    """Whether a text is the pinned one, in which each ellipsis stands for something."""
    parts = ".+?".join(map(re.escape, pattern.split("…")))
    return re.fullmatch(parts, text, re.DOTALL) is not None
