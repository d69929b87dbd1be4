"""Finds what is left of a secret beside a cut (``…``), in time linear to the text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from reports.redaction.patterns import SECRET, Span

SHORTEST_REMAINS = 4
"""Shortest part of a secret that is masked beside a cut; shorter parts reveal too little."""

_CUT = re.compile(r"\.\.\.|…")
_SCHEME = re.compile(r"[A-Za-z]+(?=:|%(?:25)*3A)")
"""The scheme of a secret URL, which is not secret."""


class Cuts:
    """The beginnings and ends of secrets, by the characters that stand next to a cut."""

    def __init__(self) -> None:
        self._before: defaultdict[str, set[str]] = defaultdict(set)
        self._after: defaultdict[str, set[str]] = defaultdict(set)

    def learn(self, form: str) -> None:
        """Look for the parts of this form of a secret too."""
        scheme = _SCHEME.match(form)
        for length in range(SHORTEST_REMAINS + (scheme.end() if scheme else 0), len(form)):
            self._before[form[length - SHORTEST_REMAINS : length]].add(form[:length])
            end = form[-length:]
            self._after[end[:SHORTEST_REMAINS]].add(end)

    def remains(self, text: str) -> Iterator[Span]:
        """The parts of secrets beside each cut, with the cut."""
        for cut in _CUT.finditer(text) if self._before else ():
            start, end = cut.span()
            beginnings = self._before.get(text[max(0, start - SHORTEST_REMAINS) : start], ())
            ends = self._after.get(text[end : end + SHORTEST_REMAINS], ())
            before = max((len(part) for part in beginnings if text.endswith(part, 0, start)), default=0)
            after = max((len(part) for part in ends if text.startswith(part, end)), default=0)
            if before or after:
                yield Span(start - before, end + after, SECRET)
