"""Follows the advice of a case as an operator would, and keeps a ledger of commands: advised, followed.

A pytest plugin. After a whole run of the suite's tests, a command that a case advised and that no test followed
until the case passed fails the run (:func:`pytest_sessionfinish`). Commands are told apart by their shape: their
keywords without names, figures and texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import pytest

from fixtures.advice import Advice, Kind, Step
from fixtures.outcome import Status
from tests.deployments import Deployment
from tests.outcomes import ADVISED, Outcome

FOLLOWED: set[str] = set()
"""Shapes of the commands that were followed until the case passed, and of those that only look."""

ADVISED_EVERYWHERE: dict[str, str] = {}
FOLLOWED_EVERYWHERE: set[str] = set()
"""The same of all workers of pytest-xdist."""

BY_A_SUPERUSER = re.compile(r"ALTER ROLE \S+ (NO)?(BYPASSRLS|SUPERUSER)|GRANT pg_\w+ TO .*")
"""What Postgres lets no owner of tables do before version 16: who may do it depends on the platform."""

KEYWORD = re.compile(r"\b[A-Z][A-Z_]+\b|\bcron\.\w+|\bpg_\w+")
NOT_KEYWORDS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")


def shape_of(step: Step) -> str:
    """The command without names, figures and texts."""
    if step.kind is Kind.SHELL:
        return " ".join(re.findall(r"^\w+|(?<= )[a-z]+(?= )|--[\w-]+", step.text))
    return " ".join(KEYWORD.findall(NOT_KEYWORDS.sub("", step.text)))


Shell = Callable[[str], None]


def follow(deployment: Deployment | None, advice: Advice, shell: Shell | None = None) -> list[Step]:
    """Run every command of an advice in one session each role would use; return them.

    Args:
        deployment: where the statements run: by the role that the step names, else by the owner of the tables;
            None where there are none.
        advice: what to follow.
        shell: runs a command for a shell.
    """
    steps = list(advice.commands)
    for step in steps:
        if step.kind is Kind.SHELL:
            assert shell is not None, f"no shell to run {step.text}"
            shell(step.text)
    statements = [step for step in steps if step.kind is not Kind.SHELL]
    if statements:
        assert deployment is not None, statements
        _run(deployment, statements)
    return steps


def _run(deployment: Deployment, statements: list[Step]) -> None:
    urls = (deployment.owner_url.reveal(), deployment.superuser_url.reveal())
    with _session(urls[0]) as owner, _session(urls[1]) as superuser:
        for step in statements:
            if step.kind is Kind.LOOK:
                owner.execute("BEGIN READ ONLY")
                owner.execute(step.command.encode())
                owner.execute("COMMIT")
                FOLLOWED.add(shape_of(step))
            elif step.role:
                superuser.execute(f'SET SESSION AUTHORIZATION "{step.role}"'.encode())
                superuser.execute(step.command.encode())
                superuser.execute("RESET SESSION AUTHORIZATION")
            else:
                (superuser if BY_A_SUPERUSER.fullmatch(step.text) else owner).execute(step.command.encode())


def _session(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def mend(
    deployment: Deployment | None,
    look: Callable[[], Outcome],
    shell: Shell | None = None,
    left: str = "",
    times: int = 6,
) -> list[str]:
    """Follow the advice until the case passes, or until only what is ``left`` is said; return the commands.

    Args:
        deployment: where the statements run; None where there are none.
        look: judges the case anew.
        shell: runs a command for a shell.
        left: what a case may still say that no command can mend: a time to wait, rows of the past.
        times: advice that is followed at most.
    """
    ran: list[Step] = []
    outcome = look()
    for _ in range(times):
        if outcome.status is Status.PASSED or (left and left in outcome.reason):
            break
        steps = follow(deployment, outcome.advice, shell)
        assert steps, f"no command heals: {outcome.reason} ({outcome.advice})"
        ran += steps
        outcome = look()
    healed = outcome.status is Status.PASSED or (left and left in outcome.reason)
    assert healed, (outcome.status, outcome.reason, [step.text for step in ran])
    FOLLOWED.update(map(shape_of, ran))
    return [step.text for step in ran if step.kind is not Kind.LOOK]


def unfollowed(advised: dict[str, str], followed: Iterable[str]) -> dict[str, str]:
    """Shapes that were advised and never followed, each with an example."""
    return {shape: example for shape, example in sorted(advised.items()) if shape not in set(followed)}


def _own() -> dict[str, str]:
    return {shape_of(step): step.text for step in ADVISED}


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Give a worker's ledger to the controller; fail a whole run with a command that no test followed."""
    config = session.config
    if hasattr(config, "workerinput"):
        config.workeroutput["ledger"] = (_own(), sorted(FOLLOWED))
        return
    ADVISED_EVERYWHERE.update(_own())
    FOLLOWED_EVERYWHERE.update(FOLLOWED)
    if _is_whole(config) and session.exitstatus == pytest.ExitCode.OK and unfollowed_everywhere():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take a worker's ledger."""
    advised, followed = getattr(node, "workeroutput", {}).get("ledger", ({}, ()))
    ADVISED_EVERYWHERE.update(advised)
    FOLLOWED_EVERYWHERE.update(followed)


def unfollowed_everywhere() -> dict[str, str]:
    """As :func:`unfollowed`, over all workers."""
    return unfollowed(ADVISED_EVERYWHERE, FOLLOWED_EVERYWHERE)


def _is_whole(config: pytest.Config) -> bool:
    chosen = ("keyword", "markexpr", "lf", "deselect", "collectonly", "maxfail")
    return config.args == ["tests"] and not any(getattr(config.option, name, None) for name in chosen)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the commands that were advised and that no test followed, after a whole run."""
    left = unfollowed_everywhere()
    if left and _is_whole(terminalreporter.config):
        terminalreporter.section("advised, and followed by no test until the case passed")
        for shape, example in left.items():
            terminalreporter.line(f"{shape}: {example}", red=True)
