-- A second queue, for templates that could not be sent, was added by hand: other columns, other words for the
-- statuses, up to 8 attempts. The same processor takes both.
CREATE TYPE public.send_state AS ENUM ('queued', 'retrying', 'sending', 'sent', 'dead', 'dropped');
CREATE TABLE public.template_retries (
    ticket       text PRIMARY KEY DEFAULT md5(random()::text || clock_timestamp()::text),
    worker       text NOT NULL,
    message      jsonb NOT NULL,
    tries        smallint NOT NULL DEFAULT 0,
    state        public.send_state NOT NULL DEFAULT 'queued',
    due          timestamptz,
    tried_at     timestamptz,
    sent_at      timestamptz,
    inserted_at  timestamptz NOT NULL DEFAULT now(),
    changed_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX template_retries_due ON public.template_retries (due);
CREATE INDEX template_retries_inserted ON public.template_retries (inserted_at DESC);
ALTER TABLE public.template_retries ENABLE ROW LEVEL SECURITY;

INSERT INTO public.template_retries (worker, message, tries, state, due, tried_at, sent_at, inserted_at, changed_at)
VALUES
    ('template-sender', '{"template": "receipt"}', 0, 'queued', now() + interval '20 minutes', NULL, NULL,
     now() - interval '70 minutes', now() - interval '70 minutes'),
    ('template-sender', '{"template": "receipt"}', 7, 'retrying', now() + interval '2 hours',
     now() - interval '3 minutes', NULL, now() - interval '20 hours', now() - interval '3 minutes'),
    ('template-sender', '{"template": "promo"}', 1, 'sent', NULL, now() - interval '5 hours',
     now() - interval '5 hours', now() - interval '6 hours', now() - interval '5 hours'),
    ('template-sender', '{"template": "promo"}', 8, 'dead', NULL, now() - interval '3 days', NULL,
     now() - interval '4 days', now() - interval '3 days');
ANALYZE public.template_retries;
