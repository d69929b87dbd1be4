"""Rules of check 6 for the functions' logs: readable, not empty, without errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from checks.judge import Judge
from checks.rules.dates import not_in_the_future
from fixtures.logs.fingerprint import pattern_of
from fixtures.logs.model import ErrorGroup, FunctionLogs
from fixtures.settings.model import LogAllowance, Settings
from fixtures.wording import clock, counted

SHOWN = 20
"""Most fingerprints that are listed one by one."""


@dataclass(frozen=True)
class Known:
    """The allow list on the day of the run."""

    allowances: tuple[LogAllowance, ...]
    today: date

    def of(self, group: ErrorGroup) -> LogAllowance | None:
        """The allowance that covers these entries today; None without one."""
        return next((known for known in self.valid if matches(known, group)), None)

    @property
    def valid(self) -> tuple[LogAllowance, ...]:
        """Allowances that have not expired; the last day is included."""
        return tuple(known for known in self.allowances if self.today <= known.expires)


def matches(known: LogAllowance, group: ErrorGroup) -> bool:
    """Whether an allowance covers these entries; case does not matter, and it may be raw text or a pattern."""
    return pattern_of(known.match).casefold() in group.pattern.casefold()


def say_something(judge: Judge, logs: FunctionLogs, settings: Settings) -> None:
    """Require entries in the window, all of them readable; an empty log is not a clean one."""
    judge.finds(f"{logs.file}: {counted(logs.entries, 'entry', 'entries')} since {clock(logs.since)}")
    if logs.own_probes:
        judge.finds(f"{counted(logs.own_probes, 'entry', 'entries')} of the suite's own probes, not judged")
    if not logs.entries:
        judge.cannot_tell(f"no entries in {logs.file} since {clock(logs.since)}", "traffic that the functions log")
    unreadable = logs.not_json + logs.without_time
    if unreadable:
        judge.cannot_tell(
            f"{counted(unreadable, 'line')} of {logs.file} cannot be read: {logs.not_json} not JSON objects, "
            f"{logs.without_time} without a time",
            "a file with one JSON object with a timestamp on each line",
        )
    if logs.cut:
        judge.cannot_tell(
            f"{logs.file} has more than the {counted(logs.lines, 'line')} that were read, all of them later than "
            f"{clock(logs.since)}",
            "a higher limits.log_lines in deployment.toml, or a shorter window",
        )
    _are_decided(judge, logs)
    _name_the_silent(judge, logs, settings)


def _are_decided(judge: Judge, logs: FunctionLogs) -> None:
    if logs.undecided:
        count = sum(entry.count for entry in logs.undecided)
        kinds = ", ".join(f"{entry.service} ({entry.level})" for entry in logs.undecided[:5])
        judge.cannot_tell(
            f"{counted(count, 'entry', 'entries')} without a known level and without a status: {kinds}",
            "entries with a level such as info, warn or error, or with a status",
        )


def _name_the_silent(judge: Judge, logs: FunctionLogs, settings: Settings) -> None:
    heard = {entry.service for entry in logs.counts}
    names = settings.names
    functions = (*names.webhooks, *([] if names.without_processor else [names.dlq_processor]))
    silent = [name for name in functions if name not in heard]
    if logs.entries and silent:
        judge.finds(f"no entries of {', '.join(silent)}")


def are_not_ahead(judge: Judge, logs: FunctionLogs, settings: Settings) -> None:
    """Require that no entry is dated in the future, outside of every later window."""
    not_in_the_future(
        judge,
        logs.file,
        logs.future,
        settings.windows.clock_tolerance_seconds,
        written="the log",
        by="the clock of this machine (date -u)",
        noun=("entry", "entries"),
    )


def tell_of_no_error(judge: Judge, logs: FunctionLogs, settings: Settings) -> None:
    """Require no error-level entry and no status of 500 or above, except what the allow list covers."""
    known = Known(settings.log_allowances, logs.read_at.astimezone(UTC).date())
    allowed = {group.fingerprint: allowance for group in logs.groups if (allowance := known.of(group))}
    faults = [group for group in logs.groups if group.fingerprint not in allowed]
    for group in faults[:SHOWN]:
        judge.fails(_described(group), expected="no errors", why=WHY, advice=_advice(group, settings))
    further = logs.faults - sum(group.count for group in logs.groups) + sum(g.count for g in faults[SHOWN:])
    judge.requires(
        not further,
        f"{counted(further, 'more entry', 'more entries')}, rarer or earlier than the fingerprints above "
        f"({counted(logs.groups_total, 'fingerprint')} in all)",
        expected="no errors",
        advice="fix the most frequent ones first, then run the check again",
    )
    _allowances_hold(judge, logs, known)
    judge.shows("Errors by fingerprint", [_row(group, allowed) for group in logs.groups], SHOWN)
    judge.shows("Entries by service and level", [vars(entry) for entry in logs.counts])


WHY = "each error may be a customer's message without an answer"


def _described(group: ErrorGroup) -> str:
    status = "" if group.status is None else f", status {group.status}"
    return (
        f"{group.service}: {counted(group.count, 'entry', 'entries')} at {group.level}{status} "
        f"[{group.fingerprint}] {group.pattern}, first {clock(group.first)}, last {clock(group.last)}, "
        f"for example: {group.example}"
    )


def _advice(group: ErrorGroup, settings: Settings) -> str:
    back = "its function"
    if group.service in (*settings.names.webhooks, settings.names.dlq_processor):
        back = f"the function: supabase functions deploy {group.service}, from a checkout of the release before"
    return (
        f"read the log of {group.service} around {clock(group.first)}; if this began with the deployment, "
        f"roll back {back} (rollback 1); if it is known noise, allow it until a day: [[log_allowances]] "
        "in deployment.toml"
    )


def _row(group: ErrorGroup, allowed: dict[str, LogAllowance]) -> dict[str, str | int | None]:
    known = allowed.get(group.fingerprint)
    return {
        "fingerprint": group.fingerprint,
        "service": group.service,
        "level": group.level,
        "status": group.status,
        "count": group.count,
        "first": clock(group.first),
        "last": clock(group.last),
        "pattern": group.pattern,
        "allowed": "" if known is None else f"until {known.expires}: {known.reason}",
    }


def _allowances_hold(judge: Judge, logs: FunctionLogs, known: Known) -> None:
    """Require that no allowance has expired; report those that matched nothing."""
    for allowance in known.allowances:
        count = sum(group.count for group in logs.groups if matches(allowance, group))
        if allowance not in known.valid:
            judge.fails(
                f"the log allowance {allowance.match!r} expired on {allowance.expires} "
                f"and matches {counted(count, 'entry', 'entries')}",
                expected="allowances that still hold",
                why=f"this noise ({allowance.reason}) was to be fixed by that day",
                advice="remove it from [[log_allowances]] in deployment.toml, or set a new day",
            )
        elif count:
            judge.finds(
                f"{counted(count, 'entry', 'entries')} allowed until {allowance.expires}: "
                f"{allowance.match!r}, {allowance.reason}"
            )
        else:
            judge.finds(f"the log allowance {allowance.match!r} matched nothing and can be removed")
