-- Replaces the seeded traffic with a week of %(events)s events in order of time, as in a real table. Four of five
-- are inbound. One of 160 inbound messages went through the DLQ; one of ten letters of the last day still waits.
TRUNCATE public.wa_events, public.whatsapp_messages, public.processed_webhook_messages, public.webhook_dlq;

-- One row per message; every fifth is outbound.
CREATE TEMP TABLE arrival AS
SELECT n, n %% 5 <> 0 AS inbound, now() - interval '7 days' * (1 - n::float8 / %(events)s) AS created_at,
    'wamid.HBgLMjUwNzg4' || upper(md5(n::text)) AS message_id, md5('c' || n) AS correlation_id
FROM generate_series(1, %(events)s) AS n;

INSERT INTO public.wa_events (event_type, message_id, phone_number, direction, status, payload, processed_at, created_at)
SELECT 'message', message_id, '12025550' || 100 + n %% 100, CASE WHEN inbound THEN 'inbound' ELSE 'outbound' END,
    'processed', payload, created_at, created_at
FROM arrival CROSS JOIN LATERAL (SELECT CASE WHEN inbound THEN ('{"object": "whatsapp_business_account", "entry": '
    '[{"id": "104500000000001", "changes": [{"field": "messages", "value": {"messaging_product": "whatsapp", '
    '"messages": [{"from": "12025550100", "id": "' || message_id || '", "type": "text", "timestamp": "1", '
    '"text": {"body": "Is the driver on the way?"}}]}}]}]}')::jsonb END AS payload) AS made;

INSERT INTO public.whatsapp_messages (wa_message_id, direction, body, created_at)
SELECT message_id, CASE WHEN inbound THEN 'inbound' ELSE 'outbound' END, 'Is the driver on the way?', created_at
FROM arrival;

INSERT INTO public.processed_webhook_messages
    (whatsapp_message_id, correlation_id, processed, processing_time_ms, payload, processed_at, created_at)
SELECT message_id, correlation_id, NOT (n %% 2000 = 1 AND created_at > now() - interval '1 day'), 60,
    jsonb_build_object('object', 'whatsapp_business_account', 'id', message_id), created_at, created_at
FROM arrival WHERE inbound;

INSERT INTO public.webhook_dlq (service, correlation_id, payload, error_type, retry_count, status, next_retry_at,
    last_retry_at, reprocessed_at, created_at, updated_at)
SELECT 'wa-webhook-core', correlation_id,
    ('{"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"messages": [{"id": "'
     || message_id || '", "from": "12025550100", "text": {"body": "Is the driver on the way?"}}]}}]}]}')::jsonb,
    'UpstreamTimeout', CASE WHEN waits THEN 1 ELSE 0 END, CASE WHEN waits THEN 'pending' ELSE 'reprocessed' END,
    CASE WHEN waits THEN now() + interval '1 hour' END, created_at + interval '5 minutes',
    CASE WHEN NOT waits THEN created_at + interval '5 minutes' END, created_at, created_at + interval '5 minutes'
FROM arrival CROSS JOIN LATERAL (
    SELECT n %% 2000 = 1 AND created_at > now() - interval '1 day' AS waits) AS fate
WHERE n %% 200 = 1;

DROP TABLE arrival;
