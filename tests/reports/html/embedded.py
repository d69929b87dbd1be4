"""Decodes the data in Allure's single file: base64 in scripts, which a text search would miss."""

from __future__ import annotations

import base64
import re

_DATA = re.compile(r'\bd\("([^"]+)","([A-Za-z0-9+/=]*)"\)')
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{40,}={0,2}")


def embedded(report: str) -> dict[str, str]:
    """Name → content of every piece of data in the report."""
    return {name: base64.b64decode(data).decode(errors="replace") for name, data in _DATA.findall(report)}


def decoded(text: str, depth: int = 3) -> str:
    """The text, followed by everything in it that looks like base64, decoded up to ``depth`` times."""
    parts = [text]
    if depth:
        for found in _BASE64.findall(text.encode()):
            whole = found[: len(found) // 4 * 4]
            parts.append(decoded(base64.b64decode(whole, validate=False).decode("latin-1"), depth - 1))
    return "\n".join(parts)
