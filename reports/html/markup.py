"""HTML that is escaped by construction: these functions escape every text that is not :class:`Markup`."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Mapping

from checks.judge import Cell, Table

VOID = frozenset({"meta", "img", "br", "hr"})
_CODE = re.compile(r"`([^`\n]+)`")


class Markup(str):
    """HTML that is not escaped again; every other text is escaped."""

    __slots__ = ()


Content = str | Iterable["Content"]
"""Text to be escaped, markup to be kept, or several of them."""


def tag(name: str, /, *content: Content, **attributes: str | bool) -> Markup:
    """An element; an attribute that is ``True`` has no value, one that is ``False`` is left out.

    ``class_`` is the attribute ``class``, and an underscore within a name is a dash.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items() if value is not False)
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(*content)}</{name}>")


def join(*content: Content) -> Markup:
    """Join pieces of content."""
    return Markup(
        "".join(
            (piece if isinstance(piece, Markup) else html.escape(piece))
            if isinstance(piece, str)
            else join(*piece)
            for piece in content
        )
    )


def prose(text: str) -> Markup:
    """Text with its line breaks, and with the parts between backticks as code."""
    parts: list[Content] = []
    for number, part in enumerate(_CODE.split(text)):
        if number % 2:
            parts.append(tag("code", part))
        else:
            lines = part.split("\n")
            parts.append(lines[0])
            for line in lines[1:]:
                parts += [tag("br"), line]
    return join(*parts)


def rows(table: Table) -> Markup:
    """A table of evidence, its columns in the order in which rows first name them."""
    columns = list(dict.fromkeys(column for row in table.rows for column in row))
    if not columns:
        return tag("p", "no rows")
    head = tag("tr", (tag("th", column, scope="col", class_=_kind(table, column)) for column in columns))
    return tag(
        "table",
        tag("thead", head),
        tag("tbody", (tag("tr", (_cell(row, column) for column in columns)) for row in table.rows)),
    )


def image(title: str, svg: bytes, **attributes: str) -> Markup:
    """A picture inside the page; as an image it cannot run scripts."""
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return tag("img", src=source, alt=title, **attributes)


def caption(table: Table) -> str:
    """The table's title, with the number of rows shown if there are more."""
    shown = len(table.rows)
    return f"{table.title} (first {shown} of {table.total})" if table.total > shown else table.title


def _cell(row: Mapping[str, Cell], column: str) -> Markup:
    value = row.get(column)
    if value is None:
        return tag("td", "–" if column in row else "", class_="none")
    if isinstance(value, bool):
        return tag("td", "yes" if value else "no")
    return tag("td", str(value), class_=_number(value))


def _kind(table: Table, column: str) -> str | bool:
    """The class of a column's head: ``number`` if it has cells with numbers."""
    return any(_number(row.get(column)) for row in table.rows) and "number"


def _number(value: Cell) -> str | bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and "number"


def _attribute(key: str, value: str | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'
