"""A text stream that redacts what is written to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TextIO

from reports.redaction.redactor import Redactor


class RedactingStream:
    """Wraps a text stream and redacts what is written; everything else goes to the stream itself."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        """Write the text redacted; returns the length of the given text."""
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines redacted."""
        self._stream.writelines(self._redactor.lines(lines))

    def __getattr__(self, name: str) -> Any:
        """Every other attribute of the stream."""
        return getattr(self._stream, name)
