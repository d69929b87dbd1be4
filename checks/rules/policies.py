"""What a row security policy lets everybody with a role do.

Postgres prints an expression in brackets at every level: ``((auth.uid() IS NOT NULL) AND (owner = auth.uid()))``.
It is judged by its parts: an OR is open if one of its parts is, an AND if all of them are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fixtures.database.rights import Policy

SET_BY_ANYBODY = re.compile(r"\bauth\.users\b|user_metadata|raw_user_meta_data", re.IGNORECASE)
"""What a policy must not trust: each user sets these texts for the own account."""
OPEN_TO_ANYBODY = re.compile(
    r"auth\.role\(\)\s*=\s*'(anon|authenticated)'|auth\.(uid|jwt)\(\)\s+is\s+(not\s+)?null"
    r"|->>\s*'role'(::text)?\)*\s*=\s*'(anon|authenticated)'"
    r"|current_user\s*=[^'<>!]*'(anon|authenticated)'",
    re.IGNORECASE,
)
"""Conditions that are true for every row, for each logged-in user or even without a login."""
ASKS_WHO = re.compile(
    r"\b(auth\.|current_setting|current_user|session_user|current_role|user\b|jwt|has_\w+_privilege|pg_has_role)"
    r"|\w\s*\(|\bselect\b",
    re.IGNORECASE,
)
"""Parts of a condition by which its result may depend on the user; a function or a query may hide one."""
ASKED_ONCE = re.compile(r"\(\s*select\s+(auth\.\w+\(\))(\s+as\s+\w+)?\s*\)", re.IGNORECASE)
"""``( SELECT auth.uid() AS uid)``, which Supabase recommends instead of ``auth.uid()``."""

COMMANDS = {"r": "read", "a": "insert into", "w": "update", "d": "delete from"}
"""Command of a policy → what it lets a role do with a table."""


def expression_of(policy: Policy, command: str) -> str | None:
    """The expression that decides about a command: WITH CHECK for an insert, if there is one, otherwise USING."""
    return policy.check if command == "a" and policy.check is not None else policy.expression


def opening(policies: Sequence[Policy], role: str, command: str) -> Policy | None:
    """The first policy that lets every user with the role do this, unless a restrictive one takes that back."""
    concerned = [policy for policy in policies if policy.concerns(role, command)]
    if not all(is_open(policy, command) for policy in concerned if not policy.permissive):
        return None
    return next((one for one in concerned if one.permissive and is_open(one, command)), None)


def is_open(policy: Policy, command: str) -> bool:
    """Whether the policy's condition is one that every user fulfils, or can make true."""
    condition = expression_of(policy, command)
    return condition is not None and (trusts_the_user(policy) or _holds(ASKED_ONCE.sub(r"\1", condition)))


def trusts_the_user(policy: Policy) -> bool:
    """Whether it reads what each user sets for the own account."""
    return any(SET_BY_ANYBODY.search(text) for text in (policy.expression, policy.check) if text)


def reads(policy: Policy, table: str) -> bool:
    """Whether its condition has a query on a table of this name."""
    query = re.compile(rf'\b(FROM|JOIN)\s+\(*(("[^"]+"|\w+)\.)?"?{re.escape(table)}\b', re.IGNORECASE)
    return any(query.search(text) for text in (policy.expression, policy.check) if text)


def _holds(condition: str) -> bool:
    text = _bare(condition)
    for operator, quantifier in (("OR", any), ("AND", all)):
        parts = _split(text, operator)
        if len(parts) > 1:
            return quantifier(_holds(part) for part in parts)
    if text.lower() in ("", "false"):
        return False
    # A condition in which nothing depends on the user is the same for all of them.
    return bool(OPEN_TO_ANYBODY.search(text)) or not ASKS_WHO.search(text)


def _bare(condition: str) -> str:
    """The condition without brackets around the whole of it."""
    text = condition.strip()
    while text.startswith("(") and _depths(text)[-1] == 0 and 0 not in _depths(text)[:-1]:
        text = text[1:-1].strip()
    return text


def _split(text: str, operator: str) -> list[str]:
    """Split a condition at an operator that stands outside of brackets and quotes."""
    depths = _depths(text)
    places = [found for found in re.finditer(rf"\b{operator}\b", text) if depths[found.start()] == 0]
    begins = [0, *(found.end() for found in places)]
    ends = [*(found.start() for found in places), len(text)]
    return [text[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _depths(text: str) -> list[int]:
    """How many brackets are open after each character; within quotes, one more."""
    depths, depth, quote = [], 0, ""
    for character in text:
        if character == quote:
            quote = ""
        elif quote:
            pass
        elif character in "'\"":
            quote = character
        else:
            depth += (character == "(") - (character == ")")
        depths.append(depth + bool(quote))
    return depths
