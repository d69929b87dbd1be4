-- The fourth migration: auto-vacuum of the tables that change most.
DO $$
DECLARE
    one regclass;
BEGIN
    FOR one IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'public.wa_events'::regclass
               UNION ALL SELECT 'public.whatsapp_messages'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (autovacuum_vacuum_scale_factor = 0.05, '
            'autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 5)', one);
    END LOOP;
END $$;
INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES
    ('20260123080000', 'vacuum', ARRAY['ALTER TABLE public.whatsapp_messages SET (autovacuum_vacuum_cost_delay = 5)']);
