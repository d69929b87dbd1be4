"""Schedules as pg_cron accepts them."""

import pytest

from fixtures.schedule import is_schedule


@pytest.mark.parametrize(
    "text",
    ["*/5 * * * *", "0 0 1 * *", "0 0 $ * *", "0 9-17/2 * jan,feb mon-fri", "1 second", "59 seconds"],
)
def test_pg_cron_accepts(text: str) -> None:
    assert is_schedule(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0 seconds",
        "60 seconds",
        "2 second",
        "* * * * * *",
        "61 * * * *",
        "0 0 30 2 *",
        "0 0 L * *",
        "0 0 * * 1#2",
        "@daily",
        "a b c d e",
        "*/0 * * * *",
        "0\t0 1 * *",
        "$ 0 1 * *",
        "٣ 0 1 * *",
    ],
)
def test_pg_cron_refuses(text: str) -> None:
    assert not is_schedule(text)
