"""What the tables of dead letters, their columns and their statuses are called, for sentences and commands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fixtures.database.contract import DLQ, LOG, STATUSES, TABLES
from fixtures.database.identifiers import literal, quoted
from fixtures.database.sources import DONE
from fixtures.settings.model import DeadLetters, Settings
from fixtures.settings.naming import column_name, dead_letters, own_words, table_name


def named(table: str, settings: Settings) -> str:
    """Return a table of the contract as the deployment calls it, quoted, with its schema."""
    return quoted(settings.names.schema, table_name(settings, table))


def entries_of(source: str, settings: Settings) -> DeadLetters:
    """Return the table of dead letters of that name; the first one for an empty name."""
    found = dead_letters(settings)
    return next((one for one in found if one.table == source), found[0])


def words(one: DeadLetters, settings: Settings) -> dict[str, str]:
    """Return what a command calls the table, its columns and its statuses, by the contract's names.

    A status stands for the word that is written; ``is_STATUS`` compares with every word of the table for it.
    """
    found = {column: quoted(one.columns.get(column, column) or column) for column in TABLES[DLQ]}
    state = found["status"]
    for status in STATUSES:
        own = one.statuses.get(status, (status,))
        found[f"set_{status}"] = f"{state} = {literal(own[0])}"
        found[f"is_{status}"] = _is(state, own)
    found["dlq"] = quoted(settings.names.schema, one.table)
    found["retries"] = str(one.retries or settings.thresholds.dlq_retries)
    found["seen"] = _listed(one, "id", "service", "error_type", "retry_count", "next_retry_at")
    found["causes"] = _listed(one, "service", "error_type") or found["status"]
    found["error"] = _listed(one, "error_type") or found["status"]
    return found


def known_statuses(one: DeadLetters) -> Iterator[str]:
    """Yield the words that mean a status of the contract."""
    for status in STATUSES:
        yield from one.statuses.get(status, (status,))


def columns_of(settings: Settings) -> dict[str, str]:
    """Return the columns of the processed messages, by the contract's names, for a command."""
    names = {column: column_name(settings, DONE, column) or column for column in TABLES[DONE]}
    return {column: quoted(name) for column, name in names.items()}


def passes_of(settings: Settings) -> dict[str, str]:
    """Return the log of the passes and its columns, by the contract's names, for a command."""
    found = {column: quoted(column_name(settings, LOG, column) or column) for column in TABLES[LOG]}
    failed = own_words(settings, LOG, "status").get("failed", ("failed",))
    return found | {"log": named(LOG, settings), "is_failed": _is(found["status"], failed)}


def _is(column: str, words: Sequence[str]) -> str:
    own = [literal(word) for word in words]
    return f"{column} = {own[0]}" if len(own) == 1 else f"{column} IN ({', '.join(own)})"


def _listed(one: DeadLetters, *columns: str) -> str:
    names = [one.columns.get(column, column) for column in columns]
    return ", ".join(quoted(name) for name in names if name)
