"""Rules of check 11: no circuit breaker is stuck, according to its events and to the health endpoint."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.dates import not_in_the_future
from fixtures.advice import together
from fixtures.breakers.model import TABLE, CircuitBreakers, RecordedBreaker, ReportedBreaker
from fixtures.breakers.states import CLOSED, STATES, is_closed, known
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.settings.model import Settings
from fixtures.wording import ago, clock, counted, duration, listed

WHY = "until it closes, messages that need this service fail or wait in the DLQ"
ADVICE = "check the service behind the breaker; if the service works, redeploy the function that holds the breaker"
UNKNOWN = "it is not known whether the breaker lets requests through"


def a_source_names_breakers(judge: Judge, breakers: CircuitBreakers) -> None:
    """Require that a source names a breaker, and that the events are readable; call it last.

    Raises:
        CouldNotLook: no violation was found, and a source that decides could not be reached.
    """
    recorded = breakers.recorded_gap or Gap(Status.UNPROVEN, "no circuit breaker event is recorded")
    reported = breakers.reported_gap or Gap(Status.UNPROVEN, "the health endpoint was not asked")
    judge.requires(
        recorded.status is not Status.FAILED,
        recorded.reason,
        expected=f"{TABLE} with the columns of the contract, or no such table",
        why="the recorded states of the breakers cannot be read",
        advice=recorded.advice,
    )
    if breakers.recorded or breakers.reported:
        _report_gaps(judge, breakers)
        return
    if reported.cause and recorded.cause:
        for gap in (reported, recorded):
            judge.lacks(gap)
        return
    reason = f"{reported.reason}; {recorded.reason}"
    proof = together(gap.advice for gap in (reported, recorded))
    if Status.ERROR in (recorded.status, reported.status) and not judge.violations:
        raise CouldNotLook(reason, proof)
    judge.cannot_tell(reason, proof or f"circuitBreakers in the health answer, or events in {TABLE}")


def _report_gaps(judge: Judge, breakers: CircuitBreakers) -> None:
    """Report why a source gave no breakers; hidden events leave the check unproven."""
    gap = breakers.recorded_gap
    if breakers.reported_gap is not None:
        judge.finds(f"judged by the events alone: {breakers.reported_gap.reason}")
    if gap is None or gap.status in (Status.NOT_APPLICABLE, Status.FAILED):
        return
    if not breakers.database_named:
        judge.finds(f"judged by the health endpoint alone: {gap.reason}")
        return
    if gap.status is Status.ERROR and not judge.violations:
        raise CouldNotLook(gap.reason, gap.advice, gap.cause)
    judge.cannot_tell(f"{gap.reason}, so the breakers' events in {TABLE} were not seen", gap.advice, gap.cause)


def events_can_be_ordered(judge: Judge, breakers: CircuitBreakers, settings: Settings) -> None:
    """Require that each event has a time: it decides which state is the latest."""
    not_in_the_future(judge, TABLE, breakers.future, settings.windows.clock_tolerance_seconds)
    judge.requires(
        not breakers.undated,
        lambda: (
            f"{counted(breakers.undated, 'row')} of {TABLE} without a time, or dated long before the deployment"
        ),
        expected="each event has a time",
        why="the latest state of the breaker is not known",
        advice=f"find what writes {TABLE} without created_at",
    )


def recorded_breakers_are_closed(judge: Judge, breakers: CircuitBreakers, settings: Settings) -> None:
    """Require each breaker to be closed by its latest event, or open only briefly."""
    allowed = timedelta(seconds=settings.windows.breaker_open_seconds)
    not_closed = [one for one in breakers.recorded if known(one.state) and not is_closed(one.state)]
    stuck = [one for one in not_closed if _lasting(one, breakers) > allowed]
    unknown = [one for one in breakers.recorded if not known(one.state)]
    judge.requires(
        not unknown,
        lambda: listed(f"the latest event of breaker {one.service} has {_in_words(one.state)}" for one in unknown),
        expected=" or ".join(STATES),
        why=UNKNOWN,
        advice=f"find what writes {TABLE}",
    )
    judge.requires(
        not stuck,
        lambda: listed(_stuck_in_words(one, breakers) for one in stuck),
        expected=f"CLOSED again within {duration(allowed)}",
        why=WHY,
        advice=ADVICE,
    )
    lately = [one for one in not_closed if one not in stuck]
    if lately:
        texts = (
            f"breaker {one.service} is {one.state}, not closed since {clock(one.open_since)}" for one in lately
        )
        judge.cannot_tell(
            f"{listed(texts)}; it counts as stuck after {duration(allowed)}",
            f"run the check again after {duration(allowed)}",
        )
    _report_flapping(judge, breakers, settings)


def _lasting(one: RecordedBreaker, breakers: CircuitBreakers) -> timedelta:
    """How long a breaker has not been closed."""
    assert breakers.read_at is not None
    return breakers.read_at - (one.open_since or one.at)


def _stuck_in_words(one: RecordedBreaker, breakers: CircuitBreakers) -> str:
    health = next((other for other in breakers.reported if other.service == one.service), None)
    but = ", though its health says CLOSED" if health is not None and is_closed(health.last) else ""
    return (
        f"breaker {one.service} is {one.state} and has not been closed since {clock(one.open_since or one.at)}, "
        f"{duration(_lasting(one, breakers))}{but}"
    )


def _report_flapping(judge: Judge, breakers: CircuitBreakers, settings: Settings) -> None:
    most = settings.thresholds.breaker_openings_per_hour
    flapping = [one for one in breakers.recorded if one.openings > most]
    if breakers.unlisted:
        judge.finds(f"with events, but not listed: {counted(breakers.unlisted, 'further breaker')}")
    if flapping:
        texts = (f"breaker {one.service} flaps: it opened {one.openings} times" for one in flapping)
        judge.finds(f"{listed(texts)} within an hour of the last day (more than {most})")


def reported_breakers_are_closed(judge: Judge, breakers: CircuitBreakers) -> None:
    """Require that the health endpoint reports each breaker closed, at once or after a wait."""
    waited = f"{breakers.waited_seconds:g} s"
    unknown = [one for one in breakers.reported if not known(one.last)]
    stuck = [one for one in breakers.reported if known(one.last) and not is_closed(one.last)]
    closed = [one for one in breakers.reported if is_closed(one.last) and not is_closed(one.first)]
    judge.requires(
        not stuck,
        lambda: f"{listed(_state_in_words(one) for one in stuck)}, and did not close within {waited}",
        expected=CLOSED,
        why=WHY,
        advice=ADVICE,
    )
    judge.requires(
        not unknown,
        lambda: listed(
            f"the health endpoint reports {_in_words(one.last)} for breaker {one.service}" for one in unknown
        ),
        expected=f"one of {', '.join(STATES)}",
        why=UNKNOWN,
        advice=ADVICE,
    )
    if closed:
        texts = (f"breaker {one.service} was {one.first} at first" for one in closed)
        judge.finds(f"{listed(texts)} and closed within {waited}")


def _state_in_words(breaker: ReportedBreaker) -> str:
    before = "" if breaker.first == breaker.last else f" (at first {breaker.first})"
    return f"breaker {breaker.service} is {breaker.last} by the health endpoint{before}"


def _in_words(state: str | None) -> str:
    return f"the state {state}" if state and state.strip() else "no state"


def by_service(breakers: CircuitBreakers) -> list[dict[str, Cell]]:
    """Rows for the report: each breaker with its state in both sources, those that are not closed first."""
    recorded = {breaker.service: breaker for breaker in breakers.recorded}
    reported = {breaker.service: breaker for breaker in breakers.reported}
    rows: list[dict[str, Cell]] = []

    def place(service: str) -> tuple[bool, str]:
        event, health = recorded.get(service), reported.get(service)
        return (event is None or is_closed(event.state)) and (health is None or is_closed(health.last)), service

    for service in sorted(recorded.keys() | reported.keys(), key=place):
        event, health = recorded.get(service), reported.get(service)
        rows.append(
            {
                "breaker": service,
                "health endpoint": health.last if health else None,
                "latest event": event.state if event else None,
                "since": ago(breakers.read_at, event.at) if event and breakers.read_at else None,
                "most openings in an hour": event.openings if event else None,
            }
        )
    return rows
