"""All jobs call edge functions by URL; the database has no function of its own."""

from reports.verdict import Verdict
from tests.shapes.endpoints import functions
from tests.shapes.model import Fault, Story

URL = "https://abcdefghijklmnopqrst.supabase.co/functions/v1/drain-letters"

STORY = Story(
    shape="jobs_by_url",
    title="Jobs by URL",
    text="Every job is a `SELECT net.http_post(…)` to an edge function, and one keeps it warm. The database has no SQL "
    "function, and the schedule writes no row before its call.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO, "deploy": Verdict.GO},
    endpoints=functions("wa-webhook", "wa-webhook-unified", "wa-webhook-core", processor="drain-letters"),
    by_default={
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled, only dlq every 5 min (job 3 of postgres), partitions (job 4 of postgres), keep warm (job 5 of postgres)",
        "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled, only dlq every 5 min (job 3 of postgres), partitions (job 4 of postgres), keep warm (job 5 of postgres)",
    },
    faults=(
        Fault(
            wrong="The job was changed to call the health route only.",
            change=f"UPDATE cron.job SET command = $$SELECT net.http_post('{URL}/health')$$ "
            "WHERE jobname = 'dlq every 5 min'",
            says={
                "check-02[dlq every 5 min]": "failed: the command of job dlq every 5 min calls net.http_post to drain-letters/health",
            },
            sentence="change the command of job dlq every 5 min with cron.alter_job, so that every run calls /functions/v1/drain-letters",
            by_hand=f"SELECT cron.alter_job(jobid, command := $$SELECT net.http_post('{URL}')$$) FROM cron.job "
            "WHERE jobname = 'dlq every 5 min'",
        ),
        Fault(
            wrong="A second job calls the same function.",
            change="SET SESSION AUTHORIZATION postgres; "
            f"SELECT cron.schedule('dlq (new)', '*/5 * * * *', $$SELECT net.http_post('{URL}')$$)",
            says={
                "check-02[dlq every 5 min]": "failed: drain-letters is also called by dlq (new) (job 6 of postgres)",
            },
            commands=("SELECT cron.unschedule(6)",),
        ),
        Fault(
            wrong="The processor answers, and all its entries fail.",
            change="UPDATE dlq_processing_log SET entries_processed = 0, entries_failed = 4 WHERE id = "
            "(SELECT id FROM dlq_processing_log ORDER BY processed_at DESC LIMIT 1)",
            says={
                "check-03[first_dlq_processing_ran]": "failed: all 4 entries of the pass at … failed",
            },
            sentence="look at the logs of drain-letters (Supabase dashboard, Edge Functions) and at net._http_response; until it works, job dlq every 5 min can be made inactive",
            waits="INSERT INTO dlq_processing_log (status, entries_processed) VALUES ('completed', 4)",
        ),
    ),
)
