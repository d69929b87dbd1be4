"""Check 13: the commands of its advice, run by the owner of the tables, mend the fault and open nothing."""

from __future__ import annotations

import pytest

from checks.test_daily import test_partitions_are_created as check_13
from checks.test_immediate import test_customer_table_is_protected as check_01
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.database.test_partitions import (
    AFTER,
    DEFAULT,
    EVENTS,
    FAULTS,
    MIDDLE,
    NEXT,
    anew,
    begin_of,
    bounds,
    partition,
)
from tests.database.trouble import running, session, until
from tests.following import follow, mend
from tests.outcomes import assert_outcome

ADVISED = {
    "a month is missing": f"DROP TABLE {partition(2)}",
    "a month is detached": f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(2)}",
    "a month is detached, and its name taken by another": f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(2)};"
    f"ALTER TABLE {partition(2)} RENAME TO other; CREATE VIEW {partition(2)} AS SELECT 1",
    "a month is cut into two": FAULTS["a month is cut into two"][0],
    "a month begins a day late": FAULTS["a month begins a day late"][0],
    "a month of another time zone": FAULTS["a month of another time zone"][0],
    "two months in one": FAULTS["two months in one"][0],
    "a month that never ends": FAULTS["a month that never ends"][0],
    "this month in one that never ends": "".join(f"DROP TABLE {partition(n)};" for n in (1, 2, 3))
    + f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(0)};"
    + f"ALTER TABLE {EVENTS} ATTACH PARTITION {partition(0)} "
    + bounds(begin_of(0), "infinity"),
    "a month begins a day late, and its first day is in the default partition": anew(
        2, "", bounds(NEXT.replace(day=2), AFTER)
    )
    + DEFAULT
    + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) VALUES ('m', 'inbound', 'x', '{NEXT}'), "
    f"('m', 'inbound', 'x', '{NEXT.replace(day=3)}')",
    "a month is in the default partition": f"DROP TABLE {partition(2)};"
    + DEFAULT
    + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) VALUES ('m', 'inbound', 'x', '{NEXT}')",
    "a name with capitals": anew(2, "", bounds(NEXT, MIDDLE))
    + f'ALTER TABLE {partition(2)} RENAME TO "Half of it"',
    "a month of another name, in the place of its own": f"ALTER TABLE {partition(2)} RENAME TO x;"
    f"ALTER TABLE {partition(3)} RENAME TO wa_events_{NEXT:%Y_%m}; ALTER TABLE public.x RENAME TO "
    f"wa_events_{AFTER:%Y_%m}",
    "unlogged": FAULTS["unlogged"][0],
    "an empty shell": FAULTS["an empty shell"][0],
    "past the retention": FAULTS["past the retention"][0],
    "a lookalike of a month that is there": f"CREATE TABLE public.wa_events_new_{NEXT:%Y_%m} "
    f"(LIKE {EVENTS} INCLUDING ALL); INSERT INTO public.wa_events_new_{NEXT:%Y_%m} "
    f"(event_type, direction, status, created_at) VALUES ('m', 'inbound', 'x', '{NEXT}')",
    "rows of two months in the default partition": DEFAULT
    + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
    f"VALUES ('m', 'inbound', 'x', '{begin_of(-8)}'), ('m', 'inbound', 'x', '{begin_of(-7)}')",
    "other columns in another order": f"DROP TABLE {partition(2)}; CREATE TABLE public.half (created_at "
    "timestamptz NOT NULL DEFAULT now(), payload jsonb, direction text NOT NULL "
    "CONSTRAINT wa_events_direction_check CHECK (direction IN ('inbound', 'outbound')), "
    "status text NOT NULL, error_message text, processed_at timestamptz, "
    "event_type text NOT NULL, phone_number text, message_id text, id uuid NOT NULL DEFAULT gen_random_uuid());"
    f"ALTER TABLE {EVENTS} ATTACH PARTITION public.half {bounds(NEXT, MIDDLE)};"
    f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) VALUES ('m', 'inbound', 'x', '{NEXT}')",
}

CLOSED = """
DO $$DECLARE name text; BEGIN
  FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^(wa_events|Half|half)'
    LOOP EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name); END LOOP; END$$
"""


def heals(deployment, judged, settings: Settings | None = None) -> None:
    """Follow the advice of check 13, as role ``postgres``, until it passes; check 1 passes then as well."""
    mend(deployment, lambda: judged(check_13, settings))
    assert_outcome(judged(check_01, settings, customer_table="wa_events"), Status.PASSED)


@pytest.mark.parametrize("fault", ADVISED)
def test_advice_works_as_printed(fault, any_deployment, judged):
    """The owner runs each command on the tables as they are; it mends them, loses no row, and opens nothing."""
    owner = any_deployment.owner_execute
    owner(f"{ADVISED[fault]}; {CLOSED}")
    rows = "SELECT count(*) FROM public.wa_events"
    before = owner(rows)[0][0] + ("lookalike" in fault)
    heals(any_deployment, judged)
    assert owner(rows) == [(before,)]


FACTS = f"""
SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity, pg_get_userbyid(c.relowner)::text,
  array(SELECT unnest(c.reloptions) ORDER BY 1), array(SELECT polname::text FROM pg_policy WHERE polrelid = c.oid),
  array(SELECT a.grantee::regrole || ' ' || a.privilege_type FROM aclexplode(c.relacl) a
        WHERE a.grantee <> 0 AND a.grantee::regrole::text NOT IN ('anon', 'authenticated') ORDER BY 1),
  array(SELECT a.attname || ' ' || a.attacl::text FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL)
FROM pg_class c WHERE c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{EVENTS}'::regclass) ORDER BY 1
"""


def test_new_partition_is_like_its_siblings(any_deployment, judged):
    """Row security, policies, grants, owner and storage are those of the others; anon gets no privilege."""
    owner = any_deployment.owner_execute
    owner(
        "".join(
            f"ALTER TABLE {partition(n)} FORCE ROW LEVEL SECURITY;"
            f"ALTER TABLE {partition(n)} SET (fillfactor = 70);"
            f'CREATE POLICY "The service" ON {partition(n)} TO service_role USING (true) WITH CHECK (true);'
            f"CREATE POLICY pass ON {partition(n)} AS RESTRICTIVE FOR SELECT USING (direction <> 'a');"
            f"REVOKE TRUNCATE ON {partition(n)} FROM service_role;"
            f"GRANT SELECT (id, created_at), UPDATE (status) ON {partition(n)} TO easymo_verifier;"
            for n in range(-1, 4)
        )
    )
    before = owner(FACTS)
    owner(f"DROP TABLE {partition(1)}; DROP TABLE {partition(3)}")
    heals(any_deployment, judged)
    assert owner(FACTS) == before
    public = (
        "SELECT count(*) FROM pg_roles r WHERE rolname IN ('anon', 'authenticated') "
        "AND has_any_column_privilege(r.oid, '{}', 'SELECT, INSERT, UPDATE')"
    )
    assert owner(public.format(partition(1))) == owner(public.format(partition(3))) == [(0,)]


def test_open_policy_of_siblings_is_not_copied(any_deployment, judged):
    """What opens the others opens no new partition."""
    owner = any_deployment.owner_execute
    owner(f"CREATE POLICY anybody ON {partition(2)} USING (true); DROP TABLE {partition(3)}")
    follow(any_deployment, judged(check_13).advice)
    assert owner(f"SELECT count(*) FROM pg_policy WHERE polrelid = '{partition(3)}'::regclass") == [(0,)]


def test_policy_with_a_phone_number_is_not_copied(any_deployment, judged):
    """The number is masked in the evidence, so the policy would be another one; the partition stays closed."""
    owner = any_deployment.owner_execute
    owner(f"CREATE POLICY one ON {partition(2)} TO service_role USING (phone_number = '+250788123456')")
    owner(f"DROP TABLE {partition(3)}; DROP TABLE {partition(1)}; DROP TABLE {partition(-1)}")
    heals(any_deployment, judged)
    assert owner(f"SELECT count(*) FROM pg_policy WHERE polrelid = '{partition(3)}'::regclass") == [(0,)]


SPELLINGS = (
    "events_p{:%Y_%m}",
    "wa_events_{:%Y%m}",
    "wa_events_y{:%Y}m{:%m}",
    "wa_events_{:%Y_%m}_01",
    "E-{:%Y-%m}",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_new_partition_is_named_like_the_others(spelling, any_deployment, judged):
    """The name follows the deployment's own names, also where Postgres takes it only in quotes."""
    owner = any_deployment.owner_execute
    names = {n: spelling.format(begin_of(n), begin_of(n)) for n in range(-1, 4)}
    owner("".join(f'ALTER TABLE {partition(n)} RENAME TO "{name}";' for n, name in names.items()))
    owner(f'DROP TABLE public."{names[2]}"')
    heals(any_deployment, judged)
    assert owner(f"SELECT count(*) FROM pg_inherits WHERE inhrelid = 'public.\"{names[2]}\"'::regclass") == [(1,)]


def test_new_partition_stands_beside_the_others(any_deployment, judged):
    """Where the partitions have a schema of their own, a new one is created there."""
    owner = any_deployment.owner_execute
    owner("CREATE SCHEMA parts;" + "".join(f"ALTER TABLE {partition(n)} SET SCHEMA parts;" for n in range(-1, 4)))
    name = partition(2).removeprefix("public.")
    owner(f"DROP TABLE parts.{name}")
    heals(any_deployment, judged)
    assert owner(f"SELECT to_regclass('parts.{name}') IS NOT NULL") == [(True,)]


def test_lookalike_with_other_columns_is_not_attached(any_deployment, judged):
    """A table that cannot be attached gets a sentence and no command."""
    any_deployment.owner_execute(f"DROP TABLE {partition(2)}; CREATE TABLE {partition(2)} (id int)")
    advice = judged(check_13).advice
    assert not advice.commands
    assert str(advice).startswith(f"compare {partition(2)} with {EVENTS}: with other columns or checks")


ALIKE = (
    f"CREATE TABLE public.plain (LIKE {EVENTS} INCLUDING ALL); INSERT INTO public.plain SELECT * FROM {EVENTS};"
    f"DROP TABLE {EVENTS}; ALTER TABLE public.plain RENAME TO wa_events;"
    "CREATE TABLE public.wa_events_new (LIKE public.wa_events INCLUDING ALL) PARTITION BY RANGE (created_at);"
    + "".join(
        f"CREATE TABLE public.wa_events_new_{begin_of(n):%Y_%m} PARTITION OF public.wa_events_new "
        f"{bounds(begin_of(n), begin_of(n + 1))};"
        for n in range(4)
    )
    + "GRANT SELECT (created_at) ON public.wa_events, public.wa_events_new TO easymo_verifier;"
    f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
    f"VALUES ('m', 'inbound', 'x', '{begin_of(-2)}');"
)


def test_successor_that_is_alike_is_swapped(any_deployment, judged):
    """The successor gets the rows, the months that it lacks, and the name; nothing is opened."""
    owner = any_deployment.owner_execute
    owner(ALIKE + CLOSED)
    before = owner(f"SELECT count(*) FROM {EVENTS}")
    assert_outcome(judged(check_13), Status.FAILED, "wa_events_new is partitioned, but nothing writes to it")
    heals(any_deployment, judged)
    assert owner(f"SELECT count(*) FROM {EVENTS}") == before
    assert owner(f"SELECT relkind = 'p' FROM pg_class WHERE oid = '{EVENTS}'::regclass") == [(True,)]


DIFFERENCES = {
    "a default": ("ALTER COLUMN status SET DEFAULT 'new'", "column status text NOT NULL DEFAULT 'new'::text"),
    "a column": ("ADD COLUMN note text", "column note text"),
    "a unique key": ("ADD CONSTRAINT once UNIQUE (message_id)", "unique key btree (message_id)"),
    "a grant": (
        "OWNER TO postgres; GRANT SELECT ON public.wa_events TO easymo_verifier",
        "SELECT for easymo_verifier",
    ),
    "row security": ("DISABLE ROW LEVEL SECURITY", "row security"),
}


@pytest.mark.parametrize("what", DIFFERENCES)
def test_successor_that_differs_is_not_swapped(what, any_deployment, judged):
    """Where the two differ, the difference is named, and no command is."""
    change, line = DIFFERENCES[what]
    any_deployment.owner_execute(f"{ALIKE} {CLOSED}; ALTER TABLE public.wa_events {change}")
    advice = judged(check_13).advice
    assert str(advice).startswith("before the two can be swapped, make them alike; ")
    assert line in str(advice)
    assert not advice.commands


def test_detaching_that_was_interrupted_is_ended(any_deployment, judged, changed):
    """A partition that is half detached takes no rows; the advice ends that and attaches it again."""
    url = any_deployment.superuser_url
    with session(url) as reader:
        reader.execute(f"BEGIN; SELECT 1 FROM {EVENTS}")
        with running(url, f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(2)} CONCURRENTLY"):
            until(url, "SELECT count(*) = 1 FROM pg_inherits WHERE inhdetachpending")
    outcome = judged(check_13)
    assert_outcome(outcome, Status.FAILED, f"wa_events_{NEXT:%Y_%m} is being detached")
    assert len(mend(any_deployment, lambda: judged(check_13))) == 2
