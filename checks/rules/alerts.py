"""Rules of check 8 and step 4.6: an alert's rule exists, is right, is evaluated, and reaches somebody."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Cell, Judge
from checks.rules.alerts_definition import has_its_severity, has_its_threshold
from checks.rules.alerts_metrics import has_its_metrics, is_evaluated
from checks.rules.alerts_way import in_words, reaches_somebody
from fixtures.alerting.model import AlertEvidence, Alerting, RuleFacts
from fixtures.outcome import CouldNotLook, Gap, Status
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert
from fixtures.wording import ago, counted, duration, in_toml, listed

EXAMPLE = "docs/monitoring.md has the rules as a file"
IN_GRAFANA = "create the rule in Grafana: docs/monitoring.md has its query, its threshold and its labels"
REPAIR_RELOAD = (
    "look at Prometheus's log for the error, check its files with `promtool check config`, and reload it"
)


def triggers(judge: Judge, alert: Alert, alerting: Alerting, settings: Settings) -> Gap | None:
    """Require everything that must hold for an alert to fire when it should, and to reach somebody.

    Returns:
        Why a part could not be looked at, for :func:`was_looked_at`.

    Raises:
        CouldNotLook: the rule may be in a service that did not answer.
    """
    rule = its_rule(judge, alert, alerting, settings)
    if rule is None:
        return None
    evidence = alerting.alerts[alert.name]
    _report(judge, rule, evidence, alerting)
    _has_reloaded(judge, evidence, alerting)
    has_its_severity(judge, alert, rule)
    has_its_threshold(judge, alert, rule, settings)
    if is_evaluated(judge, rule, alerting):
        has_its_metrics(judge, rule, alerting)
    _report_gaps(judge, alerting)
    gaps = [None if rule.selectors else alerting.gaps.get("metrics")]
    gaps.append(reaches_somebody(judge, alert, evidence, alerting))
    for gap in filter(None, gaps):
        if gap.status is Status.ERROR:
            return gap
        if all(doubt.reason != gap.reason for doubt in judge.doubts):
            judge.lacks(gap)
    return None


def was_looked_at(judge: Judge, gap: Gap | None) -> None:
    """Require that every part could be looked at; call it last, because a violation outranks it.

    Raises:
        CouldNotLook: nothing is violated, and a service that decides did not answer.
    """
    if gap is not None and not judge.violations:
        raise CouldNotLook(gap.reason, gap.advice, gap.cause)


def is_set(judge: Judge, alert: Alert, alerting: Alerting, settings: Settings) -> None:
    """Require threshold, waiting time and severity of an alert's rule."""
    rule = its_rule(judge, alert, alerting, settings)
    if rule is None:
        return
    _report(judge, rule, alerting.alerts[alert.name], alerting)
    has_its_severity(judge, alert, rule)
    has_its_threshold(judge, alert, rule, settings)


def can_be_compared(alert: Alert, alerting: Alerting, settings: Settings) -> RuleFacts | None:
    """Return the rule of an alert whose state can be compared; None if :func:`triggers` says why not."""
    scratch = Judge()
    try:
        rule = its_rule(scratch, alert, alerting, settings)
        if rule is None:
            return None
        _has_reloaded(scratch, alerting.alerts[alert.name], alerting)
        has_its_threshold(scratch, alert, rule, settings)
        if is_evaluated(scratch, rule, alerting):
            has_its_metrics(scratch, rule, alerting)
    except CouldNotLook:
        return None
    return None if scratch.violations else rule


def its_rule(judge: Judge, alert: Alert, alerting: Alerting, settings: Settings) -> RuleFacts | None:
    """Return the rule of an alert; of several with its name, the one that fits best.

    Raises:
        CouldNotLook: it may be in a service that did not answer.
    """
    evidence = alerting.alerts.get(alert.name, AlertEvidence())
    if not evidence.rules:
        _fails_without_rule(judge, alert, evidence, alerting)
        return None
    if len(evidence.rules) > 1:
        judge.finds(
            f"{counted(len(evidence.rules), 'rule')} have the name {alert.rule}; judged is the one that fits best"
        )

    def misfits(rule: RuleFacts) -> tuple[int, bool]:
        scratch = Judge()
        has_its_severity(scratch, alert, rule)
        has_its_threshold(scratch, alert, rule, settings)
        return len(scratch.violations), rule.severity != alert.severity

    return min(evidence.rules, key=misfits)


def _fails_without_rule(judge: Judge, alert: Alert, evidence: AlertEvidence, alerting: Alerting) -> None:
    """Record why there is no rule; where one cause explains every missing rule, in the same words for each."""
    source = alerting.sources[0].name if alerting.sources else "the monitoring"
    if (gap := evidence.elsewhere) is not None:
        if gap.status is Status.ERROR:
            raise CouldNotLook(gap.reason, gap.advice, gap.cause)
        judge.cannot_tell(f"{source} has no alert rule {alert.rule}, and {gap.reason}", gap.advice, gap.cause)
    elif alerting.last_reload_ok is False:
        _has_reloaded(judge, evidence, alerting)
        judge.finds(f"no alert rule {alert.rule} is loaded")
    elif not alerting.rules_total:
        judge.fails(
            f"{source} has no alert rule at all{evidence.scope}",
            expected="the alert rules of the checklist",
            why="whatever happens, nobody is told",
            advice=IN_GRAFANA if evidence.scope else f"load the rules: {EXAMPLE}",
        )
    else:
        similar = f"; the most similar one is {evidence.nearest}" if evidence.nearest else ""
        judge.fails(
            f"{source} has no alert rule {alert.rule} among {counted(alerting.rules_total, 'rule')}{similar}"
            f"{evidence.scope}",
            expected="an alert rule of that name",
            why="what it should notice is noticed by nobody",
            advice=_naming(alert, evidence.nearest)
            + (IN_GRAFANA if evidence.scope else f"load the rule: {EXAMPLE}"),
        )


def _naming(alert: Alert, nearest: str) -> str:
    if not nearest:
        return ""
    return f"if it is this rule, set rule = {in_toml(nearest)} for alert {alert.name} in deployment.toml; else "


def _has_reloaded(judge: Judge, evidence: AlertEvidence, alerting: Alerting) -> None:
    if evidence.source and evidence.source != alerting.sources[0].name:
        return
    judge.requires(
        alerting.last_reload_ok is not False,
        "the last configuration reload of Prometheus failed: it goes on with the rules of before",
        expected="a configuration without an error",
        why="rules that were changed or added since then are not in force",
        advice=REPAIR_RELOAD,
    )
    judge.requires(
        alerting.manager_reload_ok is not False,
        "the last configuration reload of Alertmanager failed: it goes on with the routes of before",
        expected="a configuration without an error",
        why="routes and receivers that were changed since then are not in force",
        advice="look at Alertmanager's log for the error, check its file with `amtool check-config`, reload it",
    )


def _report_gaps(judge: Judge, alerting: Alerting) -> None:
    """Report the parts that were not read, and that decide nothing."""
    for note in alerting.notes:
        judge.finds(note)
    for part in ("reload", "targets", "deliveries"):
        if gap := alerting.gaps.get(part):
            judge.finds(f"not looked at: {gap.reason}")


def _report(judge: Judge, rule: RuleFacts, evidence: AlertEvidence, alerting: Alerting) -> None:
    judge.finds(f"by {listed(map(str, alerting.sources), separator=' and ')}")
    now = alerting.server_time or alerting.read_at
    evaluated = ""
    if now is not None and rule.last_evaluation is not None:
        # The service gives its time in whole seconds.
        evaluated = f", evaluated {ago(max(now, rule.last_evaluation), rule.last_evaluation)}"
    value = "" if rule.value is None else f"; its value is {rule.value:g}"
    judge.finds(f"{rule.name} is {rule.state}{evaluated}{value}")
    judge.finds(f"{rule.name} reaches {in_words(evidence.route)}")


def as_rows(alert: Alert, alerting: Alerting) -> list[dict[str, Cell]]:
    """Rows for the report: the rules of an alert."""
    evidence = alerting.alerts.get(alert.name, AlertEvidence())
    return [
        {
            "rule": rule.name,
            "query": rule.expression,
            "for": None if rule.for_seconds is None else duration(timedelta(seconds=rule.for_seconds)),
            "severity": rule.severity or None,
            "state": rule.state,
            "receivers": in_words(evidence.route),
        }
        for rule in evidence.rules
    ]
