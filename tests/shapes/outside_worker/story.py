"""No pg_net, and no job for the retries: a worker outside of the database calls the processor."""

from reports.verdict import Verdict
from tests.shapes.model import Fault, Story

STORY = Story(
    shape="outside_worker",
    title="No pg_net: a worker outside",
    text="There is no schema `net`. A worker of the team's own calls the processor every minute; the database schedules "
    "only the partitions, once a month.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO, "deploy": Verdict.GO},
    by_default={
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled",
    },
    faults=(
        Fault(
            wrong="The worker stopped half an hour ago.",
            change="DELETE FROM dlq_processing_log WHERE processed_at > now() - interval '30 min'",
            says={
                "check-03[first_dlq_processing_ran]": "failed: no pass of the DLQ processor completed within 15 min: the last one ended … ago",
                "check-09[dlq_is_processing]": "failed: the processor has been silent for …: its last completed pass was at …",
            },
            sentence="look at the logs of dlq-processor (Supabase dashboard, Edge Functions)",
            waits="INSERT INTO dlq_processing_log (status) VALUES ('completed')",
        ),
        Fault(
            wrong="The worker's latest pass failed.",
            change="INSERT INTO dlq_processing_log (status, error_message) VALUES ('failed', 'out of memory')",
            says={
                "check-03[first_dlq_processing_ran]": "failed: the pass at … has status failed: out of memory",
            },
            sentence="look at the logs of dlq-processor (Supabase dashboard, Edge Functions)",
            waits="INSERT INTO dlq_processing_log (status) VALUES ('completed')",
        ),
        Fault(
            wrong="Row security was switched off on a partition.",
            change="""DO $$ BEGIN EXECUTE format('ALTER TABLE public.%I DISABLE ROW LEVEL SECURITY',
                'wa_events_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')); END $$""",
            says={
                "check-01[wa_events]": "failed: role anon can read 1 partition of public.wa_events (public.wa_events_…): it has the privilege, and row security is off, and it can insert, update and delete as well",
            },
            commands=(
                "ALTER TABLE public.wa_events_… ENABLE ROW LEVEL SECURITY",
                "REVOKE ALL ON public.wa_events_… FROM PUBLIC, anon, authenticated",
            ),
        ),
        Fault(
            wrong="An entry is overdue.",
            change="UPDATE webhook_dlq SET next_retry_at = now() - interval '40 min' WHERE id = "
            "(SELECT id FROM webhook_dlq WHERE status = 'pending' ORDER BY created_at LIMIT 1)",
            says={
                "check-09[dlq_is_processing]": "failed: 1 entry overdue: … 1, since …, ids …; … passes completed with 0 entries processed while 1 entry was due",
            },
            sentence="look at the logs of dlq-processor (Supabase dashboard, Edge Functions); a pass is started by what calls dlq-processor, outside of the database",
            by_hand="UPDATE webhook_dlq SET status = 'reprocessed', reprocessed_at = now(), last_retry_at = now() "
            "WHERE next_retry_at < now()",
        ),
    ),
)
