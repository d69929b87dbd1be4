"""Reading a log file: what is counted, what is grouped, and what never leaves it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixtures.logs.model import LevelCount
from fixtures.logs.read import read_logs
from fixtures.outcome import Gap, Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.logs.conftest import NOW, Reader, line


def test_entries_are_counted_by_service_and_level(read: Reader) -> None:
    logs = read(line(), line(), line(level="WARN"), line(service=None), line(level=None, status=200))
    assert logs.counts == (
        LevelCount("wa-webhook", "info", 2),
        LevelCount("unnamed", "info", 1),
        LevelCount("wa-webhook", "no level", 1),
        LevelCount("wa-webhook", "warn", 1),
    )
    assert (logs.entries, logs.faults, logs.undecided) == (5, 0, ())
    assert logs.newest == NOW - timedelta(seconds=60)
    assert logs.file == "functions.log"


def test_the_window_is_the_last_hour_or_since_the_deployment(read: Reader) -> None:
    lines = [line(30), line(3000), line(3601), line(7000)]
    assert read(*lines).entries == 2
    deployed = Settings(deployed_at=NOW - timedelta(seconds=31))
    assert read(*lines, settings=deployed).entries == 1
    assert read(*lines, settings=Settings(deployed_at=NOW - timedelta(hours=3))).entries == 4


def test_faults_are_grouped_by_service_and_fingerprint(read: Reader) -> None:
    logs = read(
        line(300, level="error", event="send to +250788123456 failed: timeout after 30 s"),
        line(200, level="error", event="send to +250788999999 failed: timeout after 7 s"),
        line(
            100, level="fatal", service="wa-webhook-core", event="send to +250788999999 failed: timeout after 7 s"
        ),
        line(50, status=503, event="REQUEST_DONE"),
        line(40, status=404, event="REQUEST_DONE"),
    )
    assert (logs.entries, logs.faults, logs.groups_total) == (5, 4, 3)
    first, second, third = logs.groups
    assert (first.service, first.count, first.level) == ("wa-webhook", 2, "error")
    assert first.pattern == "send to <n> failed: timeout after <n> s"
    assert first.example == "send to [phone] failed: timeout after 7 s"
    assert (NOW - first.first, NOW - first.last) == (timedelta(seconds=300), timedelta(seconds=200))
    assert (second.service, second.status, second.pattern) == ("wa-webhook", 503, "REQUEST_DONE [server error]")
    assert (third.service, third.level) == ("wa-webhook-core", "fatal")


FAULTY = st.builds(
    lambda age, event, number, level, status: line(age, level=level, event=event.format(number), status=status),
    st.integers(1, 5),
    st.sampled_from(["reply {} failed", "ERROR:  {} gone, SQLSTATE 42P01", "ERROR:  {} gone, SQLSTATE 42501"]),
    st.integers(0, 10**6),
    st.sampled_from(["error", "fatal", "info"]),
    st.sampled_from([None, 500, 503]),
)


@hypothesis_settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FAULTY, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_does_not_matter(read: Reader, lines: list[str], random: Random) -> None:
    """The same groups, with the same example, status and SQLSTATE."""
    there = read(*lines)
    random.shuffle(lines)
    assert read(*lines) == there


def test_statuses_and_sqlstates_are_groups_of_their_own(read: Reader) -> None:
    logs = read(
        *(line(status=status, event="DONE") for status in (503, 500, 503)),
        *(line(level="error", event=f"gone, SQLSTATE {state}") for state in ("42P01", "42501")),
    )
    assert [(group.status, group.sqlstate, group.count) for group in logs.groups] == [
        (503, "", 2),
        (500, "", 1),
        (None, "42501", 1),
        (None, "42P01", 1),
    ]


def test_entries_of_the_own_probes_are_counted_apart(read: Reader) -> None:
    logs = read(
        line(level="error", event="SIGNATURE_INVALID", request_id="easymo-verification-5f2a"),
        line(level="error", event="x", context={"headers": {"user-agent": "easymo-verification-5f2a"}}),
        line(),
    )
    assert (logs.own_probes, logs.entries, logs.faults) == (2, 1, 0)


def test_lines_that_cannot_be_read_are_counted(read: Reader) -> None:
    logs = read("Listening on port 8000", '"text"', '{"level": "error"}', "", "  ", line())
    assert (logs.not_json, logs.without_time, logs.entries) == (2, 1, 1)


def test_unfinished_last_line_is_not_counted(log_file: Path) -> None:
    log_file.write_text(line() + "\n" + line(level="error")[:40])
    logs = read_logs(Settings(), Access(log_file=str(log_file)), NOW)
    assert not isinstance(logs, Gap)
    assert (logs.entries, logs.not_json, logs.faults) == (1, 0, 0)


def test_a_last_line_that_is_whole_counts(log_file: Path) -> None:
    log_file.write_text(line() + "\r\n" + line(level="error"))
    logs = read_logs(Settings(), Access(log_file=str(log_file)), NOW)
    assert not isinstance(logs, Gap)
    assert (logs.entries, logs.not_json, logs.faults) == (2, 0, 1)


def test_a_byte_order_mark_is_no_fault(log_file: Path) -> None:
    log_file.write_text("\ufeff" + line() + "\n")
    logs = read_logs(Settings(), Access(log_file=str(log_file)), NOW)
    assert not isinstance(logs, Gap)
    assert (logs.entries, logs.not_json) == (1, 0)


def test_future_entries_are_counted(read: Reader) -> None:
    logs = read(line(-59), line(-61, level="error"))
    assert (logs.entries, logs.future, logs.faults) == (1, 1, 0)


def test_limit_cuts_only_within_the_window(read: Reader) -> None:
    few = Settings(limits=Limits(log_lines=2))
    assert read(line(3), line(2), line(1), settings=few).cut
    assert not read(line(9000), line(8000), line(1), settings=few).cut
    assert not read(line(2), line(1), settings=few).cut


def test_most_frequent_fingerprints_are_kept(read: Reader) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [first + second for first in letters for second in letters[:10]]
    logs = read(*[line(level="error", event=f"FAULT_{name}") for name in [*names, names[7]]])
    assert (len(logs.groups), logs.groups_total, logs.faults) == (200, 260, 261)
    assert (logs.groups[0].pattern, logs.groups[0].count) == (f"FAULT_{names[7]}", 2)


def test_storm_is_only_counted(read: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.logs.tally.FINGERPRINTED", 3)
    logs = read(*[line(level="error")] * 5)
    assert (logs.faults, logs.groups[0].count) == (5, 3)


@hypothesis_settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["send to {} failed", "{}", "user={} gone", "phone: {}, text: {}", 'from "{}"']),
    st.integers(10**8, 10**14),
    st.sampled_from(["{}", "+{}", "00{}"]),
)
def test_no_phone_number_leaves_the_file(read: Reader, template: str, number: int, form: str) -> None:
    phone = form.format(number)
    logs = read(line(level="error", event=template.replace("{}", phone)))
    assert str(number) not in str(logs.groups)


def test_no_secret_or_message_leaves_the_file(log_file: Path) -> None:
    log_file.write_text(
        "\n".join(
            line(level="error", event=event, payload={"text": {"body": "planted"}}, message="planted too")
            for event in (
                'could not answer "planted words"',
                "could not parse body: planted words",
                "refused key planted-secret-4711",
                "mail from planted@planted.example",
            )
        )
    )
    access = Access(log_file=str(log_file), app_secret=Secret("planted-secret-4711"))
    logs = read_logs(Settings(), access, NOW)
    assert not isinstance(logs, Gap)
    assert logs.faults == 4
    assert "planted" not in str(logs.groups)
    assert len(str(logs.groups)) > 100


def test_a_long_example_is_cut(read: Reader) -> None:
    logs = read(line(level="error", event="word " * 1000))
    assert len(logs.groups[0].example) == 200
    assert logs.groups[0].example.endswith("…")


def test_without_a_file_nothing_is_proven() -> None:
    gap = read_logs(Settings(), Access(), NOW)
    assert gap == Gap(
        Status.UNPROVEN,
        "no source of logs is set",
        "set SUPABASE_ACCESS_TOKEN, EASYMO_LOKI_URL or EASYMO_LOG_FILE",
    )


def _missing(path: Path) -> Path:
    return path / "functions.log"


def _folder(path: Path) -> Path:
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path / "pipe")
    return path / "pipe"


def _loop(path: Path) -> Path:
    (path / "loop").symlink_to(path / "loop")
    return path / "loop"


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_missing, "no such file or directory"),
        (_folder, "it is not a regular file"),
        (_pipe, "it is not a regular file"),
        (_loop, "too many levels of symbolic links"),
    ],
)
def test_unreadable_file_is_an_error(make: Callable[[Path], Path], reason: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    assert read_logs(Settings(), Access(log_file=str(path)), NOW) == Gap(
        Status.ERROR,
        f"the log file {path} (EASYMO_LOG_FILE) cannot be read: {reason}",
        "set EASYMO_LOG_FILE to a whole file with the functions' logs that this user may read",
    )


def test_growing_file_is_read_as_it_was(log_file: Path) -> None:
    done = threading.Event()

    def write() -> None:
        with log_file.open("a") as file:
            # With a pause: a log that grew without bound would take ever longer to read.
            while not done.wait(0.001):
                file.write(line() + "\n")
                file.flush()

    log_file.write_text(line() + "\n")
    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(20):
            logs = read_logs(Settings(), Access(log_file=str(log_file)), NOW)
            assert not isinstance(logs, Gap)
            assert (logs.not_json, logs.without_time) == (0, 0)
            assert logs.entries >= 1
    finally:
        done.set()
        writer.join()
