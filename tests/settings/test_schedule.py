"""Which schedules are accepted: those of pg_cron, not those of other crons."""

import pytest

from fixtures.schedule import is_schedule


@pytest.mark.parametrize(
    "text",
    ["*/5 * * * *", "0 0 1 * *", "0 0 $ * *", "0 9-17/2 * jan,feb mon-fri", "1 second", "59 seconds"],
)
def test_schedule_of_pg_cron_is_accepted(text: str) -> None:
    """Five fields, ``$`` for a month's last day, or seconds."""
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
def test_other_schedule_is_refused(text: str) -> None:
    """Also times that never come, and the syntax of other crons."""
    assert not is_schedule(text)
