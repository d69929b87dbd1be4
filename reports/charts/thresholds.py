"""The chart of check 18: what the alerts watched in the last week, against the thresholds, one panel for each."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from fixtures.thresholds.assessment import assess_settings
from fixtures.thresholds.measures import ERROR_RATE, PENDING, SILENCE, STEP_SECONDS, shown, threshold_of
from fixtures.thresholds.series import Series, of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fixtures.evidence.document import Evidence

PIECES = {
    PENDING: "backlog_of_the_week",
    SILENCE: "silence_of_the_week",
    ERROR_RATE: "error_rate_of_the_week",
}
LABELS = {PENDING: "pending entries", SILENCE: "silence (min)", ERROR_RATE: "error rate (%)"}
UNITS = {PENDING: 1.0, SILENCE: 60.0, ERROR_RATE: 1.0}
"""Measure → what its values are divided by."""

GREY, VALUES, OLD, NEW, OWN = "#808790", "#4a90d9", "#d9534f", "#4fa36b", "#9b7fc4"
PANEL_INCHES = 1.9
POINTS = 1008
"""Points of a curve at most: of several minutes the highest value is drawn."""
FAR = 8.0
"""From this ratio of the highest threshold to the highest value on, the scale is logarithmic."""


def plot(figure: Figure, _: Any, evidence: Evidence) -> None:
    """Draw a panel for each measure whose values are in the evidence.

    Raises:
        KeyError: there are none.
    """
    weeks = {measure: evidence.pieces[name] for measure, name in PIECES.items() if name in evidence.pieces}
    if not weeks:
        raise KeyError("thresholds")
    figure.set_size_inches(figure.get_figwidth(), PANEL_INCHES * len(weeks) + 0.4)
    panels = figure.subplots(len(weeks), 1, squeeze=False)[:, 0]
    for axes, (measure, week) in zip(panels, weeks.items(), strict=True):
        _panel(axes, of(week), evidence)
        axes.set_ylabel(LABELS[measure])
        axes.set_xlim(week.since, week.read_at)
    panels[-1].set_xlabel("day (UTC)")


def _panel(axes: Axes, series: Series, evidence: Evidence) -> None:
    """Draw the values, and a line for each threshold."""
    unit = UNITS[series.measure]
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    _days(axes)
    lines = _lines(series, evidence)
    if series.ordered:
        times, heights = _curve(series)
        axes.plot(times, heights, drawstyle="steps-post", color=VALUES, linewidth=0.9)
    else:
        axes.text(0.5, 0.5, "no values in this period", transform=axes.transAxes, ha="center")
    for value, colour, label in lines:
        axes.axhline(value / unit, color=colour, linewidth=1, linestyle="--", label=label)
    top = max(value for value, _, _ in lines)
    if top > FAR * max(series.highest, unit):
        axes.set_yscale("symlog", linthresh=max(series.highest / unit, 1.0))
        axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylim(0, 1.15 * max(top, series.highest) / unit)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(lines), frameon=False, fontsize=8)


def _lines(series: Series, evidence: Evidence) -> list[tuple[float, str, str]]:
    """Return each threshold with its colour and label."""
    settings, measure = evidence.settings, series.measure
    threshold = threshold_of(measure, settings)
    lines = [(threshold, OLD, f"threshold {shown(measure, threshold)}")]
    proposal = assess_settings(series, settings).proposal if series.ordered else None
    if proposal is not None:
        lines.append((proposal.value, NEW, f"proposed {shown(measure, proposal.value)}"))
    own = [one.value for one in settings.what_if if one.measure == measure]
    return lines + [(value, OWN, f"what if {shown(measure, value)}") for value in own]


def _curve(series: Series) -> tuple[list[Any], list[float]]:
    """Return the times and heights of the curve; a minute without a value is a gap in it."""
    size = -(-len(series.values) // POINTS)
    times, heights = [], []
    for start in range(0, len(series.values), size):
        found = [value for value in series.values[start : start + size] if value is not None]
        times.append(series.since + timedelta(seconds=start * STEP_SECONDS))
        heights.append(max(found) / UNITS[series.measure] if found else float("nan"))
    return times, heights


def _days(axes: Axes) -> None:
    from matplotlib import dates

    typed: Any = dates  # its classes have no types
    locator = typed.AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(typed.ConciseDateFormatter(locator, tz=UTC))
