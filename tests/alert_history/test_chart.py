"""The chart of check 17: minutes of firing by alert and day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.settings.access import Access
from reports.charts import figures
from tests.alert_history.past import (
    CHECK_17,
    HOUR,
    MINUTE,
    PENDING,
    RATE,
    PastPrometheus,
    firing,
    flapping,
    midnight,
)
from tests.outcomes import read
from tests.reports.charts.test_charts import texts

NAME = "alert_history"


@pytest.fixture(scope="module")
def evidence():
    """Two alerts, and one with a name that a formula could be made of."""
    firings = [
        firing(PENDING, midnight(3) + HOUR, 90 * MINUTE),
        *flapping(RATE, 3, midnight(1)),
        firing("Cost$over$limit", midnight(2), 26 * HOUR, severity="warning"),
    ]
    url = start_stand_in("Prometheus", PastPrometheus(firings))
    return read(Access(prometheus_url=url), CHECK_17)


def test_minutes_of_each_alert_and_day(evidence):
    """With names, days and unit; drawing again gives the same bytes."""
    picture = figures.draw(NAME, evidence)
    found = texts(picture)
    assert found >= {PENDING, RATE, "minutes of firing by day (UTC)", "90", "30"}
    assert found >= {"1440", "120"} or found >= {"1439", "121"}
    assert any("Cost" in text for text in found)
    assert b"fill: #ffffff" not in picture
    assert figures.draw(NAME, evidence) == picture


def test_calm_week_is_said(evidence):
    history = replace(evidence.pieces[NAME], alerts=())
    found = texts(figures.draw(NAME, replace(evidence, pieces={NAME: history})))
    assert found == {"no alert fired in this period"}


def test_long_window_shows_its_last_days(evidence):
    """Thirty-one columns, without figures in them."""
    history = evidence.pieces[NAME]
    [source] = history.sources
    year = replace(source, since=source.since.replace(year=source.since.year - 1))
    found = texts(figures.draw(NAME, replace(evidence, pieces={NAME: replace(history, sources=(year,))})))
    assert found >= {PENDING, RATE}
    assert "90" not in found


def test_many_alerts_are_cut(evidence):
    history = evidence.pieces[NAME]
    [first, *_] = history.alerts
    many = tuple(replace(first, name=f"Alert{number:02}" + "x" * 40) for number in range(30))
    found = texts(figures.draw(NAME, replace(evidence, pieces={NAME: replace(history, alerts=many)})))
    assert len([text for text in found if text.startswith("Alert")]) == 20


def test_days_before_the_data_begin_are_marked(evidence):
    """An empty cell says that nothing fired."""
    history = evidence.pieces[NAME]
    [source] = history.sources
    short = replace(source, first=source.until - timedelta(days=5))
    assert "–" not in texts(figures.draw(NAME, evidence))
    changed = replace(evidence, pieces={NAME: replace(history, sources=(short,))})
    assert "–" in texts(figures.draw(NAME, changed))
