"""Evaluates the part of GitHub's expression language that the project's workflows use."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

WHOLE = re.compile(r"\$\{\{\s*(.*?)\s*\}\}", re.DOTALL)
TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(&&|\|\||==|!=|!|[(),])|([A-Za-z_][\w.-]*))")
OPERATORS = {"&&": " and ", "||": " or ", "!": " not "}

Functions = Mapping[str, Callable[..., Any]]


def evaluate(expression: str, context: Mapping[str, Any], functions: Functions) -> Any:
    """Return the value of an expression without its braces; a name missing in the context is None, like null."""
    python: list[str] = []
    position = 0
    while position < len(expression.rstrip()):
        found = TOKEN.match(expression, position)
        assert found is not None, f"not understood: {expression[position:]!r}"
        text, operator, name = found.groups()
        position = found.end()
        if text is not None:
            python.append(repr(text[1:-1].replace("''", "'")))
        elif operator is not None:
            python.append(OPERATORS.get(operator, operator))
        elif expression[position : position + 1] == "(":
            python.append(f"functions[{name!r}]")
        else:
            python.append(f"lookup({name!r})")
    # The text comes from the project's own workflows, and consists of the tokens above only.
    return eval("".join(python), {"__builtins__": {}}, {"functions": functions, "lookup": _lookup(context)})


def _lookup(context: Mapping[str, Any]) -> Callable[[str], Any]:
    def look(name: str) -> Any:
        value: Any = context
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    return look


def filled(text: str, context: Mapping[str, Any], functions: Functions) -> str:
    """Return a text with every ``${{ }}`` replaced by its value."""
    return WHOLE.sub(lambda found: _text(evaluate(found[1], context, functions)), text)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def truth(condition: str, context: Mapping[str, Any], functions: Functions) -> bool:
    """Whether an ``if:`` is true; without a status function such as ``always()`` it requires ``success()`` too."""
    inner = WHOLE.fullmatch(condition.strip())
    expression = inner[1] if inner else condition
    if not re.search(r"\b(success|failure|always|cancelled)\(\)", expression):
        expression = f"success() && ({expression})"
    return bool(evaluate(expression, context, functions))
