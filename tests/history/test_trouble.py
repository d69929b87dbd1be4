"""Whatever is wrong with the history file, the run goes on, and the file is not lost."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.history import store
from fixtures.history.store import FIRST, file_of, keep
from tests.history.past import record
from tests.running import ROOT

NOBODY = 65534


def cut(file):
    """Cut the file, as a full disk or a broken copy does."""
    os.truncate(file, file.stat().st_size - 4096 - 100)


def scribble(file):
    """Overwrite pages in the middle."""
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


def change(statement):
    """Return what runs a statement in the file."""

    def run(file):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)

    return run


DAMAGE = {
    "no database": lambda file: file.write_text("<html>not found</html>" * 99),
    "cut": cut,
    "scribbled over": scribble,
    "another application's": change("PRAGMA application_id = 7"),
    "without a table": change("DROP TABLE number"),
    "another schema": change("ALTER TABLE snapshot RENAME COLUMN read_at TO at"),
    "infinite": change("UPDATE number SET value = 9e999"),
    "times of no time": change("UPDATE snapshot SET read_at = 9000000000000000000 + id"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_file_is_set_aside(kind, tmp_path):
    """That is said once, and a new file begins with this run."""
    file = file_of(tmp_path, "production")
    for days in range(3):
        keep(tmp_path, "production", record(days))
    DAMAGE[kind](file)
    damaged = file.read_bytes()
    kept = keep(tmp_path, "production", record(3))
    assert kept.problem == f"{file} is damaged: it was set aside as production.sqlite3.damaged, and begun anew"
    assert (kept.earlier, kept.note) == ((), kept.problem)
    assert (tmp_path / "production.sqlite3.damaged").read_bytes() == damaged
    assert keep(tmp_path, "production", record(4)) == store.Kept((record(3),))


def test_empty_file_is_a_first_run(tmp_path):
    """SQLite takes an empty file for a new one, and so does the suite."""
    file_of(tmp_path, "production").touch()
    assert keep(tmp_path, "production", record()) == store.Kept(note=FIRST)


def test_damage_that_another_run_mended_is_left(tmp_path):
    """Two runs see the same damage: the second does not set aside what the first began."""
    file = file_of(tmp_path, "production")
    file.write_text("damaged")
    seen = file.stat().st_ino
    keep(tmp_path, "production", record(0))
    assert store._set_aside(file, seen) == ""
    assert keep(tmp_path, "production", record(1)).earlier == (record(0),)


def test_folder_that_cannot_be_made_is_said(tmp_path):
    """One sentence, and no error."""
    (tmp_path / "taken").write_text("a file")
    kept = keep(tmp_path / "taken", "production", record())
    assert kept.problem.startswith(f"the numbers of this run could not be kept in {tmp_path}/taken/production")
    assert kept.note == kept.problem


@pytest.fixture
def unwritable():
    """A folder with a history, where this process may write nothing."""
    folder = Path(tempfile.mkdtemp())
    keep(folder, "production", record(0))
    file_of(folder, "production").chmod(0o444)
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_read_only_folder_still_compares(unwritable):
    """The earlier runs are read; that this one cannot be kept is said."""
    kept = keep(unwritable, "production", record(1))
    assert kept.earlier == (record(0),)
    assert kept.problem == (
        f"the numbers of this run could not be kept in {unwritable}/production.sqlite3: attempt to write a "
        "readonly database"
    )


def test_first_run_in_a_read_only_folder_is_said(unwritable):
    """There is nothing to compare with, and nothing is kept."""
    kept = keep(unwritable, "staging", record(1))
    assert kept.earlier == ()
    assert kept.note.endswith("staging.sqlite3: unable to open database file")


FULL = """
import resource, sys
from pathlib import Path
from fixtures.history.store import keep
from tests.history.past import record
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
kept = keep(Path(sys.argv[1]), "production", record(1, **{f"size/{n}": n for n in range(9_999)}))
print(len(kept.earlier), kept.problem)
"""


def test_full_disk_is_said_and_damages_nothing(tmp_path):
    """The file keeps what it had."""
    keep(tmp_path, "production", record(0))
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("1 the numbers of this run could not be kept in "), done
    assert keep(tmp_path, "production", record(2)).earlier == (record(0),)


KILLED = """
import os, signal, sys
from pathlib import Path
from fixtures.history import store
from tests.history.past import record
store._thin = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
store.keep(Path(sys.argv[1]), "production", record(1, **{f"size/{n}": n for n in range(99_999)}))
"""


def test_killed_run_damages_nothing(tmp_path):
    """A run that is killed while it writes keeps nothing, and costs nothing that was there."""
    keep(tmp_path, "production", record(0))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert keep(tmp_path, "production", record(2)) == store.Kept((record(0),))
    assert [path.name for path in tmp_path.iterdir()] == ["production.sqlite3"]


def test_locked_file_is_said(tmp_path, monkeypatch):
    """A run that hangs while it writes does not hold up another one for long; the other one still compares."""
    monkeypatch.setattr(store, "WAIT_SECONDS", 0.05)
    keep(tmp_path, "production", record(0))
    with closing(sqlite3.connect(file_of(tmp_path, "production"), isolation_level=None)) as hanging:
        hanging.execute("BEGIN IMMEDIATE")
        kept = keep(tmp_path, "production", record(1))
    assert kept.problem.endswith("production.sqlite3: database is locked")
    assert kept.earlier == (record(0),)
    assert keep(tmp_path, "production", record(2)).problem == ""


def test_sqlite_is_imported_only_when_used():
    """Runs without a history do not load it."""
    code = "import sys, checks.test_weekly, fixtures.evidence.reading; print('sqlite3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
