"""Whatever ends a run of archiving, and whatever the tables are like, each entry is in exactly one of them."""

from __future__ import annotations

import subprocess
import sys
import threading

import psycopg
import pytest

from fixtures.archive.archiving import Archiving
from fixtures.archive.moving import Stage
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
from tests.archive.letters import ARCHIVE, DLQ, old
from tests.running import ROOT, environment

MOVED = "entries of public.webhook_dlq moved into public.webhook_dlq_archive"

CHILD = """
import os, signal, sys
from fixtures.archive.archiving import Archiving
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
seen = []
def reached(step):
    seen.append(step)
    if seen.count(sys.argv[2]) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
quiet = lambda line: None
Archiving(Settings(), quiet, quiet, reached, batch=7).run(DatabaseAddress.parse(sys.argv[1]), dry_run=False)
"""


def test_old_entries_are_moved(letters, archive):
    """All old ones, in three batches; the others stay; a second run moves nothing."""
    letters.execute(old(20) + old(3, "'pending'") + old(2, days=20))
    before, stay = letters.snapshot(), len(letters.rows(DLQ)) - 20
    lines = archive()
    assert lines[-1] == f"20 {MOVED}"
    assert (letters.counts(), letters.snapshot()) == ((stay, 20), before)
    assert archive()[-1] == f"0 {MOVED}"
    assert letters.counts() == (stay, 20)


def test_dry_run_writes_nothing(letters, archive):
    """It says how many entries of which status would be moved, and needs no transaction id."""
    letters.execute(old(5) + old(2, "'failed'"))
    before = letters.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())")
    [line] = archive(dry_run=True)
    assert line.startswith("7 entries of public.webhook_dlq, settled before 20")
    assert "to be moved into public.webhook_dlq_archive (failed 2, reprocessed 5; the oldest settled 20" in line
    assert line.endswith("public.webhook_dlq_archive is created")
    assert letters.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())") == before


class ConnectionCutter:
    """Ends what a run of archiving needs, at a step of a batch."""

    def __init__(self, letters, step, batch, how):
        self.letters, self.step, self.left, self.how = letters, step, batch, how

    def __call__(self, step):
        """Act when the step of the batch is reached."""
        if step is not self.step:
            return
        self.left -= 1
        if self.left == 0:
            if self.how == "interrupt":
                raise KeyboardInterrupt
            self.letters.execute(
                "SELECT pg_terminate_backend(pid, 9000) FROM pg_stat_activity WHERE application_name = "
                "'easymo-verification' AND usename = 'postgres'"
            )


@pytest.mark.parametrize("how", ["interrupt", "connection lost"])
def test_interrupted_at_every_step(letters, archive, how):
    """In the first and in the second batch; then the command is repeated."""
    address = DatabaseAddress.parse(letters.deployment.owner_url.reveal())
    total = 0
    for step in Stage:
        for batch in (1, 2):
            letters.execute(old(10))
            before, lines, total = letters.snapshot(), [], total + 10
            cutter = ConnectionCutter(letters, step, batch, how)
            run = Archiving(Settings(), lines.append, lambda line: None, cutter, batch=7)
            if how == "interrupt":
                with pytest.raises(KeyboardInterrupt):
                    run.run(address, dry_run=False)
            else:
                run.run(address, dry_run=False)
                assert cutter.left == 0
                assert "archiving of public.webhook_dlq stopped after" in lines[-1] or lines[-1].startswith("10 ")
                assert "in exactly one of the two tables, and the command can be repeated" in lines[-1]
            assert letters.snapshot() == before, (step, batch)
            archive()
            assert (letters.snapshot(), len(letters.rows(ARCHIVE))) == (before, total), (step, batch)


@pytest.mark.parametrize("step", Stage)
def test_killed_at_every_step(letters, archive, step):
    """SIGKILL in the second batch: the first one stays moved, the second one is undone or done."""
    letters.execute(old(20))
    before = letters.snapshot()
    url = letters.deployment.owner_url.reveal()
    child = [sys.executable, "-c", CHILD, url, str(step)]
    done = subprocess.run(child, cwd=ROOT, env=environment(PYTHONPATH=str(ROOT)), timeout=60, check=False)
    assert done.returncode == -9
    assert letters.snapshot() == before
    assert len(letters.rows(ARCHIVE)) == (14 if step is Stage.COMMITTED else 7)
    # The server may need a moment to notice; until then it holds the locks, which are passed over.
    for _ in range(100):
        archive()
        if len(letters.rows(ARCHIVE)) == 20:
            break
    assert (letters.snapshot(), len(letters.rows(ARCHIVE))) == (before, 20)


def test_concurrent_runs_share_the_work(letters, archive):
    """Three at once, all of which want to create the archive: each entry is moved by one of them."""
    letters.execute(old(60))
    before, said, errors = letters.snapshot(), [], []

    def run():
        try:
            said.append(archive(batch=3)[-1])
        except Exception as error:  # noqa: BLE001 - reported by the test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert (letters.snapshot(), len(letters.rows(ARCHIVE))) == (before, 60)
    assert sum(int(line.split()[0]) for line in said) == 60, said


def test_locked_entries_are_passed_over(letters, archive):
    """The processor, or a person, has entries in hand: they are left, and the run says so."""
    letters.execute(old(10))
    with psycopg.connect(letters.deployment.superuser_url.reveal()) as session:
        session.execute(f"SELECT FROM {DLQ} WHERE error_message IN ('failed 2', 'failed 9') FOR UPDATE")
        lines = archive(batch=4)
        assert lines[-1] == f"8 {MOVED}, 2 entries locked by other sessions: repeat the command"
        session.rollback()
    assert archive()[-1] == f"2 {MOVED}"


def test_entry_that_changes_meanwhile_stays(letters, archive):
    """A person puts an entry back between the count and its batch."""
    letters.execute(old(10))
    with psycopg.connect(letters.deployment.superuser_url.reveal()) as session:
        session.execute(f"UPDATE {DLQ} SET status = 'pending' WHERE error_message = 'failed 3'")
        lines = archive(batch=4)
        assert lines[-1].startswith(f"9 {MOVED}, 1 entry locked")
        session.commit()
    assert archive()[-1] == f"0 {MOVED}"


KEEPING = "CREATE FUNCTION public.keeps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;"
STOPPED = {
    "a trigger that keeps entries": (
        KEEPING.format(body="RETURN NULL;")
        + f"CREATE TRIGGER keep BEFORE DELETE ON {DLQ} FOR EACH ROW EXECUTE FUNCTION public.keeps();",
        "stopped after 0 entries: 0 of 7 entries of public.webhook_dlq could be deleted (trigger keep)",
    ),
    "a rule that keeps entries": (
        f"CREATE RULE keep AS ON DELETE TO {DLQ} DO INSTEAD NOTHING",
        "stopped after 0 entries: 0 of 7 entries of public.webhook_dlq could be deleted (rule keep)",
    ),
    "a trigger that forbids it": (
        KEEPING.format(body="RAISE EXCEPTION 'never delete letters';")
        + f"CREATE TRIGGER forbid BEFORE DELETE ON {DLQ} FOR EACH ROW EXECUTE FUNCTION public.keeps();",
        "stopped after 0 entries: never delete letters; each entry is in exactly one of the two tables",
    ),
    "an archive that changes what it gets": (
        f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}); ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY;"
        f"REVOKE ALL ON {ARCHIVE} FROM anon, authenticated; ALTER TABLE {ARCHIVE} OWNER TO postgres;"
        + KEEPING.format(body="NEW.payload := '{}'; RETURN NEW;")
        + f"CREATE TRIGGER cut BEFORE INSERT ON {ARCHIVE} FOR EACH ROW EXECUTE FUNCTION public.keeps();",
        "public.webhook_dlq_archive holds 7 of 7 copied entries, with checksum ",
    ),
    "an archive that throws it away": (
        f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}); ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY;"
        f"REVOKE ALL ON {ARCHIVE} FROM anon, authenticated; ALTER TABLE {ARCHIVE} OWNER TO postgres;"
        + KEEPING.format(body=f"DELETE FROM {ARCHIVE}; RETURN NULL;")
        + f"CREATE TRIGGER clear AFTER INSERT ON {ARCHIVE} FOR EACH STATEMENT EXECUTE FUNCTION public.keeps();",
        "public.webhook_dlq_archive holds 0 of 7 copied entries",
    ),
    "a type that does not fit": (
        f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}); ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY;"
        f"REVOKE ALL ON {ARCHIVE} FROM anon, authenticated; ALTER TABLE {ARCHIVE} OWNER TO postgres;"
        f"ALTER TABLE {ARCHIVE} ALTER error_message TYPE varchar(3)",
        "value too long for type character varying(3)",
    ),
    "a type that rounds": (
        f"ALTER TABLE {DLQ} ADD cost numeric DEFAULT 1.26;"
        f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}); ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY;"
        f"REVOKE ALL ON {ARCHIVE} FROM anon, authenticated; ALTER TABLE {ARCHIVE} OWNER TO postgres;"
        f"ALTER TABLE {ARCHIVE} ALTER cost TYPE numeric(4,1)",
        "; cost is numeric in public.webhook_dlq and numeric(4,1) in public.webhook_dlq_archive",
    ),
}


@pytest.mark.parametrize("case", STOPPED)
def test_batch_without_proof_is_undone(letters, archive, case):
    """Nothing was deleted, nothing was copied, and the run says why."""
    sql, said = STOPPED[case]
    letters.execute(old(7) + sql)
    before, there = letters.snapshot(), len(letters.rows(DLQ))
    lines = archive()
    assert said in lines[-1], lines
    assert (letters.snapshot(), letters.counts()) == (before, (there, 0))


def test_trigger_that_puts_entries_back_ends(letters, archive):
    """Not more entries are moved than were counted, and dry runs name the trigger."""
    letters.execute(
        old(10)
        + f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey;"
        + KEEPING.format(body=f"INSERT INTO {DLQ} SELECT OLD.*; RETURN OLD;")
        + f"CREATE TRIGGER back AFTER DELETE ON {DLQ} FOR EACH ROW EXECUTE FUNCTION public.keeps();"
    )
    assert "trigger back of public.webhook_dlq: set off by each entry that is moved" in archive(dry_run=True)[0]
    lines = archive()
    assert lines[-1].startswith("10 entries"), lines
    assert len(letters.rows(ARCHIVE)) == 10


REFERRING = {
    "cascade": "ON DELETE CASCADE",
    "set null": "ON DELETE SET NULL",
    "restrict": "",
}


@pytest.mark.parametrize("action", REFERRING)
def test_entries_that_others_refer_to_stay(letters, archive, action):
    """Rows of other tables are neither deleted nor changed, whatever the foreign key says."""
    letters.execute(
        old(10) + f"CREATE TABLE public.notes (entry uuid REFERENCES {DLQ} {REFERRING[action]}, note text);"
        f"INSERT INTO public.notes SELECT id, 'x' FROM {DLQ} WHERE error_message IN ('failed 1', 'failed 2');"
        "GRANT SELECT ON public.notes TO postgres"
    )
    before, notes = letters.snapshot(), letters.rows("public.notes")
    lines = archive()
    assert lines[-1] == f"8 {MOVED}, 2 entries kept, since rows of public.notes refer to them"
    assert (letters.snapshot(), letters.rows("public.notes")) == (before, notes)


def test_chain_of_entries_is_moved(letters, archive):
    """An entry that nothing refers to goes first; then the one that it refers to can go."""
    letters.execute(
        old(5) + f"ALTER TABLE {DLQ} ADD parent uuid REFERENCES {DLQ};"
        f"UPDATE {DLQ} AS one SET parent = (SELECT id FROM {DLQ} AS other WHERE other.error_message = "
        "'failed ' || substr(one.error_message, 8)::int - 1) WHERE error_message ~ '^failed [2-9]$'"
    )
    before = letters.snapshot()
    assert archive(batch=2)[-1] == f"5 {MOVED}"
    assert letters.snapshot() == before


def test_entry_that_is_archived_already_is_only_removed(letters, archive):
    """Somebody copied entries by hand: the same content is not written twice, another one is left alone."""
    letters.execute(old(2))
    archive()
    letters.execute(
        f"INSERT INTO {DLQ} SELECT * FROM {ARCHIVE};"
        f"UPDATE {DLQ} SET error_message = 'other' WHERE error_message = 'failed 2'"
    )
    there = len(letters.rows(DLQ))
    lines = archive()
    assert lines[-1] == (
        "1 entry of public.webhook_dlq moved into public.webhook_dlq_archive, 1 entry kept, since the archive has "
        "others with the same key"
    )
    assert letters.counts() == (there - 1, 2)


def test_slow_batches_become_smaller(letters, archive):
    """A batch that takes longer than a statement may is cut to a tenth."""
    letters.execute(
        old(12)
        + KEEPING.format(body="PERFORM pg_sleep(0.03); RETURN OLD;")
        + f"CREATE TRIGGER slow BEFORE DELETE ON {DLQ} FOR EACH ROW EXECUTE FUNCTION public.keeps();"
    )
    limits = Settings().limits
    settings = Settings(limits=type(limits)(statement_timeout_seconds=0.15))
    lines = archive(settings, batch=50)
    assert lines[-1] == f"12 {MOVED}"
