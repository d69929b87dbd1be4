"""Charts of the evidence, as SVG for light and dark pages.

Needs matplotlib (the optional dependency ``charts``), which is imported when the first chart is drawn.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from reports.charts import alert_history, thresholds
from reports.charts.growth import growth
from reports.charts.style import COLOURS, GREY, INCHES, OTHER_COLOUR, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fixtures.evidence.document import Evidence

NEEDED = "pip install -c requirements.lock -e '.[charts]'"
"""The command that installs matplotlib."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "easymo-verification",
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), GREY),
}
TABLES_SHOWN = 15
PATTERNS_SHOWN = 10
PATTERN_LENGTH = 44
"""Characters of a pattern beside its bar."""


def title(name: str) -> str:
    """The title of a chart, for links and attachments; raises ``KeyError`` if there is no such chart."""
    return CHARTS[name][0]


def draw(name: str, evidence: Evidence) -> bytes:
    """Draw a chart as SVG.

    Args:
        name: one of :data:`CHARTS`.
        evidence: the evidence of the run, as the checks judged it.

    Raises:
        KeyError: there is no such chart, or the evidence lacks its data.
        ImportError: matplotlib is not installed.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    _, piece, plot = CHARTS[name]
    with rc_context(STYLE):
        figure = Figure(figsize=INCHES, layout="constrained")
        plot(figure, evidence.pieces[piece] if piece else None, evidence)
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    return picture.getvalue()


def _by_hour(figure: Figure, unit: str) -> Axes:
    from matplotlib import dates
    from matplotlib.ticker import MaxNLocator

    axes = plain_axes(figure, unit)
    typed: Any = dates  # its classes have no types
    locator = typed.AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(typed.ConciseDateFormatter(locator, tz=UTC))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_xlabel("hour (UTC)")
    return axes


def _finish(axes: Axes, hours: Sequence[datetime], since: datetime, until: datetime) -> None:
    """Set limits and legend, after everything else is drawn."""
    axes.set_ylim(bottom=0)
    if hours:
        axes.set_xlim(min(since, hours[0]), max(until, hours[-1]))  # type: ignore[arg-type]  # an axis of dates
        _legend(axes)
    else:
        axes.text(0.5, 0.5, "no data in this period", transform=axes.transAxes, ha="center")
        axes.set_axis_off()


def _legend(axes: Axes) -> None:
    """A legend in one line above the axes."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(labels), frameon=False, fontsize=8
    )


HOUR = 1 / 24
"""Width of an hour on an axis of dates, whose unit is the day."""


def _dlq_entries(figure: Figure, queue: Any, _: Evidence) -> None:
    """Entries by the hour of their creation, stacked by their present status."""
    axes = _by_hour(figure, "entries")
    hours = sorted({count.hour for count in queue.by_hour})
    below = dict.fromkeys(hours, 0)
    found = {count.status for count in queue.by_hour}
    for status in [*(known for known in COLOURS if known in found), *sorted(found - COLOURS.keys())]:
        counts = {count.hour: count.count for count in queue.by_hour if count.status == status}
        heights = [counts.get(hour, 0) for hour in hours]
        axes.bar(
            hours,
            heights,
            width=HOUR * 0.85,
            align="edge",
            bottom=[below[hour] for hour in hours],
            color=COLOURS.get(status, OTHER_COLOUR),
            label=status,
        )
        below = {hour: below[hour] + height for hour, height in zip(hours, heights, strict=True)}
    _finish(axes, hours, queue.since, queue.read_at)


def _messages(figure: Figure, fates: Any, _: Evidence) -> None:
    """Messages received, processed and queued, by hour."""
    axes = _by_hour(figure, "messages per hour")
    hours = [hour.hour for hour in fates.hours]
    axes.bar(
        hours,
        [hour.received for hour in fates.hours],
        width=HOUR * 0.85,
        align="edge",
        color=GREY,
        alpha=0.45,
        label="received",
    )
    for series, colour in (("processed", COLOURS["reprocessed"]), ("queued", COLOURS["failed"])):
        axes.step(
            [*hours, *(hour + (hours[-1] - hours[0]) / max(len(hours) - 1, 1) for hour in hours[-1:])],
            [getattr(hour, series) for hour in (*fates.hours, *fates.hours[-1:])],
            where="post",
            color=colour,
            linewidth=1.8,
            label="queued in the DLQ" if series == "queued" else series,
        )
    _finish(axes, hours, fates.since, fates.until)


def _dead_tuples(figure: Figure, statistics: Any, evidence: Evidence) -> None:
    """Dead tuples of each table, with a line at the threshold."""
    tables = sorted(statistics.tables, key=lambda table: (table.dead, table.name))[-TABLES_SHOWN:]
    figure.set_size_inches(INCHES[0], 0.9 + 0.26 * len(tables))
    axes = plain_axes(figure, "")
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_xlabel("dead tuples")
    many = evidence.settings.thresholds.dead_tuples
    bars = axes.barh(
        [table.name for table in tables],
        [table.dead for table in tables],
        color=[COLOURS["failed" if table.dead > many else "processing"] for table in tables],
    )
    shares = [100 * table.dead / max(table.live + table.dead, 1) for table in tables]
    axes.bar_label(bars, [f"{share:.0f} %" for share in shares], padding=3, color=GREY, fontsize=8)
    axes.axvline(many, color=COLOURS["failed"], linewidth=1, linestyle="--")
    axes.set_xlim(0, 1.15 * max([many, *(table.dead for table in tables)]))


def _failure_patterns(figure: Figure, failures: Any, _: Evidence) -> None:
    """The patterns with most entries, now and in the window before."""
    patterns = [one for one in failures.patterns[:PATTERNS_SHOWN] if one.count][::-1]
    figure.set_size_inches(INCHES[0], 1.0 + 0.36 * max(len(patterns), 3))
    axes = plain_axes(figure, "")
    axes.grid(visible=False, axis="y")
    axes.grid(axis="x", color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_xlabel("entries")
    places, half = range(len(patterns)), 0.38
    days = (failures.read_at - failures.since).days
    series = (
        ("before", f"{days} days before", GREY, -half),
        ("count", f"last {days} days", COLOURS["failed"], 0.0),
    )
    for name, label, colour, offset in series:
        figures = [getattr(one, name) for one in patterns]
        axes.barh([place + offset for place in places], figures, half, align="edge", color=colour, label=label)
    if patterns:
        axes.set_yticks(list(places), [_shortened(one) for one in patterns])
        axes.set_xlim(0, 1.1 * max(max(one.count, one.before) for one in patterns))
        _legend(axes)
    else:
        _finish(axes, [], failures.since, failures.read_at)


def _shortened(pattern: Any) -> str:
    """A pattern as the label of its bar; a dollar sign would begin a formula."""
    text = (
        pattern.pattern if len(pattern.pattern) <= PATTERN_LENGTH else f"{pattern.pattern[: PATTERN_LENGTH - 1]}…"
    )
    return text.replace("$", r"\$")


def _settled_entries(figure: Figure, state: Any, _: Evidence) -> None:
    """Settled entries by age in weeks and status, with a line at the retention."""
    from matplotlib.ticker import MaxNLocator

    axes = plain_axes(figure, "entries")
    axes.set_xlabel("weeks since they were settled")
    dated = [one for one in state.entries if one.weeks is not None]
    weeks = sorted({one.weeks for one in dated})
    below = dict.fromkeys(weeks, 0)
    for status in (known for known in COLOURS if any(one.status == known for one in dated)):
        heights = [sum(one.count for one in dated if (one.weeks, one.status) == (week, status)) for week in weeks]
        bottom = [below[week] for week in weeks]
        axes.bar(weeks, heights, 0.85, align="edge", bottom=bottom, color=COLOURS[status], label=status)
        below = {week: below[week] + height for week, height in zip(weeks, heights, strict=True)}
    if not dated:
        _finish(axes, [], state.older_than, state.read_at)
        return
    retention = (state.read_at - state.older_than).days
    axes.axvline(retention / 7, color=COLOURS["failed"], linewidth=1, linestyle="--", label=f"{retention} days")
    axes.set_xlim(0, max(weeks[-1] + 1, retention / 7 + 0.5))
    axes.set_ylim(0, 1.1 * max(below.values()))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    _legend(axes)


Plot = Callable[["Figure", Any, "Evidence"], None]

CHARTS: dict[str, tuple[str, str, Plot]] = {
    "dlq-entries": ("DLQ entries by hour and status", "dlq_queue", _dlq_entries),
    "messages": ("Messages received, processed and queued by hour", "message_fates", _messages),
    "dead-tuples": ("Dead tuples by table", "table_statistics", _dead_tuples),
    "thresholds": ("What the alerts watched, against their thresholds", "", thresholds.plot),
    "failure-patterns": ("DLQ failures by pattern", "failure_patterns", _failure_patterns),
    "settled-entries": ("Settled DLQ entries by age", "archive_state", _settled_entries),
    "alert_history": ("Firing time of the alerts by day", "alert_history", alert_history.plot),
    "growth": ("Growth of the database, and its size limit", "database_sizes", growth),
}
"""Name → its title, the piece of evidence that it shows (empty for one of several), and what draws it."""
