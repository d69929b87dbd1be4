"""Hand-grown in a schema of its own, with two queues, other words for every status, and its own partitions."""

from reports.verdict import Verdict
from tests.shapes.endpoints import functions
from tests.shapes.model import Fault, Story

STORY = Story(
    shape="hand_grown",
    title="Hand-grown, with two queues",
    text="Written in the SQL editor, in a schema of its own: a queue of deliveries and one of templates, events in "
    "monthly partitions, and own words for statuses, passes and directions. Nothing records migrations.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO, "deploy": Verdict.GO},
    endpoints=functions("hook", processor="retrier"),
    by_default={
        "check-01[webhook_dlq]": "failed: table public.webhook_dlq does not exist; whatsapp.failed_inbound has 11 of its 16 columns under similar names",
        "check-01[dlq_processing_log]": "failed: table public.dlq_processing_log does not exist; whatsapp.retry_log has 5 of its 7 columns under similar names",
        "check-01[processed_webhook_messages]": "failed: table public.processed_webhook_messages does not exist; whatsapp.receipts has 5 of its 8 columns under similar names",
        "check-01[wa_events]": "failed: table public.wa_events does not exist; whatsapp.event_log has 5 of its 10 columns under similar names",
        "check-01[whatsapp_messages]": "failed: table public.whatsapp_messages does not exist; whatsapp.chat has 4 of its 6 columns under similar names",
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled, only retry (job 3 of postgres), event months (job 4 of postgres)",
        "check-02[create-wa-events-partitions]": "failed: no job create-wa-events-partitions is scheduled, only retry (job 3 of postgres), event months (job 4 of postgres)",
    },
    faults=(
        Fault(
            wrong="An entry of the second queue is overdue.",
            change="UPDATE whatsapp.failed_outbound SET due = now() - interval '2 h' WHERE phase = 'again'",
            says={
                "check-09[dlq_is_processing]": "failed: 1 entry of failed_outbound overdue: promo 1, since …, ids …; … passes completed with 0 entries processed while 1 entry was due",
            },
            sentence="look at the logs of retrier (Supabase dashboard, Edge Functions); a pass by hand is the command of job retry",
            by_hand="UPDATE whatsapp.failed_outbound SET due = NULL, phase = 'delivered', delivered_at = now(), "
            "last_attempt = now() WHERE phase = 'again'",
        ),
        Fault(
            wrong="The partition of the month after the next is missing.",
            change="""DO $$ BEGIN EXECUTE format('DROP TABLE whatsapp.%I', 'event_log_y' || to_char(
                date_trunc('month', now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY"m"MM')); END $$""",
            says={
                "check-13[partitions_are_created]": "failed: no partition of event_log for …",
            },
            commands=(
                "BEGIN",
                "CREATE TABLE whatsapp.event_log_y… PARTITION OF whatsapp.event_log FOR VALUES FROM (…) TO (…) WITH (autovacuum_vacuum_scale_factor = '0.02', autovacuum_analyze_scale_factor = '0.02')",
                "ALTER TABLE whatsapp.event_log_y… ENABLE ROW LEVEL SECURITY",
                "REVOKE ALL ON whatsapp.event_log_y… FROM PUBLIC, anon, authenticated",
                "GRANT INSERT, SELECT, UPDATE, DELETE ON whatsapp.event_log_y… TO service_role",
                "ALTER TABLE whatsapp.event_log_y… OWNER TO postgres",
                "COMMIT",
            ),
        ),
        Fault(
            wrong="An event of four months ago went into a default partition.",
            change="CREATE TABLE whatsapp.event_log_rest PARTITION OF whatsapp.event_log DEFAULT; "
            "ALTER TABLE whatsapp.event_log_rest OWNER TO postgres; ALTER TABLE whatsapp.event_log_rest SET "
            "(autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02); "
            "INSERT INTO whatsapp.event_log (kind, way, happened_at) VALUES ('status', 'in', now() - interval '120 d')",
            says={
                "check-13[partitions_are_created]": "failed: 1 row in the default partition of event_log, event_log_rest",
            },
            commands=(
                "BEGIN",
                "ALTER TABLE whatsapp.event_log DETACH PARTITION whatsapp.event_log_rest",
                "CREATE TABLE whatsapp.event_log_y… PARTITION OF whatsapp.event_log FOR VALUES FROM (…) TO (…) WITH (autovacuum_vacuum_scale_factor = '0.02', autovacuum_analyze_scale_factor = '0.02')",
                "ALTER TABLE whatsapp.event_log_y… ENABLE ROW LEVEL SECURITY",
                "REVOKE ALL ON whatsapp.event_log_y… FROM PUBLIC, anon, authenticated",
                "GRANT INSERT, SELECT, UPDATE, DELETE ON whatsapp.event_log_y… TO service_role",
                "ALTER TABLE whatsapp.event_log_y… OWNER TO postgres",
                "WITH moved AS (DELETE FROM whatsapp.event_log_rest WHERE happened_at >= '…' AND happened_at < '…' RETURNING kind, wamid, way, data, happened_at) INSERT INTO whatsapp.event_log (kind, wamid, way, data, happened_at) SELECT kind, wamid, way, data, happened_at FROM moved",
                "ALTER TABLE whatsapp.event_log ATTACH PARTITION whatsapp.event_log_rest DEFAULT",
                "COMMIT",
            ),
        ),
        Fault(
            wrong="Chats were opened to the public role of the REST API.",
            change="GRANT USAGE ON SCHEMA whatsapp TO anon; GRANT SELECT ON whatsapp.chat TO anon",
            says={
                "check-01[whatsapp_messages]": "failed: role anon can read whatsapp.chat: it has the privilege, and row security is off",
            },
            commands=(
                "ALTER TABLE whatsapp.chat ENABLE ROW LEVEL SECURITY",
                "REVOKE ALL ON whatsapp.chat FROM PUBLIC, anon, authenticated",
            ),
        ),
        Fault(
            wrong="The retrier dies in each pass.",
            change="INSERT INTO whatsapp.retry_log (at, result, note) SELECT now() - n * interval '5 min', "
            "'broken', 'connection reset' FROM generate_series(0, 3) AS n; "
            "DELETE FROM whatsapp.retry_log WHERE result = 'ok' AND at > now() - interval '20 min'",
            says={
                "check-03[first_dlq_processing_ran]": "failed: the pass at … has status failed: connection reset",
                "check-09[dlq_is_processing]": "failed: the latest 4 passes failed, since …; the last completed pass was at …",
            },
            looks=("SELECT at, note FROM whatsapp.retry_log WHERE result = 'broken' ORDER BY at DESC LIMIT 5",),
            sentence="look at the logs of retrier (Supabase dashboard, Edge Functions) and at net._http_response; until it works, job retry can be made inactive",
            waits="INSERT INTO whatsapp.retry_log (result, done) VALUES ('ok', 3)",
        ),
        Fault(
            wrong="The job of the partitions got another command.",
            change="UPDATE cron.job SET command = 'select 1' WHERE jobname = 'event months'",
            says={
                "check-02[event months]": "failed: the command of job event months calls no function",
            },
            sentence="have job event months call function whatsapp.add_event_months(months integer) with its arguments",
            by_hand="SELECT cron.alter_job(jobid, command := 'select whatsapp.add_event_months(3)') FROM cron.job "
            "WHERE jobname = 'event months'",
        ),
    ),
)
