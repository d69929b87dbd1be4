"""Rules of check 2: a job is scheduled once, calls its function, runs when it is due, and succeeds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSimError

from checks.judge import Judge
from checks.rules import function_rights
from checks.rules.dates import not_in_the_future
from checks.rules.job_targets import OPERATOR, as_its_user, told
from checks.rules.missing_job import call_of, is_missing, why
from fixtures import schedule
from fixtures.advice import Advice, for_each, look, sql
from fixtures.database.catalogue import Catalogue
from fixtures.database.cron import CronJob, CronSchedule, Run
from fixtures.database.identifiers import literal, quoted
from fixtures.database.rights import Function
from fixtures.outcome import NotApplicable
from fixtures.settings.model import Job, Settings
from fixtures.wording import ago, clock, counted

LONG_INTERVAL = timedelta(days=1)
"""Jobs with a longer interval are judged only by the due times since the deployment."""


@dataclass(frozen=True)
class Scheduled:
    """A job as expected and as found, with the evidence to judge it by."""

    expected: Job
    found: CronJob
    cron: CronSchedule
    catalogue: Catalogue
    settings: Settings

    @property
    def why(self) -> str:
        """Why it matters that the job runs."""
        return why(self.expected, self.settings)

    @property
    def call(self) -> str:
        """The SQL statement that calls its SQL function."""
        return call_of(self.expected, self.settings)

    @property
    def by_hand(self) -> str:
        """What to do to see how the job's work goes."""
        there = {(one.schema, one.name, one.arguments) for one in self.catalogue.functions}
        if (self.settings.names.schema, self.expected.function, "") in there:
            return f"call {self.settings.names.schema}.{self.expected.target} by hand"
        return f"run the command of job {self.found.name} by hand"

    @property
    def now(self) -> datetime:
        """The database's clock."""
        return self.catalogue.read_at

    @property
    def zone(self) -> tzinfo:
        """pg_cron's time zone by ``cron.timezone``; GMT if the role may not see that."""
        return zone_of(self.catalogue)

    @property
    def every(self) -> timedelta:
        """The time between its two latest due times."""
        return schedule.interval(self.expected.schedule, self.now, self.zone)

    def next_due(self, since: datetime) -> datetime:
        """Its first due time after a moment."""
        return schedule.next_due(self.expected.schedule, since, self.zone)


def zone_of(catalogue: Catalogue) -> tzinfo:
    """Return pg_cron's time zone by ``cron.timezone``; GMT if the role may not see that."""
    try:
        return ZoneInfo(catalogue.settings.get("cron.timezone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def is_scheduled_once(
    judge: Judge, cron: CronSchedule, expected: Job, catalogue: Catalogue, settings: Settings
) -> CronJob | None:
    """Require exactly one job of the name; return the first one, if there is any."""
    found = cron.named(expected.name)
    if not found and cron.hidden:
        judge.cannot_tell(f"no job {expected.name} is visible, but {cron.hidden}", cron.grant)
        return None
    if not found:
        is_missing(judge, cron, expected, catalogue, settings)
    else:
        judge.holds()
    judge.requires(
        len(found) <= 1,
        lambda: (
            f"{len(found)} jobs are called {expected.name}, of users "
            f"{', '.join(told(job.username) for job in found)}"
        ),
        expected="exactly one",
        why="the same work runs twice at the same time",
        advice="unschedule all but one"
        + for_each(as_its_user(job, f"SELECT cron.unschedule({job.id})") for job in found),
    )
    if found and cron.hidden:
        judge.cannot_tell(f"{cron.hidden}, so a second job that does the same cannot be excluded", cron.grant)
    return found[0] if found else None


def is_active_and_right(judge: Judge, job: Scheduled) -> None:
    """Require it to be active, on its schedule, in its database."""
    expected, found = job.expected, job.found
    judge.requires(
        found.active,
        f"job {found.name} is inactive",
        why=job.why,
        advice=as_its_user(found, f"SELECT cron.alter_job({found.id}, active := true)"),
    )
    judge.requires(
        schedule.same_schedule(expected.schedule, found.schedule),
        lambda: f"job {found.name} runs on schedule {told(found.schedule)}",
        expected=expected.schedule,
        advice=as_its_user(found, f"SELECT cron.alter_job({found.id}, schedule := {literal(expected.schedule)})"),
    )
    database = expected.database or job.catalogue.database
    judge.requires(
        found.database == database,
        lambda: f"job {found.name} runs in database {told(found.database)}",
        expected=database,
        advice=as_its_user(found, f"SELECT cron.alter_job({found.id}, database := {literal(database)})"),
    )
    judge.requires(
        job.catalogue.settings.get("cron.launch_active_jobs", "on") == "on",
        "cron.launch_active_jobs is off: active jobs are not started",
        advice="set cron.launch_active_jobs to on",
    )


def function_is_sound(judge: Judge, job: Scheduled, call: str) -> None:
    """Require a function, by its name in a command, to exist and to be closed to the public."""
    schema, _, name = call.rpartition(".")
    there: list[Function] = [
        function
        for function in job.catalogue.functions
        if function.name == name and (not schema or function.schema == schema)
    ]
    judge.requires(
        bool(there),
        f"function {call}() does not exist",
        why="pg_cron stores any command; this one fails whenever it runs",
        advice="look in the application's repository for a migration that was not applied here and defines "
        f"function {call}(), or for one that dropped or renamed it; the job stays as it is",
    )
    function_rights.report(judge, job.catalogue, there)
    harmful = [
        (function, roles)
        for function in there
        if (roles := function_rights.who_does_harm(job.catalogue, function))
    ]
    exposed = sorted({role for _, roles in harmful for role in roles})
    judge.requires(
        not exposed,
        lambda: f"function {call}() can be executed by {', '.join(exposed)}",
        expected="only its owner and service_role may execute it",
        why="anybody with the app's public key can start it over the REST API",
        advice=_closing([function for function, _ in harmful], exposed, job.found.username),
    )


def _closing(functions: list[Function], exposed: list[str], user: str) -> Advice:
    """The commands that close functions to the public; a job's user that is not the operator keeps its right."""
    names = ", ".join(function.signature for function in functions)
    revoke = sql(f"REVOKE EXECUTE ON FUNCTION {names} FROM {', '.join(['PUBLIC', *exposed])}")
    return revoke if user == OPERATOR else revoke + sql(f"GRANT EXECUTE ON FUNCTION {names} TO {quoted(user)}")


def runs_when_due(judge: Judge, job: Scheduled) -> None:
    """Require that the job ran when it was last due, succeeded, and that no run is stuck."""
    if job.cron.runs_unreadable:
        judge.cannot_tell(
            f"the runs of {job.found.name} cannot be seen: {job.cron.runs_unreadable}", job.cron.grant
        )
        return
    if job.catalogue.settings.get("cron.log_run", "on") == "off" and not job.found.runs:
        judge.cannot_tell("cron.log_run is off: pg_cron records no runs", "set cron.log_run to on")
        return
    if job.found.active:  # an inactive job is said to be so, and has no run for no other reason
        _latest_run_happened(judge, job)
    _latest_run_succeeded(judge, job)
    _nothing_is_stuck(judge, job)


def _latest_run_happened(judge: Judge, job: Scheduled) -> None:
    every = job.every
    if every >= LONG_INTERVAL:
        _due_run_since_deployment(judge, job)
        return
    latest = next((run.started_at for run in job.found.runs if run.started_at is not None), None)
    deployed = job.settings.deployed_at
    allowed = 2 * every + timedelta(seconds=job.settings.windows.grace_seconds)
    if latest is None and deployed is not None and job.now - deployed < allowed:
        due = job.next_due(deployed)
        judge.cannot_tell(f"job {job.found.name} has not run yet; first run due at {clock(due)}", "--wait 6m")
        return
    if latest is None and job.cron.hidden:
        judge.cannot_tell(f"no run of {job.found.name} is visible, but {job.cron.hidden}", job.cron.grant)
        return
    tolerance = job.settings.windows.clock_tolerance_seconds
    ahead = latest is not None and latest > job.now + timedelta(seconds=tolerance)
    not_in_the_future(
        judge,
        job.found.name,
        int(ahead),
        tolerance,
        written="start_time in cron.job_run_details",
        noun=("run", "runs"),
        latest=latest,
    )
    judge.requires(
        latest is not None and job.now - latest <= allowed,
        f"job {job.found.name} has never run"
        if latest is None
        else f"the latest run of {job.found.name} started {ago(job.now, latest)}, at {clock(latest)}",
        expected=f"a run within two intervals of its schedule {job.expected.schedule}",
        why=job.why,
        advice="look for the scheduler's errors in the Postgres logs; a restart of the database restarts it",
    )


def _due_run_since_deployment(judge: Judge, job: Scheduled) -> None:
    grace = timedelta(seconds=job.settings.windows.grace_seconds)
    due = schedule.last_due(job.expected.schedule, job.now - grace, job.zone)
    after = job.next_due(job.now)
    deployed = job.settings.deployed_at
    if deployed is None or due <= deployed:
        judge.finds(f"{job.found.name} is next due at {clock(after)}")
        return
    ran = any(run.started_at is not None and run.started_at >= due - grace for run in job.found.runs)
    history = job.cron.history_start
    if not ran and (job.cron.hidden or (history is not None and history > due)):
        judge.cannot_tell(
            f"the run of {job.found.name} that was due at {clock(due)} is not in the recorded history",
            job.cron.grant or f"the next run, due at {clock(after)}",
        )
        return
    judge.requires(
        ran,
        f"job {job.found.name} was due at {clock(due)} and did not run",
        advice=f"{job.by_hand}, and look for the scheduler's errors in the logs",
    )


def _latest_run_succeeded(judge: Judge, job: Scheduled) -> None:
    finished: Run | None = next((run for run in job.found.runs if run.finished), None)
    if finished is None:
        return
    at = finished.started_at or finished.ended_at
    deployed = job.settings.deployed_at
    if finished.status != "succeeded" and job.every >= LONG_INTERVAL and deployed and at and at < deployed:
        judge.finds(
            f"the latest run of {job.found.name} at {clock(at)}, before this deployment, failed; next due at "
            f"{clock(job.next_due(job.now))}"
        )
        return
    judge.requires(
        finished.status == "succeeded",
        f"the latest run of {job.found.name}{f' at {clock(at)}' if at else ''} failed: "
        f"{finished.message or 'without a message'}",
        expected="succeeded",
        why=job.why,
        advice=f"{job.by_hand} to see the error",
    )


def _nothing_is_stuck(judge: Judge, job: Scheduled) -> None:
    every = min(job.every, timedelta(hours=1))
    begin = job.now - 2 * every - timedelta(seconds=job.settings.windows.grace_seconds)
    old = [
        (run.started_at, run.status) for run in job.found.unfinished if run.started_at and run.started_at < begin
    ]
    stuck = [(at, status) for at, status in old if at >= job.catalogue.started_at]
    if left := len(old) - len(stuck):
        judge.finds(
            f"{counted(left, 'run')} of {job.found.name} from before the server's start, at "
            f"{clock(job.catalogue.started_at)}, left without an end"
        )
    if not stuck:
        return
    first, status = min(stuck)
    more = f", and {counted(len(stuck) - 1, 'later one')} as well" if len(stuck) > 1 else ""
    judge.fails(
        f"a run of {job.found.name} has been {status} since {clock(first)}, {ago(job.now, first)}{more}",
        expected="finished within two intervals",
        why="pg_cron starts no other run of the job meanwhile, or it lost sight of this one",
        advice=look(
            "SELECT d.job_pid, a.query_start, a.query FROM cron.job_run_details AS d "
            f"LEFT JOIN pg_stat_activity AS a ON a.pid = d.job_pid WHERE d.jobid = {job.found.id} "
            "AND d.end_time IS NULL"
        )
        + "if the session is still there, cancel it with pg_cancel_backend(job_pid)",
    )


def scheduler_is_alive(judge: Judge, cron: CronSchedule, catalogue: Catalogue) -> None:
    """Require pg_cron's scheduler process, if the role can see that the library is loaded; else runs prove it."""
    loaded = any(name.startswith("cron.") for name in catalogue.settings)
    if catalogue.in_recovery or not loaded:
        return
    judge.requires(
        cron.scheduler_seen,
        "the scheduler of pg_cron is not running: no session is called pg_cron scheduler",
        why="no job is started until it runs again",
        advice="restart the database (Supabase dashboard, Settings, General); the jobs go on by themselves then",
    )


def _nothing_was_due(cron: CronSchedule, catalogue: Catalogue) -> None:
    """Raise ``NotApplicable`` if jobs are scheduled, all of them rarely, and none was due in the log window."""
    since, jobs = cron.window_start, [job for job in cron.jobs if job.active]
    if since is None or not jobs:
        return
    try:
        zone, now = zone_of(catalogue), catalogue.read_at
        due = min(schedule.next_due(job.schedule, since, zone) for job in jobs)
        rare = all(schedule.interval(job.schedule, now, zone) >= LONG_INTERVAL for job in jobs)
    except CronSimError:
        return
    if rare and due > now:
        raise NotApplicable(f"no job was due since {clock(since)}; the next one is due at {clock(due)}")


def no_run_failed(judge: Judge, cron: CronSchedule, catalogue: Catalogue) -> None:
    """Require that no run of the log window failed (check 6).

    Raises:
        NotApplicable: no job was due in the window.
    """
    if cron.runs_unreadable:
        judge.cannot_tell(f"cron's runs cannot be seen: {cron.runs_unreadable}", cron.grant)
        return
    for group in cron.failed_runs:
        at = f", last at {clock(group.last)}" if group.last else ""
        judge.fails(
            f"{counted(group.count, 'failed run')} of {group.job}{at}: {group.message or 'without a message'}",
            expected="no failed run since the window began",
            advice="run the job's command by hand to see the error; pg_cron's lines are in the Postgres logs",
        )
    if cron.hidden:
        judge.cannot_tell(f"{cron.hidden}, so failed runs cannot be excluded", cron.grant)
    elif not cron.failed_runs and not cron.runs_in_window:
        _nothing_was_due(cron, catalogue)
        judge.cannot_tell("no run is recorded in the window", "a run of a scheduled job")
    else:
        judge.holds()
        judge.finds(f"{cron.runs_in_window} runs, {sum(group.count for group in cron.failed_runs)} failed")
