"""Records the evidence that ``test_replays.py`` replays: ``python -m tests.replays [NAME …]``.

Each recording is a run against a local deployment of this machine, with one fault. The evidence is already
redacted; the verdict that the suite gave it is recorded beside it.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.address import DatabaseAddress
from tests.deployments import Deployment
from tests.replays.recordings import FOLDER, SELECTION, statuses
from tests.running import environment, run_suite
from tests.webhooks.faults import FAULTS as ENDPOINT_FAULTS
from tests.webhooks.server import SECRET, SERVICE_KEY, TOKEN, Server, honest

AWAY = "http://127.0.0.1:9"
"""The discard port, where nothing listens."""


@dataclass(frozen=True)
class Fault:
    """What is done to a healthy deployment before it is recorded."""

    sql: str = ""
    """Statements that the superuser runs."""
    reach: Callable[[Access], Access] = lambda access: access
    """How the suite reaches the deployment."""


def _without_endpoints(access: Access) -> Access:
    return replace(access, base_url=AWAY)


def _without_database(access: Access) -> Access:
    away = DatabaseAddress.parse("postgresql://easymo_verifier@127.0.0.1:9/postgres")
    return replace(access, database=away)


FAULTS = {
    "healthy": Fault(),
    "job-inactive": Fault("UPDATE cron.job SET active = false WHERE jobname = 'process-dlq-entries'"),
    "queue-open-to-anon": Fault(
        "ALTER TABLE public.webhook_dlq DISABLE ROW LEVEL SECURITY; GRANT SELECT ON public.webhook_dlq TO anon"
    ),
    "queue-missing": Fault("DROP TABLE public.webhook_dlq CASCADE"),
    "only-triggered": Fault(
        "DELETE FROM public.dlq_processing_log WHERE status <> 'triggered'; DELETE FROM net._http_response"
    ),
    "entries-overdue": Fault(
        "UPDATE public.webhook_dlq SET next_retry_at = now() - interval '2 hours' WHERE status = 'pending';"
        "UPDATE public.webhook_dlq SET status = 'failed' WHERE id IN (SELECT id FROM public.webhook_dlq"
        " WHERE status = 'reprocessed' AND created_at > now() - interval '1 day' LIMIT 3)"
    ),
    "no-grants": Fault(
        "REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM easymo_verifier; REVOKE USAGE ON SCHEMA cron"
        " FROM easymo_verifier; ALTER ROLE easymo_verifier NOBYPASSRLS"
    ),
    "endpoints-away": Fault(reach=_without_endpoints),
    "database-away": Fault(reach=_without_database),
    "bypass-in-the-query": Fault(),
}
"""Recording → its fault; the endpoints of ``bypass-in-the-query`` are those of the tests' server with a fault."""


def _record(name: str, deployment: Deployment, server: Server) -> None:
    """Record one faulty deployment."""
    deployment.reset()
    if FAULTS[name].sql:
        deployment.superuser_execute(FAULTS[name].sql)
    access = FAULTS[name].reach(deployment.access)
    if name == "bypass-in-the-query":
        fault = ENDPOINT_FAULTS["believes-the-query"].make()
        address = server.serve(lambda arrival: fault(arrival) or honest(arrival))
        access = replace(
            access,
            base_url=address,
            app_secret=Secret(SECRET),
            verify_token=Secret(TOKEN),
            service_role_key=Secret(SERVICE_KEY),
        )
    with tempfile.TemporaryDirectory() as folder:
        run = run_suite(Path(folder), "-m", SELECTION, "-q", "--probe-seed=20251127", environ=environment(access))
        text = (run.folder / "evidence.json").read_bytes()
        (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(text, mtime=0))
        recorded = json.dumps(statuses(run.verdict), indent=1)
        (FOLDER / f"{name}.verdict.json").write_text(f"{recorded}\n", encoding="utf-8")
        sys.stdout.write(f"{name}: {run.verdict['verdict']}\n")


def main(names: list[str]) -> None:
    """Record those deployments, or all of them."""
    FOLDER.mkdir(exist_ok=True)
    server = Server().start()
    deployment = Deployment.start("native")
    deployment.is_right()
    try:
        for name in names or FAULTS:
            _record(name, deployment, server)
    finally:
        deployment.stop()
        server.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
