-- A message is recorded once it is done, so that the table needs no column that says so.
DELETE FROM public.processed_webhook_messages WHERE NOT processed;
ALTER TABLE public.processed_webhook_messages DROP COLUMN processed;
