"""PromQL: what the condition of a rule compares with what, and which metrics it needs."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fixtures.alerting.conditions import condition_of, ranges_of, wanted_by
from fixtures.alerting.promql import parse
from fixtures.alerting.promql_tokens import PromqlError
from fixtures.alerting.rule_facts import understand

RATE = 'sum(rate(r{outcome="error"}[5m])) / sum(rate(r[5m]))'

CONDITIONS = {
    "max(dlq_pending) > 100": (">", 100),
    "dlq_pending >= 1e2": (">=", 100),
    "100 < dlq_pending": (">", 100),
    "dlq_pending > 0x64": (">", 100),
    "(dlq_pending) > (100)": (">", 100),
    "dlq_pending - 100 > 0": (">", 100),
    "dlq_pending + 5 > 105": (">", 100),
    "-dlq_pending < -100": ("<", -100),
    "dlq_pending > bool 100": ("> bool", 100),
    "max by (job) (dlq_pending > 100)": (">", 100),
    "max(dlq_pending) by (job) > 100": (">", 100),
    "dlq_pending > 100 # at night too": (">", 100),
    "dlq_pending > 10 * 10": (">", 100),
    "dlq_pending > scalar(vector(100))": (">", 100),
    "dlq_pending > 100 or absent(dlq_pending)": (">", 100),
    "absent(dlq_pending) or dlq_pending > 100": (">", 100),
    "up == 0 or dlq_pending > 100": (">", 100),
    "dlq_pending > 100 and on () hour() > 6": (">", 100),
    "hour() > 6 and on () dlq_pending > 100": (">", 100),
    "dlq_pending > 100 unless on () maintenance == 1": (">", 100),
    "dlq_pending > on (job) group_left (team) limits": (">", None),
    "dlq_pending": None,
    "time() - max(t) > 15 * 60": (">", 900),
    "time() - max(t) > 15m": (">", 900),
    "max(t) < time() - 900": (">", 900),
    "(time() - max(t)) / 60 > 15": (">", 900),
    "increase(passes[15m]) == 0": ("==", 0),
    "absent_over_time(passes[15m])": ("absent", None),
    f"{RATE} > 0.05": (">", 0.05),
    f"{RATE} * 100 > 5": (">", 5),
    f"100 * {RATE} > 5": (">", 5),
    f"round(100 * {RATE}, 0.1) > 5": (">", 5),
    f"{RATE} / 0.01 > 5": (">", 5),
    f"1 - {RATE} < 0.95": ("<", 0.95),
    "sum(e) > 0.05 * sum(r)": (">", 0.05),
    f"sum(rate(r[5m])) > 1 and {RATE} > 0.05": (">", 0.05),
    f"avg_over_time(({RATE})[5m:1m]) > 0.05": (">", 0.05),
    "webhook_error_percent > 5": (">", 5),
    "dlq_pending > Inf": (">", float("inf")),
    "dlq_pending > 1 / 0": (">", None),
    "dlq_pending offset -1h @ end() > 100": (">", 100),
    'sum without (job,) ({__name__="dlq_pending", job=~"a|b",}) > 100': (">", 100),
}

IN_PERCENT = {
    case for case in CONDITIONS if "100 *" in case or "* 100" in case or "0.01" in case or "percent" in case
}


@pytest.mark.parametrize("query", CONDITIONS)
def test_condition(query):
    """Sign and number as a person would read them, in the unit of the metric."""
    found = condition_of(parse(query), (100, 900, 0.05, 5))
    expected = CONDITIONS[query]
    assert (found and (found.comparison, found.threshold)) == expected
    assert (found is not None and found.in_percent) is (query in IN_PERCENT)


METRICS = {
    'sum(rate(r{a="1", b=~"x\\"y"}[5m] offset 1h)) / on(a) group_left(b) sum(r)': {
        'r{a="1", b=~"x\\"y"}': False,
        "r": False,
    },
    "job:dlq_pending:max > 100": {"job:dlq_pending:max": False},
    "absent(dlq_pending)": {"dlq_pending": True},
    "dlq_pending > 100 or absent(dlq_pending)": {"dlq_pending": False},
    "dlq_pending > 100 or absent(dlq_entries)": {"dlq_pending": False, "dlq_entries": True},
    "(sum(errors) or vector(0)) / sum(r) > 0.05": {"errors": True, "r": False},
    "dlq_pending > 100 unless on () maintenance": {"dlq_pending": False, "maintenance": True},
    'up{job="easymo"} == 0': {},
    'dlq_pending * on () group_left ALERTS{alertname="x"} > 1': {"dlq_pending": False},
    "max_over_time(sum(a)[15m:1m]) == 0": {"a": False},
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m]))) > 1": {"h_bucket": False},
    'label_replace(a, "by", "$1", "on", "(.*)") > 1 # b': {"a": False},
    '{"my.metric", job="a"} > 1': {'{"my.metric", job="a"}': False},
    "bytes > 1 and offset_total > 1": {"bytes": False, "offset_total": False},
    "topk(3, a) by (x) > 1": {"a": False},
    "time() - timestamp(a) > 900": {"a": False},
    "vector(1) > 0": {},
}


@pytest.mark.parametrize("query", METRICS)
def test_metrics(query):
    """Each selector, and whether the rule is right without a series."""
    tree = parse(query)
    found = wanted_by(tree, condition_of(tree, (100, 0.05)))
    assert {one.text: one.may_lack for one in found} == METRICS[query]


def test_ranges():
    """Those of selectors and subqueries, in seconds."""
    assert ranges_of(parse("max_over_time(rate(a[1h30m])[2d:5m]) > rate(b[500ms])")) == (0.5, 5400, 172800)


SINCE_VERSION_3 = ("time() - max(t) > 15m", '{"my.metric", job="a"} > 1')
"""What an older promtool does not take."""

NOT_UNDERSTOOD = [
    "",
    "a >",
    "sum(a",
    "a b",
    "a{b}",
    'a{b="c"',
    "a[5m",
    "a § b",
    '"open',
    "(" * 500 + "a",
    "a" * 30_000,
]


@pytest.mark.parametrize("query", NOT_UNDERSTOOD, ids=range(len(NOT_UNDERSTOOD)))
def test_other_text_is_not_understood(query):
    """It ends with an error of the parser's own; a rule with it has no threshold."""
    with pytest.raises(PromqlError):
        parse(query)
    assert understand(query, ()).condition is None


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed (Debian package prometheus)")
def test_queries_are_promql(tmp_path):
    """Prometheus takes the queries of these tests, so that they are no inventions."""
    queries = [query for query in (*CONDITIONS, *METRICS) if query not in SINCE_VERSION_3]
    rules = "".join(f"  - alert: A{n}\n    expr: |\n      {query}\n" for n, query in enumerate(queries))
    file = tmp_path / "rules.yml"
    file.write_text(f"groups:\n- name: g\n  rules:\n{rules}")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
