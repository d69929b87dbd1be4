"""Names of things in the deployment, neither secret nor personal: tables, columns, jobs, functions, settings.

The deployment gives its names itself, so a name is taken only if it looks like one that people give: a value that
looks like a token or a phone number stays masked although a table is called so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 63
"""Characters of the longest name in Postgres."""

MOST_DIGITS = 6
"""Digits beside dates in a name; a phone number has more."""

_WORD = r"(?:[A-Z]?[a-z]+(?:[A-Z][a-z]+)*|[A-Z]+)"
_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:(?:0[1-9]|[12]\d|3[01])(?:(?:[01]\d|2[0-3])[0-5]\d[0-5]\d)?)?"
_PART = rf"(?:{_WORD}?{_DATE}|{_WORD}\d{{0,4}}|\d{{1,4}})"
_NAME = re.compile(rf"_*{_WORD}\d{{0,4}}(?:[_-]+{_PART})*_*")
_DATE_IN_NAME = re.compile(rf"(?<!\d){_DATE}(?!\d)")


class KnownNames:
    """The names that are known, without those that a secret contains."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._shown: frozenset[str] = frozenset()

    def learn(self, names: Iterable[str], secrets: Iterable[str]) -> None:
        """Add names, and leave out every name that one of the secrets contains."""
        self._names |= {name for name in names if is_name(name)}
        held = "\n".join(secrets).lower()
        self._shown = frozenset(name for name in self._names if name.lower() not in held)

    def __contains__(self, text: str) -> bool:
        """Whether a text is exactly a known name, also with its schema or table before it."""
        return bool(self._shown) and all(part in self._shown for part in text.strip("\"'").split("."))


def is_name(text: str) -> bool:
    """Whether a text looks like a name that people give: words, short numbers, dates."""
    if len(text) > LONGEST or not _NAME.fullmatch(text):
        return False
    return sum(map(str.isdigit, _DATE_IN_NAME.sub("", text))) <= MOST_DIGITS
