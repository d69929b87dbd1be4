"""A log store that runs the statements for Supabase's log API: their ClickHouse SQL, translated to SQLite's.

SQLite checks the whole statement: a wrong name, bracket or function is an error, as in the real API.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

KEY = re.compile(r"log_attributes\['([\w.]+)'\]")


class CountIf:
    """ClickHouse's ``countIf``."""

    def __init__(self) -> None:
        self.count = 0

    def step(self, condition: object) -> None:
        """Take a row."""
        self.count += bool(condition)

    def finalize(self) -> int:
        """Return how many rows the condition held for."""
        return self.count


def stored(time: datetime, source: str, message: str, **attributes: str) -> tuple[str, str, str, str, str]:
    """One entry; in the names of attributes ``__`` stands for a dot."""
    named = {name.replace("__", "."): value for name, value in attributes.items()}
    at = f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"
    return f"{source} {at} {message}", at, message, source, json.dumps(named)


def run(sql: str, entries: Iterable[tuple[str, str, str, str, str]]) -> list[dict[str, Any]]:
    """Run a statement; every value of its rows that is no number is a text, as in the API."""
    store = sqlite3.connect(":memory:")
    store.create_function("valueOf", 2, lambda attributes, key: json.loads(attributes).get(key, ""))
    store.create_function("match", 2, lambda text, words: re.search(words, text) is not None)
    store.create_function("toInt32OrZero", 1, lambda text: int(text) if text.isdecimal() else 0)
    store.create_aggregate("countIf", 1, CountIf)
    store.execute("create table logs (id, timestamp, event_message, source, log_attributes)")
    store.executemany("insert into logs values (?, ?, ?, ?, ?)", entries)
    cursor = store.execute(KEY.sub(r"valueOf(log_attributes, '\1')", sql))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
