"""What is in quotes in a log: somebody's words, except the names that programs put there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.redaction.patterns import Span

NAMED = re.compile(
    r"(?P<before>\b(?:relation|table|view|column|constraint|index|schema|function|role|database|extension|sequence"
    r"|trigger|policy|parameter|partition|authentication failed for user)\s+)"
    r"(?P<q>[\"'])(?P<name>[A-Za-z_][\w$.-]{0,62})(?P=q)"
    r"|(?P<variable_q>[\"'`])(?P<variable>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?P=variable_q)"
    r"|(?P<importing>"
    r"\b(?:module(?: not found)?:?|import(?: path)?|specifier|resolve|load(?:ing)?|import map from)\s+)"
    r"(?P<module_q>[\"'])"
    r"(?P<module>(?:(?:https?|file)://|(?:npm|jsr|node):|\.{1,2}/|@)?[A-Za-z0-9][\w.@/+^~:-]{0,300}"
    r"(?:\?(?:(?:target|deps|pin|bundle|external|exports|dev|dts|alias|raw|no-check)(?:=[\w.@,/-]{1,60})?&?){1,8})?)"
    r"(?P=module_q)",
    re.IGNORECASE,
)
"""A name in quotes: of something in Postgres after the word for its kind, of a variable, of a module."""

_QUOTES = (
    re.compile(r'"(?P<m>(?:[^"\\]|\\.)*+)(?:"|\\?\Z)', re.DOTALL),
    re.compile(r"(?<!\w)'(?P<m>.*?)(?:'(?!\w)|\Z)", re.DOTALL),
    re.compile(r"[`“«](?P<m>.*?)(?:[`”»]|\Z)", re.DOTALL),
    re.compile(r"\)=\((?P<m>.*?)(?:\)|\Z)", re.DOTALL),
    re.compile(r"(?<!error )(?<!error_)\b(?:body|text|caption|message)\s*[:=]\s*(?P<m>\S.*)", re.I | re.DOTALL),
)


def quoted(text: str) -> Iterator[Span]:
    """Find what is in quotes, or follows ``body:`` or ``message:``; the names that programs quote stay."""
    names = {match.span(group) for match in NAMED.finditer(text) if (group := named_in(match))}
    for pattern in _QUOTES:
        for match in pattern.finditer(text):
            if match["m"].strip("…") and match.span("m") not in names:
                yield Span(*match.span("m"), "…")


def named_in(match: re.Match[str]) -> str:
    """The group of a match that holds a name; empty for the name of a variable in lower case, which is none."""
    if match["variable"]:
        return "variable" if match["variable"].isupper() else ""
    return "name" if match["name"] else "module"


def without_quotes(text: str) -> str:
    """The text with the quotes around such names removed, so that what is still quoted is somebody's words."""
    return NAMED.sub(_bare, text)


def _bare(match: re.Match[str]) -> str:
    group = named_in(match)
    return f"{match['before'] or match['importing'] or ''}{match[group]}" if group else match[0]
