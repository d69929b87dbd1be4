"""File logger for Allure's results that redacts everything it writes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attr
from allure_commons import hookimpl

from fixtures.files import write_atomically
from reports.redaction.patterns import WITHHELD
from reports.redaction.redactor import Redactor


class RedactingFileLogger:
    """Writes Allure's files as its own logger does, but redacted, and no files of fixtures."""

    def __init__(self, folder: str, redactor: Redactor, constant: frozenset[str]) -> None:
        self._folder = Path(folder).absolute()
        self._redactor = redactor
        self._constant = constant
        self._folder.mkdir(parents=True, exist_ok=True)

    @hookimpl
    def report_result(self, result: Any) -> None:
        """Write the result of a test."""
        self._write_item(result)

    @hookimpl
    def report_globals(self, globals_item: Any) -> None:
        """Write the data of the run as a whole."""
        self._write_item(globals_item)

    @hookimpl
    def report_attached_file(self, source: str, file_name: str) -> None:
        """Write an attachment from a file."""
        self._write_attachment(Path(source).read_bytes(), file_name)

    @hookimpl
    def report_attached_data(self, body: str | bytes, file_name: str) -> None:
        """Write an attachment."""
        self._write_attachment(body.encode() if isinstance(body, str) else body, file_name)

    def _write_item(self, item: Any) -> None:
        data = attr.asdict(item, filter=lambda _, value: bool(value) or value is False)
        name = item.file_pattern.format(prefix=getattr(item, "uuid", None) or uuid.uuid4())
        write_atomically(self._folder / name, json.dumps(self._redact(data), ensure_ascii=False))

    def _redact(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Redact everything except identities and constants, which programs compare."""
        return {
            key: value if key in self._constant else self._redactor.data({key: value}).get(key, WITHHELD)
            for key, value in data.items()
        }

    def _write_attachment(self, body: bytes, name: str) -> None:
        try:
            text = None if name.endswith(".svg") else body.decode()
        except UnicodeDecodeError:
            text = None
        if text is not None:
            redacted = self._redactor.text(text).encode()
        else:
            # A picture cannot be redacted, only searched: its coordinates look like phone numbers.
            readable = body.decode("latin-1")
            redacted = body if self._redactor.known_secrets_only(readable) == readable else WITHHELD.encode()
        path = self._folder / name
        partial = path.with_name(f"{path.name}.tmp")
        partial.write_bytes(redacted)
        partial.replace(path)
