"""A function that forwards to another, under whose name it answers."""

from reports.verdict import Verdict
from tests.shapes.endpoints import half_swallowing, not_deployed, routed, swallowing
from tests.shapes.model import Fault, Story

SWALLOWED = {
    "check-04[gateway-…]": "failed: gateway answered 200 to a forged request (…)",
    "check-04[gateway-…-sha1]": "unproven: gateway accepts no-signature; this forgery is a variant of it, so its answer proves nothing (fix no-signature first, then run the checks again)",
    "check-04[gateway-…s]": "unproven: gateway accepts no-signature and wrong-secret; this forgery is a variant of it, so its answer proves nothing (fix no-signature and wrong-secret first, then run the checks again)",
    "check-04[gateway-generated]": "unproven: gateway accepts …; this forgery is a variant of it, so its answer proves nothing (fix … first, then run the checks again)",
    "check-04[gateway-ascii]": "failed: gateway answered 200 to a correctly signed request in ASCII, but its body says that it was not served: message: forwarding failed; gateway answered 200 to a forged request (one byte changed after signing, in ASCII)",
    "check-04[gateway-escaped-unicode]": "failed: gateway answered 200 to a correctly signed request with non-ASCII letters escaped as Meta escapes them, but its body says that it was not served: message: forwarding failed; gateway answered 200 to a forged request (…)",
    "check-04[gateway-raw-utf8]": "failed: gateway answered 200 to a correctly signed request with non-ASCII letters in raw UTF-8, but its body says that it was not served: message: forwarding failed; gateway answered 200 to a forged request (…)",
    "step-2.1[wa_webhook_is_deployed]": "failed: the address of gateway answered as service gateway",
    "step-2.5[gateway]": "failed: the address of gateway answered as service gateway",
}
NOT_SERVED = {
    "check-04[gateway-…]": "unproven: gateway answered 401, which proves nothing: no correctly signed request was served, as its signed cases say (a correctly signed request that is served)",
    "check-04[gateway-ascii]": "failed: gateway answered 200 to a correctly signed request in ASCII, but its body says that it was not served: error: forwarding to inbox failed: 503",
    "check-04[gateway-escaped-unicode]": "failed: gateway answered 200 to a correctly signed request with non-ASCII letters escaped as Meta escapes them, but its body says that it was not served: error: forwarding to inbox failed: 503",
    "check-04[gateway-raw-utf8]": "failed: gateway answered 200 to a correctly signed request with non-ASCII letters in raw UTF-8, but its body says that it was not served: error: forwarding to inbox failed: 503",
}

STORY = Story(
    shape="router",
    title="A function behind a router",
    text="Meta calls `gateway`, which forwards to `inbox` and returns its answer; `redeliver` processes the queue.",
    verdicts={"immediate": Verdict.GO, "daily": Verdict.GO, "deploy": Verdict.GO},
    endpoints=routed,
    by_default={
        "check-02[process-dlq-entries]": "failed: no job process-dlq-entries is scheduled, only redeliver (job 3 of postgres)",
    },
    faults=(
        Fault(
            wrong="Forwarding fails, and the router answers 200 to whatever it gets.",
            endpoints=swallowing,
            says=SWALLOWED,
            sentence="see the logs of gateway, and of the function that it forwards to",
            left=SWALLOWED,
        ),
        Fault(
            wrong="The router answers 200 and says that forwarding failed.",
            endpoints=half_swallowing,
            says=NOT_SERVED,
            sentence="see the logs of gateway, and of the function that it forwards to",
            left=NOT_SERVED,
        ),
        Fault(
            wrong="The function that processes the queue was not deployed.",
            endpoints=not_deployed("redeliver", routed),
            mended_by="redeliver",
            says={
                "check-04[redeliver]": "failed: no function is deployed as redeliver: its address answers 404 (NOT_FOUND)",
            },
            commands=("supabase functions deploy redeliver --no-verify-jwt",),
        ),
        Fault(
            wrong="The job runs once an hour.",
            change="SET SESSION AUTHORIZATION postgres; SELECT cron.alter_job(jobid, schedule := '0 * * * *') "
            "FROM cron.job WHERE jobname = 'redeliver'",
            says={"check-02[redeliver]": "failed: job redeliver runs on schedule 0 * * * *"},
            commands=("SELECT cron.alter_job(…, schedule := '*/5 * * * *')",),
        ),
    ),
)
