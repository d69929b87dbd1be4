"""A run costs the deployment what ``docs/operations.md`` says: requests, connections, writes, limits."""

from __future__ import annotations

import dataclasses
import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.settings.address import DatabaseAddress
from fixtures.settings.limits import Limits
from tests.docs.pages import page
from tests.operations.counting import CountingProxy
from tests.proxies import Proxy
from tests.running import environment, run_suite

WEBHOOKS = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")
FUNCTIONS = (*WEBHOOKS, "dlq-processor")

ROWS_OF = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
SCHEDULED = "job_run_details"


def rows(heading):
    """Return the rows, as cells, of the page's table whose first column has this heading."""
    lines = page("operations.md").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return [table[0], *table[2:]]


def documented(selection):
    """Return the number of requests in the page's table for a selection, by method and path."""
    heading, *entries = rows("request")
    column = [cell.strip("` ") for cell in heading].index(selection)
    counts = {name.strip("` "): int(cells[column - 1]) for name, *cells in entries}
    expected = {"POST dlq-processor": counts["POST dlq-processor"]}
    expected["GET wa-webhook-core/health"] = counts["GET wa-webhook-core/health"]
    for name in FUNCTIONS:
        expected.setdefault(f"GET {name}/health", counts["GET` to each other `/health"])
    for name in WEBHOOKS:
        expected[f"GET {name}"] = counts["GET` to each of the webhooks"]
        expected[f"POST {name}"] = counts["POST` to each of the webhooks"]
    return {request: count for request, count in expected.items() if count}


@pytest.mark.parametrize("selection", ["immediate", "daily", "deploy"])
def test_run_sends_the_documented_requests(any_deployment, tmp_path, selection):
    """Counted by a proxy, per endpoint; and at most one database connection."""
    access = any_deployment.access
    assert access.database is not None
    url, port = access.database.text.reveal(), int(access.database.port)
    with CountingProxy(access.base_url) as functions, Proxy("127.0.0.1", port) as database:
        through = DatabaseAddress.parse(url.replace(f":{port}/", f":{database.port}/"))
        access = replace(access, base_url=functions.url, database=through)
        run = run_suite(tmp_path, "-m", selection, environ=environment(access))
        assert run.status == 0, run.output
        assert functions.requests == documented(selection)
        assert database.connections == 1


def test_run_writes_nothing(any_deployment, tmp_path):
    """No row is written, except by pg_cron, whose schedule may run a job in between."""
    for attempt in range(3):
        before = written(any_deployment)
        run = run_suite(
            tmp_path / str(attempt),
            *("-m", "immediate or daily or deploy"),
            environ=environment(any_deployment.access),
        )
        assert run.status == 0, run.output
        after = written(any_deployment)
        if after[SCHEDULED] == before[SCHEDULED]:
            break
    assert after == before


def written(deployment):
    """Return the number of rows written to each table so far."""
    # A session's statistics become visible within 1 s after its last statement.
    deployment.superuser_execute("SELECT pg_sleep(1.1)")
    return dict(deployment.superuser_execute(ROWS_OF))


def test_no_process_argument_has_a_secret(any_deployment, tmp_path):
    """Every user can read arguments, so those of all processes are searched during the whole run."""
    environ = environment(any_deployment.access)
    secrets = [environ[name] for name in ("EASYMO_DATABASE_URL", "WHATSAPP_APP_SECRET", "WA_VERIFY_TOKEN")]
    secrets.append(secrets[0].split(":")[2].partition("@")[0])
    with ThreadPoolExecutor(1) as executor:
        run = executor.submit(run_suite, tmp_path, "-m", "immediate", "-n", "1", environ=environ)
        seen = set()
        while not run.done():
            seen |= arguments()
            time.sleep(0.02)
    assert run.result().status == 0, run.result().output
    assert any(b"--report-dir" in line for line in seen)
    assert [secret for secret in secrets if any(secret.encode() in line for line in seen)] == []


def arguments():
    """Return the command lines of all processes that run now."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add((process / "cmdline").read_bytes())
    return found


def test_documented_limits_are_the_defaults():
    """Every limit with its default, in the model's order."""
    table = [(name.strip("`"), float(default.replace(",", ""))) for name, default, _ in rows("setting")[1:]]
    model = [
        (f"limits.{field.name}", float(getattr(Limits(), field.name))) for field in dataclasses.fields(Limits)
    ]
    assert table == model


def test_documented_request_budget_is_the_default():
    """The figures in the page's text equal the settings' defaults."""
    text = " ".join(page("operations.md").split())
    assert re.search(r"`limits\.http_requests_per_endpoint` \((\d+)\)", text)[1] == str(
        Limits().http_requests_per_endpoint
    )
    assert f"at most {Limits().http_concurrency_per_endpoint} at a time for one endpoint" in text
