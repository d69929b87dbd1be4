"""No pg_net: a SQL function drains the queue inside Postgres."""

from reports.verdict import Verdict
from tests.shapes.endpoints import functions
from tests.shapes.model import Fault, Story

STORY = Story(
    shape="drained_in_sql",
    title="No pg_net: drained in SQL",
    text="There is no schema `net`, and no edge function takes part in the retries: a function in PL/pgSQL takes "
    "the due entries every five minutes. It has an argument.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO, "deploy": Verdict.GO},
    endpoints=functions("wa-webhook", "wa-webhook-unified", "wa-webhook-core"),
    by_default={
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled, only drain (job 3 of postgres)",
    },
    faults=(
        Fault(
            wrong="The function was dropped, and its job goes on.",
            change="ALTER FUNCTION public.drain_letters(integer) RENAME TO drain_letters_old",
            says={
                "check-02[drain]": "failed: function public.drain_letters() does not exist",
            },
            sentence="look in the application's repository for a migration that was not applied here and defines function public.drain_letters(), or for one that dropped or renamed it; the job stays as it is",
            by_hand="ALTER FUNCTION public.drain_letters_old(integer) RENAME TO drain_letters",
        ),
        Fault(
            wrong="The job calls it under a condition that never holds.",
            change="UPDATE cron.job SET command = 'SELECT public.drain_letters(100) WHERE false' "
            "WHERE jobname = 'drain'",
            says={
                "check-02[drain]": "failed: the command of job drain calls no function: public.drain_letters() stands under a WHERE that never holds, where no run calls it",
            },
            sentence="have job drain call function public.drain_letters(most integer) with its arguments",
            by_hand="SELECT cron.alter_job(jobid, command := 'SELECT public.drain_letters(100)') FROM cron.job "
            "WHERE jobname = 'drain'",
        ),
        Fault(
            wrong="A pass was cut off, and left an entry in processing.",
            change="UPDATE webhook_dlq SET status = 'processing', updated_at = now() - interval '20 min', "
            "last_retry_at = now() - interval '20 min' WHERE id = "
            "(SELECT id FROM webhook_dlq WHERE status = 'pending' ORDER BY created_at LIMIT 1)",
            says={
                "check-09[dlq_is_processing]": "failed: 1 entry stuck in processing: … 1, since …, ids …",
            },
            commands=(
                "UPDATE public.webhook_dlq SET status = 'pending', next_retry_at = now() WHERE status = 'processing' AND updated_at < now() - interval '15 minutes'",
            ),
        ),
        Fault(
            wrong="No pass was logged for half an hour.",
            change="DELETE FROM dlq_processing_log WHERE processed_at > now() - interval '30 min'",
            says={
                "check-03[first_dlq_processing_ran]": "failed: no pass of the DLQ processor completed within 15 min: the last one ended … ago",
                "check-09[dlq_is_processing]": "failed: the processor has been silent for …: its last completed pass was at …",
            },
            sentence="look at the logs of Postgres; until it works, job drain can be made inactive",
            by_hand="SELECT public.drain_letters()",
        ),
    ),
)
