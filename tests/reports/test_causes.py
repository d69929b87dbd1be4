"""One cause, one message: what only points to a cause is counted under it, and commands are never wrapped."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.reports.nested import Run, project, run

LONG = "ALTER TABLE public.webhook_dlq ADD CONSTRAINT a_very_long_name_of_a_constraint CHECK (retry_count >= 0)"
CHECKS = f"""
from fixtures.advice import look, shell, sql

@check(2, "Cron jobs are active", criterion="must", area="reliability")
@pytest.mark.parametrize("job", ["a", "b"])
def test_jobs(job, judge):
    raise CouldNotLook("the database could not be reached; check 1 names the cause", cause="check-01")

@check(9, "DLQ", criterion="should", area="database")
def test_queue(judge):
    judge.cannot_tell("table public.webhook_dlq does not exist; check 1 names the cause", "repair", "check-01")
    judge.cannot_tell("no traffic", "wait for some")

@check(1, "Tables", criterion="should", area="database")
@pytest.mark.parametrize("table", ["reached", "webhook_dlq", "wa_events"])
def test_tables(table, judge):
    if table == "wa_events":
        judge.cannot_tell("it is locked", "run the checks again")
        return
    if table == "reached":
        raise CouldNotLook("nothing listens on port 9", "correct the port")
    raise CouldNotLook("the database could not be reached; check 1 names the cause", cause="check-01")

@check(4, "Signatures", criterion="must", area="security")
@pytest.mark.parametrize("forgery", range(30))
def test_forgery(forgery, judge):
    judge.requires(False, f"answered 200 to forgery {{forgery}}", expected="401", why="anyone can",
        advice="look first" + look("SELECT 1") + sql("{LONG}", "SELECT `2`", role="runner")
        + shell("supabase functions deploy wa-webhook") + "or ask" + "look again")

@check(5, "Rate", criterion="should", area="database")
def test_rate(judge):
    for number in range(60):
        judge.requires(False, f"fault {{number}}", expected=f"expected {{number}}", why=f"why {{number}}")

@check(13, "Partitions", criterion="must", area="database")
def test_partitions(judge):
    judge.requires(False, "no partition", advice=sql("BEGIN", *[f"SELECT {{n}}" for n in range(60)], "COMMIT"))

@check(14, "Nowhere", criterion="should", area="database")
def test_nowhere(judge):
    judge.cannot_tell("check 3 names the cause", "repair", "check-03")
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(project(tmp_path_factory.mktemp("causes"), CHECKS))


def section(run: Run, begin: str) -> list[str]:
    """The lines of the terminal from one that begins so, to the next that is not indented."""
    lines = run.output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(begin))
    last = next(number for number, line in enumerate(lines) if number > first and not line.startswith(" "))
    return lines[first:last]


def test_what_points_to_a_cause_is_counted_under_it(whole: Run) -> None:
    """The cause comes first, though others are musts; the case with a reason of its own keeps that."""
    assert section(whole, "ERROR Check 1") == [
        "ERROR Check 1 (should)",
        "  nothing listens on port 9",
        "    what to do: correct the port",
        "    not judged because of this: 4 cases of Check 1, 2, 9",
    ]
    assert whole.output.count("names the cause") == 1
    assert section(whole, "UNPROVEN Check 9") == [
        "UNPROVEN Check 9 (should)",
        "  no traffic",
        "    what would prove it: wait for some",
    ]
    assert whole.output.index("ERROR Check 1") < whole.output.index("FAILED Check 4")


def test_what_waits_is_told_once(whole: Run) -> None:
    """Though the check that it waits for has an error and something unproven."""
    assert section(whole, "UNPROVEN Check 1")[1:] == [
        "  it is locked",
        "    what would prove it: run the checks again",
    ]
    page = whole.folder.joinpath("index.html").read_text()
    assert [text.count("not judged because of this") for text in (whole.output, whole.summary, page)] == [1, 1, 1]


def test_pointer_to_a_check_that_tells_nothing_is_shown(whole: Run) -> None:
    """Its own words are all that there is."""
    assert section(whole, "UNPROVEN Check 14")[1] == "  check 3 names the cause"


def test_faults_with_one_explanation_are_explained_once(whole: Run) -> None:
    """Ten of them are named; sentences are wrapped, commands stand whole on lines of their own."""
    lines = section(whole, "FAILED Check 4")
    assert lines[1] == "  0: answered 200 to forgery 0"
    assert lines[10:] == [
        "  9: answered 200 to forgery 9",
        "  and 20 more in summary.md",
        "    expected: 401",
        "    why it matters: anyone can",
        "    what to do: look first",
        "    look:",
        "      SELECT 1;",
        "    run, as role runner:",
        f"      {LONG};",
        "      SELECT `2`;",
        "    run:",
        "      supabase functions deploy wa-webhook",
        "    or: ask",
        "    then: look again",
    ]


def test_no_check_takes_more_than_forty_lines(whole: Run) -> None:
    """What is left out is counted; a transaction is never cut."""
    lines = section(whole, "FAILED Check 5")
    assert 35 < len(lines) <= 40
    assert re.fullmatch(r"  and \d+ more in summary.md", lines[-1])
    shown = sum(line.startswith("  fault") for line in lines)
    assert lines[-1] == f"  and {60 - shown} more in summary.md"
    assert section(whole, "FAILED Check 13")[1:] == ["  no partition", "    run: 62 commands, in summary.md"]


def test_summary_has_commands_in_blocks(whole: Run) -> None:
    """Not escaped, each list item with its own; every fault is there."""
    assert f"\n    ```sql\n    {LONG};\n    SELECT `2`;\n    ```\n" in whole.summary
    assert whole.summary.count("- **") == 30
    assert "\n- each of these 30:\n  - expected: 401\n" in whole.summary
    assert "\n    ```sh\n    supabase functions deploy wa-webhook\n    ```\n" in whole.summary
    assert whole.summary.count("    SELECT 59;") == 1
    assert "  - not judged because of this: 4 cases of Check 1, 2, 9" in whole.summary
    assert "look first" in whole.summary


def test_page_has_commands_as_blocks(whole: Run) -> None:
    """One card for the cause; the commands of one label are one block."""
    page = whole.folder.joinpath("index.html").read_text()
    blocks = [html.unescape(found) for found in re.findall(r"<pre><code>(.*?)</code></pre>", page, re.DOTALL)]
    assert f"{LONG};\nSELECT `2`;" in blocks
    card = page[page.index('id="errors"') : page.index('id="unproven"')]
    assert card.count("not judged because of this") == 1
    assert "names the cause" not in card


def test_verdict_keeps_every_case(whole: Run) -> None:
    """And its own reason."""
    cases = {case["id"]: case for case in whole.checks["check-02"]["cases"]}
    assert {case["status"] for case in cases.values()} == {"error"}
    assert {case["reason"] for case in cases.values()} == {
        "the database could not be reached; check 1 names the cause"
    }
    assert len(whole.checks["check-04"]["cases"]) == 30


def test_junit_has_commands_whole(whole: Run) -> None:
    """As they are typed."""
    failure = whole.junit["test_partitions"].find("failure")
    assert failure is not None
    assert "\n    BEGIN;\n    SELECT 0;\n" in (failure.text or "")


def test_allure_has_commands_as_blocks(whole: Run) -> None:
    """In the description of the case."""
    [case] = [found for name, found in whole.allure.items() if name.startswith("Check 13")]
    assert "<pre><code>BEGIN;\nSELECT 0;" in case["descriptionHtml"]
    assert Path(whole.folder / "index.html").exists()
