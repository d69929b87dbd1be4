"""Rules of check 1 about customers' data: closed to ``anon`` and ``authenticated``, with partitions and views."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.policies import COMMANDS, expression_of, is_open, opening, reads, trusts_the_user
from fixtures.advice import Advice, for_each, sql, together
from fixtures.database.catalogue import KINDS, Catalogue, Relation
from fixtures.database.contract import CUSTOMER_TABLES, PUBLIC_ROLES, REVEALING_COLUMNS, SERVICE_ROLE, SUCCESSORS
from fixtures.database.rights import Partitions, Policy, View
from fixtures.settings.model import Settings
from fixtures.settings.naming import actual_names, dlq_tables
from fixtures.wording import counted, listed

WHY = "anybody with the app's public key acts as anon, every user as authenticated; the table holds personal data"
NOT_READ = "this evidence is of an earlier version, which did not read who may use this table"
READ_ANEW = "a run of this version against the deployment"
MOST = 10
"""Tables that one advice closes."""

Protected = Relation | Partitions


def customer_tables(settings: Settings) -> tuple[str, ...]:
    """Tables with customers' data outside of the dead-letter queue, as cases of check 1."""
    names = dict.fromkeys((*CUSTOMER_TABLES, *settings.names.personal_tables))
    return tuple(name for name in names if name not in dlq_tables(settings))


def was_read(judge: Judge, relation: Relation) -> bool:
    """Whether the evidence says who may use the table; otherwise this part is unproven."""
    if relation.partitions is None:
        judge.cannot_tell(NOT_READ, READ_ANEW)
    return relation.partitions is not None


def is_closed_to_the_public(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that ``anon`` and ``authenticated`` can neither read nor write it, its partitions and its views."""
    name = f"{relation.schema}.{relation.name}"
    ways: dict[str, list[str]] = {}
    for role in PUBLIC_ROLES:
        ways.setdefault(_access(catalogue, relation, role), []).append(role)
    for found, roles in ways.items():
        judge.requires(
            not found,
            f"role {roles[0]} can {found.replace('{}', name)}" + _the_same(roles[1:]),
            expected=f"neither anon nor authenticated can read or write {name} (row security on, or no privilege)",
            why=WHY,
            advice=for_each(_how_to_close(catalogue, role, relation.sql_name) for role in roles),
        )
    _policies_work(judge, catalogue, relation)
    _partitions_are_closed(judge, catalogue, relation)
    _views_show_nothing(judge, catalogue, name)
    _functions_are_closed(judge, catalogue, relation)


def _the_same(others: list[str]) -> str:
    return "".join(f"; role {role} can do the same" for role in others)


def _access(catalogue: Catalogue, relation: Protected, role: str) -> str:
    """What the role can do, and why: ``read {}: row security is off, and …``; empty if it can do nothing."""
    found: dict[str, list[str]] = {}
    for command, words in COMMANDS.items():
        reason = what_lets_in(catalogue, relation, role, command)
        if reason is not None:
            found.setdefault(reason, []).append(words)
    parts = []
    for reason, can in found.items():
        also = f", and it can {_enumerated([words.split()[0] for words in can[1:]])} as well" if can[1:] else ""
        parts.append(f"{can[0]} {{}}: {reason}{also}")
    return ", and ".join(parts)


def _enumerated(words: list[str]) -> str:
    return " and ".join([part for part in (", ".join(words[:-1]), words[-1]) if part])


def what_lets_in(catalogue: Catalogue, relation: Protected, role: str, command: str) -> str | None:
    """Return why the role can do this with any row; None if it cannot, or only with rows of its own account."""
    facts = catalogue.role_facts(role)
    if facts is None:
        return None
    if facts.superuser:
        return "it is a superuser"
    if not _may(relation, role, command):
        return None
    if not relation.row_security:
        return "it has the privilege, and row security is off"
    if facts.bypasses_row_security:
        return "it has the privilege, and it bypasses row security"
    policy = opening(relation.policies, role, command)
    return _what_it_does(policy, command) if policy else None


def _may(relation: Protected, role: str, command: str) -> bool:
    may = relation.privileges.get(role)
    if may is None or not may.usage:
        return False
    return {"r": may.select, "a": may.insert, "w": may.update, "d": may.delete}[command]


def _what_it_does(policy: Policy, command: str) -> str:
    expression = expression_of(policy, command)
    if trusts_the_user(policy):
        return f'policy "{policy.name}" trusts what each user can set ({expression})'
    rows = "rows, for every user" if policy.by_row else "every row"
    verb = "shows it" if command == "r" else "lets it change"
    return f'policy "{policy.name}" {verb} {rows} ({expression})'


def _how_to_close(catalogue: Catalogue, role: str, *tables: str) -> Advice:
    facts = catalogue.role_facts(role)
    if facts is not None and facts.superuser:
        return sql(f"ALTER ROLE {role} NOSUPERUSER")
    return together(
        sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", _revoke(catalogue, table)) for table in tables
    )


def _revoke(catalogue: Catalogue, relation: str) -> str:
    """The statement that takes every right on a relation, its name quoted, from the public roles."""
    return f"REVOKE ALL ON {relation} FROM {_public(catalogue)}"


def _public(catalogue: Catalogue) -> str:
    return ", ".join(["PUBLIC", *(name for name in PUBLIC_ROLES if catalogue.role_facts(name))])


def _policies_work(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that no policy fails for a role with the privilege; report open policies without one."""
    name = f"{relation.schema}.{relation.name}"
    for policy in relation.policies:
        used = [
            role
            for role in PUBLIC_ROLES
            if any(policy.concerns(role, command) and _may(relation, role, command) for command in COMMANDS)
        ]
        failure = _why_it_fails(policy, relation, used)
        judge.requires(
            not failure or not relation.row_security,
            f'policy "{policy.name}" of {name} fails in every query of role {failure}',
            expected="policies that can be evaluated",
            why="the query fails, whatever the rows, and mending the policy may show more than was meant",
            advice=sql(_revoke(catalogue, relation.sql_name)) + "then rewrite the policy, or drop it",
        )
        if not used and any(_waits(policy, role) for role in PUBLIC_ROLES):
            judge.finds(
                f'policy "{policy.name}" of {name} is open to everybody; only the missing privilege keeps '
                "anon and authenticated out"
            )
    if relation.policies and not relation.row_security:
        count = counted(len(relation.policies), "policy", "policies")
        judge.finds(f"{count} of {name} without effect: row security is off")


def _why_it_fails(policy: Policy, relation: Relation, roles: list[str]) -> str:
    """The first of the roles for which every query fails, and why; empty if it fails for none."""
    for role, needed in policy.refused:
        if role in roles:
            return f"{role}: it needs {needed}, which the role may not use"
    if roles and reads(policy, relation.name):
        return f"{roles[0]}: it reads the table that it belongs to, which never ends"
    return ""


def _waits(policy: Policy, role: str) -> bool:
    return policy.permissive and any(
        policy.concerns(role, command) and is_open(policy, command) for command in COMMANDS
    )


def _partitions_are_closed(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that the public roles cannot get at a partition directly: one finding for all of them."""
    partitions = relation.partitions or ()
    found: list[tuple[Partitions, str, str]] = []
    for group in partitions:
        accesses = ((role, _access(catalogue, group, role)) for role in PUBLIC_ROLES)
        found += [(group, role, access) for role, access in accesses if access][:1]
    count = sum(group.count for group, _, _ in found)
    names = [name for group, _, _ in found for name in group.names]
    _, role, access = found[0] if found else (None, "", "")
    which = f"{counted(count, 'partition')} of {relation.schema}.{relation.name}"
    judge.requires(
        not found,
        lambda: f"role {role} can {access.replace('{}', f'{which} ({_first(names, count)})')}",
        expected="partitions with row security of their own, or without privileges for anon and authenticated",
        why="through the REST API each partition is a table of its own, which its parent does not protect",
        advice=_how_to_close(catalogue, role, *names[:MOST]) + _and_the_rest(count - len(names[:MOST])),
    )
    if partitions and not found:
        judge.finds(f"{counted(sum(group.count for group in partitions), 'partition')} of {relation.name} closed")


def _first(names: list[str], count: int) -> str:
    more = f", and {count - 3} more" if count > 3 else ""
    return ", ".join(names[:3]) + more


def _and_the_rest(more: int) -> str:
    return f"then the same for {counted(more, 'more partition')}: the next run names them" if more > 0 else ""


def _views_show_nothing(judge: Judge, catalogue: Catalogue, name: str) -> None:
    """Require that no view which the public roles may use reads the table past its row security."""
    for view in catalogue.views or ():
        judge.requires(
            name not in view.shows,
            f"{_kind(view)} {view.schema}.{view.name} shows {name} to {' and '.join(view.open_to)}",
            expected="views that read with the rights of their user (security_invoker), or without privileges",
            why="the view reads with its owner's rights, past the table's row security",
            advice=sql(_revoke(catalogue, view.sql_name)),
        )


def _kind(view: View) -> str:
    return KINDS.get(view.kind, "view")


def _functions_are_closed(judge: Judge, catalogue: Catalogue, relation: Relation) -> None:
    """Require that the public roles may not execute a function that works on the table with its owner's rights.

    One that asks who the user is may have its reason; the functions of the jobs are judged by check 2.
    """
    name = f"{relation.schema}.{relation.name}"
    for function in catalogue.functions:
        if function.scheduled or not function.definer or relation.name not in function.uses:
            continue
        roles, service = " and ".join(function.executable_by), catalogue.role_facts(SERVICE_ROLE)
        found = (
            f"function {function.signature} works on {name} with its owner's rights, and {roles} may execute it"
        )
        if function.asks_who:
            judge.finds(f"{found}; it asks who the user is")
            continue
        grant = sql(f"GRANT EXECUTE ON FUNCTION {function.signature} TO {SERVICE_ROLE}") if service else ""
        judge.fails(
            found,
            expected="functions with their owner's rights closed to anon and authenticated",
            why="the REST API offers it to everybody, and row security does not apply in it",
            advice=sql(f"REVOKE EXECUTE ON FUNCTION {function.signature} FROM {_public(catalogue)}") + grant,
        )


def successor_of(catalogue: Catalogue, table: str, schema: str) -> Relation | None:
    """The table that will replace this one; None if there is none."""
    return catalogue.relation(SUCCESSORS.get(table, ""), schema)


def no_other_table_is_open(judge: Judge, catalogue: Catalogue, settings: Settings) -> None:
    """Require that no table outside of the settings shows columns of customers' data to the public roles."""
    if catalogue.views is None:
        judge.cannot_tell(NOT_READ.replace("this table", "other tables"), READ_ANEW)
        return
    judged = {*customer_tables(settings), *dlq_tables(settings), *SUCCESSORS.values()}
    known = actual_names(settings, judged) | {*settings.names.public_tables}
    found = [
        (relation, role, columns)
        for relation in catalogue.relations
        if relation.schema == settings.names.schema and relation.name not in known
        if (columns := [one.name for one in relation.columns if one.name.lower() in REVEALING_COLUMNS])
        if (role := _who_reads(catalogue, relation))
    ]
    names = [relation.name for relation, _, _ in found]
    judge.requires(
        not found,
        lambda: (
            f"{counted(len(found), 'table')} outside of the settings that everybody may read: "
            + listed(
                (f"{one.schema}.{one.name} ({', '.join(columns)}) by {role}" for one, role, columns in found),
                separator=", ",
            )
        ),
        expected="tables with such columns are closed to anon and authenticated",
        why="their columns look like customers' phone numbers and message texts",
        advice=together(_how_to_close_other(catalogue, one) for one, _, _ in found[:MOST])
        + f"then add {', '.join(names[:MOST])} to names.personal_tables, or to names.public_tables if anybody "
        "may read it on purpose",
    )
    _views_show_nothing(judge, catalogue, "auth.users")


def _who_reads(catalogue: Catalogue, relation: Relation) -> str:
    """The first public role that can read it or one of its partitions; empty if none can."""
    if relation.invoker:
        return ""
    ways: tuple[Protected, ...] = (relation, *(relation.partitions or ()))
    return next(
        (role for role in PUBLIC_ROLES for way in ways if what_lets_in(catalogue, way, role, "r") is not None), ""
    )


def _how_to_close_other(catalogue: Catalogue, relation: Relation) -> Advice:
    if not relation.is_table:
        return sql(_revoke(catalogue, relation.sql_name))
    partitions = [name for group in relation.partitions or () for name in group.names]
    return _how_to_close(catalogue, "", relation.sql_name, *partitions[:MOST])
