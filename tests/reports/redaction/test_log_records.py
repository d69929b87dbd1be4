"""Log records contain redacted text only, and the redaction can be removed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from fixtures.secret import Secret
from reports.redaction.log_records import install_log_redaction
from reports.redaction.patterns import WITHHELD
from reports.redaction.redactor import Redactor


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """The output of a log handler while redaction is installed."""
    before = logging.getLogRecordFactory()
    undo = install_log_redaction(Redactor([Secret("s3cr3t-app-Value")]))
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("tests.redacted")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        logger.removeHandler(handler)
        undo()
    assert logging.getLogRecordFactory() is before


LOGGER = logging.getLogger("tests.redacted")


def test_messages_and_arguments_are_redacted(written: io.StringIO) -> None:
    LOGGER.info("HTTP Request: %s %s", "GET", "https://x/y?hub.verify_token=s3cr3t-app-Value&a=1")
    LOGGER.debug("from %(who)s", {"who": "+250788123456"})
    assert written.getvalue() == (
        "INFO tests.redacted HTTP Request: GET https://x/y?hub.verify_token=[secret]&a=1\n"
        "DEBUG tests.redacted from [phone]\n"
    )


def test_tracebacks_and_stacks_are_redacted(written: io.StringIO) -> None:
    try:
        int("s3cr3t-app-Value")
    except ValueError:
        LOGGER.exception("it failed", stack_info=True)
    assert "ValueError: invalid literal for int() with base 10: '[secret]'" in written.getvalue()
    assert "Stack (most recent call last)" in written.getvalue()
    assert "s3cr3t-app-Value" not in written.getvalue()


def test_unformattable_arguments_are_withheld(written: io.StringIO) -> None:
    LOGGER.warning("%d messages", "s3cr3t-app-Value")
    assert written.getvalue() == f"WARNING tests.redacted {WITHHELD}\n"
