-- The database is as in the contract; the endpoints are not. Everything enters through one function, "gateway",
-- which checks the signature, and forwards to the functions behind it.
COMMENT ON TABLE public.webhook_dlq IS 'letters of the gateway';
