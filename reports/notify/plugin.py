"""``--notify slack``: posts the verdict after all reports are written.

If it cannot be posted, the terminal shows why; verdict and exit status stay the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fixtures.keys import ACCESS
from fixtures.secret import Secret
from reports.notify.slack_message import message

if TYPE_CHECKING:
    from reports.record import Record
    from reports.verdict import RunResult

OPTION = "--notify"
VARIABLE = "SLACK_WEBHOOK_URL"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--notify``."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        OPTION,
        choices=("slack",),
        help=f"post the verdict to Slack, at the incoming webhook in {VARIABLE} (default: post nothing)",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Require the address of the webhook if ``--notify`` is given.

    Raises:
        pytest.UsageError: the address is missing.
    """
    if config.getoption(OPTION) and ACCESS in config.stash and config.stash[ACCESS].slack_webhook_url is None:
        raise pytest.UsageError(
            f"{OPTION} slack: {VARIABLE} (environment) is not set; expected the address of an incoming webhook"
        )


def notify(config: pytest.Config, record: Record, result: RunResult) -> list[str]:
    """Post the verdict, if ``--notify`` is given.

    Returns:
        One sentence if it could not be posted, otherwise nothing.
    """
    url = config.stash[ACCESS].slack_webhook_url if ACCESS in config.stash else None
    if not config.getoption(OPTION, None) or url is None:
        return []
    from urllib.parse import urlsplit

    from reports.notify.slack_client import post  # start-up: only with --notify

    # A log line may contain the path alone, which is as secret as the whole address.
    record.redactor.learn(Secret(urlsplit(url.reveal()).path))
    fault = post(url, message(result, replayed=bool(config.getoption("--replay", None))))
    return [f"the verdict was not posted to Slack: {fault}"] if fault else []
