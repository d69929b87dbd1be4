"""Names of new partitions, after the names that the deployment gave to the partitions that it has."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo

from fixtures.database.partitions import Partition

YEAR_AND_MONTH = re.compile(r"(?<!\d)(\d{4})(\D{0,2})(\d{2})(?!\d(?!\d))")
"""A year and a month in a name, such as ``2026_01``, ``2026m01`` or ``202601``."""


def name_of_month(begin: datetime, table: str, partitions: Iterable[Partition], zone: tzinfo) -> str:
    """The name for a month's partition, as most of the partitions are named; ``<table>_YYYY_MM`` without any."""
    patterns = Counter(pattern for one in partitions if (pattern := _pattern(one, zone)) is not None)
    before, between, after = patterns.most_common(1)[0][0] if patterns else (f"{table}_", "_", "")
    return f"{before}{begin:%Y}{between}{begin:%m}{after}"


def _pattern(one: Partition, zone: tzinfo) -> tuple[str, str, str] | None:
    """What stands before, between and after year and month in a name that says when the partition begins."""
    found = YEAR_AND_MONTH.search(one.name)
    if found is None or one.lower is None:
        return None
    begins = one.lower.astimezone(zone)
    if (int(found[1]), int(found[3])) != (begins.year, begins.month):
        return None
    return one.name[: found.start()], found[2], one.name[found.end() :]
