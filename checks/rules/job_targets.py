"""What a scheduled job is to reach, and the ways that lead there: a SQL function, or an edge function by HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fixtures.advice import Advice, sql
from fixtures.database.contract import DLQ_FUNCTION
from fixtures.database.cron import CronJob, CronSchedule
from fixtures.database.job_calls import NEVER, ORDER, Call
from fixtures.settings.model import Job, Settings

OPERATOR = "postgres"
"""The role of an operator on Supabase, which needs no other role for its own jobs."""


@dataclass(frozen=True)
class Way:
    """A call in a job's command that leads to what a job is to reach."""

    call: Call
    reaches: str
    """The edge function or the SQL function that it leads to."""
    direct: bool
    """Whether the call itself is in the style that the settings name."""

    @property
    def runs(self) -> bool:
        """Whether some run may take it."""
        return self.call.when != NEVER

    @property
    def what(self) -> str:
        """The call: ``process_dlq_entries()``, or ``net.http_post to dlq-processor``."""
        return in_words(self.call)

    @property
    def does(self) -> str:
        """What a job does that takes it, to complete "a job that …"."""
        if self.call.is_request:
            return f"calls {self.reaches} by {self.call.function}"
        if self.call.function.rpartition(".")[2] + "()" == self.reaches:
            return f"calls {self.reaches}"
        return f"calls {self.call.function}(), which calls {self.reaches}"


@dataclass(frozen=True)
class Target:
    """What a job of the settings is to reach."""

    job: Job
    cron: CronSchedule
    settings: Settings

    @property
    def edge_functions(self) -> tuple[str, ...]:
        """The edge functions behind it, as far as they are known."""
        if self.job.edge_function:
            return (self.job.edge_function,)
        found = [
            name
            for one in self.cron.reaching
            if (one.schema, one.name) == (self.settings.names.schema, self.job.function)
            for name in one.edge_functions
        ]
        if self.job.function == DLQ_FUNCTION and not self.settings.names.without_processor:
            found.append(self.settings.names.dlq_processor)
        return tuple(dict.fromkeys(found))

    def ways(self, job: CronJob) -> list[Way]:
        """The calls of a job that lead there; first those that run most often."""
        found = [way for call in job.all_calls if (way := self._way(call)) is not None]
        return sorted(found, key=lambda way: (ORDER.index(way.call.when), not way.direct))

    def others(self, but: CronJob | None = None) -> Iterator[tuple[CronJob, Way]]:
        """The active jobs of other names that reach it, each with its way."""
        for job in self.cron.jobs:
            is_other = job.name != self.job.name and (but is None or job.id != but.id)
            ways = [way for way in self.ways(job) if way.runs] if is_other and job.active else []
            if ways:
                yield job, ways[0]

    def _way(self, call: Call) -> Way | None:
        edges = self.edge_functions
        if call.is_request:
            reached = call.edge_function in edges
            return Way(call, call.edge_function, bool(self.job.edge_function)) if reached else None
        if self.job.function and self._is(call, self.settings.names.schema, self.job.function):
            return Way(call, f"{self.job.function}()", direct=True)
        return next(self._through(call, edges), None)

    def _through(self, call: Call, edges: tuple[str, ...]) -> Iterator[Way]:
        """Ways through the bodies of other SQL functions."""
        for one in self.cron.reaching:
            if self._is(call, one.schema, one.name):
                reached = [name for name in one.edge_functions if name in edges]
                reached += [f"{name}()" for name in one.functions if name == self.job.function]
                yield from (Way(call, name, direct=False) for name in reached)
        processor = self.settings.names.dlq_processor
        if processor in edges and self._is(call, self.settings.names.schema, DLQ_FUNCTION):
            yield Way(call, processor, direct=False)

    @staticmethod
    def _is(call: Call, schema: str, name: str) -> bool:
        """Whether a call means a function; without a schema, the search path is taken to find it."""
        given, _, called = call.function.rpartition(".")
        return called == name and given in ("", schema)


def in_words(call: Call) -> str:
    """A call for a sentence, with the edge function that it reaches."""
    if not call.is_request:
        return f"{call.function}()"
    return f"{call.function} to {call.edge_function or 'a URL that is not written in the command'}"


def label(job: CronJob) -> str:
    """A job for a sentence, by its name, number and user."""
    return f"{told(job.name) if job.name else 'an unnamed job'} (job {job.id} of {told(job.username)})"


def told(name: str) -> str:
    """A name for a sentence, in quotes if it has outer spaces or characters that are not printed."""
    return name if name.isprintable() and name == name.strip() else repr(name)


def as_its_user(job: CronJob, command: str) -> Advice:
    """A command about a job, which pg_cron takes only from the job's user."""
    return sql(command, role="" if job.username == OPERATOR else job.username)
