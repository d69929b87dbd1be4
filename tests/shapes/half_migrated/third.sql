-- The third migration: the events in monthly partitions.
ALTER TABLE public.wa_events RENAME TO wa_events_unpartitioned;
CREATE TABLE public.wa_events (LIKE public.wa_events_unpartitioned INCLUDING DEFAULTS)
    PARTITION BY RANGE (created_at);
CREATE INDEX ON public.wa_events (created_at);
CREATE INDEX ON public.wa_events (message_id);
ALTER TABLE public.wa_events ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION public.wa_events_month(ahead integer) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc('month', now()) + make_interval(months => ahead);
    name text := 'wa_events_' || to_char(first, 'YYYY_MM');
BEGIN
    IF to_regclass('public.' || name) IS NULL THEN
        EXECUTE format('CREATE TABLE public.%I PARTITION OF public.wa_events FOR VALUES FROM (%L) TO (%L)',
            name, first, first + interval '1 month');
        EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', name);
    END IF;
END $$;
CREATE FUNCTION public.create_wa_events_partition() RETURNS void LANGUAGE sql SECURITY DEFINER
SET search_path = '' AS 'SELECT public.wa_events_month(3)';
REVOKE EXECUTE ON FUNCTION public.wa_events_month(integer), public.create_wa_events_partition()
    FROM PUBLIC, anon, authenticated;
SELECT public.wa_events_month(ahead) FROM generate_series(-1, 3) AS ahead;
INSERT INTO public.wa_events SELECT * FROM public.wa_events_unpartitioned WHERE created_at > now() - interval '7 hours';
DROP TABLE public.wa_events_unpartitioned;
ANALYZE public.wa_events;
SELECT cron.schedule('create-wa-events-partitions', '0 0 1 * *', 'SELECT create_wa_events_partition()');
INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES
    ('20260116080000', 'months', ARRAY['CREATE TABLE public.wa_events () PARTITION BY RANGE (created_at)']);
