"""Statements that bring a new partition what its siblings have, and nothing that opens it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from checks.rules.policies import COMMANDS, is_open
from fixtures.database.contract import PUBLIC_ROLES
from fixtures.database.identifiers import literal, quoted
from fixtures.database.partition_family import Family, FamilyPolicy, Grant
from fixtures.database.rights import Policy

MASKED = re.compile(r"\[(secret|phone|e-mail|message|withheld)[^\]]*\]|…")
"""What the evidence has instead of a secret or a customer's data."""
BARE = Family((), ())
"""For evidence of an earlier version, which says nothing of siblings."""


def storage(family: Family) -> str:
    """Return the WITH clause of a new partition; empty without storage parameters."""
    return f" WITH ({_parameters(family)})" if family.parameters else ""


def _parameters(family: Family) -> str:
    pairs = (parameter.partition("=") for parameter in family.parameters)
    return ", ".join(f"{name} = {literal(value)}" for name, _, value in pairs)


def protect(table: str, family: Family, *, existing: bool = False) -> Iterator[str]:
    """Yield the statements for a partition, whose name is quoted.

    ``anon`` and ``authenticated`` get nothing, whatever the default privileges give to them.

    Args:
        table: the partition.
        family: what its siblings have.
        existing: whether the table was there before, so that it lacks storage parameters, and may have policies.
    """
    if existing and family.parameters:
        yield f"ALTER TABLE {table} SET ({_parameters(family)})"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    if family.forced:
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield f"REVOKE ALL ON {table} FROM {', '.join(['PUBLIC', *map(quoted, family.default_roles)])}"
    yield from (_grant(table, grant) for grant in family.grants if grant.role not in PUBLIC_ROLES)
    # A policy with a masked text cannot be copied, and the others without it might show more than its siblings do.
    masked = any(MASKED.search(text) for one in family.policies for text in (one.using, one.check) if text)
    for policy in () if masked else family.policies:
        if not _opens(policy):
            if existing:
                yield f"DROP POLICY IF EXISTS {quoted(policy.name)} ON {table}"
            yield _policy(table, policy)
    if family.owner:
        yield f"ALTER TABLE {table} OWNER TO {quoted(family.owner)}"


def _grant(table: str, grant: Grant) -> str:
    columns = f" ({', '.join(map(quoted, grant.columns))})" if grant.columns else ""
    return f"GRANT {', '.join(one + columns for one in grant.privileges)} ON {table} TO {quoted(grant.role)}"


def _policy(table: str, policy: FamilyPolicy) -> str:
    roles = ", ".join(role if role == "PUBLIC" else quoted(role) for role in policy.roles)
    kind = "" if policy.permissive else " AS RESTRICTIVE"
    using = f" USING ({policy.using})" if policy.using is not None else ""
    check = f" WITH CHECK ({policy.check})" if policy.check is not None else ""
    return f"CREATE POLICY {quoted(policy.name)} ON {table}{kind} FOR {policy.command} TO {roles}{using}{check}"


def _opens(policy: FamilyPolicy) -> bool:
    """Whether it is for the public roles and lets everybody in: a new partition does without it."""
    if not policy.permissive or not {"PUBLIC", *PUBLIC_ROLES} & {*policy.roles}:
        return False
    one = Policy(policy.name, "*", True, PUBLIC_ROLES, policy.using, False, policy.check)
    return any(is_open(one, command) for command in COMMANDS)
