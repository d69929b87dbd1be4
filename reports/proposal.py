"""A ``deployment.toml`` for what the database has, for a person to correct: ``pytest --propose-settings``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from fixtures.database.contract import DLQ, MAY_BE_ABSENT, STATUSES
from fixtures.keys import ACCESS, REDACTOR, SETTINGS
from fixtures.outcome import CouldNotLook
from fixtures.settings.model import Settings
from fixtures.wording import in_toml

if TYPE_CHECKING:
    from fixtures.database.nearest import Similar  # start-up: only with --propose-settings
    from fixtures.database.proposal import Proposal, ProposedJob, Queue  # start-up: only with --propose-settings

HELP = (
    "read the database's tables, columns, status words and jobs, and print the settings that would name them, "
    "for a person to read and correct"
)

HEAD = """\
# Proposed by pytest --propose-settings from names and types in the database, as role {role} sees it.
# Read each line and correct it: a column of a similar name may mean something else. Nothing was compared with the
# application. Then save it as deployment.toml, or give it with --deployment=FILE.
"""
AS_IN_THE_CONTRACT = "\n# All that was found is called as in the contract: no setting is needed."


def proposed_settings(config: pytest.Config, _: pytest.Session) -> Iterator[str]:
    """Read the database, and return the redacted lines of the file.

    Raises:
        pytest.UsageError: there is no database, it could not be read, or a path was given.
    """
    if SETTINGS not in config.stash:
        raise pytest.UsageError("--propose-settings takes the settings of the folder checks; expected no path")
    settings, address = config.stash[SETTINGS], config.stash[ACCESS].database
    if address is None:
        raise pytest.UsageError("--propose-settings reads a database; expected EASYMO_DATABASE_URL")
    from fixtures.database.client import Database  # start-up: only with --propose-settings
    from fixtures.database.proposal import propose  # start-up: only with --propose-settings

    redactor = config.stash[REDACTOR]
    try:
        database = Database(address, settings.limits)
        try:
            found = propose(database, settings)
        finally:
            database.close()
    except CouldNotLook as error:
        raise pytest.UsageError(redactor.text(f"--propose-settings: {error.reason}")) from None
    return redactor.lines(toml(found))


def toml(found: Proposal) -> Iterator[str]:
    """Yield the lines of the file."""
    yield HEAD.format(role=found.role).rstrip()
    lines = [*_names(found), *_columns(found), *_queues(found), *_jobs(found)]
    yield from lines
    if not any(line and not line.startswith("#") for line in lines):
        yield AS_IN_THE_CONTRACT


def _names(found: Proposal) -> Iterator[str]:
    if found.schema != Settings().names.schema:
        yield from ("", "[names]", f"schema = {in_toml(found.schema)}")
    tables = found.tables | ({DLQ: found.queues[0].table} if _only_one(found) else {})
    others = {table: one.name for table, one in tables.items() if one.name != table}
    if others:
        yield from ("", "[names.tables]", *(f"{table} = {in_toml(name)}" for table, name in others.items()))


def _only_one(found: Proposal) -> bool:
    """Whether there is one queue with the contract's words, which needs no list of its own."""
    return len(found.queues) == 1 and not found.queues[0].statuses


def _columns(found: Proposal) -> Iterator[str]:
    tables = found.tables | ({DLQ: found.queues[0].table} if _only_one(found) else {})
    for table, one in tables.items():
        if lines := list(_renamed(table, one)):
            yield from ("", f"[columns.{table}]", *lines)
    if _only_one(found):
        yield from _remarks(found.queues[0])


def _renamed(table: str, one: Similar) -> Iterator[str]:
    """The columns with another name, those that may be absent, and remarks on those that may not."""
    for column, other in one.renamed.items():
        yield f"{column} = {in_toml(other)}"
    for column in one.missing:
        if column in MAY_BE_ABSENT.get(table, ()):
            means = "a row means that its message was processed" if column == "processed" else "no such column"
            yield f'{column} = ""  # {means}'
        else:
            yield f"# {column}: nothing in {one.name} is like it; the checks that read it will point to check 1"


def _queues(found: Proposal) -> Iterator[str]:
    for queue in () if _only_one(found) else found.queues:
        yield from ("", "[[dead_letters]]", f"table = {in_toml(queue.table.name)}")
        yield "# retries = 5  # the limit of this table, if it is not thresholds.dlq_retries"
        if lines := list(_renamed(DLQ, queue.table)):
            yield from ("", "[dead_letters.columns]", *lines)
        if queue.statuses:
            yield from ("", "[dead_letters.statuses]")
        for status in STATUSES:
            if own := queue.statuses.get(status):
                yield f"{status} = [{', '.join(map(in_toml, own))}]"
        yield from _remarks(queue)


def _remarks(queue: Queue) -> Iterator[str]:
    if queue.unread:
        yield f"# The statuses in {queue.table.name} could not be read."
    if queue.unexplained:
        yield f"# Statuses of {queue.table.name} whose meaning is not known: {', '.join(queue.unexplained)}"


def _jobs(found: Proposal) -> Iterator[str]:
    if found.jobs is None:
        yield from ("", f"# The jobs are not shown: role {found.role} cannot read cron.job.")
        return
    defaults = {(job.name, job.schedule, job.function) for job in Settings().jobs}
    if defaults <= {(job.name, job.schedule, job.function) for job in found.jobs}:
        return
    if found.jobs:
        yield from ("", "# Active jobs: keep those that the deployment must have.")
    for job in found.jobs:
        yield from (
            "",
            "[[jobs]]",
            f"name = {in_toml(job.name)}",
            f"schedule = {in_toml(job.schedule)}",
            _call(job),
        )


def _call(job: ProposedJob) -> str:
    kind = "edge_function" if job.edge_function else "function"
    return f"{kind} = {in_toml(job.edge_function or job.function)}"
