"""Everything has another name: tables, columns, the function of the schedule, both jobs."""

from reports.verdict import Verdict
from tests.shapes.model import Fault, Story

STORY = Story(
    shape="renamed",
    title="Everything renamed",
    text="No table, column, function or job has the contract's name. The events are not partitioned.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO},
    by_default={
        "check-01[webhook_dlq]": "failed: table public.webhook_dlq does not exist; public.dead_letters has 16 of its 16 columns under similar names",
        "check-01[dlq_processing_log]": "failed: table public.dlq_processing_log does not exist; public.queue_runs has 6 of its 7 columns under similar names",
        "check-01[processed_webhook_messages]": "failed: table public.processed_webhook_messages does not exist; public.inbound_messages has 8 of its 8 columns under similar names",
        "check-01[wa_events]": "failed: table public.wa_events does not exist; public.happenings has 10 of its 10 columns under similar names",
        "check-01[whatsapp_messages]": "failed: table public.whatsapp_messages does not exist; public.chat_texts has 6 of its 6 columns under similar names",
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled; retry-letters (job 1 of postgres) calls public.retry_letters(), which calls dlq-processor on schedule */5 * * * *",
        "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled, only retry-letters (job 1 of postgres), monthly-statistics (job 2 of postgres)",
    },
    faults=(
        Fault(
            wrong="The job that starts the passes was made inactive.",
            change="SET SESSION AUTHORIZATION postgres; SELECT cron.alter_job(1, active := false)",
            says={
                "check-02[retry-letters]": "failed: job retry-letters is inactive",
            },
            commands=("SELECT cron.alter_job(1, active := true)",),
        ),
        Fault(
            wrong="A letter got no time for its next retry.",
            change="UPDATE dead_letters SET retry_at = NULL WHERE letter_id = "
            "(SELECT letter_id FROM dead_letters WHERE state = 'pending' LIMIT 1)",
            says={
                "check-09[dlq_is_processing]": "failed: 1 entry pending without retry_at: … 1, since …, ids …",
            },
            commands=(
                "UPDATE public.dead_letters SET retry_at = now() WHERE state = 'pending' AND retry_at IS NULL",
            ),
        ),
        Fault(
            wrong="A partitioned successor of the events was made, and nothing writes to it.",
            change="""SET SESSION AUTHORIZATION postgres;
                CREATE TABLE happenings_new (LIKE happenings INCLUDING DEFAULTS) PARTITION BY RANGE (happened_at);
                SET timezone = 'UTC';
                ALTER TABLE happenings_new ENABLE ROW LEVEL SECURITY;
                DO $$ BEGIN FOR n IN 0 .. 3 LOOP
                    EXECUTE format('CREATE TABLE happenings_new_%s PARTITION OF happenings_new FOR VALUES FROM (%L) '
                        'TO (%L)', n, date_trunc('month', now(), 'UTC') + n * interval '1 month',
                        date_trunc('month', now(), 'UTC') + (n + 1) * interval '1 month');
                    EXECUTE format('ALTER TABLE happenings_new_%s ENABLE ROW LEVEL SECURITY', n);
                    EXECUTE format('ALTER TABLE happenings_new_%s SET (autovacuum_vacuum_scale_factor = 0.05, '
                        'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)', n);
                END LOOP; END $$;
                GRANT SELECT ON happenings_new TO easymo_verifier""",
            says={
                "check-13[partitions_are_created]": "failed: happenings_new is partitioned, but nothing writes to it (it has no row) while happenings grows",
            },
            sentence="before the two can be swapped, make them alike",
            by_hand="DROP TABLE happenings_new",
        ),
        Fault(
            wrong="A policy shows every chat text to anybody.",
            change="CREATE POLICY everybody ON chat_texts FOR SELECT USING (true)",
            says={
                "check-01[whatsapp_messages]": 'failed: role anon can read public.chat_texts: policy "everybody" shows it every row (true); role authenticated can do the same',
            },
            commands=(
                "ALTER TABLE public.chat_texts ENABLE ROW LEVEL SECURITY",
                "REVOKE ALL ON public.chat_texts FROM PUBLIC, anon, authenticated",
            ),
        ),
    ),
)
