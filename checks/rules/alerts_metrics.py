"""Rules of check 8: an alert rule is evaluated, and its metrics exist."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Judge
from fixtures.alerting.model import Alerting, RuleFacts, ScrapeTarget, Selector
from fixtures.wording import ago, clock, duration, listed

QUIET = "without its metrics a rule stays quiet, whatever happens"

FEWEST_STALE_SECONDS = 120.0
MISSED_EVALUATIONS = 3
"""Evaluations in a row that may be missing."""


def is_evaluated(judge: Judge, rule: RuleFacts, alerting: Alerting) -> bool:
    """Require that the rule is not paused, is healthy, and was evaluated lately."""
    if not judge.requires(
        not rule.paused,
        f"alert rule {rule.name} is paused",
        why="it is not evaluated, so that it never fires",
        advice=f"resume {rule.name}",
    ):
        return False
    said = f": {rule.last_error}" if rule.last_error else f" (health {rule.health})"
    if not judge.requires(
        rule.health.lower() not in ("err", "error", "nodata"),
        f"alert rule {rule.name} cannot be evaluated{said}",
        expected="health ok",
        why="a rule with an error never fires",
        advice=f"run the query of {rule.name} by hand and repair it",
    ):
        return False
    if rule.last_evaluation is None:
        judge.fails(
            f"alert rule {rule.name} was never evaluated",
            expected="an evaluation within its interval",
            why="it cannot fire",
            advice="look whether the service has just started; if so, run the check again after a minute",
        )
        return False
    return _was_evaluated_lately(judge, rule, alerting)


def _was_evaluated_lately(judge: Judge, rule: RuleFacts, alerting: Alerting) -> bool:
    now = alerting.server_time or alerting.read_at
    assert rule.last_evaluation is not None
    if now is None:
        return True
    interval = rule.interval_seconds or 60.0
    longest = max(MISSED_EVALUATIONS * interval, FEWEST_STALE_SECONDS)
    return judge.requires(
        now - rule.last_evaluation <= timedelta(seconds=longest),
        lambda: (
            f"alert rule {rule.name} was last evaluated {ago(now, rule.last_evaluation or now)}, at "
            f"{clock(rule.last_evaluation)}"
        ),
        expected=f"every {duration(timedelta(seconds=interval))}",
        why="what happened since then fires no alert",
        advice="look at the load and the log of the service that evaluates the rules",
    )


def has_its_metrics(judge: Judge, rule: RuleFacts, alerting: Alerting) -> bool:
    """Require that every metric of the rule has series; a target that is down is named as their cause."""
    missing = [one for one in rule.selectors if _is_missing(one)]
    lost = [
        one for one in rule.selectors if one.of_metric and one.unmatched and not one.series and not one.may_lack
    ]
    down = _down(rule, alerting)
    if not missing and not lost:
        judge.holds()
        _report(judge, rule, down)
        return True
    if down:
        judge.fails(
            f"the exporter is down: {listed(map(_in_words, down), most=3)}",
            expected="every target of the alerts' metrics up",
            why=f"its metrics are missing: {QUIET}",
            advice="start the exporter, and look at its log",
        )
        judge.finds(f"{rule.name} has no series of {_names(missing or lost)}")
        return False
    if missing:
        _fail_missing(judge, rule, missing)
    else:
        conditions = listed(
            (f"{one.metric} has {' and '.join(one.unmatched)}" for one in lost), separator=", nor of "
        )
        judge.fails(
            f"alert rule {rule.name} selects nothing: no series of {conditions}",
            expected="labels that the metric has",
            why=QUIET,
            advice=f"compare the labels in the query of {rule.name} with those of the metric",
        )
    return False


def _fail_missing(judge: Judge, rule: RuleFacts, missing: list[Selector]) -> None:
    nearest = [f"{one.nearest} is similar to {one.metric}" for one in missing if one.nearest]
    also = f" ({listed(dict.fromkeys(nearest), separator=', ')})" if nearest else ""
    judge.fails(
        f"alert rule {rule.name} reads {_names(missing)}, of which there is no series{also}",
        expected="series of every metric in its query",
        why=QUIET,
        advice="correct the name in the query if the metric was renamed; else look at the exporter's log: it may "
        "not reach the database, or its role may not read a table",
    )


def _is_missing(selector: Selector) -> bool:
    return selector.of_metric == 0 and not selector.may_lack


def _down(rule: RuleFacts, alerting: Alerting) -> list[ScrapeTarget]:
    """Targets that are down: of the jobs that gave the rule's metrics, else any."""
    jobs = {job for one in rule.selectors for job in one.jobs}
    down = [one for one in alerting.targets if one.health == "down"]
    return [one for one in down if one.job in jobs] or ([] if jobs else down)


def _report(judge: Judge, rule: RuleFacts, down: list[ScrapeTarget]) -> None:
    """Report what is no fault: one of several targets is down, or a value of a label did not occur yet."""
    jobs = {job for one in rule.selectors for job in one.jobs}
    others = [one for one in down if one.job in jobs]
    if others:
        judge.finds(f"one of several targets is down: {listed(map(_in_words, others), most=3)}")
    quiet = [one.text for one in rule.selectors if one.series == 0 and one.of_metric]
    if quiet:
        judge.finds(f"no series yet of {listed(quiet, separator=', ')}, though the metric has others")


def _names(selectors: list[Selector]) -> str:
    return listed(dict.fromkeys(one.metric for one in selectors), separator=", ")


def _in_words(target: ScrapeTarget) -> str:
    error = f": {target.last_error}" if target.last_error else ""
    return f"target {target.address} of job {target.job or 'unknown'}{error}"
