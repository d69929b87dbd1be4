"""Check 1 proven both ways: customers' data is closed to the public, in tables, partitions and views."""

from __future__ import annotations

import re
from dataclasses import replace

import psycopg
import pytest

from checks.test_immediate import test_customer_table_is_protected as protected
from checks.test_immediate import test_dlq_table_exists_and_is_accessible as dlq_table
from checks.test_immediate import test_no_other_table_is_open as others
from fixtures.database.catalogue import Catalogue
from fixtures.outcome import Status
from fixtures.settings.model import Names, Settings
from tests.following import mend
from tests.outcomes import assert_outcome, judge, judge_all, read

TEXTS = "public.whatsapp_messages"
AUTH = (
    "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid, email text, phone text, raw_user_meta_data jsonb);"
    "CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';"
    "CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb';"
    "CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql AS 'SELECT NULL::text';"
    "GRANT USAGE ON SCHEMA auth TO anon, authenticated;"
)
OWNED = f"ALTER TABLE {TEXTS} ADD COLUMN owner uuid;"
SUCCESSOR = (
    "CREATE TABLE public.wa_events_new (LIKE public.wa_events) PARTITION BY RANGE (created_at);"
    "CREATE TABLE public.wa_events_new_rest PARTITION OF public.wa_events_new DEFAULT;"
)
MANY = (
    "DO $$BEGIN FOR year IN 1901..1925 LOOP EXECUTE format("
    "'CREATE TABLE public.wa_events_%%s PARTITION OF public.wa_events FOR VALUES FROM (%%L) TO (%%L)',"
    "year, year || '-01-01', year + 1 || '-01-01'); END LOOP; END$$;"
).replace("%%", "%")


def policy(using: str, to: str = "authenticated", command: str = "SELECT") -> str:
    """SQL of a policy on the texts."""
    return f"CREATE POLICY seen ON {TEXTS} FOR {command} TO {to} USING ({using});"


FAULTS = {
    "row security off": (
        "whatsapp_messages",
        f"ALTER TABLE {TEXTS} DISABLE ROW LEVEL SECURITY",
        "role anon can read public.whatsapp_messages: it has the privilege, and row security is off, and it can "
        "insert, update and delete as well; role authenticated can do the same",
    ),
    "a lost table": (
        "processed_webhook_messages",
        "DROP TABLE public.processed_webhook_messages",
        "table public.processed_webhook_messages does not exist",
    ),
    "a lost column": (
        "wa_events",
        "ALTER TABLE public.wa_events DROP COLUMN message_id",
        "public.wa_events has no column message_id",
    ),
    "one open partition": (
        "wa_events",
        "CREATE TABLE public.wa_events_1999_01 PARTITION OF public.wa_events "
        "FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')",
        "role anon can read 1 partition of public.wa_events (public.wa_events_1999_01): it has the privilege, and "
        "row security is off, and it can insert, update and delete as well",
    ),
    "25 open partitions": (
        "wa_events",
        MANY,
        "role anon can read 25 partitions of public.wa_events (public.wa_events_1901, public.wa_events_1902, "
        "public.wa_events_1903, and 22 more): it has the privilege",
    ),
    "an open partition of a partition": (
        "wa_events",
        "CREATE TABLE public.old PARTITION OF public.wa_events FOR VALUES FROM ('1999-01-01') TO ('1999-02-01') "
        "PARTITION BY RANGE (created_at); ALTER TABLE public.old ENABLE ROW LEVEL SECURITY;"
        'CREATE TABLE public."Older" PARTITION OF public.old DEFAULT',
        'role anon can read 1 partition of public.wa_events (public."Older"): it has the privilege',
    ),
    "an open child": (
        "whatsapp_messages",
        f"CREATE TABLE public.sub () INHERITS ({TEXTS})",
        "role anon can read 1 partition of public.whatsapp_messages (public.sub): it has the privilege",
    ),
    "an open successor": (
        "wa_events",
        SUCCESSOR + "ALTER TABLE public.wa_events_new_rest ENABLE ROW LEVEL SECURITY",
        "role anon can read public.wa_events_new: it has the privilege, and row security is off",
    ),
    "an open partition of the successor": (
        "wa_events",
        SUCCESSOR + "ALTER TABLE public.wa_events_new ENABLE ROW LEVEL SECURITY",
        "role anon can read 1 partition of public.wa_events_new (public.wa_events_new_rest): it has the privilege",
    ),
    "a policy to insert": (
        "whatsapp_messages",
        f"CREATE POLICY seen ON {TEXTS} FOR INSERT TO anon WITH CHECK (true)",
        'role anon can insert into public.whatsapp_messages: policy "seen" lets it change every row (true)',
    ),
    "a policy to delete": (
        "whatsapp_messages",
        policy("true", "anon", "DELETE"),
        'role anon can delete from public.whatsapp_messages: policy "seen" lets it change every row (true)',
    ),
    "an OR with an open part": (
        "whatsapp_messages",
        AUTH + OWNED + policy("owner = auth.uid() OR direction = 'inbound'"),
        'role authenticated can read public.whatsapp_messages: policy "seen" shows it rows, for every user',
    ),
    "everybody without a login": (
        "whatsapp_messages",
        AUTH + OWNED + policy("auth.uid() IS NULL OR owner = auth.uid()", "anon"),
        'role anon can read public.whatsapp_messages: policy "seen"',
    ),
    "a login asked for once": (
        "whatsapp_messages",
        AUTH + policy("(SELECT auth.uid()) IS NOT NULL"),
        'role authenticated can read public.whatsapp_messages: policy "seen"',
    ),
    "a role of the token": (
        "whatsapp_messages",
        AUTH + policy("(auth.jwt() ->> 'role') = 'authenticated'"),
        'role authenticated can read public.whatsapp_messages: policy "seen"',
    ),
    "user_metadata": (
        "whatsapp_messages",
        AUTH + OWNED + policy("auth.jwt() -> 'user_metadata' ->> 'role' = 'admin'"),
        'role authenticated can read public.whatsapp_messages: policy "seen" trusts what each user can set',
    ),
    "raw_user_meta_data of auth.users": (
        "whatsapp_messages",
        AUTH
        + "GRANT SELECT ON auth.users TO authenticated;"
        + policy("EXISTS (SELECT FROM auth.users WHERE id = auth.uid() AND raw_user_meta_data ->> 'admin' = 'y')"),
        'policy "seen" trusts what each user can set',
    ),
    "a policy that fails": (
        "whatsapp_messages",
        AUTH + policy("EXISTS (SELECT FROM auth.users WHERE id = auth.uid())"),
        'policy "seen" of public.whatsapp_messages fails in every query of role authenticated: it needs table '
        "auth.users, which the role may not use",
    ),
    "a policy that reads its own table": (
        "whatsapp_messages",
        AUTH
        + OWNED
        + policy(f"owner = auth.uid() AND EXISTS (SELECT FROM {TEXTS} AS t WHERE t.owner = auth.uid())"),
        'policy "seen" of public.whatsapp_messages fails in every query of role authenticated: it reads the table '
        "that it belongs to, which never ends",
    ),
    "a policy whose function is closed": (
        "whatsapp_messages",
        AUTH + "REVOKE EXECUTE ON FUNCTION auth.uid() FROM PUBLIC;" + OWNED + policy("owner = auth.uid()"),
        "it needs function auth.uid(), which the role may not use",
    ),
    "a view": (
        "whatsapp_messages",
        f"CREATE VIEW public.latest AS SELECT created_at FROM {TEXTS}",
        "view public.latest shows public.whatsapp_messages to anon and authenticated",
    ),
    "a view of a view in another schema": (
        "wa_events",
        "CREATE SCHEMA api; GRANT USAGE ON SCHEMA api TO anon; CREATE VIEW public.inner AS SELECT * FROM "
        "public.wa_events; REVOKE ALL ON public.inner FROM anon, authenticated;"
        'CREATE VIEW api."Outer" AS SELECT * FROM public.inner; GRANT SELECT ON api."Outer" TO anon',
        "view api.Outer shows public.wa_events to anon",
    ),
    "a materialised view": (
        "whatsapp_messages",
        f"CREATE MATERIALIZED VIEW public.counts AS SELECT count(*) FROM {TEXTS}",
        "materialised view public.counts shows public.whatsapp_messages to anon and authenticated",
    ),
    "a function": (
        "whatsapp_messages",
        f"CREATE FUNCTION public.latest(most int) RETURNS SETOF {TEXTS} LANGUAGE sql SECURITY DEFINER AS "
        f"'SELECT * FROM {TEXTS} LIMIT most'",
        "function public.latest(most integer) works on public.whatsapp_messages with its owner's rights, and "
        "anon and authenticated may execute it",
    ),
}

ODD_BUT_HEALTHY = {
    "no privilege instead of row security": f"ALTER TABLE {TEXTS} DISABLE ROW LEVEL SECURITY;"
    f"REVOKE ALL ON {TEXTS} FROM PUBLIC, anon, authenticated",
    "partitions without privileges": MANY + "DO $$BEGIN FOR year IN 1901..1925 LOOP EXECUTE 'REVOKE ALL ON "
    "public.wa_events_' || year || ' FROM anon, authenticated'; END LOOP; END$$",
    "partitions in a schema that is not exposed": "CREATE SCHEMA parts; CREATE TABLE parts.old PARTITION OF "
    "public.wa_events FOR VALUES FROM ('1999-01-01') TO ('1999-02-01');"
    "GRANT ALL ON parts.old TO anon, authenticated",
    "rows of the own account": AUTH + OWNED + policy("auth.uid() = owner"),
    "the own account, asked for in two ways": AUTH
    + OWNED
    + policy("auth.uid() IS NOT NULL AND owner = (SELECT auth.uid()) AND direction = 'inbound'"),
    "an open policy that a restrictive one narrows": AUTH
    + OWNED
    + policy("true")
    + f"CREATE POLICY own ON {TEXTS} AS RESTRICTIVE TO authenticated USING (owner = auth.uid())",
    "a text that reads like an operator": OWNED + AUTH + policy("owner = auth.uid() AND body <> 'a OR (b'"),
    "a failing policy without a privilege": AUTH
    + f"REVOKE ALL ON {TEXTS} FROM anon, authenticated;"
    + policy("EXISTS (SELECT FROM auth.users)"),
    "a function for the own account": AUTH + OWNED + "CREATE FUNCTION public.mine() RETURNS bigint LANGUAGE sql "
    f"SECURITY DEFINER AS 'SELECT count(*) FROM {TEXTS} WHERE owner = auth.uid()'",
    "a trigger's function": "CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS "
    f"'BEGIN DELETE FROM {TEXTS}; RETURN NEW; END'",
    "a function with the caller's rights": "CREATE FUNCTION public.everything() RETURNS bigint LANGUAGE sql AS "
    f"'SELECT count(*) FROM {TEXTS}'",
    "a closed function": "CREATE FUNCTION public.latest() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS "
    f"'SELECT count(*) FROM {TEXTS}'; REVOKE EXECUTE ON FUNCTION public.latest() FROM PUBLIC",
    "a view with its user's rights": f"CREATE VIEW public.latest WITH (security_invoker = on) AS TABLE {TEXTS}",
    "a view of the team": f"CREATE VIEW public.latest AS TABLE {TEXTS};"
    "REVOKE ALL ON public.latest FROM anon, authenticated",
    "a protected successor": SUCCESSOR + "ALTER TABLE public.wa_events_new ENABLE ROW LEVEL SECURITY;"
    "ALTER TABLE public.wa_events_new_rest ENABLE ROW LEVEL SECURITY",
}


@pytest.fixture
def made(any_deployment):
    """Runs SQL as role ``postgres``, whose new tables anon may use by default, as on Supabase."""
    return any_deployment.owner_execute


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, made):
    """Each fault is found, with the table, the role and the reason."""
    table, sql, part = FAULTS[fault]
    made(sql)
    assert_outcome(judged(protected, customer_table=table), Status.FAILED, part)


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("a lost")])
def test_advice_closes(fault, any_deployment, judged, made):
    """The owner of the tables, no superuser, closes each hole by the commands of the advice."""
    table, sql, _ = FAULTS[fault]
    made(sql)
    assert mend(any_deployment, lambda: judged(protected, customer_table=table))


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, any_deployment, made):
    """What is unusual and closed raises no alarm in any case of the check."""
    made(ODD_BUT_HEALTHY[variant])
    outcomes = judge_all([protected, others], read(any_deployment.access, [protected, others]))
    assert {case: one.reason for case, one in outcomes.items() if one.status is not Status.PASSED} == {}


@pytest.mark.parametrize("fault", [name for name in FAULTS if name.startswith("a policy that")])
def test_failing_policies_do_fail(fault, any_deployment, made):
    """Postgres agrees: each query of the role is an error."""
    made(FAULTS[fault][1])
    with pytest.raises(psycopg.Error, match=r"infinite recursion|permission denied for table users"):
        any_deployment.superuser_execute(f"SET ROLE authenticated; SELECT count(*) FROM {TEXTS}")


def test_dlq_partitions_are_judged(judged, made):
    """A dead-letter table is judged with its children and views, like the other tables."""
    made(
        "CREATE TABLE public.sub () INHERITS (public.webhook_dlq);CREATE VIEW public.v AS TABLE public.webhook_dlq"
    )
    outcome = judged(dlq_table, dlq_table="webhook_dlq")
    assert_outcome(
        outcome,
        Status.FAILED,
        "role anon can read 1 partition of public.webhook_dlq (public.sub): it has the privilege",
        "view public.v shows public.webhook_dlq to anon and authenticated",
    )


def test_lints_without_effect_are_reported(judged, made):
    """What Supabase's linter warns of, but nobody can use, is reported and fails nothing."""
    made(f"REVOKE ALL ON {TEXTS} FROM anon, authenticated;" + policy("true"))
    outcome = judged(protected, customer_table="whatsapp_messages")
    assert_outcome(outcome, Status.PASSED)
    assert any("only the missing privilege keeps" in line for line in outcome.judge.findings)
    made(f"ALTER TABLE {TEXTS} DISABLE ROW LEVEL SECURITY")
    outcome = judged(protected, customer_table="whatsapp_messages")
    assert "1 policy of public.whatsapp_messages without effect: row security is off" in outcome.judge.findings


OTHERS = {
    "a table": (
        "CREATE TABLE public.customers (id int, phone text)",
        "1 table outside of the settings that everybody may read: public.customers (phone) by anon",
    ),
    "two tables": (
        'CREATE TABLE public.a (id int, "WA_ID" text, body text); CREATE TABLE public.b (msisdn text)',
        "2 tables outside of the settings that everybody may read: public.a (WA_ID, body) by anon, "
        "public.b (msisdn) by anon",
    ),
    "a detached partition": (
        "CREATE TABLE public.wa_events_2019_01 (LIKE public.wa_events)",
        "public.wa_events_2019_01 (phone_number, payload) by anon",
    ),
    "an open partition of a closed table": (
        "CREATE TABLE public.chats (body text) PARTITION BY LIST (body); REVOKE ALL ON public.chats FROM anon, "
        "authenticated; CREATE TABLE public.chats_rest PARTITION OF public.chats DEFAULT",
        "public.chats (body) by anon",
    ),
    "a view of another table": (
        "CREATE TABLE public.people (id int, phone text); ALTER TABLE public.people ENABLE ROW LEVEL SECURITY;"
        "CREATE VIEW public.list AS SELECT phone FROM public.people",
        "public.list (phone) by anon",
    ),
    "accounts in a view": (
        AUTH + "CREATE VIEW public.accounts AS SELECT id FROM auth.users",
        "view public.accounts shows auth.users to anon and authenticated",
    ),
}


@pytest.mark.parametrize("fault", OTHERS)
def test_other_tables_are_found_and_closed(fault, any_deployment, judged, made):
    """A table that the settings do not name is found by its columns, and closed by the advice."""
    sql, part = OTHERS[fault]
    made(sql)
    outcome = judged(others)
    assert_outcome(outcome, Status.FAILED, part)
    assert mend(any_deployment, lambda: judged(others))


CLOSED_OTHERS = {
    "a closed table": "CREATE TABLE public.customers (phone text); ALTER TABLE public.customers "
    "ENABLE ROW LEVEL SECURITY",
    "rows of the own account": AUTH + "CREATE TABLE public.profiles (id uuid, phone text); ALTER TABLE "
    "public.profiles ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON public.profiles USING (id = auth.uid())",
    "another schema": "CREATE SCHEMA crm; CREATE TABLE crm.customers (phone text)",
    "other columns": "CREATE TABLE public.prices (id int, price numeric)",
}


@pytest.mark.parametrize("variant", CLOSED_OTHERS)
def test_closed_other_tables_are_quiet(variant, judged, made):
    """A table that nobody can read, or only by its own account, raises no alarm."""
    made(CLOSED_OTHERS[variant])
    assert_outcome(judged(others), Status.PASSED)


def test_settings_say_what_is_personal(judged, made):
    """A table of names.personal_tables is judged by name; one of names.public_tables is left alone."""
    made("CREATE TABLE public.posts (body text)")
    assert_outcome(judged(others), Status.FAILED, "public.posts (body) by anon")
    assert_outcome(judged(others, Settings(names=Names(public_tables=("posts",)))), Status.PASSED)
    personal = Settings(names=Names(personal_tables=("posts",)))
    assert_outcome(judged(others, personal), Status.PASSED)
    outcome = judged(protected, personal, customer_table="posts")
    assert_outcome(outcome, Status.FAILED, "role anon can read public.posts")


def test_evidence_without_the_facts_is_unproven(any_deployment):
    """Evidence of a version that did not read partitions and views proves nothing about them."""
    evidence = read(any_deployment.access, [protected, others])
    catalogue = evidence.piece("catalogue")
    assert isinstance(catalogue, Catalogue)
    old = replace(
        catalogue, views=None, relations=tuple(replace(one, partitions=None) for one in catalogue.relations)
    )
    earlier = replace(evidence, pieces={**evidence.pieces, "catalogue": old})
    for outcome in (judge(protected, earlier, customer_table="wa_events"), judge(others, earlier)):
        assert_outcome(outcome, Status.UNPROVEN, "evidence is of an earlier version")


def test_500_partitions_are_read_at_once(any_deployment, made):
    """Equal partitions are one group in the evidence, with the first names."""
    made(re.sub("1901..1925", "1401..1900", MANY))
    evidence = read(any_deployment.access, [protected])
    relation = evidence.piece("catalogue").relation("wa_events", "public")
    assert [(group.count, len(group.names)) for group in relation.partitions] == [(500, 10), (5, 5)]
