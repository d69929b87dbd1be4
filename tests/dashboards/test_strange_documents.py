"""Whatever Grafana answers, nothing ends in an exception: documents in which any value is replaced by another."""

from __future__ import annotations

import copy
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.dashboards.datasources import data_sources_of
from fixtures.dashboards.finding import ListedDashboard, listed_of, matching, nearest
from fixtures.dashboards.frames import count
from fixtures.dashboards.panels import panels_of
from fixtures.dashboards.preparing import QueryContext, plan
from fixtures.dashboards.time_range import range_of, range_of_panel
from fixtures.dashboards.variables import variables_of
from fixtures.local.stand_ins.grafana import reply
from fixtures.outcome import Status
from tests.dashboards.building import MIXED, dashboard, grafana, minutes, panel, sql, target, variable

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
STRANGE = [
    None,
    True,
    0,
    -1,
    10**400,
    1e308,
    "",
    "now",
    "$__all",
    "${x",
    "a" * 500,
    "\ud800",
    [],
    [[]],
    {},
    {"a": 1},
    ["x"],
]

EXPRESSION = {"refId": "B", "datasource": {"uid": "__expr__"}, "type": "math", "expression": "$A"}
ODD = dashboard(
    panel("P $v", target('up{a="$v"}'), EXPRESSION, repeat="v", timeFrom="1h", timeShift="1d", interval="1m"),
    {"type": "row", "collapsed": True, "repeat": "v", "panels": [panel("Q", sql(), datasource=MIXED)]},
    {"id": 9, "title": "L", "libraryPanel": {"uid": "l"}, "maxDataPoints": 10},
    templating={
        "list": [
            variable("v", ["a", "b"], multi=True, includeAll=True, options=[{"value": "a", "selected": True}]),
            variable("ds", "prometheus", "datasource", query="prometheus"),
            variable("i", "$__auto_interval_i", "interval", auto_count=30, auto_min="10s"),
            variable("c", "$__all", "custom", query="a,b : c", includeAll=True),
            {"name": "f", "type": "adhoc", "filters": []},
        ]
    },
    rows=[{"panels": [panel("Old")]}],
    timezone="Africa/Kigali",
    timepicker={"nowDelay": "1m"},
)
SETTINGS = {
    "defaultDatasource": "P",
    "datasources": {
        "P": {
            "uid": "prometheus",
            "type": "prometheus",
            "meta": {"backend": True},
            "jsonData": {"timeInterval": "1s"},
        },
        "S": {"uid": "pg", "type": "postgres", "isDefault": True},
    },
}


def mutated(document: Any, chance: random.Random) -> Any:
    """The document with one to three of its values replaced."""
    changed = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        places: list[tuple[Any, Any]] = []
        _collect(changed, places)
        if places:
            holder, key = chance.choice(places)
            holder[key] = copy.deepcopy(chance.choice(STRANGE))
    return changed


def _collect(value: Any, places: list[tuple[Any, Any]]) -> None:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        places.append((value, key))
        _collect(value[key], places)


@pytest.mark.parametrize("seed", range(20))
def test_any_dashboard_can_be_planned(seed):
    """Its panels, variables, data sources, ranges and queries; and what is sent is JSON."""
    chance = random.Random(seed)
    for _ in range(60):
        model, settings = mutated(ODD, chance), mutated(SETTINGS, chance)
        sources = data_sources_of(settings)
        usual = range_of(model, NOW)
        for placed in panels_of(model, variables_of(model, sources.types, "prometheus")):
            assert len(placed.title) <= 700
            own = range_of_panel(placed.model, usual, NOW) if usual else None
            if own is not None:
                planned = plan(placed, QueryContext(sources, placed.variables, own))
                json.dumps([query.body for group in planned.requests for query in group])


@pytest.mark.parametrize("seed", range(10))
def test_any_frames_can_be_counted(seed):
    """And the counts are not negative."""
    chance = random.Random(seed)
    frames = [
        {
            "schema": {
                "fields": [{"type": "time"}, {"type": "number"}, {"type": "string"}],
                "meta": {"notices": [{"severity": "warning", "text": "w"}]},
            },
            "data": {"values": [[1, 2, 3], [1.5, None, 0], ["a", "b", None]], "entities": [None, {"NaN": [1]}]},
        }
    ]
    for _ in range(100):
        for table in (False, True):
            found = count(mutated(frames, chance), NOW, table=table)
            assert min(found.points, found.series, found.ahead, found.not_numbers) >= 0


def test_any_search_can_be_matched():
    """Entries without a title, titles without words."""
    chance = random.Random(1)
    for _ in range(200):
        entry = mutated({"uid": "u", "title": "DLQ", "type": "dash-db", "folderTitle": "F"}, chance)
        listed = listed_of(entry) or ListedDashboard("u", "")
        assert isinstance(matching("DLQ", [listed]), list)
        assert isinstance(nearest("--", [listed]), tuple)


@pytest.mark.parametrize("seed", range(12))
def test_any_answer_is_judged(seed, judged):
    """Over the socket: a whole reading with strange documents is judged, and is no fault of the suite."""
    chance = random.Random(seed)
    one = grafana()
    model = mutated(ODD, chance)
    one.dashboards["dlq1"] = (model if isinstance(model, dict) else {}) | {"uid": "dlq1", "title": "DLQ"}
    one.routes["/api/frontend/settings"] = lambda request: reply(200, mutated(SETTINGS, chance))
    one.routes["/api/ds/query"] = lambda request: reply(
        chance.choice([200, 207, 400, 404]), mutated({"results": {"A": minutes(1, 2), "B": minutes(None)}}, chance)
    )
    outcome = judged(one)
    assert outcome.status in set(Status)
    assert "a fault of the suite" not in outcome.reason, Path(__file__).name
