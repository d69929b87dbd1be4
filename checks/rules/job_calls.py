"""Rules of check 2: the job's command calls what it should in every run, and no other job calls the same."""

from __future__ import annotations

import re

from checks.judge import Judge
from checks.rules.cron import Scheduled, function_is_sound
from checks.rules.job_targets import Target, Way, as_its_user, in_words, label
from checks.rules.missing_job import call_advice
from fixtures.advice import Help, for_each
from fixtures.database.cron import CronJob
from fixtures.database.identifiers import literal
from fixtures.database.job_calls import ALWAYS, BY_ROWS, NEVER
from fixtures.wording import counted

ROWS = re.compile(r"(?:^|\s)(\d+)(?: rows?)?$")
"""The number of rows in the message of a run, such as ``SELECT 1`` or ``1 row``."""


def calls_its_function(judge: Judge, job: Scheduled) -> None:
    """Require its command to call the function, which exists and is closed to the public, and no other job to."""
    target = Target(job.expected, job.cron, job.settings)
    ways = target.ways(job.found)
    if ways and ways[0].runs:
        _is_called(judge, job, ways[0])
    else:
        _is_not_called(judge, job, ways)
    _function_is_sound(judge, job, ways)
    _nothing_else_calls_it(judge, job, target)


def _is_called(judge: Judge, job: Scheduled, way: Way) -> None:
    """Require a call in every run; one under a condition is proven by the rows that runs returned."""
    if not way.direct:
        judge.finds(
            f"job {job.found.name} {way.does}; {job.expected.target} of the settings reaches the same function"
        )
    if way.call.when == ALWAYS:
        judge.holds()
        return
    rows = _rows(job.found) if way.call.when == BY_ROWS else []
    called = sum(count > 0 for count in rows)
    if called:
        judge.holds()
        judge.finds(
            f"job {job.found.name} has {way.what} {way.call.where}; {called} of its latest {len(rows)} runs "
            "called it"
        )
        return
    seen = f", and none of its latest {counted(len(rows), 'run')} returned a row" if rows else ""
    judge.cannot_tell(
        f"job {job.found.name} has {way.what} {way.call.where}{seen}: its command does not "
        "show whether a run calls it",
        "a run that calls it, or a command that calls it without a condition",
    )


def _rows(job: CronJob) -> list[int]:
    """How many rows each of its successful runs returned, as far as that is recorded."""
    found = [ROWS.search(run.message) for run in job.runs if run.status == "succeeded"]
    return [int(one[1]) for one in found if one]


def _is_not_called(judge: Judge, job: Scheduled, ways: list[Way]) -> None:
    calls = [call for call in job.found.all_calls if call.when != NEVER]
    requests = [call for call in calls if call.is_request]
    text = f"the command of job {job.found.name} calls "
    if requests:
        text += ", ".join(in_words(call) for call in requests)
    else:
        text += ", ".join(call.function for call in calls) or "no function"
    if ways:
        text += f": {ways[0].what} stands {ways[0].call.where}, where no run calls it"
    elif any(not call.edge_function for call in requests):
        judge.cannot_tell(
            f"{text}, so whether it reaches {job.expected.target} cannot be read from it",
            f"a URL with {job.settings.names.functions_path}/NAME in the command",
        )
        return
    by_request = bool(requests or (ways and ways[0].call.is_request))
    judge.fails(text, expected=_expected(job), why=job.why, advice=_advice(job, by_request))


def _expected(job: Scheduled) -> str:
    if job.expected.function:
        return f"a call of {job.expected.function}(), in schema {job.settings.names.schema} or in none"
    return f"an HTTP call of {job.expected.edge_function}"


def _advice(job: Scheduled, by_request: bool) -> Help:
    """How to have it call its function; a job that sends requests keeps its style."""
    command = f"SELECT cron.alter_job({job.found.id}, command := {{}})"
    if job.expected.function and not by_request:
        return call_advice(
            job.expected, job.catalogue, job.settings, as_its_user(job.found, command.format(literal(job.call)))
        )
    edges = Target(job.expected, job.cron, job.settings).edge_functions
    called = f"{job.settings.names.functions_path}/{edges[0]}" if edges else job.expected.target
    return f"change the command of job {job.found.name} with cron.alter_job, so that every run calls {called}"


def _function_is_sound(judge: Judge, job: Scheduled, ways: list[Way]) -> None:
    """Require the SQL function to be sound if the job calls it, and closed to the public if it is there."""
    called = next((way.call.function for way in ways if way.runs and not way.call.is_request), None)
    name = job.expected.function
    there = [function for function in job.catalogue.functions if function.name == name]
    if called is not None and called.rpartition(".")[2] == name:
        function_is_sound(judge, job, called)
    elif there and job.settings.names.schema in {function.schema for function in there}:
        function_is_sound(judge, job, f"{job.settings.names.schema}.{name}")


def _nothing_else_calls_it(judge: Judge, job: Scheduled, target: Target) -> None:
    twins = list(target.others(job.found))
    what = job.expected.target
    if all(way.direct for _, way in twins):
        found = f"{what} is also called by {', '.join(label(twin) for twin, _ in twins)}"
    else:
        others = (f"{label(twin)}, which {way.does}" for twin, way in twins)
        found = f"{what} is also reached by {', and by '.join(others)}"
    judge.requires(
        not twins,
        found,
        expected=f"no other active job calls {what}",
        why="two passes work on the same entries",
        advice=for_each(as_its_user(twin, f"SELECT cron.unschedule({twin.id})") for twin, _ in twins),
    )
