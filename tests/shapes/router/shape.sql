-- Meta calls one function, "gateway". It looks at nothing and forwards each request to "inbox", whose answer it
-- returns as its own; "inbox" checks the signature. The retries are the work of "redeliver". The tables are as in
-- the contract.
DROP FUNCTION public.process_dlq_entries();
CREATE FUNCTION public.redeliver() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    key text := (SELECT decrypted_secret FROM vault.decrypted_secrets WHERE name = 'service_role_key');
BEGIN
    INSERT INTO public.dlq_processing_log (status) VALUES ('triggered');
    RETURN net.http_post(current_setting('app.settings.supabase_url') || '/functions/v1/redeliver', '{}'::jsonb,
        headers := jsonb_build_object('Authorization', 'Bearer ' || key));
END $$;
REVOKE EXECUTE ON FUNCTION public.redeliver() FROM PUBLIC, anon, authenticated;
SELECT cron.unschedule('process-dlq-entries');
SELECT cron.schedule('redeliver', '*/5 * * * *', 'SELECT public.redeliver()');
UPDATE cron.job_run_details AS run SET jobid = job.jobid, command = job.command FROM cron.job
WHERE job.jobname = 'redeliver' AND run.command LIKE '%process_dlq_entries%';
