"""Colours and axes of the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#808790"
COLOURS = {
    "pending": "#d29a2e",
    "processing": "#4a90d9",
    "reprocessed": "#4fa36b",
    "failed": "#d9534f",
    "discarded": "#9b7fc4",
}
OTHER_COLOUR = "#c46fa0"
INCHES = (7.2, 3.0)


def plain_axes(figure: Figure, unit: str) -> Axes:
    """Axes without clutter: two spines, a faint grid, the unit."""
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel(unit)
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes
