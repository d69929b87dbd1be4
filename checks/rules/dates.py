"""The rule that rows and log entries are not dated in the future; several checks require it of theirs."""

from __future__ import annotations

from datetime import datetime

from checks.judge import Judge
from fixtures.wording import clock, counted

DATABASE = "the database's clock"


def not_in_the_future(
    judge: Judge,
    source: str,
    count: int,
    tolerance_seconds: float,
    *,
    written: str = "created_at",
    by: str = DATABASE,
    noun: tuple[str, str] = ("row", "rows"),
    latest: datetime | None = None,
) -> bool:
    """Require that nothing in a table or a log is dated later than a clock allows.

    Args:
        judge: takes the violation.
        source: the table, job or file.
        count: how many of its rows are dated later.
        tolerance_seconds: how far ahead of the clock a row may be dated.
        written: what holds the date: a column, or a log.
        by: the clock that the dates were compared with.
        noun: what the source consists of, one and many.
        latest: the latest date, where it is known.

    Returns:
        Whether the requirement is met.
    """
    until = f", up to {clock(latest)}" if latest else ""
    return judge.requires(
        not count,
        f"{counted(count, *noun)} of {source} dated in the future{until}",
        expected=f"{noun[1]} dated at most {tolerance_seconds:g} s ahead of {by}",
        why=f"{noun[1]} from the future pass for recent ones, and are missing in each window that is judged",
        advice=f"find what writes {written} by another clock than {by}, then correct or delete these {noun[1]}",
    )
