"""``--notify slack``: somebody is told of the verdict when everything else has been written.

A message that cannot be posted is told on the terminal. It changes neither the verdict nor the exit status.
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
    """The option that says who is told."""
    parser.getgroup("easymo", "verification of an EasyMO deployment").addoption(
        OPTION,
        choices=("slack",),
        help=f"post the verdict to Slack, at the incoming webhook in {VARIABLE} (default: nobody is told)",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run where somebody is to be told and nothing says where.

    Raises:
        pytest.UsageError: the address is missing.
    """
    if config.getoption(OPTION) and ACCESS in config.stash and config.stash[ACCESS].slack_webhook_url is None:
        raise pytest.UsageError(
            f"{OPTION} slack: {VARIABLE} (environment) is not set; expected the address of an incoming webhook"
        )


def notify(config: pytest.Config, record: Record, result: RunResult) -> list[str]:
    """Post the verdict, where that is asked for.

    Returns:
        A sentence where it could not be posted.
    """
    url = config.stash[ACCESS].slack_webhook_url if ACCESS in config.stash else None
    if not config.getoption(OPTION, None) or url is None:
        return []
    from urllib.parse import urlsplit

    from reports.notify.slack_client import post  # start-up: only with --notify

    # A log line may have the path alone, which is as good as the whole address.
    record.redactor.learn(Secret(urlsplit(url.reveal()).path))
    fault = post(url, message(result, replayed=bool(config.getoption("--replay", None))))
    return [f"Slack was not told of the verdict: {fault}"] if fault else []
