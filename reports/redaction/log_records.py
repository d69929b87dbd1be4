"""Redacts log records when they are created, before any handler gets them."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

from reports.redaction.patterns import WITHHELD
from reports.redaction.redactor import Redactor


def install_log_redaction(redactor: Redactor) -> Callable[[], None]:
    """Redact every new log record of this process: message, traceback and stack.

    Returns:
        A function that removes the redaction.
    """
    before = logging.getLogRecordFactory()

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        return _redacted(before(*args, **kwargs), redactor)

    logging.setLogRecordFactory(make)

    def undo() -> None:
        if logging.getLogRecordFactory() is make:
            logging.setLogRecordFactory(before)

    return undo


def _redacted(record: logging.LogRecord, redactor: Redactor) -> logging.LogRecord:
    """The record with its formatted and redacted message; its arguments and exception are removed."""
    try:
        record.msg = redactor.text(record.getMessage())
    except Exception:  # noqa: BLE001 - arguments that cannot be formatted may contain secrets
        record.msg = WITHHELD
    record.args = None
    if record.exc_info:
        record.exc_text = redactor.text("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        record.exc_info = None
    if record.stack_info:
        record.stack_info = redactor.text(record.stack_info)
    return record
