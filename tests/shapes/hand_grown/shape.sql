-- Written over a year in the SQL editor, in a schema of its own: two queues (deliveries that came in, templates that
-- could not go out), events in monthly partitions, a log of retries in words of its own.
create schema whatsapp;
grant usage on schema whatsapp to service_role;

create table whatsapp.failed_inbound (
    no           bigserial primary key,
    origin       varchar(60) not null default 'hook',
    body_json    json not null,
    err          text,
    tries        int not null default 0,
    state        text not null default 'open' check (state in ('open', 'busy', 'solved', 'dead', 'ignored')),
    try_again_at timestamptz default now(),
    tried_at     timestamptz,
    solved_at    timestamptz,
    got_at       timestamptz not null default now(),
    changed_at   timestamptz not null default now()
);
create index on whatsapp.failed_inbound (got_at);
insert into whatsapp.failed_inbound (origin, body_json, err, tries, state, try_again_at, tried_at, solved_at, got_at,
    changed_at)
select service, payload, error_message, retry_count,
    case status when 'pending' then 'open' when 'processing' then 'busy' when 'reprocessed' then 'solved'
                when 'failed' then 'dead' else 'ignored' end,
    next_retry_at, last_retry_at, reprocessed_at, created_at, updated_at
from public.webhook_dlq;

create type whatsapp.sending as enum ('waiting', 'again', 'in_flight', 'delivered', 'given_up');
create table whatsapp.failed_outbound (
    ref          uuid default gen_random_uuid() primary key,
    template     text not null,
    request      jsonb not null,
    attempts     smallint not null default 0,
    phase        whatsapp.sending not null default 'waiting',
    due          timestamptz,
    last_attempt timestamptz,
    delivered_at timestamptz,
    created      timestamptz not null default now(),
    touched      timestamptz not null default now()
);
create index on whatsapp.failed_outbound (created);
insert into whatsapp.failed_outbound (template, request, attempts, phase, due, last_attempt, delivered_at, created,
    touched)
values
    ('receipt', '{"template": "receipt"}', 0, 'waiting', now() + interval '20 min', null, null,
     now() - interval '1 h', now() - interval '1 h'),
    ('promo', '{"template": "promo"}', 2, 'again', now() + interval '3 h', now() - interval '40 min', null,
     now() - interval '2 h', now() - interval '40 min'),
    ('promo', '{"template": "promo"}', 1, 'delivered', null, now() - interval '5 h', now() - interval '5 h',
     now() - interval '6 h', now() - interval '5 h');

create table whatsapp.retry_log (
    at          timestamptz not null default now(),
    result      text not null,
    done        int not null default 0,
    not_done    int not null default 0,
    note        text
);
create index on whatsapp.retry_log (at);
insert into whatsapp.retry_log
select processed_at, case status when 'triggered' then 'started' when 'completed' then 'ok' else 'broken' end,
    entries_processed, entries_failed, error_message
from public.dlq_processing_log;

create table whatsapp.receipts (
    wamid       text primary key,
    ok          boolean not null default false,
    ms          int,
    ok_at       timestamptz,
    received_at timestamptz not null default now()
);
create index on whatsapp.receipts (received_at);
insert into whatsapp.receipts
select whatsapp_message_id, processed, processing_time_ms, processed_at, created_at
from public.processed_webhook_messages;

create table whatsapp.event_log (
    kind        text not null,
    wamid       text,
    way         text not null check (way in ('in', 'out')),
    data        jsonb,
    happened_at timestamptz not null default now()
) partition by range (happened_at);
create index on whatsapp.event_log (happened_at);
create index on whatsapp.event_log (wamid);

create function whatsapp.add_event_months(months int) returns void language plpgsql set timezone = 'UTC' as $$
declare
    first timestamptz;
begin
    for ahead in 0 .. months loop
        first := date_trunc('month', now()) + make_interval(months => ahead);
        execute format('create table if not exists whatsapp.%I partition of whatsapp.event_log '
            'for values from (%L) to (%L) with (autovacuum_vacuum_scale_factor = 0.02, '
            'autovacuum_analyze_scale_factor = 0.02)', 'event_log_y' || to_char(first, 'YYYY"m"MM'),
            first, first + interval '1 month');
    end loop;
end $$;
do $$
declare
    last timestamptz := date_trunc('month', now() at time zone 'UTC') at time zone 'UTC';
begin
    execute format('create table whatsapp.%I partition of whatsapp.event_log for values from (%L) to (%L) with ('
        'autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)',
        'event_log_y' || to_char((last - interval '1 day') at time zone 'UTC', 'YYYY"m"MM'),
        ((last at time zone 'UTC') - interval '1 month') at time zone 'UTC', last);
end $$;
select whatsapp.add_event_months(3);
insert into whatsapp.event_log
select event_type, message_id, case direction when 'inbound' then 'in' else 'out' end, payload, created_at
from public.wa_events;

create table whatsapp.chat (
    wamid   text,
    way     text not null,
    said    text,
    said_at timestamptz not null default now()
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
create index on whatsapp.chat (wamid);
insert into whatsapp.chat
select wa_message_id, case direction when 'inbound' then 'in' else 'out' end, body, created_at
from public.whatsapp_messages;

grant select, insert, update, delete on all tables in schema whatsapp to service_role;
grant usage on all sequences in schema whatsapp to service_role;

create function whatsapp.retry_all() returns void language plpgsql security definer set search_path = '' as $$
begin
    insert into whatsapp.retry_log (result) values ('started');
    perform net.http_post(
        current_setting('app.settings.supabase_url') || '/functions/v1/retrier',
        headers := jsonb_build_object('Authorization', 'Bearer ' || (
            select decrypted_secret from vault.decrypted_secrets where name = 'service_role_key')));
end $$;
revoke execute on all functions in schema whatsapp from public;

select cron.unschedule('process-dlq-entries'), cron.unschedule('create-wa-events-partitions');
select cron.schedule('retry', '*/5 * * * *', 'select whatsapp.retry_all();'),
    cron.schedule('event months', '15 2 * * *', 'select whatsapp.add_event_months(3)');
update cron.job_run_details as run set jobid = job.jobid, command = job.command from cron.job
where job.jobname = case when run.command like '%process_dlq_entries%' then 'retry' else 'event months' end;

drop table public.webhook_dlq, public.dlq_processing_log, public.processed_webhook_messages, public.wa_events,
    public.whatsapp_messages, public.circuit_breaker_events cascade;
drop function public.process_dlq_entries(), public.create_wa_events_partition(),
    public.ensure_wa_events_partition(date);
drop schema supabase_migrations cascade;
