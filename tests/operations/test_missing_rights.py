"""What a run lacked in rights is one block of SQL in the summary and on the page, and the block heals it."""

from __future__ import annotations

import html
import re

import pytest

from tests.running import environment, run_suite

FENCED = re.compile(r"^## Missing rights\n\n(.+)\n\n```sql\n(.+?)\n```$", re.DOTALL | re.MULTILINE)
ON_PAGE = re.compile(r'<section id="rights">.*?<pre><code>(.*?)</code></pre>', re.DOTALL)
NOTHING = (
    "REVOKE pg_monitor FROM easymo_verifier; DROP OWNED BY easymo_verifier;"
    "ALTER ROLE easymo_verifier NOBYPASSRLS;"
    "REVOKE USAGE ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO postgres"
)
FAULTS = {
    "no right at all": (NOTHING, "GRANT USAGE ON SCHEMA public TO easymo_verifier;"),
    "no view of activity": (
        "REVOKE pg_monitor FROM easymo_verifier",
        "GRANT pg_read_all_stats TO easymo_verifier;",
    ),
    "no jobs": (
        "REVOKE USAGE ON SCHEMA cron FROM easymo_verifier",
        "GRANT USAGE ON SCHEMA cron TO easymo_verifier;",
    ),
    "one column": (
        "REVOKE SELECT (status) ON public.webhook_dlq FROM easymo_verifier",
        "GRANT SELECT (status) ON public.webhook_dlq TO easymo_verifier;",
    ),
    "no rows": (
        "ALTER ROLE easymo_verifier NOBYPASSRLS",
        "ALTER ROLE easymo_verifier BYPASSRLS; -- or add a SELECT policy USING (true) for easymo_verifier",
    ),
}


def judged(deployment, folder):
    """A run of the immediate and the daily checks."""
    return run_suite(folder, "-q", "-m", "immediate or daily", environ=environment(deployment.access))


def blocks(run):
    """The block of the summary, and that of the page; None without one."""
    fenced = FENCED.search(run.folder.joinpath("summary.md").read_text())
    on_page = ON_PAGE.search(run.folder.joinpath("index.html").read_text())
    return fenced and fenced[2], on_page and html.unescape(on_page[1])


def run_block(deployment, block):
    """As the owner of the tables; BYPASSRLS of this role as a superuser, who created it here."""
    for statement in block.splitlines():
        by_superuser = "BYPASSRLS" in statement
        (deployment.superuser_execute if by_superuser else deployment.owner_execute)(statement)


@pytest.mark.parametrize("fault", FAULTS)
def test_block_grants_what_was_missing(any_deployment, tmp_path, fault):
    """Run once, it leaves nothing unproven; it names no statement twice."""
    change, statement = FAULTS[fault]
    any_deployment.superuser_execute(change)
    before = judged(any_deployment, tmp_path / "before")
    block, on_page = blocks(before)
    assert block == on_page
    lines = block.splitlines()
    assert statement in lines
    assert len(lines) == len(set(lines))
    run_block(any_deployment, block)
    after = judged(any_deployment, tmp_path / "after")
    assert after.verdict["verdict"] == "go", after.output
    assert blocks(after) == (None, None)


def test_block_grants_no_personal_column(any_deployment, tmp_path):
    """Of tables with phone numbers and texts only the columns that the checks read."""
    any_deployment.superuser_execute(NOTHING)
    run_block(any_deployment, blocks(judged(any_deployment, tmp_path))[0])
    personal = any_deployment.superuser_execute(
        "SELECT table_name::text || '.' || column_name FROM information_schema.column_privileges WHERE grantee = "
        "'easymo_verifier' AND column_name IN ('phone_number', 'body', 'payload')"
    )
    assert personal == [("webhook_dlq.payload",)]
