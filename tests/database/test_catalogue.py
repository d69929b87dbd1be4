"""Check 1 proven both ways: DLQ tables exist, serve the functions, and are closed to the public."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_dlq_table_exists_and_is_accessible as check_01
from fixtures.outcome import Status
from fixtures.settings.model import Names, Settings
from tests.outcomes import assert_outcome

DLQ = "check-01[webhook_dlq]"
LOG = "check-01[dlq_processing_log]"
FIRST_PASS = "check-03[first_dlq_processing_ran]"
RATE = "check-05[success_rate]"
JOB = "check-02[process-dlq-entries]"
PARTITIONS = "check-02[create-wa-events-partitions]"

MISSING = "table public.webhook_dlq does not exist"

FAULTS = {
    "dropped": (
        "DROP TABLE public.webhook_dlq CASCADE",
        {
            DLQ: (Status.FAILED, MISSING),
            RATE: (Status.UNPROVEN, f"{MISSING}; check 1 names the cause"),
        },
    ),
    "in another schema": (
        "CREATE SCHEMA app; ALTER TABLE public.webhook_dlq SET SCHEMA app",
        {
            DLQ: (Status.FAILED, f"{MISSING}; found app.webhook_dlq instead"),
            RATE: (Status.UNPROVEN, MISSING),
        },
    ),
    "a view of the same name": (
        "ALTER TABLE public.webhook_dlq RENAME TO dead_letters;"
        "CREATE VIEW public.webhook_dlq AS SELECT * FROM public.dead_letters",
        {
            DLQ: (Status.FAILED, "public.webhook_dlq is a view, not a table"),
            RATE: (Status.UNPROVEN, "public.webhook_dlq is a view, not a table; check 1 names the cause"),
        },
    ),
    "an older table with other columns": (
        "ALTER TABLE public.webhook_dlq DROP COLUMN retry_count CASCADE, DROP COLUMN next_retry_at CASCADE",
        {
            DLQ: (
                Status.FAILED,
                "public.webhook_dlq has no column retry_count; public.webhook_dlq has no column next_retry_at",
            )
        },
    ),
    "a column of a type that cannot serve": (
        "ALTER TABLE public.webhook_dlq ALTER COLUMN last_retry_at TYPE timestamp",
        {
            DLQ: (
                Status.FAILED,
                "public.webhook_dlq.last_retry_at is of type timestamp without time zone, "
                "which cannot serve as timestamp with time zone",
            )
        },
    ),
    "row security off": (
        "ALTER TABLE public.webhook_dlq DISABLE ROW LEVEL SECURITY;"
        "GRANT SELECT ON public.webhook_dlq TO anon, authenticated",
        {
            DLQ: (
                Status.FAILED,
                "role anon can read public.webhook_dlq: it has the privilege, and row security is off, and it can "
                "insert, update and delete as well; role authenticated can do the same",
            )
        },
    ),
    "a policy for everybody": (
        "GRANT SELECT ON public.webhook_dlq TO anon; CREATE POLICY everybody ON public.webhook_dlq USING (true)",
        {DLQ: (Status.FAILED, 'role anon can read public.webhook_dlq: policy "everybody" shows it every row')},
    ),
    "a policy that is always true": (
        "GRANT SELECT ON public.webhook_dlq TO anon; CREATE POLICY sure ON public.webhook_dlq USING (1 = 1)",
        {
            DLQ: (
                Status.FAILED,
                'role anon can read public.webhook_dlq: policy "sure" shows it every row ((1 = 1))',
            )
        },
    ),
    "a policy that every row fulfils": (
        "GRANT SELECT ON public.webhook_dlq TO anon;"
        "CREATE POLICY any_row ON public.webhook_dlq USING (id IS NOT NULL)",
        {DLQ: (Status.FAILED, 'policy "any_row" shows it rows, for every user ((id IS NOT NULL))')},
    ),
    "a policy that names the role": (
        "GRANT SELECT ON public.webhook_dlq TO anon; CREATE POLICY named ON public.webhook_dlq "
        "USING (current_user IN ('anon', 'authenticated'))",
        {DLQ: (Status.FAILED, 'role anon can read public.webhook_dlq: policy "named"')},
    ),
    "a policy for whoever is logged in": (
        "CREATE SCHEMA auth; CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql AS $$SELECT 'anon'$$;"
        "GRANT SELECT ON public.webhook_dlq TO authenticated;"
        "CREATE POLICY logged_in ON public.webhook_dlq FOR SELECT TO authenticated"
        " USING (auth.role() = 'authenticated')",
        {DLQ: (Status.FAILED, 'role authenticated can read public.webhook_dlq: policy "logged_in"')},
    ),
    "anon bypasses row security": (
        "GRANT SELECT ON public.webhook_dlq TO anon; REVOKE ALL ON public.dlq_processing_log FROM anon;"
        "ALTER ROLE anon BYPASSRLS",
        {DLQ: (Status.FAILED, "role anon can read public.webhook_dlq: it has the privilege, and it bypasses")},
    ),
    "service_role may not insert": (
        "REVOKE INSERT, UPDATE ON public.webhook_dlq FROM service_role",
        {DLQ: (Status.FAILED, "service_role lacks INSERT, UPDATE on public.webhook_dlq")},
    ),
    "row security shuts out service_role": (
        "ALTER ROLE service_role NOBYPASSRLS",
        {
            DLQ: (Status.FAILED, "row security on public.webhook_dlq shuts out service_role"),
            LOG: (Status.FAILED, "row security on public.dlq_processing_log shuts out service_role"),
        },
    ),
    "the suite's role may not read it": (
        "REVOKE SELECT ON public.dlq_processing_log FROM easymo_verifier, PUBLIC;"
        "REVOKE pg_read_all_data FROM easymo_verifier",
        {
            LOG: (Status.FAILED, "role easymo_verifier may not read public.dlq_processing_log"),
            FIRST_PASS: (Status.UNPROVEN, "GRANT SELECT ON public.dlq_processing_log TO easymo_verifier"),
        },
    ),
    "row security hides the rows from the suite's role": (
        "ALTER ROLE easymo_verifier NOBYPASSRLS",
        {
            DLQ: (Status.UNPROVEN, "row security hides rows of public.webhook_dlq from role easymo_verifier"),
            LOG: (Status.UNPROVEN, "ALTER ROLE easymo_verifier BYPASSRLS; or add a SELECT policy USING (true)"),
            JOB: (Status.UNPROVEN, "row security hides rows of cron.job from role easymo_verifier"),
            PARTITIONS: (Status.UNPROVEN, "ALTER ROLE easymo_verifier BYPASSRLS"),
            FIRST_PASS: (Status.UNPROVEN, "row security hides rows of public.dlq_processing_log"),
            RATE: (Status.UNPROVEN, "row security hides rows of public.processed_webhook_messages"),
        },
    ),
}

ODD_BUT_HEALTHY = {
    "more columns than expected": "ALTER TABLE public.webhook_dlq ADD COLUMN note text",
    "varchar for text": "ALTER TABLE public.webhook_dlq ALTER COLUMN service TYPE varchar(60)",
    "bigint for int": "ALTER TABLE public.webhook_dlq ALTER COLUMN status_code TYPE bigint",
    "no privilege instead of row security": "ALTER TABLE public.webhook_dlq DISABLE ROW LEVEL SECURITY;"
    "REVOKE ALL ON public.webhook_dlq FROM anon, authenticated, PUBLIC",
    "a policy for service_role": "CREATE POLICY service ON public.webhook_dlq TO service_role USING (true)",
    "Supabase's usual policy for everybody who is service_role": "CREATE SCHEMA auth;"
    "CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql AS $$SELECT 'anon'$$;"
    "CREATE POLICY service ON public.webhook_dlq USING (auth.role() = 'service_role')",
    "a policy that another one takes back": "GRANT SELECT ON public.webhook_dlq TO anon;"
    "CREATE POLICY everybody ON public.webhook_dlq USING (true);"
    "CREATE POLICY nobody ON public.webhook_dlq AS RESTRICTIVE TO anon, authenticated USING (false)",
    "a policy that shows nothing": "GRANT SELECT ON public.webhook_dlq TO anon;"
    "CREATE POLICY nothing ON public.webhook_dlq USING (false)",
    "row security forced on the owner": "ALTER TABLE public.webhook_dlq FORCE ROW LEVEL SECURITY",
    "another table of the same name elsewhere": "CREATE SCHEMA archive;CREATE TABLE archive.webhook_dlq (id int)",
    "no role anon": "ALTER ROLE anon RENAME TO anonymous_visitor",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, finds):
    """Each fault is found by check 1, with words that name it, and by nothing that it does not concern."""
    finds(*FAULTS[fault])


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, finds):
    """What is unusual and works raises no alarm."""
    finds(ODD_BUT_HEALTHY[variant], {})


def test_policies_can_show_the_role_every_row(finds):
    """A role without BYPASSRLS proves as much, where policies show it everything."""
    tables = ("webhook_dlq", "dlq_processing_log", "processed_webhook_messages", "wa_events")
    policies = [
        f"CREATE POLICY verifier ON public.{table} FOR SELECT TO easymo_verifier USING (true)" for table in tables
    ]
    policies += [
        f"CREATE POLICY verifier ON cron.{table} FOR SELECT TO easymo_verifier USING (true)"
        for table in ("job", "job_run_details")
    ]
    finds("; ".join(["ALTER ROLE easymo_verifier NOBYPASSRLS", *policies]), {})


IN_APP = Settings(names=Names(schema="app"))
MOVED = (
    "CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO easymo_verifier, service_role;"
    "ALTER TABLE public.webhook_dlq SET SCHEMA app;"
)
TO_TEXT = "ALTER TABLE {} ALTER COLUMN next_retry_at TYPE text USING next_retry_at::text"


def test_types_count_in_another_schema(judged, changed):
    """The contract's types hold for the tables of the settings' schema, whatever it is called."""
    changed(MOVED)
    assert judged(check_01, IN_APP, dlq_table="webhook_dlq").status is Status.PASSED
    changed(TO_TEXT.format("app.webhook_dlq"))
    outcome = judged(check_01, IN_APP, dlq_table="webhook_dlq")
    assert_outcome(outcome, Status.FAILED, "app.webhook_dlq.next_retry_at is of type text, which cannot serve")


def test_types_of_other_schemas_do_not_count(judged, changed):
    """A table that only has the name of one of the contract's is not judged by the contract."""
    changed(MOVED + "CREATE TABLE public.webhook_dlq (id int, next_retry_at text)")
    assert judged(check_01, IN_APP, dlq_table="webhook_dlq").status is Status.PASSED


LEFT_OUT = {
    "may be null": (
        "ALTER COLUMN created_at DROP NOT NULL",
        "public.webhook_dlq.created_at may be null: no check sees a row without it",
    ),
    "lost its default": (
        "ALTER COLUMN retry_count DROP DEFAULT",
        "public.webhook_dlq.retry_count has no default: an insert that leaves it out fails",
    ),
    "both": (
        "ALTER COLUMN created_at DROP NOT NULL, ALTER COLUMN created_at DROP DEFAULT",
        "public.webhook_dlq.created_at may be null and has no default: no check sees a row without it",
    ),
}


@pytest.mark.parametrize("fault", LEFT_OUT)
def test_column_that_may_be_left_out_is_reported(fault, judged, changed):
    """A finding of check 1, which passes: the rows decide whether anything is wrong."""
    change, words = LEFT_OUT[fault]
    before = judged(check_01, dlq_table="webhook_dlq")
    changed(f"ALTER TABLE public.webhook_dlq {change}")
    outcome = judged(check_01, dlq_table="webhook_dlq")
    assert not any("null" in one or "default" in one for one in before.judge.findings)
    assert_outcome(outcome, Status.PASSED)
    assert words in outcome.judge.findings
