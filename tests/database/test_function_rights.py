"""Check 2: a job's function that anon may execute fails only where it does something for anon."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_cron_job_is_active as check_02
from fixtures.outcome import Status
from tests.following import mend
from tests.outcomes import assert_outcome

JOB = "process-dlq-entries"
PROCESS = "public.process_dlq_entries()"
INVOKER = f"ALTER FUNCTION {PROCESS} SECURITY INVOKER; GRANT EXECUTE ON FUNCTION {PROCESS} TO PUBLIC;"
OPEN_LOG = "CREATE POLICY writes ON public.dlq_processing_log FOR INSERT TO anon WITH CHECK (true);"
ANEW = f"CREATE OR REPLACE FUNCTION {PROCESS} RETURNS void LANGUAGE sql SECURITY INVOKER "
HELPER = (
    "CREATE FUNCTION public.work() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = '' AS "
    "'DELETE FROM public.webhook_dlq';"
)

HARMFUL = {
    "its owner's rights": f"GRANT EXECUTE ON FUNCTION {PROCESS} TO anon, authenticated",
    "a table that anon may write": INVOKER + OPEN_LOG,
    "a helper with its owner's rights": HELPER + ANEW + "AS 'SELECT public.work()';" + INVOKER,
    "a parsed body": HELPER + ANEW + "BEGIN ATOMIC SELECT public.work(); END;" + INVOKER,
    "a request by pg_net": "GRANT USAGE ON SCHEMA net TO anon; GRANT INSERT ON net.http_request_queue TO anon;"
    "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA net TO anon;"
    + ANEW
    + "AS 'SELECT net.http_post(''http://x'')';"
    + INVOKER,
}

HARMLESS = {
    "tables that anon may not write": INVOKER,
    "a helper that is closed": HELPER
    + "REVOKE EXECUTE ON FUNCTION public.work() FROM PUBLIC, anon, authenticated;"
    + ANEW
    + "AS 'SELECT public.work()';"
    + INVOKER,
    "no table": ANEW + "AS 'SELECT'; " + INVOKER,
}


@pytest.mark.parametrize("function", HARMFUL)
def test_harmful_function_fails_and_is_closed(function, any_deployment, judged, changed):
    """The owner closes it by the command of the advice."""
    changed(HARMFUL[function])
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.FAILED, "function process_dlq_entries() can be executed by anon")
    assert mend(any_deployment, lambda: judged(check_02, cron_job=JOB))


@pytest.mark.parametrize("function", HARMLESS)
def test_harmless_function_is_reported(function, judged, changed):
    """A function that fails for anon, or does nothing, is a finding and no failure."""
    changed(HARMLESS[function])
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.PASSED)
    assert any(
        "public.process_dlq_entries() can be executed by anon, authenticated: it runs with the caller's rights"
        in line
        for line in outcome.judge.findings
    )


def test_open_search_path_is_reported(judged, changed):
    """A function that does not fix its search path is a finding."""
    changed(f"ALTER FUNCTION {PROCESS} RESET search_path")
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.PASSED)
    assert any(
        "public.process_dlq_entries() does not fix its search_path" in line for line in outcome.judge.findings
    )
