"""A text stream behind the redaction gate."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TextIO

from reports.redaction.redactor import Redactor


class RedactingStream:
    """A text stream that passes what is written through the gate; everything else is the stream's own."""

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redactor = redactor

    def write(self, text: str) -> int:
        """Write the text redacted; returns the number of characters given."""
        self._stream.write(self._redactor.text(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines redacted."""
        self._stream.writelines(self._redactor.lines(lines))

    def __getattr__(self, name: str) -> Any:
        """Whatever else the stream can do."""
        return getattr(self._stream, name)
