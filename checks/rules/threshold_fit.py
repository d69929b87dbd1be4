"""Rules of check 18: the thresholds of the alerts fit the values of the last week."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from checks.rules.success_rate import percent
from fixtures.database.contract import LOG
from fixtures.database.sources import DONE
from fixtures.database.threshold_replay import BacklogOfTheWeek, SilenceOfTheWeek
from fixtures.outcome import Gap
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, dead_letters, table_name
from fixtures.thresholds.assessment import FEWEST_EVENTS, Assessment, assess, assess_settings
from fixtures.thresholds.firing import firings
from fixtures.thresholds.measures import (
    ERROR_RATE,
    PENDING,
    SILENCE,
    WHAT,
    as_setting,
    rules_on,
    shown,
    threshold_of,
)
from fixtures.thresholds.series import Series, Week, of, vanished
from fixtures.thresholds.values import FEWEST_MESSAGES
from fixtures.wording import clock, counted, duration

EVENTS = {
    PENDING: ("entry that came", "entries that came"),
    SILENCE: ("completed pass", "completed passes"),
    ERROR_RATE: ("failed message", "failed messages"),
}
"""Measure → what its values are made of, one and many."""

MINUTES_OF_AN_HOUR = 60


def fits(judge: Judge, measure: str, weeks: dict[str, Week | Gap], settings: Settings) -> None:
    """Require that the threshold of a measure is neither too tight nor too loose for the values of the week.

    Raises:
        CheckFailed, Unproven, CouldNotLook: what the gap in the place of the values says.
    """
    week = weeks[measure]
    if isinstance(week, Gap):
        week.raise_as_outcome()
    judge.draws("thresholds")
    _is_dated_right(judge, measure, week, settings)
    series = of(week)
    if not _can_be_judged(judge, series, week, settings):
        return
    assessment = assess_settings(series, settings)
    _show(judge, assessment, settings)
    _say_what_is_not_known(judge, series, week, settings)
    _is_not_too_tight(judge, assessment, settings)
    _is_not_too_loose(judge, assessment, settings)


def _is_dated_right(judge: Judge, measure: str, week: Week, settings: Settings) -> None:
    tolerance = settings.windows.clock_tolerance_seconds
    if measure == PENDING:
        source = " and ".join(one.table for one in dead_letters(settings))
        not_in_the_future(judge, source, week.future, tolerance, noun=("entry", "entries"))
        return
    table, column = (LOG, "processed_at") if measure == SILENCE else (DONE, "created_at")
    written = column_name(settings, table, column)
    not_in_the_future(judge, table_name(settings, table), week.future, tolerance, written=written)


def _can_be_judged(judge: Judge, series: Series, week: Week, settings: Settings) -> bool:
    """Whether there are enough values to compare with; if not, say what is missing."""
    what, proof = _nothing(series, week, settings)
    if not what and series.is_short:
        began = duration(timedelta(minutes=len(series.values)))
        what = f"the {WHAT[series.measure]} is known for {began} only, since {clock(series.since)}"
        proof = "a day of data"
    if what:
        judge.cannot_tell(what, proof)
    return not what


def _nothing(series: Series, week: Week, settings: Settings) -> tuple[str, str]:
    """Return why there is no value, and what would prove the check; empty texts if there are values."""
    since = f"since {clock(week.since)}"
    if isinstance(week, BacklogOfTheWeek):
        known = series.events > 0 or series.highest > 0
        return ("", "") if known else (_no_entry(week, since, settings), "entries that are kept for a week")
    if isinstance(week, SilenceOfTheWeek):
        known = week.completed > 0 or week.last_before is not None
        log = table_name(settings, LOG)
        return ("", "") if known else (f"{log} has {_no_pass(week)} {since}", f"completed rows in {log}")
    if series.ordered:
        return "", ""
    messages = sum(week.messages)
    few = f"{counted(messages, 'message')} came {since}, never {FEWEST_MESSAGES} within five minutes"
    return (few if messages else f"no message came {since}"), f"{FEWEST_MESSAGES} messages within five minutes"


def _no_entry(week: BacklogOfTheWeek, since: str, settings: Settings) -> str:
    tables = " and ".join(one.table for one in dead_letters(settings))
    gone = vanished(week)
    why = (
        f"though passes reprocessed {gone} by their log: they were archived or deleted"
        if gone
        else "so that the usual backlog is not known"
    )
    return f"{tables} has no entry of the time {since}, {why}"


def _no_pass(week: SilenceOfTheWeek) -> str:
    others = [
        counted(number, *nouns)
        for number, nouns in (
            (week.triggered, ("row of the schedule", "rows of the schedule")),
            (week.failed, ("failed pass", "failed passes")),
        )
        if number
    ]
    return f"no completed pass, only {' and '.join(others)}," if others else "no row"


def _show(judge: Judge, assessment: Assessment, settings: Settings) -> None:
    """Report how the threshold, the proposed one, and those of one's own would have fired."""
    series, proposal = assessment.series, assessment.proposal
    whole = duration(timedelta(minutes=len(series.values)))
    part = f" of {_days(series.wanted_minutes)}, since {clock(series.since)}" if _is_part(series) else ""
    judge.finds(
        f"{WHAT[series.measure]} by the minute over {whole}{part}: highest {_shown(series, series.highest)}, 99th "
        f"percentile {_shown(series, series.usual)}, {_distance(assessment)}"
    )
    threshold = _shown(series, assessment.fit.threshold)
    judge.finds(f"with the threshold of {threshold} the alert would have fired {_fired(assessment)}")
    rows = [_row("in the settings", assessment)]
    if proposal is not None:
        rows.append(_row("proposed", assess(series, proposal.value, settings)))
    for one in settings.what_if:
        if one.measure == series.measure:
            own = assess(series, one.value, settings)
            rows.append(_row("what if", own))
            judge.finds(f"with {_shown(series, one.value)} it would have fired {_fired(own)}{_fit(own)}")
    judge.shows(f"Thresholds of the {WHAT[series.measure]}", rows)


def _is_part(series: Series) -> bool:
    """Whether the data began more than an hour after the week."""
    return series.wanted_minutes - len(series.values) > MINUTES_OF_AN_HOUR


def _say_what_is_not_known(judge: Judge, series: Series, week: Week, settings: Settings) -> None:
    if isinstance(week, BacklogOfTheWeek):
        hidden = (
            (week.endless, "without a time at which they can have left the backlog"),
            (week.undated, "pending without created_at"),
            (vanished(week), "that passes reprocessed by their log, archived or deleted since"),
        )
        for number, what in hidden:
            if number:
                judge.finds(f"not in the values: {counted(number, 'entry', 'entries')} {what}")
    if series.measure == ERROR_RATE:
        _say_what_few_messages_do(judge, series, settings)
    if series.events < FEWEST_EVENTS:
        judge.finds(
            f"{counted(series.events, *EVENTS[series.measure])}: with fewer than {FEWEST_EVENTS} the highest "
            "value is chance, so that no threshold counts as too loose"
        )


def _say_what_few_messages_do(judge: Judge, series: Series, settings: Settings) -> None:
    """Report how often a rule without a minimum of messages would have fired."""
    known = len(series.ordered)
    judge.finds(
        f"{known} of {len(series.values)} minutes have an error rate, of {FEWEST_MESSAGES} messages or more in "
        "five minutes"
    )
    assessment = assess_settings(series, settings)
    every = firings(series.all_values, assessment.fit.threshold, assessment.fit.waits)
    minutes = sum(firing.minutes for firing in every)
    if minutes > assessment.fit.minutes:
        judge.finds(
            f"a rule without such a minimum would have fired {counted(len(every), 'time')}, for "
            f"{duration(timedelta(minutes=minutes))}"
        )


def _is_not_too_tight(judge: Judge, assessment: Assessment, settings: Settings) -> None:
    series, allowed = assessment.series, settings.weekly.too_tight_percent
    judge.requires(
        not assessment.is_too_tight,
        lambda: (
            f"with the threshold of {_shown(series, assessment.fit.threshold)} the alert would have fired "
            f"{_fired(assessment)}: {_why_so_often(assessment)}"
        ),
        expected=f"an alert that fires for at most {allowed:g} % of the time",
        why="an alert that fires all the time is ignored, also when it matters",
        advice=_advice(assessment, settings),
    )


def _why_so_often(assessment: Assessment) -> str:
    if not assessment.fires_in_incidents_only:
        return "the threshold is too tight"
    times = "these were incidents" if len(assessment.fit.fired) > 1 else "this was an incident"
    return f"the threshold is too tight, or {times}"


def _is_not_too_loose(judge: Judge, assessment: Assessment, settings: Settings) -> None:
    series, factor = assessment.series, settings.weekly.too_loose_factor
    judge.requires(
        not assessment.is_too_loose,
        lambda: (
            f"the threshold of {_shown(series, assessment.fit.threshold)} is too loose: it is more than "
            f"{factor:g} times the highest {WHAT[series.measure]}, {_shown(series, series.highest)}, with "
            f"{counted(series.events, *EVENTS[series.measure])}"
        ),
        expected=f"a threshold of at most {factor:g} times the highest value",
        why="an alert that no incident reaches warns of none",
        advice=_advice(assessment, settings),
    )


def _advice(assessment: Assessment, settings: Settings) -> str:
    measure, proposal = assessment.series.measure, assessment.proposal
    names = rules_on(measure, settings)
    rule = f"alert rule {' and '.join(names)}" if names else "alert rule"
    if proposal is not None:
        line = as_setting(measure, proposal.value)
        return f"set {line} in [thresholds], and the same in {rule}: it is {proposal.reason}"
    if assessment.is_too_tight and assessment.fires_in_incidents_only:
        times = [
            f"{clock(assessment.series.at(one.first))} for {duration(timedelta(minutes=one.minutes))}"
            for one in assessment.incidents
        ]
        return (
            f"look at what happened from {' and from '.join(times)}: if these were incidents, repair their cause "
            f"and leave the threshold as it is; if this is usual, raise it in [thresholds] and in {rule}"
        )
    return f"no round value would fit: look at the chart, and choose a threshold for [thresholds] and {rule}"


def _fired(assessment: Assessment) -> str:
    fit = assessment.fit
    if fit.longest is None:
        return "0 times"
    text = (
        f"{counted(len(fit.fired), 'time')}, for {duration(timedelta(minutes=fit.minutes))}, "
        f"{percent(fit.minutes, len(fit.values))} of the time"
    )
    longest = fit.longest
    at = clock(assessment.series.at(longest.first))
    return f"{text}; the longest from {at} for {duration(timedelta(minutes=longest.minutes))}"


def _fit(assessment: Assessment) -> str:
    if assessment.is_too_tight:
        return "; too tight"
    return "; too loose" if assessment.is_too_loose else ""


def _distance(assessment: Assessment) -> str:
    """Return how far the threshold is from the 99th percentile."""
    gap = assessment.fit.threshold - assessment.series.usual
    size = _shown(assessment.series, abs(gap))
    if assessment.series.measure == ERROR_RATE:
        size = size.replace("%", "percentage points")
    return f"the threshold {size} {'above' if gap >= 0 else 'below'} it"


def _row(which: str, assessment: Assessment) -> dict[str, Cell]:
    fit, series = assessment.fit, assessment.series
    longest = fit.longest
    return {
        "threshold": _shown(series, fit.threshold),
        "which": which,
        "times fired": len(fit.fired),
        "fired for": duration(timedelta(minutes=fit.minutes)) if fit.minutes else "0 min",
        "of the time": percent(fit.minutes, len(fit.values)),
        "longest": duration(timedelta(minutes=longest.minutes)) if longest else "",
        "99th percentile": _shown(series, series.usual),
        "highest": _shown(series, series.highest),
    }


def _shown(series: Series, value: float) -> str:
    return shown(series.measure, value)


def _days(minutes: int) -> str:
    return duration(timedelta(minutes=minutes))


def in_words(measure: str, settings: Settings) -> str:
    """Return the threshold of a measure for a sentence: ``dlq_pending, 100 entries,``."""
    return f"{measure}, {shown(measure, threshold_of(measure, settings))},"
