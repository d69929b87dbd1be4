"""The threshold of a Grafana-managed rule, wherever it stands: in an expression, in PromQL, or in SQL."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.alerting.grafana_conditions import UNLIMITED_SECONDS, RuleCondition, condition_of_rule
from fixtures.local.stand_ins.grafana_alerting import classic, expression, query, sql, threshold

NUMBERS = (100.0, 900.0, 0.05, 5.0)

DLQ = "max(dlq_pending)"
LAST = expression("B", "reduce", "A", reducer="last")
ERRORS, ALL = 'sum(rate(webhook_requests_total{outcome="error"}[5m]))', "sum(rate(webhook_requests_total[5m]))"
COUNT = "SELECT count(*) FROM webhook_dlq WHERE status = 'pending'"
AGE = "SELECT extract(epoch from now() - max(completed_at)) FROM dlq_processing_log"


def read(*data: dict[str, Any], condition: str = "C") -> RuleCondition:
    """Read the condition of a rule with this data."""
    return condition_of_rule({"data": list(data), "condition": condition}, NUMBERS)


def over_time(ref: str, expr: str) -> dict[str, Any]:
    """A query for a range of time."""
    return query(ref, expr, instant=False, range=True)


UNDERSTOOD: dict[str, tuple[tuple[dict[str, Any], ...], str, float | None, bool, str]] = {
    "threshold of a reduced query": (
        (query("A", DLQ), LAST, threshold("C", "B", "gt", 100)),
        *(">", 100, False, "max(dlq_pending) > 100"),
    ),
    "threshold of a query": (
        (query("A", DLQ), threshold("C", "A", "gte", 101)),
        *(">=", 101, False, "max(dlq_pending) >= 101"),
    ),
    "threshold by $A": ((query("A", DLQ), threshold("C", "${A}", "lt", 3)), "<", 3, False, "max(dlq_pending) < 3"),
    "resampled": (
        (query("A", DLQ), expression("B", "resample", "A", window="1m"), threshold("C", "B", "lte", 3)),
        *("<=", 3, False, "max(dlq_pending) <= 3"),
    ),
    "math that compares": (
        (query("A", DLQ), LAST, expression("C", "math", "$B > 100")),
        *(">", 100, False, "max(dlq_pending) > 100"),
    ),
    "math with a quotient": (
        (query("A", ERRORS), query("B", ALL), expression("C", "math", "${A} / $B > 0.05")),
        *(">", 0.05, False, f"{ERRORS} / {ALL} > 0.05"),
    ),
    "math in percent": (
        (
            query("A", ERRORS),
            query("B", ALL),
            expression("D", "math", "$A / $B * 100"),
            threshold("C", "D", "gt", 5),
        ),
        *(">", 5, True, f"({ERRORS} / {ALL} * 100) > 5"),
    ),
    "math with and": (
        (query("A", ERRORS), query("B", ALL), expression("C", "math", "$A / $B > 0.05 && $B > 1")),
        *(">", 0.05, False, f"{ERRORS} / {ALL} > 0.05  and  {ALL} > 1"),
    ),
    "percent in the query": (
        (query("A", f"100 * {ERRORS} / {ALL}"), threshold("C", "A", "gt", 5)),
        *(">", 5, True, f"(100 * {ERRORS} / {ALL}) > 5"),
    ),
    "minutes in the query": (
        (query("A", "(time() - max(last_success)) / 60"), threshold("C", "A", "gt", 15)),
        *(">", 900, False, "((time() - max(last_success)) / 60) > 15"),
    ),
    "PromQL that compares, as the condition": ((query("C", f"{DLQ} > 100"),), ">", 100, False, f"{DLQ} > 100"),
    "PromQL that compares, over 0": (
        (query("A", f"{DLQ} > 100"), LAST, threshold("C", "B", "gt", 0)),
        *(">", 100, False, f"({DLQ} > 100) > 0"),
    ),
    "PromQL that compares with bool": (
        (query("A", f"{DLQ} > bool 100"), threshold("C", "A", "eq", 1)),
        *(">", 100, False, f"({DLQ} > bool 100) == 1"),
    ),
    "absence": (
        (query("A", "absent_over_time(dlq_passes[15m])"), threshold("C", "A", "gt", 0)),
        *("absent", None, False, "absent_over_time(dlq_passes[15m]) > 0"),
    ),
    "no comparison": ((query("C", DLQ),), "!=", 0, False, DLQ),
    "classic": ((query("A", DLQ), classic("C", ("A", "last", "gt", 100))), ">", 100, False, f"{DLQ} > 100"),
    "two classic conditions": (
        (query("A", DLQ), query("B", "up"), classic("C", ("B", "last", "lt", 1), ("A", "max", "gt", 100))),
        *(">", 100, False, f"(up < 1) and ({DLQ} > 100)"),
    ),
    "outside of a range": (
        (query("A", DLQ), threshold("C", "A", "outside_range", 0, 100)),
        *(">", 100, False, f"{DLQ} > 100"),
    ),
    "outside of a range with two ends": (
        (query("A", DLQ), threshold("C", "A", "outside_range", 5, 100)),
        *("outside_range", 5, False, f"{DLQ} outside_range 5 to 100"),
    ),
    "within a range": (
        (query("A", DLQ), threshold("C", "A", "within_range", 500, 100)),
        *("within_range", 100, False, f"{DLQ} within_range 100 to 500"),
    ),
    "SQL": ((sql("A", COUNT), threshold("C", "A", "gt", 100)), ">", 100, False, f"({COUNT}) > 100"),
    "SQL in percent": (
        (sql("A", "SELECT 100.0 * failed / total FROM rates"), threshold("C", "A", "gt", 5)),
        *(">", 5, True, "(SELECT 100.0 * failed / total FROM rates) > 5"),
    ),
    "SQL with percent in a name": (
        (sql("A", "SELECT error_percent FROM rates"), threshold("C", "A", "gt", 5)),
        *(">", 5, True, "(SELECT error_percent FROM rates) > 5"),
    ),
    "SQL in minutes": (
        (sql("A", AGE.replace(")) FROM", ")) / 60 FROM")), threshold("C", "A", "gt", 15)),
        *(">", 900, False, f"({AGE.replace(')) FROM', ')) / 60 FROM')}) > 15"),
    ),
    "SQL that compares": (
        (sql("A", "SELECT (count(*) > 100)::int FROM webhook_dlq"), threshold("C", "A", "gt", 0)),
        *(">", 100, False, "(SELECT (count(*) > 100)::int FROM webhook_dlq) > 0"),
    ),
    "SQL that filters": (
        (sql("C", "SELECT service, count(*) FROM webhook_dlq GROUP BY 1 HAVING count(*) > 100"),),
        *(">", 100, False, "(SELECT service, count(*) FROM webhook_dlq GROUP BY 1 HAVING count(*) > 100)"),
    ),
    "LogQL": (
        (
            query("A", '{job="x"} |= "error"', datasource={"type": "loki", "uid": "loki"}),
            expression("B", "reduce", "A", reducer="last"),
            threshold("C", "B", "gt", 100),
        ),
        *(">", 100, False, '({job="x"} |= "error") > 100'),
    ),
    "a comment": (
        (query("A", f"{DLQ} # the queue"), threshold("C", "A", "gt", 100)),
        *(">", 100, False, f"({DLQ} # the queue\n) > 100"),
    ),
}


@pytest.mark.parametrize("case", UNDERSTOOD)
def test_condition_is_understood(case: str) -> None:
    """Comparison, number, unit, and the condition in words."""
    data, comparison, number, in_percent, text = UNDERSTOOD[case]
    found = read(*data)
    chosen = found.understood.condition
    assert found.problem == ""
    assert chosen is not None
    assert (chosen.comparison, chosen.in_percent, found.text) == (comparison, in_percent, text)
    assert chosen.threshold == (number if number is None else pytest.approx(number))


NOT_UNDERSTOOD: dict[str, tuple[tuple[dict[str, Any], ...], str]] = {
    "number of points": (
        (over_time("A", DLQ), expression("B", "reduce", "A", reducer="count"), threshold("C", "B", "gt", 100)),
        "it compares the count of the points of a range, not their value",
    ),
    "sum of points": (
        (over_time("A", DLQ), classic("C", ("A", "sum", "gt", 100))),
        "it compares the sum of the points of a range, not their value",
    ),
    "difference": (
        (over_time("A", DLQ), classic("C", ("A", "percent_diff", "gt", 100))),
        "it compares the percent_diff of the points of a range, not their value",
    ),
    "count of an instant": (
        (query("A", DLQ), expression("B", "reduce", "A", reducer="count"), threshold("C", "B", "gt", 100)),
        "it compares the number of points, not their value",
    ),
    "an expression that is missing": (
        (query("A", DLQ), threshold("C", "B", "gt", 100)),
        "it refers to B, which the rule does not have",
    ),
    "no condition": ((query("A", DLQ),), "it refers to C, which the rule does not have"),
    "a circle": (
        (expression("B", "reduce", "C", reducer="last"), threshold("C", "B", "gt", 100)),
        "its expressions refer to each other",
    ),
    "SQL of Grafana": (
        (query("A", DLQ), expression("C", "sql", "SELECT 1")),
        "C is an expression of the type sql",
    ),
    "math with functions": (
        (query("A", DLQ), expression("C", "math", "is_null($A) ? 1 : 0")),
        "its expression is_null($A) ? 1 : 0 is not understood",
    ),
    "unknown evaluator": (
        (query("A", DLQ), threshold("C", "A", "no_value")),
        "its comparison is no_value",
    ),
    "no evaluator": (
        (query("A", DLQ), expression("C", "threshold", "A", conditions=[])),
        "its comparison is None",
    ),
    "other forms": (
        (query("A", DLQ), expression("C", "threshold", "A", conditions=[3])),
        "it has a form that is not known",
    ),
    "text as a number": ((query("A", DLQ), threshold("C", "A", "gt", "x")), "it has a form that is not known"),  # type: ignore[arg-type]
    "no classic condition": ((query("A", DLQ), classic("C")), "it has no condition"),
    "two factors in SQL": (
        (sql("A", "SELECT 100 * a, b / 60 FROM rates"), threshold("C", "A", "gt", 5)),
        "its SQL multiplies or divides by several numbers",
    ),
}


@pytest.mark.parametrize("case", NOT_UNDERSTOOD)
def test_other_condition_has_a_reason(case: str) -> None:
    """It is not guessed."""
    data, words = NOT_UNDERSTOOD[case]
    found = read(*data)
    assert found.problem == words
    assert found.understood.condition is None


BLIND = {
    "equal to 0, over 0": (query("A", "increase(dlq_passes[15m]) == 0"), threshold("C", "A", "gt", 0)),
    "equal to 0, as the condition": (query("C", "increase(dlq_passes[15m]) == 0"),),
    "below a share, over 0": (query("A", "success_share < 0.95"), threshold("C", "A", "gt", 0)),
}
SEEING = {
    "equal to 0, in math": (query("A", "increase(dlq_passes[15m])"), expression("C", "math", "$A == 0")),
    "equal to 0, with bool": (query("A", "increase(dlq_passes[15m]) == bool 0"), threshold("C", "A", "gt", 0)),
    "equal to 0, in math, over 0": (
        query("A", "increase(dlq_passes[15m])"),
        expression("B", "math", "$A == 0"),
        threshold("C", "B", "gt", 0),
    ),
    "below, by a threshold": (query("A", "success_share"), threshold("C", "A", "lt", 0.95)),
    "above, over 0": (query("A", f"{DLQ} > 100"), threshold("C", "A", "gt", 0)),
}


def test_comparison_that_returns_0_is_seen() -> None:
    """To Grafana, a value of 0 does not fire."""
    assert [name for name, data in BLIND.items() if not read(*data).blind_spot] == []
    assert [name for name, data in SEEING.items() if read(*data).blind_spot] == []


FILTERS = {
    f"{DLQ} > 100": True,
    f"{DLQ} > bool 100": False,
    DLQ: False,
    f"sum({DLQ} > 100)": True,
    f"{DLQ} > 100 or vector(0)": False,
    "absent(dlq_pending)": True,
    f"({DLQ} > 100) and up": True,
}


@pytest.mark.parametrize("expr", FILTERS)
def test_query_that_filters(expr: str) -> None:
    """It returns nothing while its condition does not hold."""
    assert read(query("A", expr), threshold("C", "A", "gt", 0)).filters is FILTERS[expr]


def test_sources() -> None:
    """The data sources without Grafana's own, and the one with the metrics."""
    found = read(sql("A", COUNT), query("B", DLQ, uid="mimir"), expression("C", "math", "$A - $B > 0"))
    assert found.sources == ("database", "mimir")
    assert (found.prometheus, found.only_promql) == ("mimir", False)
    assert [one.metric for one in found.understood.wanted] == ["dlq_pending"]


@pytest.mark.parametrize(
    ("data", "ranges"),
    [
        ((query("A", ERRORS), threshold("C", "A", "gt", 1)), (300,)),
        ((query("A", "rate(x[$__rate_interval])"), threshold("C", "A", "gt", 1)), (60,)),
        ((query("A", "increase(x[$__range])"), threshold("C", "A", "gt", 1)), (600,)),
        ((sql("A", "SELECT 1 WHERE at > now() - interval '15 minutes'"), threshold("C", "A", "gt", 1)), (900,)),
        ((sql("A", "SELECT 1 WHERE $__timeFilter(at)"), threshold("C", "A", "gt", 1)), (600,)),
        ((sql("A", COUNT), threshold("C", "A", "gt", 1)), ()),
    ],
    ids=["PromQL", "rate interval", "range", "interval of SQL", "time filter", "none"],
)
def test_ranges(data: tuple[dict[str, Any], ...], ranges: tuple[float, ...]) -> None:
    """Lengths of the windows, also of macros that Grafana fills in."""
    assert read(*data).understood.ranges == ranges


def test_minutes_of_an_interval_are_no_unit_of_the_value() -> None:
    """The text for people names them in another way."""
    found = read(sql("A", f"{AGE} WHERE at > now() - interval '60 minutes'"), threshold("C", "A", "gt", 900))
    assert "minutes" not in found.text
    assert "interval '60 min'" in found.text


def test_lag() -> None:
    """How long it may fire after the value fell: over a range, or with a threshold of its own for that."""
    recovery = {"unloadEvaluator": {"type": "lt", "params": [50]}}
    assert read(query("A", DLQ), threshold("C", "A", "gt", 100, **recovery)).lags_seconds == UNLIMITED_SECONDS
    assert read(query("A", DLQ), LAST, threshold("C", "B", "gt", 100)).lags_seconds == 0
    longest = expression("B", "reduce", "A", reducer="max")
    assert read(over_time("A", DLQ), longest, threshold("C", "B", "gt", 100)).lags_seconds == 600
