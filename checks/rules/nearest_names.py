"""The nearest table or column for check 1 where names differ, with the setting that names it."""

from __future__ import annotations

from fixtures.database.catalogue import MIGRATE, Catalogue, Relation
from fixtures.database.contract import DLQ, MAY_BE_ABSENT, TABLES
from fixtures.database.nearest import matches
from fixtures.database.sources import DONE
from fixtures.settings.model import Settings
from fixtures.wording import in_toml

PROPOSE = "`pytest --propose-settings` prints all settings for what is there"


def nearest_table(catalogue: Catalogue, table: str, settings: Settings) -> tuple[str, str]:
    """Return which table is most like a missing one, and how to name it; empty texts if none is."""
    one = catalogue.similar.get(table)
    if one is None:
        return "", ""
    of, renamed = f"of its {len(TABLES[table])} columns", len(one.renamed)
    has = f"{one.same} {of}" if one.same else f"{renamed} {of} under similar names"
    has += f", and {renamed} under similar names" if one.same and renamed else ""
    found = f"; {one.schema}.{one.name} has {has}"
    schema = f"schema = {in_toml(one.schema)} in [names] and " if one.schema != settings.names.schema else ""
    return (
        found,
        f"if it is this table, set {schema}{table} = {in_toml(one.name)} in [names.tables] ({PROPOSE}); else ",
    )


def nearest_columns(relation: Relation) -> dict[str, str]:
    """Return the columns that may stand for missing ones of the contract, by the contract's names."""
    wanted = relation.contract_columns
    missing = {name: types for name, types in wanted.items() if relation.column(name) is None}
    known = {relation.actual(name) for name in wanted}
    return matches(missing, {one.name: one.type for one in relation.columns if one.name not in known})


def how_to_name(relation: Relation, column: str, nearest: str, settings: Settings) -> str:
    """Return what to do about a missing column: name another one, declare it absent, or apply a migration."""
    table = relation.contract or relation.name
    where = f"[columns.{table}]"
    if table == DLQ and settings.dead_letters:
        where = f"the columns of {relation.name} in [[dead_letters]]"
    if nearest:
        return f"if it is this column, set {column} = {in_toml(nearest)} in {where}; else {MIGRATE}"
    if (table, column) == (DONE, "processed"):
        return f'if each row means that its message was processed, set {column} = "" in {where}; else {MIGRATE}'
    if column in MAY_BE_ABSENT.get(table, ()):
        return f'if the deployment does without it, set {column} = "" in {where}; else {MIGRATE}'
    return MIGRATE
