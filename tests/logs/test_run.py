"""Whole runs of check 6 on a log file: verdict, words, and nothing of a customer in any file of the report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.running import environment, run_suite

PHONE = "250788123456"
SECRET = "planted-secret-of-the-run"  # what must not be shown
WORDS = "planted words of a customer"


def write_log(path: Path, *events: str) -> None:
    """A log of just now, with an entry at error level for each event."""
    now = datetime.now(UTC).isoformat()
    entries = [{"timestamp": now, "level": "info", "service": "wa-webhook", "event": "WEBHOOK_RECEIVED"}]
    entries += [{"timestamp": now, "level": "error", "service": "wa-webhook", "event": event} for event in events]
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_logged_error_is_no_go_and_private(workers: list[str], tmp_path: Path) -> None:
    log = tmp_path / "functions.log"
    write_log(log, f'reply "{WORDS}" to +{PHONE} refused with {SECRET}')
    environ = environment(
        EASYMO_BASE_URL="http://127.0.0.1:9", EASYMO_LOG_FILE=str(log), WHATSAPP_APP_SECRET=SECRET
    )
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", *workers, environ=environ)
    assert run.status == 1, run.output
    assert run.verdict["verdict"] == "no-go"
    [case] = run.check("check-06")["cases"]
    assert (case["id"], case["status"]) == ("functions", "failed")
    assert "wa-webhook: 1 entry at error" in case["reason"]
    assert "reply <text> to <n> refused with" in case["reason"]
    shown = [run.output, *(path.read_text() for path in run.folder.rglob("*") if path.is_file())]
    assert len(shown) > 4
    for private in (PHONE, SECRET, WORDS):
        assert not [text for text in shown if private in text]


def test_a_clean_log_passes(tmp_path: Path) -> None:
    log = tmp_path / "functions.log"
    write_log(log)
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9", EASYMO_LOG_FILE=str(log))
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", environ=environ)
    assert run.status == 0, run.output
    assert run.statuses == {"check-06": "passed"}


def test_without_a_log_file_nothing_is_proven(tmp_path: Path) -> None:
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9")
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", environ=environ)
    assert run.status == 1, run.output
    assert run.verdict["verdict"] == "unproven"
    assert "set SUPABASE_ACCESS_TOKEN, EASYMO_LOKI_URL or EASYMO_LOG_FILE" in " ".join(run.output.split())


def test_boot_failure_in_text_is_readable_in_the_report(tmp_path: Path) -> None:
    """The module, the variable and the function's name reach the report, and no word of a customer does."""
    log = tmp_path / "functions.log"
    write_log(log)
    with log.open("a") as file:
        file.write('[wa-new] worker boot error: Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".\n')
        file.write("    at file:///home/deno/functions/wa-new/index.ts:1:26\n")
        file.write(f"[wa-webhook] Missing environment variable WA_VERIFY_TOKEN\n{WORDS}\n")
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9", EASYMO_LOG_FILE=str(log))
    run = run_suite(tmp_path / "report", "-m", "immediate", "-k", "functions_logged", environ=environ)
    assert run.verdict["verdict"] == "no-go"
    [case] = run.check("check-06")["cases"]
    assert case["reason"].startswith("wa-new: 1 boot failure [")
    summary = (run.folder / "summary.md").read_text().replace("\\", "")
    for shown in (
        "zod@v3.22.4/mod.ts",
        "Missing environment variable WA_VERIFY_TOKEN",
        "wa-webhook: 1 entry about",
    ):
        assert shown in case["reason"]
        assert shown in summary
    assert not [path for path in run.folder.rglob("*") if path.is_file() and WORDS in path.read_text()]
