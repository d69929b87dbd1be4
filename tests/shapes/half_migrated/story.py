"""The deployment stopped after the first of four migrations."""

from pathlib import Path

from fixtures.database.role_sql import role_sql
from fixtures.settings.model import Settings
from reports.verdict import Verdict
from tests.shapes.model import Fault, Story

HERE = Path(__file__).parent
SECOND, THIRD, FOURTH = (
    (HERE / f"{name}.sql").read_text(encoding="utf-8") for name in ("second", "third", "fourth")
)
AS_OWNER = "SET SESSION AUTHORIZATION postgres; "
AS_SUPERUSER = "RESET SESSION AUTHORIZATION; "
ROLE = role_sql(Settings())
"""The rights of the suite's role on what a migration created: `pytest --role-sql`."""
RUNS = """
INSERT INTO cron.job_run_details (jobid, job_pid, database, username, command, status, return_message, start_time,
    end_time)
SELECT jobid, 4000, database, username, command, 'succeeded', '1 row', now() - interval '1 min', now() FROM cron.job
WHERE jobname = 'process-dlq-entries';
INSERT INTO public.dlq_processing_log (status) VALUES ('completed')
"""
"""The first run of the job, and its pass."""

UNMIGRATED = {
    "check-01[webhook_dlq]": "failed: public.webhook_dlq has no column retry_count; public.webhook_dlq has no column next_retry_at; public.webhook_dlq has no column last_retry_at; public.webhook_dlq has no column reprocessed_at",
    "check-01[dlq_processing_log]": "failed: table public.dlq_processing_log does not exist, and no applied migration creates it",
    "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled",
    "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled",
    "check-06[cron-runs]": "unproven: no run is recorded in the window (a run of a scheduled job)",
    "check-14[wa_events]": "failed: wa_events: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
    "check-14[whatsapp_messages]": "failed: whatsapp_messages: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
}
"""The names are the contract's, so it makes no difference whether anybody configured anything."""

STORY = Story(
    shape="half_migrated",
    title="Half-migrated",
    text="Only the first of the application's four migrations was applied, as their history shows. The "
    "names are the contract's.",
    verdicts={"immediate": Verdict.NO_GO, "daily": Verdict.CONCERNS, "deploy": Verdict.UNPROVEN},
    healthy=UNMIGRATED,
    by_default=UNMIGRATED,
    default_commands={
        "check-14[wa_events]": [
            "ALTER TABLE public.wa_events SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)"
        ],
        "check-14[whatsapp_messages]": [
            "ALTER TABLE public.whatsapp_messages SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)"
        ],
    },
    faults=(
        Fault(
            wrong="The deployment stopped after the first migration.",
            says=UNMIGRATED,
            commands=(
                "ALTER TABLE public.wa_events SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
                "ALTER TABLE public.whatsapp_messages SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
            ),
            sentence="look in the application's repository for a migration that creates it and was not applied here",
            left={
                "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled",
            },
            by_hand=SECOND + ROLE,
            waits=RUNS,
        ),
        Fault(
            wrong="It stopped after the second one.",
            change=AS_OWNER + SECOND + AS_SUPERUSER + ROLE + RUNS,
            says={
                "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled",
                "check-14[wa_events]": "failed: wa_events: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
                "check-14[whatsapp_messages]": "failed: whatsapp_messages: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
            },
            commands=(
                "ALTER TABLE public.wa_events SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
                "ALTER TABLE public.whatsapp_messages SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
            ),
            sentence="look in the application's repository for a migration that was not applied here and defines function public.create_wa_events_partition()",
            by_hand=THIRD + FOURTH + ROLE,
        ),
        Fault(
            wrong="It stopped after the third one.",
            change=AS_OWNER + SECOND + THIRD + AS_SUPERUSER + ROLE + RUNS,
            says={
                "check-14[wa_events]": "failed: wa_events_…: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's); …",
                "check-14[whatsapp_messages]": "failed: whatsapp_messages: autovacuum_vacuum_scale_factor is 0.2 (the server's), autovacuum_analyze_scale_factor is 0.1 (the server's), autovacuum_vacuum_cost_delay is 2 (the server's)",
            },
            commands=(
                "ALTER TABLE public.wa_events_… SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
                "ALTER TABLE public.whatsapp_messages SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)",
            ),
        ),
    ),
)
