"""Sizes of earlier days for the tests of check 16, as factors of the present ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from fixtures.database.sizes import DatabaseSizes
from fixtures.evidence.document import Evidence
from fixtures.history.model import SizeHistory, SizePoint
from fixtures.settings.model import Settings
from fixtures.settings.weekly import Weekly

MB = 1_000_000
STEADY = 1.0
EVENTS = "public.wa_events"
TEXTS = "public.whatsapp_messages"
FILL = "INSERT INTO {} SELECT repeat(md5(g::text), 20) FROM generate_series(1, 3000) g"


def table(name: str, kind: str = "TABLE") -> str:
    """SQL that makes a table of about 2 MB."""
    return f"CREATE {kind} {name} (t text); {FILL.format(name)}"


@dataclass(frozen=True)
class Past:
    """Sizes of earlier days, as factors of the present ones."""

    days: tuple[float, ...] = tuple(range(14, 0, -1))
    database: Callable[[float], float] = lambda days: 1 - 0.001 * days
    tables: dict[str, Callable[[float], float | None]] = field(default_factory=dict)
    """Table → factor so many days ago; None where it was not there. Others had their present size."""
    dropped: Callable[[float], float] = lambda days: 0
    """Bytes, as a factor of the database, of a table that is no longer there."""


def with_past(evidence: Evidence, past: Past, limit: float = 0) -> Evidence:
    """The evidence with sizes of earlier days, and with a size limit as a factor of the present size."""
    sizes: DatabaseSizes = evidence.pieces["database_sizes"]
    if limit:
        settings = replace(evidence.settings.weekly, database_bytes=round(limit * sizes.database))
        return with_past(replace(evidence, settings=replace(evidence.settings, weekly=settings)), past)

    def point(days: float) -> SizePoint:
        factors = {one: past.tables.get(one.label, lambda _: STEADY)(days) for one in sizes.tables}
        found = {one.id: round(one.total * factor) for one, factor in factors.items() if factor is not None}
        gone = round(past.dropped(days) * sizes.database)
        return SizePoint(
            sizes.read_at - timedelta(days=days),
            round(past.database(days) * sizes.database),
            tuple((found | ({1: gone} if gone else {})).items()),
        )

    history = SizeHistory(tuple(map(point, past.days)))
    return replace(evidence, pieces=evidence.pieces | {"size_history": history})


def weekly(**values: float) -> Settings:
    """Settings of the weekly checks; the deployment has about 15 MB."""
    return Settings(weekly=replace(Weekly(), **{"table_bytes": MB, **values}))


def faster(factor: float, days: float = 7) -> Callable[[float], float]:
    """A table that grew by this factor in so many days, evenly."""
    return lambda ago: max(0.0, 1 - (1 - 1 / factor) * ago / days)
