"""Tables of many shapes are archived: names, columns, types, words, keys, partitions; and what changed since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.settings.model import DeadLetters, Settings
from tests.archive.letters import ARCHIVE, DLQ, Letters, old
from tests.shapes import grow, settings_of

SHAPES = {
    "an id that counts itself": f"ALTER TABLE {DLQ} ADD no bigint GENERATED ALWAYS AS IDENTITY;",
    "a computed column": f"ALTER TABLE {DLQ} ADD size int GENERATED ALWAYS AS (length(payload::text)) STORED;",
    "columns of every type": f'ALTER TABLE {DLQ} ADD a json DEFAULT \'{{"b": 1,  "b": 2}}\', ADD b bytea DEFAULT '
    "'\\x00ff', ADD c float8 DEFAULT 0.1, ADD d interval DEFAULT '1 mon 2 days 03:04:05.6', ADD e inet DEFAULT "
    "'::1/128', ADD f text[] DEFAULT ARRAY['a,b', NULL, ''], ADD g numeric DEFAULT 'NaN', "
    "ADD h timestamptz DEFAULT 'infinity', ADD i tstzrange DEFAULT '[2026-01-01,)', ADD k xml DEFAULT '<a/>', "
    "ADD l point DEFAULT '(1,2)';",
    "a type of its own": "CREATE TYPE public.kind AS ENUM ('a', 'B c'); "
    f"ALTER TABLE {DLQ} ADD kind public.kind DEFAULT 'B c';",
    "columns that must be quoted": f'ALTER TABLE {DLQ} ADD "100 %s" int DEFAULT 5, ADD "a""b" int DEFAULT 6, '
    'ADD "select" int DEFAULT 7, ADD "%(x)s" int DEFAULT 8;',
    "dropped columns": f"ALTER TABLE {DLQ} ADD x int, ADD y int; ALTER TABLE {DLQ} DROP x;",
    "no key": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey;",
    "a key of two columns": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey, "
    "ADD PRIMARY KEY (created_at, id);",
    "rows that are alike": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_pkey, ALTER id DROP NOT NULL, "
    "ALTER id DROP DEFAULT;",
    "a status that is an enumerated type": f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check, "
    "ALTER status DROP DEFAULT; DROP INDEX public.webhook_dlq_next_retry_at_idx, public.webhook_dlq_status_idx;"
    "CREATE TYPE public.dlq_status AS ENUM ('pending', 'processing', 'reprocessed', 'failed', 'discarded');"
    f"ALTER TABLE {DLQ} ALTER status TYPE public.dlq_status USING status::public.dlq_status;",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_table_of_another_shape_is_archived(letters, archive, shape):
    """Each value stands in the archive as it stood before."""
    status = "'reprocessed'::public.dlq_status" if "enumerated" in shape else "'reprocessed'"
    letters.execute(SHAPES[shape] + old(9, status))
    # Rows that are alike count, one by one.
    before = sorted(letters.rows(DLQ))
    lines = archive(batch=4)
    assert lines[-1].startswith("9 entries of public.webhook_dlq moved"), lines
    assert sorted(letters.rows(DLQ) + letters.rows(ARCHIVE)) == before


LATER = {
    "a column was added": (
        f"ALTER TABLE {DLQ} ADD locale text NOT NULL DEFAULT 'rw'",
        "ALTER TABLE public.webhook_dlq_archive ADD COLUMN locale text",
    ),
    "a column of its own type was added": (
        f"CREATE DOMAIN public.locale AS text; ALTER TABLE {DLQ} ADD \"Locale\" public.locale DEFAULT 'rw'",
        'ALTER TABLE public.webhook_dlq_archive ADD COLUMN "Locale" public.locale',
    ),
    "a column was dropped": (
        f"ALTER TABLE {DLQ} DROP retry_count, ADD retry_count int NOT NULL DEFAULT 1, ADD x int",
        "ALTER TABLE public.webhook_dlq_archive ADD COLUMN x integer",
    ),
    "a column may be empty": (
        f"ALTER TABLE {DLQ} ALTER service DROP NOT NULL",
        "ALTER TABLE public.webhook_dlq_archive ALTER COLUMN service DROP NOT NULL",
    ),
    "a required column is gone": (
        f"ALTER TABLE {DLQ} ADD note text NOT NULL DEFAULT ''; DROP TABLE {ARCHIVE};"
        f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}, PRIMARY KEY (id)); ALTER TABLE {ARCHIVE} OWNER TO postgres, "
        f"ENABLE ROW LEVEL SECURITY; REVOKE ALL ON {ARCHIVE} FROM anon, authenticated; "
        f"ALTER TABLE {DLQ} DROP note",
        "ALTER TABLE public.webhook_dlq_archive ALTER COLUMN note DROP NOT NULL",
    ),
    "a type became wider": (
        f"ALTER TABLE {DLQ} ALTER status_code TYPE bigint",
        "status_code is bigint in public.webhook_dlq and integer in public.webhook_dlq_archive",
    ),
    "the archive computes a column": (
        f"ALTER TABLE {ARCHIVE} DROP retry_count, ADD retry_count int GENERATED ALWAYS AS (1) STORED, "
        "ADD archived_at timestamptz NOT NULL DEFAULT now()",
        "",
    ),
}


@pytest.mark.parametrize("change", LATER)
def test_archive_follows_a_change(letters, archive, change):
    """A dry run says what would be changed in the archive; the run changes it, and moves the entries."""
    letters.execute(old(2))
    archive()
    sql, said = LATER[change]
    letters.execute(sql)
    letters.execute(old(5))
    [plan] = archive(dry_run=True)
    assert said in plan
    lines = archive()
    assert lines[-1].startswith("5 entries of public.webhook_dlq moved"), lines
    assert said in lines or not said.startswith("ALTER")
    rows = letters.execute(f"SELECT service, retry_count, error_message FROM {ARCHIVE}")
    assert rows.count(("wa-webhook", 1, "failed 5")) == 1


def test_partitioned_tables_are_archived(letters, archive):
    """Rows of two partitions may stand at the same place; both are told apart, here and in the archive."""
    letters.execute(
        f"DROP TABLE {DLQ}; CREATE TABLE {DLQ} (id uuid DEFAULT gen_random_uuid(), service text, payload jsonb, "
        "error_message text, status text, retry_count int, last_retry_at timestamptz, reprocessed_at timestamptz, "
        "created_at timestamptz, updated_at timestamptz, PRIMARY KEY (id, created_at)) "
        f"PARTITION BY RANGE (created_at); ALTER TABLE {DLQ} OWNER TO postgres;"
        f"CREATE TABLE public.q1 PARTITION OF {DLQ} FOR VALUES FROM ('-infinity') TO ('2000-01-01');"
        f"CREATE TABLE public.q2 PARTITION OF {DLQ} DEFAULT;" + old(10) + old(10, days=12000) + old(4, days=1)
    )
    before = letters.snapshot()
    lines = archive(batch=6)
    assert lines[-1].startswith("20 entries of "), lines
    assert (letters.snapshot(), letters.counts()) == (before, (4, 20))


def test_two_queues_have_an_archive_each(letters, archive):
    """Of a schema, names, types and words of their own; the words decide what is settled."""
    settings = settings_of("hand_grown")
    grow(letters.deployment, "hand_grown", settings)
    # So that the next test begins with a healthy deployment.
    letters.execute("DROP SCHEMA kept CASCADE")
    aged = "now() - interval '40 days'"
    letters.execute(
        "UPDATE whatsapp.failed_inbound SET got_at = got_at - interval '40 days', "
        f"changed_at = {aged}, tried_at = NULL, solved_at = NULL;"
        "INSERT INTO whatsapp.failed_outbound (template, request, phase, created, touched) "
        f"SELECT 'promo', '{{}}', phase::whatsapp.sending, {aged}, {aged} FROM unnest(ARRAY["
        "'waiting', 'again', 'in_flight', 'delivered', 'given_up']) AS phase"
    )
    queues = [replace_tables(letters, name) for name in ("failed_inbound", "failed_outbound")]
    before = [queue.snapshot() for queue in queues]
    lines = archive(settings)
    assert "entries of whatsapp.failed_inbound moved into whatsapp.failed_inbound_archive" in lines[-3]
    assert lines[-1] == "2 entries of whatsapp.failed_outbound moved into whatsapp.failed_outbound_archive"
    assert [queue.snapshot() for queue in queues] == before
    assert letters.execute("SELECT DISTINCT state FROM whatsapp.failed_inbound") == [("open",)]
    moved = letters.execute("SELECT phase::text FROM whatsapp.failed_outbound_archive ORDER BY 1")
    assert moved == [("delivered",), ("given_up",)]


def replace_tables(letters, name):
    """The letters of another table."""
    return replace(letters, table=f"whatsapp.{name}", archive=f"whatsapp.{name}_archive")


def test_words_with_other_meanings(letters, archive):
    """A contract's word that stands for another status is taken for that one."""
    letters.execute(
        f"ALTER TABLE {DLQ} DROP CONSTRAINT webhook_dlq_status_check;"
        + old(1, "'failed'")
        + old(2, "'done'")
        + old(3, "'discarded'")
    )
    one = DeadLetters("webhook_dlq", statuses={"pending": ("failed",), "reprocessed": ("done",)})
    lines = archive(Settings(dead_letters=(one,)))
    assert lines[-1].startswith("5 entries of "), lines
    assert letters.execute(f"SELECT status, count(*) FROM {ARCHIVE} GROUP BY 1 ORDER BY 1") == [
        ("discarded", 3),
        ("done", 2),
    ]


def test_table_with_a_strange_name(letters, archive):
    """A name with quotes, spaces and percent signs is quoted everywhere."""
    name = 'Dead "letters" 100 %s'
    quoted = '"Dead ""letters"" 100 %s"'
    letters.execute(f"ALTER TABLE {DLQ} RENAME TO {quoted};" + old(8, table=f"public.{quoted}"))
    there: Letters = replace(letters, table=f"public.{quoted}", archive='public."Dead ""letters"" 100 %s_archive"')
    before = there.snapshot()
    archive(Settings(dead_letters=(DeadLetters(name),)))
    assert (there.snapshot(), len(there.rows(there.archive))) == (before, 8)
