"""Rules of check 11: no circuit breaker is stuck, by its events and by what the health endpoint says."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.words import ago, clock, counted, duration
from fixtures.breakers import CLOSED, STATES, CircuitBreakers, RecordedBreaker, ReportedBreaker
from fixtures.settings.model import Settings
from reports.outcome import CheckFailed, CouldNotLook, Gap, Status, Violation

WHY = "while it is not closed, messages that need this service fail or wait in the DLQ"
ADVICE = (
    "look at the service behind the breaker; if it is well again, redeploy the function that holds the breaker"
)


def something_tells(judge: Judge, breakers: CircuitBreakers) -> bool:
    """Require a source that names a breaker; say whether there is one.

    Raises:
        CouldNotLook: no source tells, and one of them could not be reached.
        CheckFailed: no source tells, and the table is not what it should be.
    """
    if breakers.recorded or breakers.reported:
        return True
    recorded = breakers.recorded_gap or Gap(Status.UNPROVEN, "no circuit breaker event is recorded")
    reported = breakers.reported_gap or Gap(Status.UNPROVEN, "the health endpoint was not asked")
    reason = f"{reported.reason}; {recorded.reason}"
    proof = "; ".join(gap.advice for gap in (reported, recorded) if gap.advice)
    if recorded.status is Status.FAILED:
        raise CheckFailed(Violation(recorded.reason, advice=recorded.advice))
    if Status.ERROR in (recorded.status, reported.status):
        raise CouldNotLook(reason, proof)
    judge.cannot_tell(reason, proof or "circuitBreakers in the health answer, or events in circuit_breaker_events")
    return False


def events_can_be_ordered(judge: Judge, breakers: CircuitBreakers) -> None:
    """Require events with times that say which state is the latest."""
    judge.requires(
        not breakers.future,
        f"{counted(breakers.future, 'row')} of circuit_breaker_events dated in the future",
        expected="nothing later than the database's clock",
        why="an event from the future hides the state that a breaker has now",
        advice="find what writes created_at with another clock",
    )
    judge.requires(
        not breakers.undated,
        f"{counted(breakers.undated, 'row')} of circuit_breaker_events without created_at",
        expected="each event has a time",
        why="which state is the latest cannot be told",
        advice="find what writes events without created_at",
    )


def recorded_breakers_are_closed(judge: Judge, breakers: CircuitBreakers, settings: Settings) -> None:
    """Require of each breaker's events that it is closed, or ceased to be not too long ago."""
    for breaker in breakers.recorded:
        judge.requires(
            breaker.state in STATES,
            f"the latest event of breaker {breaker.service} has state {breaker.state}",
            expected=" or ".join(STATES),
            why="whether it lets requests through cannot be told",
            advice="find what writes circuit_breaker_events",
        )
        if breaker.state in STATES:
            _is_not_stuck(judge, breaker, breakers, settings)
        if breaker.openings > settings.thresholds.breaker_openings_per_hour:
            judge.finds(
                f"breaker {breaker.service} flaps: it opened {breaker.openings} times within an hour of the last "
                f"day (more than {settings.thresholds.breaker_openings_per_hour})"
            )


def _is_not_stuck(judge: Judge, breaker: RecordedBreaker, breakers: CircuitBreakers, settings: Settings) -> None:
    allowed = timedelta(seconds=settings.windows.breaker_open_seconds)
    since, now = breaker.open_since, breakers.read_at
    if since is None or now is None:
        judge.requires(breaker.state == CLOSED, f"breaker {breaker.service} is {breaker.state}")
        return
    contradiction = next((other for other in breakers.reported if other.service == breaker.service), None)
    but = "" if contradiction is None or contradiction.last != CLOSED else ", though its health says CLOSED"
    judge.requires(
        now - since <= allowed,
        f"breaker {breaker.service} is {breaker.state} and has not been closed since {clock(since)}, "
        f"{duration(now - since)}{but}",
        expected=f"CLOSED again within {duration(allowed)}",
        why=WHY,
        advice=ADVICE,
    )
    if now - since <= allowed:
        judge.cannot_tell(
            f"breaker {breaker.service} is {breaker.state} since {clock(since)}, too short to call it stuck",
            f"run the check again after {duration(allowed)}",
        )


def reported_breakers_are_closed(judge: Judge, breakers: CircuitBreakers) -> None:
    """Require that the health endpoint called each breaker closed, at once or after a wait."""
    for breaker in breakers.reported:
        known = breaker.last in STATES
        judge.requires(
            breaker.last == CLOSED,
            _state_in_words(breaker, breakers) if known else _unknown_state(breaker),
            expected=CLOSED if known else f"one of {', '.join(STATES)}",
            why=WHY if known else "whether it lets requests through cannot be told",
            advice=ADVICE,
        )
        if breaker.last == CLOSED and breaker.first != CLOSED:
            judge.finds(
                f"breaker {breaker.service} was {breaker.first} at first and closed within "
                f"{breakers.waited_seconds:g} s"
            )


def _state_in_words(breaker: ReportedBreaker, breakers: CircuitBreakers) -> str:
    return (
        f"breaker {breaker.service} is {breaker.last} by the health endpoint"
        f"{'' if breaker.first == breaker.last else f' (at first {breaker.first})'}, "
        f"and did not close within {breakers.waited_seconds:g} s"
    )


def _unknown_state(breaker: ReportedBreaker) -> str:
    return f"the health endpoint gives breaker {breaker.service} the state {breaker.last}"


def by_service(breakers: CircuitBreakers) -> list[dict[str, Cell]]:
    """What both sources say of each breaker, for the report."""
    recorded = {breaker.service: breaker for breaker in breakers.recorded}
    reported = {breaker.service: breaker for breaker in breakers.reported}
    rows: list[dict[str, Cell]] = []
    for service in sorted(recorded.keys() | reported.keys()):
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
