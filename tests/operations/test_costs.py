"""What ``docs/operations.md`` says that a run costs the deployment is what a run costs it."""

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
from fixtures.settings.model import Limits
from tests.docs.pages import page
from tests.operations.counting import CountingProxy
from tests.proxies import Proxy
from tests.running import environment, run_suite

WEBHOOKS = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")
FUNCTIONS = (*WEBHOOKS, "dlq-processor")

ROWS_OF = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables"
SCHEDULED = "job_run_details"


def rows(heading):
    """The rows of the page's table with that first column, as cells."""
    lines = page("operations.md").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return [table[0], *table[2:]]


def promised(selection):
    """How many requests the page promises for a selection, by method and path."""
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
def test_a_run_sends_what_the_page_says(any_deployment, tmp_path, selection):
    """Counted on the way to the functions: each endpoint, and one connection to the database at most."""
    access = any_deployment.access
    assert access.database is not None
    url, port = access.database.text.reveal(), int(access.database.port)
    with CountingProxy(access.base_url) as functions, Proxy("127.0.0.1", port) as database:
        through = DatabaseAddress.parse(url.replace(f":{port}/", f":{database.port}/"))
        access = replace(access, base_url=functions.url, database=through)
        run = run_suite(tmp_path, "-m", selection, environ=environment(access))
        assert run.status == 0, run.output
        assert functions.requests == promised(selection)
        assert database.connections == (0 if selection == "deploy" else 1)


def test_a_run_writes_nothing(any_deployment, tmp_path):
    """No row is inserted, updated or deleted anywhere but in pg_cron's own record of its runs."""
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
    """Rows that were written to each table; pg_cron's record tells whether the schedule wrote some of them."""
    # Statistics of other sessions arrive within a second of their last statement.
    deployment.superuser_execute("SELECT pg_sleep(1.1)")
    return dict(deployment.superuser_execute(ROWS_OF))


def test_no_argument_of_a_run_has_a_secret(any_deployment, tmp_path):
    """Arguments are for everybody to read, so they are looked at all the while, those of helpers too."""
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
    """The command lines of all processes of this machine at this moment."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found.add((process / "cmdline").read_bytes())
    return found


def test_limits_are_the_settings_own():
    """Every limit with its default, in the order of the model."""
    table = [(name.strip("`"), float(default.replace(",", ""))) for name, default, _ in rows("setting")[1:]]
    model = [
        (f"limits.{field.name}", float(getattr(Limits(), field.name))) for field in dataclasses.fields(Limits)
    ]
    assert table == model


def test_the_budget_of_an_endpoint_is_the_settings_own():
    """The page's prose says the same as the settings."""
    text = " ".join(page("operations.md").split())
    assert re.search(r"`limits\.http_requests_per_endpoint` \((\d+)\)", text)[1] == str(
        Limits().http_requests_per_endpoint
    )
    assert f"at most {Limits().http_concurrency_per_endpoint} at a time for one endpoint" in text
