"""Check 2 where jobs call an edge function by HTTP, not through a SQL function."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_cron_job_is_active as check_02
from fixtures.database.identifiers import literal
from fixtures.evidence.document import plain, to_text
from fixtures.evidence.pieces import needs_of
from fixtures.evidence.reading import Reading
from fixtures.outcome import Status
from fixtures.settings.model import Job, Settings
from tests.database.test_cron import another_job
from tests.following import mend
from tests.outcomes import assert_outcome

JOB = "process-dlq-entries"
KEY = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.q2Vn0m0Zr5o8"
URL = "current_setting('app.settings.supabase_url') || '/functions/v1/{}'"
POST = f'SELECT net.http_post(url := {URL}, headers := \'{{{{"Authorization": "Bearer {KEY}"}}}}\'::jsonb)'
DIRECT = POST.format("dlq-processor")
BY_URL = Settings(jobs=(Job(JOB, "*/5 * * * *", edge_function="dlq-processor"),))
WRAPPER = "CREATE FUNCTION public.tick() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {} END $$;"


def command(text: str) -> str:
    """SQL that gives the job another command."""
    return f"UPDATE cron.job SET command = {literal(text)} WHERE jobname = '{JOB}'"


HEALTHY = {
    "a literal URL": command("SELECT net.http_post('https://abc.supabase.co/functions/v1/dlq-processor')"),
    "a URL of a setting, and a key": command(DIRECT),
    "by GET": command(DIRECT.replace("http_post", "http_get")),
    "by the extension http": command(DIRECT.replace("net.http_post", "extensions.http_post")),
    "a URL in a variable": command(
        f"DO $$ DECLARE url text := {URL.format('dlq-processor')}; BEGIN PERFORM net.http_post(url); END $$"
    ),
    "under a WHERE that held": command(f"{DIRECT} WHERE EXISTS (SELECT FROM webhook_dlq)"),
    "a job that keeps the function warm": another_job(
        command=POST.format("dlq-processor/health").replace("'", "''"), name="'warm'"
    ),
    "no SQL function": f"{command(DIRECT)}; DROP FUNCTION process_dlq_entries()",
}


@pytest.mark.parametrize("shape", HEALTHY)
def test_job_by_url_passes(shape, judged, changed):
    """Whichever of the two the settings name; the job's style is reported where it is the other one."""
    changed(HEALTHY[shape])
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.PASSED)
    if shape != "a job that keeps the function warm":
        said = [line for line in outcome.judge.findings if "reaches the same function" in line]
        assert len(said) == 1
        assert "job process-dlq-entries calls dlq-processor by " in said[0]
    assert_outcome(judged(check_02, BY_URL, cron_job=JOB), Status.PASSED)


THROUGH = {
    "a function of another name": WRAPPER.format(f"PERFORM net.http_post({URL.format('dlq-processor')});"),
    "a function that calls the function": WRAPPER.format("PERFORM public.process_dlq_entries();"),
}


@pytest.mark.parametrize("wrapper", THROUGH)
def test_job_through_another_function_passes(wrapper, judged, changed):
    """The body of the function that the job calls says what it reaches."""
    changed(f"{THROUGH[wrapper]} {command('SELECT public.tick()')}")
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.PASSED)
    assert any(
        "job process-dlq-entries calls public.tick(), which calls " in line for line in outcome.judge.findings
    )


FAULTS = {
    "another edge function": (
        command(POST.format("dlq-processor-old")),
        "the command of job process-dlq-entries calls net.http_post to dlq-processor-old",
        "change the command of job process-dlq-entries with cron.alter_job, so that every run calls "
        "/functions/v1/dlq-processor",
    ),
    "only the health route": (
        command(POST.format("dlq-processor/health")),
        "the command of job process-dlq-entries calls net.http_post to dlq-processor/health",
        "so that every run calls /functions/v1/dlq-processor",
    ),
    "in a comment": (
        command(f"SELECT 1 /* {DIRECT} */"),
        "calls no function: net.http_post to dlq-processor stands in a comment, where no run calls it",
        "so that every run calls /functions/v1/dlq-processor",
    ),
    "under a WHERE that never holds": (
        command(f"{DIRECT} WHERE false"),
        "calls no function: net.http_post to dlq-processor stands under a WHERE that never holds, where no run",
        "so that every run calls /functions/v1/dlq-processor",
    ),
    "in a branch that is never taken": (
        command(f"DO $$ BEGIN IF false THEN {DIRECT.replace('SELECT', 'PERFORM')}; END IF; END $$"),
        "net.http_post to dlq-processor stands in a branch of IF that is never taken, where no run calls it",
        "so that every run calls /functions/v1/dlq-processor",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_job_that_reaches_nothing_fails(fault, judged, changed):
    """The advice keeps the job's style, so it holds no command."""
    sql, words, advice = FAULTS[fault]
    changed(sql)
    for settings in (Settings(), BY_URL):
        outcome = judged(check_02, settings, cron_job=JOB)
        assert_outcome(outcome, Status.FAILED, words)
        assert advice in str(outcome.advice)
        assert outcome.commands == []


NEVER = {
    "under a WHERE that never holds": "SELECT process_dlq_entries() WHERE false",
    "in a comment": "SELECT 1 -- process_dlq_entries()",
    "in a branch of CASE that is never taken": "SELECT CASE WHEN 1 = 2 THEN process_dlq_entries() END",
    "before ROLLBACK, which undoes it": "BEGIN; SELECT process_dlq_entries(); ROLLBACK",
}


@pytest.mark.parametrize("where", NEVER)
def test_call_that_never_runs_fails(where, any_deployment, judged, changed):
    """The advice is a command that has every run call the function; its owner runs it."""
    changed(command(NEVER[where]))
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(
        outcome, Status.FAILED, f"calls no function: process_dlq_entries() stands {where}, where no run calls it"
    )
    assert mend(any_deployment, lambda: judged(check_02, cron_job=JOB))


UNPROVEN = {
    "in a branch of IF": "DO $$ BEGIN IF now() < '2020-01-01' THEN PERFORM process_dlq_entries(); END IF; END $$",
    "in a loop": "DO $$ BEGIN FOR i IN 1..0 LOOP PERFORM process_dlq_entries(); END LOOP; END $$",
}


@pytest.mark.parametrize("where", UNPROVEN)
def test_call_under_a_condition_is_unproven(where, judged, changed):
    """The suite does not evaluate conditions on data."""
    changed(command(UNPROVEN[where]))
    assert_outcome(
        judged(check_02, cron_job=JOB),
        Status.UNPROVEN,
        f"job process-dlq-entries has process_dlq_entries() {where}: its command does not show whether",
    )


def test_runs_show_whether_a_where_holds(judged, changed):
    """The rows that the recorded runs returned count the calls; each version of pg_cron words them in its way."""
    changed(command("SELECT process_dlq_entries() WHERE now() < '2020-01-01'"))
    for nothing in ("0 rows", "SELECT 0"):
        changed(f"UPDATE cron.job_run_details SET return_message = '{nothing}'")
        assert_outcome(
            judged(check_02, cron_job=JOB),
            Status.UNPROVEN,
            "has process_dlq_entries() under a WHERE, and none of its latest 20 runs returned a row",
        )
    for something in ("1 row", "SELECT 1"):
        changed(f"UPDATE cron.job_run_details SET return_message = '{something}'")
        outcome = judged(check_02, cron_job=JOB)
        assert_outcome(outcome, Status.PASSED)
        assert any("20 of its latest 20 runs called it" in line for line in outcome.judge.findings)


def test_url_out_of_sight_is_unproven(judged, changed):
    """A URL that only a setting holds proves nothing either way."""
    changed(command("SELECT net.http_post(current_setting('app.dlq_url'))"))
    assert_outcome(
        judged(check_02, cron_job=JOB),
        Status.UNPROVEN,
        "calls net.http_post to a URL that is not written in the command, so whether it reaches "
        "process_dlq_entries() cannot be read from it",
    )


TWINS = {
    "by URL, beside the SQL function": (
        another_job(name="'dlq-http'", command=DIRECT.replace("'", "''"), user="postgres"),
        "process_dlq_entries() is also reached by dlq-http (job {} of postgres), which calls dlq-processor by "
        "net.http_post",
    ),
    "by SQL function, beside the URL": (
        command(DIRECT) + "; " + another_job(name="'dlq-sql'", user="postgres"),
        "process_dlq_entries() is also called by dlq-sql (job {} of postgres)",
    ),
    "both by URL": (
        command(DIRECT) + "; " + another_job(command=DIRECT.replace("'", "''"), user="postgres"),
        "process_dlq_entries() is also reached by an unnamed job (job {} of postgres), which calls dlq-processor",
    ),
    "through another function": (
        THROUGH["a function of another name"] + another_job(name="'t'", command="SELECT tick()", user="postgres"),
        "process_dlq_entries() is also reached by t (job {} of postgres), which calls tick(), which calls "
        "dlq-processor",
    ),
}


@pytest.mark.parametrize("twin", TWINS)
def test_two_jobs_of_either_style_are_found(twin, any_deployment, judged, changed):
    """Two active jobs that reach the same function; the owner unschedules the second one."""
    sql, words = TWINS[twin]
    changed(sql)
    [(number,)] = any_deployment.superuser_execute("SELECT max(jobid) FROM cron.job")
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(outcome, Status.FAILED, words.format(number))
    ran = mend(any_deployment, lambda: judged(check_02, cron_job=JOB))
    assert ran == [f"SELECT cron.unschedule({number})"]


def test_twin_that_never_calls_is_no_twin(judged, changed):
    """A job whose call is commented out does nothing twice."""
    changed(another_job(name="'old'", command="SELECT 1 -- process_dlq_entries()"))
    assert_outcome(judged(check_02, cron_job=JOB), Status.PASSED)


def test_job_of_another_name_is_not_doubled(judged, changed):
    """The job that does the same work is named; scheduling a second one is not advised."""
    changed(f"{command(DIRECT)}; UPDATE cron.job SET jobname = 'retry' WHERE jobname = '{JOB}'")
    outcome = judged(check_02, cron_job=JOB)
    assert_outcome(
        outcome,
        Status.FAILED,
        "no job process-dlq-entries is scheduled; retry (job 1 of postgres) calls dlq-processor by net.http_post "
        "on schedule */5 * * * *",
    )
    assert "write that job's name into [[jobs]] of deployment.toml" in str(outcome.advice)
    assert outcome.commands == []
    renamed = Settings(jobs=(Job("retry", "*/5 * * * *", "process_dlq_entries"),))
    assert_outcome(judged(check_02, renamed, cron_job="retry"), Status.PASSED)


def test_missing_function_comes_before_its_job(any_deployment, judged, changed):
    """No job is advised for a function that is not there; with the function, the command heals."""
    changed(f"ALTER FUNCTION process_dlq_entries() SET SCHEMA cron; DELETE FROM cron.job WHERE jobname = '{JOB}'")
    outcome = judged(check_02, cron_job=JOB)
    assert outcome.commands == []
    assert "defines function public.process_dlq_entries(); apply it first" in str(outcome.advice)
    assert "there is one in cron" in str(outcome.advice)
    changed("ALTER FUNCTION cron.process_dlq_entries() SET SCHEMA public")
    mend(any_deployment, lambda: judged(check_02, cron_job=JOB), left="has never run")


def test_missing_job_by_url_is_a_sentence(judged, changed):
    """The suite knows no key, so it advises no command that would need one."""
    changed(f"DELETE FROM cron.job WHERE jobname = '{JOB}'")
    outcome = judged(check_02, BY_URL, cron_job=JOB)
    assert_outcome(outcome, Status.FAILED, "no job process-dlq-entries is scheduled")
    assert "so that it calls /functions/v1/dlq-processor by net.http_post" in str(outcome.advice)
    assert outcome.commands == []


def test_job_of_another_user_is_altered_as_that_user(any_deployment, judged, changed):
    """pg_cron takes commands about a job only from its user; the user keeps the right to call the function."""
    changed(
        "CREATE ROLE runner LOGIN; GRANT USAGE ON SCHEMA cron, public TO runner;"
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cron TO runner;"
        "GRANT EXECUTE ON FUNCTION process_dlq_entries() TO PUBLIC;"
        f"UPDATE cron.job SET username = 'runner', active = false WHERE jobname = '{JOB}'"
    )
    try:
        advice = str(judged(check_02, cron_job=JOB).advice)
        assert "as role runner: SELECT cron.alter_job(1, active := true)" in advice
        assert len(mend(any_deployment, lambda: judged(check_02, cron_job=JOB))) == 3
        changed("SET SESSION AUTHORIZATION runner; SELECT process_dlq_entries(); RESET SESSION AUTHORIZATION")
    finally:
        changed("UPDATE cron.job SET username = 'postgres'; DROP OWNED BY runner; DROP ROLE runner")


def test_credentials_of_commands_stay_in_the_database(any_deployment, changed):
    """Not in the evidence before the redaction gate, whatever the command looks like."""
    secret = "sk_live_of_the_tests"
    for text in (
        DIRECT,
        f"SELECT 1 -- {secret}(x) {KEY}",
        f"SELECT net.http_post('https://a/functions/v1/dlq-processor?key={secret}', '{secret}('",
        f"SELECT net.http_post('https://{secret}@a/functions/v1/dlq-processor/{secret}')",
        f"DO $$ BEGIN PERFORM net.http_post('https://a/', headers := '{{\"apikey\": \"{secret}\"}}'); END $$",
    ):
        changed(command(text))
        reading = Reading(Settings(), any_deployment.access, needs_of([check_02]), lambda line: None)
        reading.open_database()
        reading.read_database()
        reading.close()
        kept = to_text(plain(reading.evidence()))
        assert secret not in kept
        assert KEY[:20] not in kept
