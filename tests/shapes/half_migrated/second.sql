-- The second migration: retries, their log, and the job that starts them.
ALTER TABLE public.webhook_dlq
    ADD COLUMN retry_count integer NOT NULL DEFAULT 0,
    ADD COLUMN next_retry_at timestamptz,
    ADD COLUMN last_retry_at timestamptz,
    ADD COLUMN reprocessed_at timestamptz;
CREATE TABLE public.dlq_processing_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    processed_at timestamptz NOT NULL DEFAULT now(),
    status text NOT NULL,
    entries_processed integer NOT NULL DEFAULT 0,
    entries_failed integer NOT NULL DEFAULT 0,
    error_message text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON public.dlq_processing_log (processed_at);
ALTER TABLE public.dlq_processing_log ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION public.process_dlq_entries() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO public.dlq_processing_log (status) VALUES ('triggered');
    PERFORM net.http_post(current_setting('app.settings.supabase_url') || '/functions/v1/dlq-processor',
        headers := jsonb_build_object('Authorization', 'Bearer ' || (
            SELECT decrypted_secret FROM vault.decrypted_secrets WHERE name = 'service_role_key')));
END $$;
REVOKE EXECUTE ON FUNCTION public.process_dlq_entries() FROM PUBLIC, anon, authenticated;
SELECT cron.schedule('process-dlq-entries', '*/5 * * * *', 'SELECT process_dlq_entries()');
INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES
    ('20260109080000', 'retries', ARRAY['CREATE TABLE public.dlq_processing_log (id bigint PRIMARY KEY)']);
