"""Chart of check 16: sizes so far, the growth that they lead to, and the size limit."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from fixtures.history.model import SizeHistory
from fixtures.history.projection import Growth, growth_of
from reports.charts.style import COLOURS, GREY, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fixtures.evidence.document import Evidence

NEAR = 0.25
"""Share of the limit from which on the chart reaches up to it: below, nobody would see the growth."""
UNITS = ((10**9, "GB"), (10**6, "MB"), (1, "bytes"))


def growth(figure: Figure, sizes: Any, evidence: Evidence) -> None:
    """Sizes of the database, the projection with its band, and the limit."""
    history = evidence.pieces.get("size_history", SizeHistory())
    found = growth_of(sizes, history, evidence.settings)
    unit, name = next((unit, name) for unit, name in UNITS if sizes.database >= unit or unit == 1)
    axes = _dates(figure, name)
    axes.plot(
        [point.read_at for point in found.points],  # type: ignore[arg-type]  # an axis of dates
        [point.database / unit for point in found.points],
        color=COLOURS["processing"],
        marker="o",
        markersize=3,
        label="database (seeded snapshots)" if history.seeded else "database",
    )
    highest = max(*(point.database for point in found.points), _project(axes, found, unit) * unit)
    _limit(axes, found, highest, unit, name)
    axes.set_ylim(bottom=0)
    until = sizes.read_at + timedelta(days=evidence.settings.weekly.growth_days)
    axes.set_xlim(found.points[0].read_at - timedelta(days=1), until)  # type: ignore[arg-type]  # an axis of dates
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles, labels, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(labels), frameon=False, fontsize=8
    )


def _dates(figure: Figure, unit: str) -> Axes:
    from matplotlib import dates

    axes = plain_axes(figure, unit)
    typed: Any = dates  # its classes have no types
    locator = typed.AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(typed.ConciseDateFormatter(locator, tz=UTC))
    axes.set_xlabel("day (UTC)")
    return axes


def _project(axes: Axes, found: Growth, unit: int) -> float:
    """Draw what the growth leads to; return its highest size in units, 0 if it is not known."""
    if found.trend is None:
        axes.text(0.5, 0.5, "growth is not known yet", transform=axes.transAxes, ha="center")
        return 0.0
    size, trend, days = found.sizes.database, found.trend, found.settings.weekly.growth_days
    ends: Any = [found.sizes.read_at, found.sizes.read_at + timedelta(days=days)]
    low, middle, high = (trend.after(days, size, slope) / unit for slope in (trend.low, trend.per_day, trend.high))
    axes.fill_between(
        ends, [size / unit, low], [size / unit, high], color=COLOURS["pending"], alpha=0.25, linewidth=0
    )
    axes.plot(ends, [size / unit, middle], color=COLOURS["pending"], linestyle="--", label="projected")
    return high


def _limit(axes: Axes, found: Growth, highest: float, unit: int, name: str) -> None:
    """Draw the limit; where it is far above, only name it."""
    limit = found.limit / unit
    label = f"{found.settings.weekly.database_percent:g} % of the limit: {limit:,.4g} {name}"
    if highest >= NEAR * found.limit:
        axes.axhline(limit, color=COLOURS["failed"], linewidth=1, linestyle="--", label=label)
    else:
        axes.set_title(f"{label} (above the chart)", loc="right", fontsize=8, color=GREY)
