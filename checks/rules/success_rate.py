"""Rules of check 5: the share of messages that were served, with its uncertainty and the worst service."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import sqrt
from statistics import NormalDist

from checks.judge import Judge
from checks.rules.dates import not_in_the_future
from fixtures.database.sources import DONE
from fixtures.database.success_rate import SuccessRate
from fixtures.settings.model import Settings
from fixtures.settings.naming import column_name, dead_letters, table_name
from fixtures.wording import clock, counted

Z_95 = NormalDist().inv_cdf(0.975)


def wilson_interval(succeeded: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a rate after Wilson, as fractions between 0 and 1.

    Raises:
        ZeroDivisionError: there was nothing to take a rate of.
    """
    rate = succeeded / total
    square = Z_95**2
    centre = (rate + square / (2 * total)) / (1 + square / total)
    half = Z_95 / (1 + square / total) * sqrt(rate * (1 - rate) / total + square / (4 * total**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def percent(part: int, whole: int) -> str:
    """A share in percent that is never rounded up to a threshold: cut after three decimals."""
    thousandths = 100_000 * part // whole
    return f"{thousandths / 1000:.3f}".rstrip("0").rstrip(".") + " %"


def rate_is_above_threshold(judge: Judge, traffic: SuccessRate, settings: Settings) -> None:
    """Require more than the threshold's share to have succeeded, compared without rounding."""
    total, succeeded = traffic.total, traffic.succeeded
    if not total:
        judge.cannot_tell(
            f"no message between {clock(traffic.since)} and {clock(traffic.until)}",
            "traffic: a message that is older than the grace",
        )
        return
    threshold = settings.thresholds.success_rate_percent
    tables = " and ".join(one.table for one in dead_letters(settings))
    low, high = (f"{100 * bound:.2f}" for bound in wilson_interval(succeeded, total))
    rate = percent(succeeded, total)
    failures = worst_first(traffic)
    worst = f"; worst: {failures[0][0]}, {counted(failures[0][1], 'message')}" if failures else ""
    alarming = Fraction(100 * (total - succeeded), total) > Fraction(settings.thresholds.error_rate_alert_percent)
    figures = (
        f"{succeeded} of {counted(total, 'message')} succeeded, {rate} (95 % interval {low} to {high} %){worst}"
    )
    judge.finds(figures)
    judge.requires(
        Fraction(100 * succeeded, total) > Fraction(threshold),
        figures + ("; this error rate is worth an alert" if alarming else ""),
        expected=f"more than {threshold:g} % within the last hour",
        why="each message that failed is a customer without an answer",
        advice=f"look at the newest rows of {tables} by error_type and service; if it began with the "
        "deployment, deploy the functions of the release before",
    )


def worst_first(traffic: SuccessRate) -> list[tuple[str, int]]:
    """Services with their number of failures, worst first."""
    failures: Counter[str] = Counter()
    for count in traffic.counts:
        if not count.succeeded:
            failures[count.service] += count.count
    return failures.most_common()


def clock_is_right(judge: Judge, traffic: SuccessRate, settings: Settings) -> None:
    """Require that no message is dated in the future, where no window counts it."""
    not_in_the_future(
        judge,
        table_name(settings, DONE),
        traffic.in_future,
        settings.windows.clock_tolerance_seconds,
        written=column_name(settings, DONE, "created_at"),
    )


def failures_can_be_seen(judge: Judge, traffic: SuccessRate, settings: Settings) -> None:
    """Report where only the DLQ shows failures: the settings say that a recorded message counts as processed."""
    if traffic.row_means_processed:
        judge.finds(
            f"{table_name(settings, DONE)} has no column for processed, so that each row counts as a success: "
            "only failures in the DLQ are seen"
        )
