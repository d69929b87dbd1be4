"""Rules of check 1: a table exists with its columns, serves the functions, and is closed to the public."""

from __future__ import annotations

import re

from checks.judge import Judge
from fixtures.database.catalogue import (
    MIGRATE,
    Catalogue,
    Policy,
    Relation,
    Sight,
    hidden_rows,
    show_rows,
    unusable,
)
from fixtures.database.contract import PERSONAL_COLUMNS, PUBLIC_ROLES, SERVICE_ROLE, TABLES
from fixtures.database.identifiers import quoted

OPEN_TO_ANYBODY = re.compile(
    r"auth\.role\(\)\s*=\s*'(anon|authenticated)'|auth\.uid\(\)\s+is\s+not\s+null"
    r"|current_user\s*=[^'<>!]*'(anon|authenticated)'",
    re.IGNORECASE,
)
"""Policy expressions that are true for every row, for each logged-in user or even without a login."""
ASKS_WHO = re.compile(
    r"\b(auth\.|current_setting|current_user|session_user|current_role|user\b|jwt|has_\w+_privilege|pg_has_role)"
    r"|\w\s*\(|\bselect\b",
    re.IGNORECASE,
)
"""Parts of a policy expression by which its result may depend on the user; a function or a query may hide one."""


def exists(judge: Judge, catalogue: Catalogue, table: str, schema: str) -> Relation | None:
    """Require that the table exists in the schema; return it if it does."""
    relation = catalogue.relation(table, schema)
    there = relation is not None and relation.is_table
    judge.requires(
        there,
        catalogue.what_is_missing(table, schema),
        expected=f"a table {schema}.{table}",
        why="without it failed webhook messages are lost without a trace",
        advice=MIGRATE,
    )
    return relation if there else None


def has_its_columns(judge: Judge, relation: Relation) -> None:
    """Require the contract's columns, with types that can serve."""
    for column in TABLES.get(relation.name, {}):
        problem = unusable(relation, column)
        judge.requires(
            problem is None,
            problem or "",
            why="the functions write and read this column",
            advice=MIGRATE,
        )


def is_readable(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that the suite's role may read each column without personal data, and sees every row."""
    role = catalogue.role
    gap = catalogue.unreadable(relation, TABLES.get(relation.name, {}).keys() - PERSONAL_COLUMNS)
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
        f"{SERVICE_ROLE} lacks {', '.join(lacking)} on {name}",
        expected=f"{SERVICE_ROLE} may insert into, select from and update {name}",
        why=why,
        advice=f"GRANT USAGE ON SCHEMA {quoted(relation.schema)} TO {SERVICE_ROLE}; "
        f"GRANT SELECT, INSERT, UPDATE ON {table} TO {SERVICE_ROLE}",
    )
    judge.requires(
        not relation.row_security
        or role.superuser
        or role.bypasses_row_security
        or any(policy.permissive for policy in relation.policies if SERVICE_ROLE in policy.roles),
        f"row security on {name} shuts out {SERVICE_ROLE}: it does not bypass it and no policy lets it in",
        why=why,
        advice=f"ALTER ROLE {SERVICE_ROLE} BYPASSRLS, or "
        f"CREATE POLICY {SERVICE_ROLE} ON {table} TO {SERVICE_ROLE} USING (true)",
    )


def is_closed_to_the_public(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that ``anon`` and ``authenticated`` cannot read it: it holds phone numbers and message texts."""
    name = f"{relation.schema}.{relation.name}"
    for role in PUBLIC_ROLES:
        opening = _what_lets_in(catalogue, relation, role)
        judge.requires(
            opening is None,
            f"role {role} can read {name}: {opening}",
            expected=f"{role} cannot read {name} (row security on, or no privilege)",
            why="anybody with the app's public key acts as this role, and the table holds personal data",
            advice=_how_to_close(catalogue, relation, role),
        )


def _how_to_close(catalogue: Catalogue, relation: Relation, role: str) -> str:
    facts = catalogue.role_facts(role)
    if facts is not None and facts.superuser:
        return f"ALTER ROLE {role} NOSUPERUSER"
    public = ", ".join(["PUBLIC", *(name for name in PUBLIC_ROLES if catalogue.role_facts(name))])
    table = relation.sql_name
    return f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; REVOKE ALL ON {table} FROM {public}"


def _what_lets_in(catalogue: Catalogue, relation: Relation, role: str) -> str | None:
    facts = catalogue.role_facts(role)
    if facts is None:
        return None
    if facts.superuser:
        return "it is a superuser"
    if not (relation.privileges[role].usage and relation.privileges[role].select):
        return None
    if not relation.row_security:
        return "it has the privilege, and row security is off"
    if facts.bypasses_row_security:
        return "it has the privilege, and it bypasses row security"
    openings = [policy for policy in relation.policies if _opens(policy, role)]
    closed = any(policy.hides_all(role) for policy in relation.policies)
    opening = openings[0] if openings and not closed else None
    return f'policy "{opening.name}" shows it {_how_much(opening)} ({opening.expression})' if opening else None


def _opens(policy: Policy, role: str) -> bool:
    """Whether the policy shows rows to every user with this role."""
    condition = policy.condition
    # A condition in which nothing depends on the user is the same for all of them.
    everybody = bool(condition) and condition != "false" and not ASKS_WHO.search(condition)
    known = policy.shows(role) or bool(OPEN_TO_ANYBODY.search(condition))
    return policy.concerns(role) and policy.permissive and (known or everybody)


def _how_much(policy: Policy) -> str:
    return "rows, for every user" if policy.by_row else "every row"
