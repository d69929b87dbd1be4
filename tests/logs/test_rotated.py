"""Rotated and compressed log files: read as far back as the window, each once, in bounded memory."""

from __future__ import annotations

import gzip
import os
import random
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from fixtures.logs.accepted_messages import read_accepted
from fixtures.logs.gzip_file import SPACING, GzipFile
from fixtures.logs.model import FunctionLogs
from fixtures.logs.read import read_logs
from fixtures.logs.rotated import opened
from fixtures.outcome import Gap, Status
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.logs.conftest import NOW, line

OLD = line(3000, level="error", event="OLD_FAULT")
NEW = line(60, level="error", event="NEW_FAULT")


def logs_of(path: Path, settings: Settings | None = None) -> FunctionLogs:
    logs = read_logs(settings or Settings(), Access(log_file=str(path)), NOW)
    assert isinstance(logs, FunctionLogs), logs
    return logs


def write(path: Path, *lines: str, seconds_ago: float = 60) -> Path:
    """Write a log, compressed if its name says so, last changed some time before the reading."""
    content = "".join(f"{text}\n" for text in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    changed = NOW.timestamp() - seconds_ago
    os.utime(path, (changed, changed))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "app.log.1",
        "app.log.1.gz",
        "app.log-20260131",
        "app.log-20260131.gz",
        "app.log.20260131-1200",
        "app.log.gz",
    ],
)
def test_rotated_file_is_read(name: str, tmp_path: Path) -> None:
    log = write(tmp_path / "app.log", NEW)
    write(tmp_path / name, OLD, seconds_ago=2000)
    if name == "app.log.gz":
        # A compressed copy beside its original is no older log.
        assert [group.pattern for group in logs_of(log).groups] == ["NEW_FAULT"]
        return
    logs = logs_of(log)
    assert sorted(group.pattern for group in logs.groups) == ["NEW_FAULT", "OLD_FAULT"]
    assert (logs.rotated, logs.entries, logs.lines) == ((name,), 2, 2)


@pytest.mark.parametrize(
    "name", ["app.log.bak", "app.log.1.tmp", "app.logs", "other.log.1", "app.log.12345678901"]
)
def test_other_files_are_left_alone(name: str, tmp_path: Path) -> None:
    log = write(tmp_path / "app.log", NEW)
    write(tmp_path / name, OLD)
    assert (logs_of(log).rotated, logs_of(log).entries) == ((), 1)


def test_file_from_before_the_window_is_not_opened(tmp_path: Path) -> None:
    log = write(tmp_path / "app.log", NEW)
    (tmp_path / "app.log.1").mkdir()
    os.utime(tmp_path / "app.log.1", (0, 0))
    assert logs_of(log).rotated == ()


def test_several_generations_are_read_in_their_order(tmp_path: Path) -> None:
    """A stack trace that was cut by the rotation belongs to the entry at the end of the earlier file."""
    log = write(tmp_path / "app.log", "    at file:///home/deno/functions/wa-webhook/index.ts:1:1", line(10))
    write(tmp_path / "app.log.1", line(100), '[wa-webhook] Error: "boom"', seconds_ago=90)
    write(tmp_path / "app.log.2.gz", line(200), seconds_ago=150)
    logs = logs_of(log)
    assert logs.rotated == ("app.log.1", "app.log.2.gz")
    assert (logs.entries, logs.not_json, [group.kind for group in logs.groups]) == (4, 0, ["exception"])


def test_one_limit_holds_for_all_files(tmp_path: Path) -> None:
    log = write(tmp_path / "app.log", line(20), line(10))
    write(tmp_path / "app.log.1", line(100), line(90), seconds_ago=90)
    logs = logs_of(log, Settings(limits=Limits(log_lines=3)))
    assert (logs.lines, logs.cut) == (3, True)
    whole = logs_of(log, Settings(limits=Limits(log_lines=4)))
    assert (whole.lines, whole.cut) == (4, False)


def test_rotation_while_the_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are opened again: no file is read twice under two names, and the one before is not lost."""
    log = write(tmp_path / "app.log", NEW)
    write(tmp_path / "app.log.1", OLD, seconds_ago=2000)
    whole = Path.iterdir

    def rotating(folder: Path) -> object:
        found = list(whole(folder))
        if not (folder / "app.log.2").exists():
            (folder / "app.log.1").rename(folder / "app.log.2")
            (folder / "app.log").rename(folder / "app.log.1")
            write(folder / "app.log", seconds_ago=0)
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", rotating)
    with opened(log, NOW - timedelta(hours=1)) as files:
        contents = [one.file.read().decode().strip() for one in files]
    assert contents == ["", NEW, OLD]


def test_compression_while_the_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was opened is compressed under another name before that is opened: its lines count once."""
    log = write(tmp_path / "app.log", NEW)
    write(tmp_path / "app.log.1", OLD, seconds_ago=2000)
    write(tmp_path / "app.log.2.gz", line(3500), seconds_ago=3400)
    whole = Path.stat
    state = {"asked": 0}

    def rotating(path: Path, **more: bool) -> os.stat_result:
        if path.name == "app.log.2.gz":
            state["asked"] += 1
            if state["asked"] == 1:
                (tmp_path / "app.log.2.gz").rename(tmp_path / "app.log.3.gz")
                write(tmp_path / "app.log.2.gz", OLD, seconds_ago=2000)
                (tmp_path / "app.log").rename(tmp_path / "app.log.1")
                write(tmp_path / "app.log", line(1), seconds_ago=0)
        return whole(path, **more)

    monkeypatch.setattr(Path, "stat", rotating)
    logs = logs_of(log)
    assert (logs.entries, [group.count for group in logs.groups]) == (4, [1, 1])


def test_copy_that_is_not_truncated_yet_counts_once(tmp_path: Path) -> None:
    """``copytruncate``: for a moment the lines stand in both files."""
    log = write(tmp_path / "app.log", NEW, line(5))
    write(tmp_path / "app.log.1", NEW)
    assert (logs_of(log).entries, logs_of(log).faults) == (2, 1)


def test_compressed_log_is_read(tmp_path: Path) -> None:
    """Also in several members, as when logs are appended to it."""
    path = tmp_path / "app.jsonl"
    path.write_bytes(gzip.compress(f"{OLD}\n".encode()) + gzip.compress(f"{NEW}\n".encode()) + b"\0" * 512)
    assert {group.pattern for group in logs_of(path).groups} == {"NEW_FAULT", "OLD_FAULT"}


def test_accepted_messages_are_counted_in_a_compressed_log(tmp_path: Path) -> None:
    """For check 10, too, a log may be compressed."""
    path = tmp_path / "app.jsonl"
    path.write_bytes(gzip.compress(f"{line(3600)}\n{line(600, messages=3, status=200)}\n".encode()))
    found = read_accepted(Settings(), Access(log_file=str(path)), NOW)
    assert (found.unread, sum(found.minutes)) == ("", 3)


def _truncated(content: bytes) -> bytes:
    return content[:-9]


def _damaged(content: bytes) -> bytes:
    return content[:40] + b"\xff\xff\xff\xff" + content[44:]


def _appended(content: bytes) -> bytes:
    return content + b"plain text"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_truncated, "it ends in the middle, so it is not a whole gzip file"),
        (_damaged, "it is damaged, or not a gzip file to its end"),
        (_appended, "it is damaged, or not a gzip file to its end"),
    ],
)
@pytest.mark.parametrize("rotated", [False, True])
def test_broken_gzip_is_an_error(
    spoil: Callable[[bytes], bytes], reason: str, rotated: bool, tmp_path: Path
) -> None:
    content = spoil(gzip.compress("\n".join([line(number) for number in range(1, 60)]).encode()))
    log = tmp_path / "app.log"
    broken = tmp_path / "app.log.1" if rotated else log
    write(log, NEW)
    broken.write_bytes(content)
    gap = read_logs(Settings(), Access(log_file=str(log)), NOW)
    assert isinstance(gap, Gap)
    assert gap.status is Status.ERROR
    assert gap.reason == f"the log file {broken} (EASYMO_LOG_FILE) cannot be read: {reason}"


def test_gzip_reads_like_the_file_itself(tmp_path: Path) -> None:
    """Any part of it, whatever member or state it lies in."""
    draw = random.Random(7)
    content = draw.randbytes(3 * SPACING // 2) + b"x" * (2 * SPACING) + draw.randbytes(SPACING)
    path = tmp_path / "content.gz"
    path.write_bytes(gzip.compress(content[:SPACING], 1) + gzip.compress(content[SPACING:], 1))
    with path.open("rb") as file:
        whole = GzipFile(file)
        assert whole.seek(0, os.SEEK_END) == len(content)
        for _ in range(12):
            begin = draw.randrange(len(content))
            size = min(draw.randrange(2 * SPACING), len(content) - begin)
            whole.seek(begin)
            assert whole.read(size) == content[begin : begin + size]


def test_memory_stays_bounded(tmp_path: Path) -> None:
    """A compressed log of 60 MB takes a small part of that, also where every line is in the window."""
    text = "".join(f"{line(number % 3000)}\n" for number in range(3000)).encode()
    path = tmp_path / "app.log"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(150):
            file.write(text)
    tracemalloc.start()
    logs = logs_of(path, Settings(limits=Limits(log_lines=20_000)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (logs.lines, logs.cut) == (20_000, True)
    assert peak < 20_000_000
