"""Rules of check 6 for the functions' logs: readable, not empty, without errors."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date

from checks.judge import Judge
from checks.rules.dates import not_in_the_future
from fixtures.logs.entry import NO_LEVEL
from fixtures.logs.fingerprint import pattern_of, without_names
from fixtures.logs.kinds import ErrorKind
from fixtures.logs.model import ApplicationLogs, ErrorGroup, FunctionLogs, TextGroup
from fixtures.settings.model import LogAllowance, Settings
from fixtures.wording import clock, counted, listed

SHOWN = 20
"""Most fingerprints that are listed one by one."""

POSTGRES = "postgres"
"""Service of the entries of Postgres's own log."""

NAMED = 3
"""Most fingerprints of unreadable lines that are named in one sentence."""


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
    match, pattern = pattern_of(known.match).casefold(), group.pattern.casefold()
    return match in pattern or ("<text>" in match and match in without_names(pattern))


def say_something(judge: Judge, logs: FunctionLogs, settings: Settings) -> None:
    """Require entries in the window, all of them readable; an empty log is not a clean one."""
    by = f", by {logs.source}" if logs.source else ""
    judge.finds(f"{logs.file}: {counted(logs.entries, 'entry', 'entries')} since {clock(logs.since)}{by}")
    if logs.rotated:
        judge.finds(f"rotated files were read too: {listed(logs.rotated, 5, ', ')}")
    if logs.own_probes:
        judge.finds(f"{counted(logs.own_probes, 'entry', 'entries')} that the suite itself caused, not judged")
    if not logs.timed:
        judge.cannot_tell(
            f"no line of {logs.file} has a time, so none of its {counted(logs.lines, 'line')} can be said to be "
            f"since {clock(logs.since)}",
            "a log whose lines have a time",
        )
    elif not logs.entries:
        judge.cannot_tell(*_empty(logs))
    _are_dated(judge, logs)
    _are_readable(judge, logs)
    if logs.cut:
        judge.cannot_tell(
            f"{logs.file} has more than the {counted(logs.lines, 'line')} that were read, all of them later than "
            f"{clock(logs.since)}",
            "a higher limits.log_lines in deployment.toml, or a shorter window",
        )
    if logs.unread and logs.entries:
        judge.cannot_tell(logs.unread, "a shorter window: EASYMO_DEPLOYED_AT or windows.logs_seconds")
    _are_decided(judge, logs)
    _name_the_silent(judge, logs, settings)


def _empty(logs: FunctionLogs) -> tuple[str, str]:
    """Why an empty log proves nothing, and what would."""
    found = f"no entries in {logs.file} since {clock(logs.since)}"
    if logs.source is None:
        return found, "traffic that the functions log"
    said = f"{found}, by {logs.source}{f'; {logs.unread}' if logs.unread else ''}"
    return said, "traffic that the functions log; new entries take up to some minutes until they can be read"


def _are_dated(judge: Judge, logs: FunctionLogs) -> None:
    """Report the errors whose time is not known: they may be from before the window."""
    for group in [group for group in logs.texts if group.kind][:SHOWN]:
        judge.cannot_tell(
            f"{group.service}: {_count(group)} [{group.fingerprint}] {group.pattern}, at an unknown time, "
            f"for example: {group.example}",
            f"a log whose lines have a time; if this is of now: {_healing(group)}",
        )


def _are_readable(judge: Judge, logs: FunctionLogs) -> None:
    unreadable = logs.not_json + logs.without_time
    groups = [group for group in logs.texts if not group.kind]
    if unreadable:
        named = "; ".join(
            f"{group.service}: {group.count} × [{group.fingerprint}] {group.pattern}" for group in groups[:NAMED]
        )
        judge.cannot_tell(
            f"{counted(unreadable, 'line')} of {logs.file} cannot be judged: {logs.not_json} of text without the "
            f"words of a known error, {logs.without_time} JSON without a time"
            f"{f'; most often {named}' if named else ''}",
            "entries that are JSON objects with a timestamp and a level",
        )
    if logs.texts:
        judge.shows("Lines that are not JSON, by fingerprint", [_text_row(group) for group in logs.texts], SHOWN)


def _text_row(group: TextGroup) -> dict[str, str | int]:
    return {
        "kind": group.kind or "not known",
        "fingerprint": group.fingerprint,
        "service": group.service,
        "count": group.count,
        "lines": group.lines,
        "first": clock(group.first) if group.first else "unknown",
        "last": clock(group.last) if group.last else "unknown",
        "pattern": group.pattern,
        "example": group.example,
    }


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
    if logs.of_postgres or heard == {POSTGRES}:
        return
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


def report_what_is_not_covered(judge: Judge, settings: Settings) -> None:
    """Report that no source has Postgres's own log, where that is so."""
    if "SUPABASE_ACCESS_TOKEN" not in settings.configured and not settings.logs.loki_postgres:
        judge.finds(
            "Postgres's own log was not looked at: neither SUPABASE_ACCESS_TOKEN nor logs.loki_postgres is set"
        )


def tell_of_no_error(judge: Judge, logs: FunctionLogs, settings: Settings, every: ApplicationLogs) -> None:
    """Require no error by level, status or known words, except what the allow list covers; the worst first.

    Args:
        judge: of the case.
        logs: of the case.
        settings: the allow list.
        every: all logs of the run, because an entry of the allow list may match in one of them only.
    """
    known = Known(settings.log_allowances, logs.read_at.astimezone(UTC).date())
    allowed = {group.fingerprint: allowance for group in logs.groups if (allowance := known.of(group))}
    faults = [group for group in logs.groups if group.fingerprint not in allowed]
    for group in faults[:SHOWN]:
        judge.fails(
            _described(group), expected="no errors", why=WHYS.get(group.kind, WHY), advice=_advice(group, settings)
        )
    ungrouped = max(0, logs.faults - sum(group.count for group in logs.groups))
    further = ungrouped + sum(group.count for group in faults[SHOWN:])
    judge.requires(
        not further,
        f"{counted(further, 'more entry', 'more entries')}, rarer or earlier than the fingerprints above "
        f"({counted(logs.groups_total, 'fingerprint')} in all)"
        if logs.groups
        else f"{counted(further, 'error')} in {logs.file}, whose texts were not read",
        expected="no errors",
        advice="fix the most frequent ones first, then run the check again",
    )
    _allowances_hold(judge, logs, known, every)
    judge.shows("Errors by fingerprint", [_row(group, allowed) for group in logs.groups], SHOWN)
    judge.shows("Entries by service and level", [vars(entry) for entry in logs.counts])


WHY = "each error may be a customer's message without an answer"

STOPS = "a function that does not start answers no request"

WHYS: dict[str, str] = {
    ErrorKind.BOOT: STOPS,
    ErrorKind.IMPORT: STOPS,
    ErrorKind.VARIABLE: "a function without a variable that it needs does not start, or fails on requests",
}

HEALING: dict[str, str] = {
    ErrorKind.BOOT: "mend the import or the setting that the example names and deploy the function again, "
    "or deploy the release before (rollback 1)",
    ErrorKind.IMPORT: "mend the import that the example names (its path, its version, the import map) and deploy "
    "the function again, or deploy the release before (rollback 1)",
    ErrorKind.VARIABLE: "set the variable that the example names among the secrets of the edge functions "
    "(step 3.2), then look at the function's health again",
    ErrorKind.REQUEST: "look for the error in the function's own log at that time: 503 is a function that does "
    "not start, 504 one that does not answer in time, 546 one that exceeds its memory or time",
    ErrorKind.POSTGRES: "look for the statement in the Postgres logs around that time; a missing table, column or "
    "privilege may mean that a migration was not applied",
}
"""What mends an error of a kind."""

NOUNS: dict[str, tuple[str, str]] = {
    "": ("entry", "entries"),
    ErrorKind.VARIABLE: (
        "entry about a missing environment variable",
        "entries about a missing environment variable",
    ),
}


def _healing(group: ErrorGroup | TextGroup) -> str:
    return HEALING.get(group.kind, "deploy the release before (rollback 1)")


def _count(group: ErrorGroup | TextGroup) -> str:
    """How many entries of its kind: ``2 boot failures``."""
    return counted(group.count, *NOUNS.get(group.kind, (group.kind, f"{group.kind}s")))


def _described(group: ErrorGroup) -> str:
    level = "" if group.kind and group.level == NO_LEVEL else f" at {group.level}"
    status = "" if group.status is None else f", status {group.status}"
    state = f", SQLSTATE {group.sqlstate}" if group.sqlstate else ""
    return (
        f"{group.service}: {_count(group)}{level}{status}{state} "
        f"[{group.fingerprint}] {group.pattern}, first {clock(group.first)}, last {clock(group.last)}, "
        f"for example: {group.example}"
    )


def _advice(group: ErrorGroup, settings: Settings) -> str:
    where = f"read the log of {group.service} around {clock(group.first)}"
    noise = "if it is known noise, allow it until a day: [[log_allowances]] in deployment.toml"
    if group.kind in HEALING:
        return f"{where}; {_healing(group)}; {noise}"
    own = group.service in (*settings.names.webhooks, settings.names.dlq_processor)
    back = f"{group.service} from the release before" if own else "the release before"
    return f"{where}; if this began with the deployment, deploy {back} (rollback 1); {noise}"


def _row(group: ErrorGroup, allowed: dict[str, LogAllowance]) -> dict[str, str | int | None]:
    known = allowed.get(group.fingerprint)
    return {
        "kind": group.kind or "error",
        "fingerprint": group.fingerprint,
        "service": group.service,
        "level": group.level,
        "status": group.status,
        "count": group.count,
        "first": clock(group.first),
        "last": clock(group.last),
        "SQLSTATE": group.sqlstate,
        "pattern": group.pattern,
        "allowed": "" if known is None else f"until {known.expires}: {known.reason}",
    }


def _allowances_hold(judge: Judge, logs: FunctionLogs, known: Known, every: ApplicationLogs) -> None:
    """Require that no allowance has expired; report those that matched nothing, once and not in each log."""
    for allowance in known.allowances:
        count = _matched(allowance, logs)
        anywhere = any(_matched(allowance, one) for one in every.logs.values())
        is_first = logs is next(iter(every.logs.values()), logs)
        if not count and (anywhere or not is_first):
            continue
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
        elif not every.gaps:
            judge.finds(f"the log allowance {allowance.match!r} matched nothing and can be removed")


def _matched(allowance: LogAllowance, logs: FunctionLogs) -> int:
    return sum(group.count for group in logs.groups if matches(allowance, group))
