"""Rules of check 15: no new pattern of failures holds much of the DLQ, and none grew by a factor."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from fractions import Fraction

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from checks.rules.dead_letters import named, words
from fixtures.advice import Advice, look, together
from fixtures.database.contract import DLQ, LOG
from fixtures.database.failure_patterns import FailurePattern, FailurePatterns
from fixtures.settings.model import Settings
from fixtures.settings.naming import dead_letters
from fixtures.wording import clock, counted, duration, listed

SHOWN = 10
"""Patterns in the report."""

ENTRIES = ("entry", "entries")
LOOK = look(
    "SELECT {causes}, count(*) AS entries, min({created_at}) AS first, max({created_at}) AS last FROM {dlq} "
    "WHERE {created_at} > now() - interval '{days} days' GROUP BY {causes} ORDER BY entries DESC"
)


def by_pattern(found: FailurePatterns) -> list[dict[str, Cell]]:
    """Return the patterns with most entries, for the report."""
    return [
        {
            "fingerprint": one.fingerprint,
            "entries": one.count,
            "share": f"{found.share(one):.1f} %",
            "before": one.before,
            "trend": trend(one),
            "failed or discarded": one.lost,
            "services": _services(one),
            "first": clock(one.first),
            "last": clock(one.last),
            "pattern": one.pattern,
            "example": one.example,
        }
        for one in found.patterns[:SHOWN]
        if one.count
    ]


def by_status(found: FailurePatterns) -> list[dict[str, Cell]]:
    """Return the entries of both windows by their status now, for the report."""
    now: Counter[str] = Counter()
    before: Counter[str] = Counter()
    for one in found.by_day:
        (before if one.before else now)[one.status] += one.count
    statuses = sorted(now.keys() | before.keys())
    return [{"status": name, "entries": now[name], "before": before[name]} for name in statuses]


def trend(one: FailurePattern) -> str:
    """Return how a pattern changed: ``new``, ``gone``, or its factor."""
    if not one.before:
        return "new"
    return f"× {one.count / one.before:.1f}" if one.count else "gone"


def entries_have_a_time(judge: Judge, found: FailurePatterns, settings: Settings) -> None:
    """Require that every entry is in one of the windows, or older."""
    tables = " and ".join(one.table for one in dead_letters(settings))
    not_in_the_future(judge, tables, found.future, settings.windows.clock_tolerance_seconds, noun=ENTRIES)
    if found.undated:
        judge.cannot_tell(
            f"{counted(found.undated, *ENTRIES)} of {tables} without a time of creation; check 9 names the cause",
            "repair what check 9 names, then run the checks again",
            "check-09",
        )


def something_is_shown(judge: Judge, found: FailurePatterns, settings: Settings) -> None:
    """Report the window in figures; an empty one needs completed passes, which show that the DLQ is in use."""
    about, days = _about(found), settings.weekly.days
    judge.finds(
        f"{about}{counted(found.total, *ENTRIES)} since {clock(found.since)}, {about}{found.total_before} in the "
        f"{days} days before"
        + (f"; one of {found.one_of} entries was read, so that figures are estimates" if about else "")
    )
    for one in found.patterns[:3]:
        if one.count:
            judge.finds(f"{_title(one)}: {_figures(one, found)}, {one.before} before")
    if found.total:
        return
    if found.passes:
        judge.finds(
            f"{counted(found.passes, 'completed pass', 'completed passes')}, last {clock(found.last_pass)}"
        )
        judge.holds()
        return
    log = named(LOG, settings)
    judge.cannot_tell(
        f"no entry in {days} days, and "
        + (f"{log} could not be read" if found.passes is None else f"no completed pass in {log}")
        + ": an empty DLQ proves nothing without a processor that runs",
        f"completed passes in {log}, or entries in {named(DLQ, settings)}",
    )


def patterns_are_known(judge: Judge, found: FailurePatterns, settings: Settings) -> None:
    """Require that no new pattern holds a large share, and that no pattern grew by a factor."""
    sorted_out: dict[str, list[FailurePattern]] = {"new": [], "grown": [], "unclear": []}
    for one in found.patterns:
        if kind := _kind(one, found, settings):
            sorted_out[kind].append(one)
    _no_new_one(judge, sorted_out["new"], found, settings)
    _none_grew(judge, sorted_out["grown"], found, settings)
    if sorted_out["unclear"]:
        _cannot_compare(judge, sorted_out["unclear"], found, settings)
    if found.ungrouped and Fraction(100 * found.ungrouped, found.total) > Fraction(
        settings.weekly.new_pattern_percent
    ):
        judge.cannot_tell(
            f"{_about(found)}{counted(found.ungrouped, *ENTRIES)} of {found.total} have messages that are too "
            "different to be grouped",
            "error messages that say what failed in the same words each time, with ids and texts in quotes",
        )


def _kind(one: FailurePattern, found: FailurePatterns, settings: Settings) -> str:
    """Return whether a pattern is ``new``, ``grown`` or ``unclear``; empty if it is neither new nor grown."""
    weekly = settings.weekly
    if one.count < weekly.pattern_entries:
        return ""
    if one.before:
        if one.count < Fraction(weekly.pattern_factor) * one.before:
            return ""
        # Messages that were too many to group may belong to any pattern.
        grown = one.count >= Fraction(weekly.pattern_factor) * (one.before + found.ungrouped_before)
        return "grown" if grown and _comparable(found, settings) else "unclear"
    if not _comparable(found, settings):
        return "unclear"
    if Fraction(100 * one.count, found.total) <= Fraction(weekly.new_pattern_percent):
        return ""
    return "unclear" if found.ungrouped_before else "new"


def _no_new_one(judge: Judge, new: list[FailurePattern], found: FailurePatterns, settings: Settings) -> None:
    weekly = settings.weekly
    judge.requires(
        not new,
        lambda: listed(
            f"new: {_title(one)}: {_figures(one, found)}, none in the {weekly.days} days before, {_seen(one)}"
            for one in new
        ),
        expected=f"a new failure has at most {weekly.new_pattern_percent:g} % of the entries, or fewer than "
        f"{weekly.pattern_entries}",
        why="a failure that was not there before comes from something that changed",
        advice=_advice(new, settings) + _since_the_deployment(new, settings),
    )


def _none_grew(judge: Judge, grown: list[FailurePattern], found: FailurePatterns, settings: Settings) -> None:
    weekly = settings.weekly
    judge.requires(
        not grown,
        lambda: listed(
            f"grown: {_title(one)}: {_figures(one, found)}, {one.before} in the {weekly.days} days before, "
            f"{_seen(one)}"
            for one in grown
        ),
        expected=f"less than {weekly.pattern_factor:g} times as many entries as before, or fewer than "
        f"{weekly.pattern_entries}",
        why="each entry is a customer's message without an answer, and this failure becomes more frequent",
        advice=_advice(grown, settings),
    )


def _comparable(found: FailurePatterns, settings: Settings) -> bool:
    began = found.recorded_since
    weekly = settings.weekly
    return began is not None and began <= found.before_since and weekly.retention_days >= 2 * weekly.days


def _cannot_compare(
    judge: Judge, unclear: list[FailurePattern], found: FailurePatterns, settings: Settings
) -> None:
    """Report patterns of which it is not known whether they are new."""
    days, retention = settings.weekly.days, settings.weekly.retention_days
    patterns = listed((f"{_title(one)}: {_figures(one, found)}" for one in unclear), 3)
    if _comparable(found, settings):
        reason = (
            f"{_about(found)}{counted(found.ungrouped_before, *ENTRIES)} of the {days} days before have messages "
        )
        judge.cannot_tell(f"{reason}that are too different to be grouped, so that {patterns} may be new or not")
    elif retention < 2 * days:
        judge.cannot_tell(
            f"entries are archived after {retention} days, so that the {days} days before cannot be compared: "
            f"{patterns}",
            f"weekly.retention_days of {2 * days} or more",
        )
    else:
        began = found.recorded_since or found.read_at
        judge.cannot_tell(
            f"the oldest entry or pass is of {clock(began)}, so that the {days} days before cannot be compared: "
            f"{patterns}",
            f"a run after {clock(began + timedelta(days=2 * days))}",
        )


def _title(one: FailurePattern) -> str:
    return f"[{one.fingerprint}] {one.pattern}"


def _figures(one: FailurePattern, found: FailurePatterns) -> str:
    return f"{_about(found)}{one.count} of {counted(found.total, *ENTRIES)} ({found.share(one):.1f} %)"


def _seen(one: FailurePattern) -> str:
    """Return services, times and the example."""
    example = f", for example: {one.example}" if one.example and one.example != one.pattern else ""
    sources = f" in {', '.join(one.sources)}" if one.sources else ""
    return f"{_services(one)}{sources}, first {clock(one.first)}, last {clock(one.last)}{example}"


def _services(one: FailurePattern) -> str:
    more = f" and {one.further_services} more" if one.further_services else ""
    return ", ".join(one.services) + more


def _about(found: FailurePatterns) -> str:
    return "about " if found.one_of > 1 else ""


def _advice(patterns: list[FailurePattern], settings: Settings) -> Advice:
    """Return what shows the failures by cause, in each table that has them."""
    sources = {source for one in patterns for source in one.sources}
    tables = [one for one in dead_letters(settings) if not sources or one.table in sources]
    commands = (LOOK.filled({**words(one, settings), "days": settings.weekly.days}) for one in tables)
    services = sorted({service for one in patterns for service in one.services})
    return together(commands) + f"read the logs of {', '.join(services)} at these times"


def _since_the_deployment(new: list[FailurePattern], settings: Settings) -> str:
    """Return how soon after the deployment the failures began; empty if they did not."""
    deployed = settings.deployed_at
    after = [one.first - deployed for one in new if deployed is not None and one.first >= deployed]
    if not after:
        return ""
    return f"the first came {duration(min(after))} after the deployment: roll it back if it caused them"
