"""What ``anon`` and ``authenticated`` could do with a function of a job, which the REST API offers to them."""

from __future__ import annotations

from collections.abc import Iterable

from checks.judge import Judge
from checks.rules.protection import what_lets_in
from fixtures.database.catalogue import Catalogue
from fixtures.database.rights import Function

WRITES = "awd"
"""Commands of policies by which a table changes."""


def who_does_harm(catalogue: Catalogue, function: Function) -> tuple[str, ...]:
    """The public roles that may execute it and for which it works.

    It works with its owner's rights, or where the caller's suffice: for each table that its body names, and for
    the functions that it calls.
    """
    if function.definer is not False:
        return function.executable_by
    return tuple(role for role in function.executable_by if _suffices(catalogue, function, role))


def _suffices(catalogue: Catalogue, function: Function, role: str) -> bool:
    tables = [relation for name in function.uses for relation in catalogue.relations if relation.name == name]
    may_write = [any(what_lets_in(catalogue, one, role, command) for command in WRITES) for one in tables]
    return all(may_write) and (bool(tables) or role in function.helped)


def report(judge: Judge, catalogue: Catalogue, functions: Iterable[Function]) -> None:
    """Report what does no harm today: a harmless function that is open, and a search path that is not fixed."""
    for function in functions:
        name = f"{function.schema}.{function.name}()"
        harmless = [role for role in function.executable_by if role not in who_does_harm(catalogue, function)]
        if harmless:
            judge.finds(
                f"function {name} can be executed by {', '.join(harmless)}: it runs with the caller's rights, "
                "which do not suffice for what it does"
            )
        if function.fixed_search_path is False:
            judge.finds(
                f"function {name} does not fix its search_path, so it may find another table or function of the "
                "same name"
            )
