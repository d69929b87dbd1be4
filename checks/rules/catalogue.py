"""Rules of check 1: a table exists with its columns, serves the functions, and is closed to the public."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.nearest_names import how_to_name, nearest_columns, nearest_table
from fixtures.advice import sql
from fixtures.database.catalogue import (
    MIGRATE,
    Catalogue,
    Relation,
    Sight,
    hidden_rows,
    show_rows,
    unusable,
)
from fixtures.database.contract import ALWAYS_SET, BY_DEFAULT, PERSONAL_COLUMNS, SERVICE_ROLE
from fixtures.database.identifiers import quoted
from fixtures.settings.model import Settings


def exists(judge: Judge, catalogue: Catalogue, table: str, settings: Settings) -> Relation | None:
    """Require that the table exists in the schema; return it if it does."""
    schema = settings.names.schema
    relation = catalogue.relation(table, schema)
    there = relation is not None and relation.is_table
    found, naming = nearest_table(catalogue, table, settings)
    judge.requires(
        there,
        lambda: catalogue.what_is_missing(table, schema) + found,
        expected=f"a table {schema}.{catalogue.actual(table)}",
        why="the functions write it: without it, webhook messages are lost without a trace",
        advice=naming + catalogue.how_to_create(table),
    )
    return relation if there else None


def has_its_columns(judge: Judge, relation: Relation, settings: Settings) -> None:
    """Require the contract's columns, with types that can serve; name the nearest ones for what is missing."""
    nearest = nearest_columns(relation)
    for column in relation.contract_columns:
        problem, near = unusable(relation, column), nearest.get(column, "")
        judge.requires(
            problem is None,
            f"{problem}; the nearest is {near}" if near else problem or "",
            why="the functions write and read this column",
            advice=MIGRATE if relation.column(column) else how_to_name(relation, column, near, settings),
        )


def report_what_may_be_left_out(judge: Judge, relation: Relation) -> None:
    """Report columns that each row needs, and that a row may leave empty or gets no value for."""
    for name in sorted(ALWAYS_SET.get(relation.contract or relation.name, ())):
        column = relation.column(name)
        if column is None:
            continue
        lost = name in BY_DEFAULT and not column.has_default
        faults = ["may be null"] * column.nullable + ["has no default"] * lost
        ends = "no check sees a row without it" if column.nullable else "an insert that leaves it out fails"
        if faults:
            judge.finds(f"{relation.schema}.{relation.name}.{column.name} {' and '.join(faults)}: {ends}")


def is_readable(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that the suite's role may read each column without personal data, and sees every row."""
    role = catalogue.role
    gap = catalogue.unreadable(relation, relation.contract_columns.keys() - PERSONAL_COLUMNS)
    if gap is not None:
        judge.fails(
            gap.reason,
            expected=f"role {role}, which the suite runs as, may select from {relation.schema}.{relation.name}",
            advice=gap.advice,
        )
        return
    judge.holds()
    if catalogue.sight(relation) is Sight.FILTERED:
        judge.cannot_tell(hidden_rows(relation, role), show_rows(role))


def serves_the_functions(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that ``service_role``, the edge functions' role, may insert, select and update."""
    name, table = f"{relation.schema}.{relation.name}", relation.sql_name
    role = catalogue.role_facts(SERVICE_ROLE)
    why = "the edge functions act as service_role: they cannot queue or process failed messages"
    if not judge.requires(role is not None, f"role {SERVICE_ROLE} does not exist", why=why) or role is None:
        return
    may = relation.privileges[SERVICE_ROLE]
    granted = {
        "USAGE on the schema": may.usage,
        "INSERT": may.insert,
        "SELECT": may.select,
        "UPDATE": may.update,
    }
    lacking = [] if role.superuser else [right for right, given in granted.items() if not given]
    judge.requires(
        not lacking,
        lambda: f"{SERVICE_ROLE} lacks {', '.join(lacking)} on {name}",
        expected=f"{SERVICE_ROLE} may insert into, select from and update {name}",
        why=why,
        advice=sql(
            f"GRANT USAGE ON SCHEMA {quoted(relation.schema)} TO {SERVICE_ROLE}",
            f"GRANT SELECT, INSERT, UPDATE ON {table} TO {SERVICE_ROLE}",
        ),
    )
    judge.requires(
        not relation.row_security
        or role.superuser
        or role.bypasses_row_security
        or any(policy.permissive for policy in relation.policies if SERVICE_ROLE in policy.roles),
        f"row security on {name} shuts out {SERVICE_ROLE}: it does not bypass it and no policy lets it in",
        why=why,
        advice=sql(f"CREATE POLICY {SERVICE_ROLE} ON {table} TO {SERVICE_ROLE} USING (true)"),
    )
