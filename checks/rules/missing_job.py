"""What is said and advised where a job is not scheduled, or does not call its function."""

from __future__ import annotations

from difflib import get_close_matches

from checks.judge import Judge
from checks.rules.job_targets import Target, label, told
from checks.rules.nearest_names import PROPOSE
from fixtures.advice import Advice, Help, of, sql
from fixtures.database.catalogue import Catalogue
from fixtures.database.contract import DLQ_FUNCTION, PARTITION_FUNCTION
from fixtures.database.cron import CronJob, CronSchedule
from fixtures.database.identifiers import literal, quoted
from fixtures.settings.model import Job, Settings
from fixtures.wording import listed

WHY = {
    DLQ_FUNCTION: "failed messages stay in the queue until somebody runs it by hand",
    PARTITION_FUNCTION: "next month's messages have no partition to go to",
}
"""Function → what happens while no job calls it."""
MOST_JOBS = 5
"""Jobs of no setting that are named where one is missing."""


def why(job: Job, settings: Settings) -> str:
    """Why it matters that a job runs."""
    function = DLQ_FUNCTION if job.edge_function == settings.names.dlq_processor else job.function
    return WHY.get(function or "", f"no job calls {job.target} until it runs again")


def call_of(job: Job, settings: Settings) -> str:
    """Return the SQL statement that calls a job's SQL function, quoted and with its schema."""
    return f"SELECT {quoted(settings.names.schema, job.function or '')}()"


def is_missing(judge: Judge, cron: CronSchedule, expected: Job, catalogue: Catalogue, settings: Settings) -> None:
    """Report that no job has the name, with the nearest name, and the job that does the same under another one."""
    names = [job.name for job in cron.jobs if job.name]
    near = get_close_matches(expected.name, names, n=1)
    others = list(Target(expected, cron, settings).others())
    text = f"no job {expected.name} is scheduled" + (f"; the nearest is {told(near[0])}" if near else "")
    unknown = [] if near or others else _of_no_setting(cron, settings)
    text += f", only {listed(map(label, unknown), MOST_JOBS, ', ')}" if unknown else ""
    if others:
        text += "; " + ", ".join(
            f"{label(job)} {way.does} on schedule {told(job.schedule)}" for job, way in others
        )
        advice: Help = (
            f"write that job's name into [[jobs]] of deployment.toml, or unschedule it before {expected.name} is "
            "scheduled: two jobs would do the same work"
        )
    elif unknown:
        advice = (
            f"if one of these jobs does the work of {expected.name}, write it into [[jobs]] of deployment.toml "
            f"({PROPOSE}), and follow nothing else of this" + of(_scheduling(expected, catalogue, settings))
        )
    else:
        advice = _scheduling(expected, catalogue, settings)
    judge.fails(
        text,
        expected=f"cron.job has {expected.name} with schedule {expected.schedule}",
        why=why(expected, settings),
        advice=advice,
    )


def _of_no_setting(cron: CronSchedule, settings: Settings) -> list[CronJob]:
    """The active jobs that no setting names."""
    expected = {job.name for job in settings.jobs}
    return [job for job in cron.jobs if job.active and job.name not in expected]


def _scheduling(expected: Job, catalogue: Catalogue, settings: Settings) -> Help:
    """How to schedule a job that is missing."""
    if expected.edge_function:
        return (
            f"schedule job {expected.name} with cron.schedule, so that it calls {settings.names.functions_path}/"
            f"{expected.edge_function} by net.http_post, with a key from Vault"
        )
    call = literal(call_of(expected, settings))
    command = f"SELECT cron.schedule({literal(expected.name)}, {literal(expected.schedule)}, {call})"
    return call_advice(expected, catalogue, settings, sql(command))


def call_advice(expected: Job, catalogue: Catalogue, settings: Settings, command: Advice) -> Help:
    """The command that has a job call its SQL function; without such a function, what to do first."""
    named = [one for one in catalogue.functions if one.name == expected.function]
    schema, schemas = settings.names.schema, sorted({one.schema for one in named})
    own = [one.arguments for one in named if one.schema == schema]
    if "" in own:
        return command
    if own:
        return f"have job {expected.name} call function {schema}.{expected.function}({own[0]}) with its arguments"
    elsewhere = f"; there is one in {listed(schemas)}" if schemas else ""
    return (
        "look in the application's repository for a migration that was not applied here and defines function "
        f"{schema}.{expected.target}; apply it first{elsewhere}; this check advises the command for the job once "
        "the function exists"
    )
