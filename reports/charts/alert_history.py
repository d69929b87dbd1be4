"""The chart of check 17: for how many minutes each alert fired on each day, as a heat map."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any

from reports.charts.style import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from fixtures.evidence.document import Evidence

HOT, LIGHT = COLOURS["failed"], "#f4f4f4"
ALERTS_SHOWN = 20
DAYS_SHOWN = 31
NAME_LENGTH = 34
NO_DATA = "–"
"""In the cells of days before the data begin."""
MINUTES = 60.0
DAY_MINUTES = 1440.0


def plot(figure: Figure, history: Any, _: Evidence) -> None:
    """Draw a row for each alert that fired, and a column for each day."""
    alerts = [one for one in history.alerts if one.days][:ALERTS_SHOWN][::-1]
    days = _days(history)
    known_from = min((one.first for one in history.sources if one.first), default=None)
    axes = figure.add_subplot()
    if not alerts or not days:
        axes.text(0.5, 0.5, "no alert fired in this period", transform=axes.transAxes, ha="center")
        axes.set_axis_off()
        return
    figure.set_size_inches(figure.get_figwidth(), 1.0 + 0.3 * len(alerts))
    for row, alert in enumerate(alerts):
        minutes = {one.day: one.seconds / MINUTES for one in alert.days}
        for column, day in enumerate(days):
            found = minutes.get(day, 0.0)
            shade = 0.12 + 0.88 * (min(found, DAY_MINUTES) / DAY_MINUTES) ** 0.5 if found else 0.0
            colour = (*_rgb(HOT), shade)
            axes.barh(row, 0.92, 0.84, left=column - 0.46, color=colour, edgecolor=GREY, linewidth=0.3)
            text = f"{max(found, 1):.0f}" if found else ""
            if known_from is None or day < known_from.astimezone(UTC).date():
                text = NO_DATA
            if text and len(days) <= 14:
                ink = LIGHT if shade > 0.5 else GREY
                axes.text(column, row, text, ha="center", va="center", fontsize=8, color=ink)
    axes.set_yticks(range(len(alerts)), [_name(one) for one in alerts])
    every = max(1, len(days) // 8)
    shown = range(0, len(days), every)
    axes.set_xticks(list(shown), [f"{days[column]:%b %d}" for column in shown])
    axes.set_xlim(-0.5, len(days) - 0.5)
    axes.set_ylim(-0.5, len(alerts) - 0.5)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel("minutes of firing by day (UTC)")


def _days(history: Any) -> list[date]:
    """The days of the window, the last ones of a long one."""
    if not history.sources:
        return []
    first = min(one.since for one in history.sources).astimezone(UTC).date()
    last = max(one.until for one in history.sources).astimezone(UTC).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return days[-DAYS_SHOWN:]


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _name(alert: Any) -> str:
    """The name of an alert as a label; a dollar sign would begin a formula."""
    name = alert.name if len(alert.name) <= NAME_LENGTH else f"{alert.name[: NAME_LENGTH - 1]}…"
    return str(name).replace("$", r"\$")
