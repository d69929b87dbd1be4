"""Secrets, phone numbers and message texts are planted, then searched for in everything that a run writes."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

from fixtures.settings.access import Access
from tests.running import Run, environment, run_suite

PHONE = "250788123456"
TEXT = "my landlord wants the rent in Kimironko"
WAMID = "wamid." + base64.b64encode(b"\x00" + PHONE.encode() + b"\x00rest-of-the-id").decode()

PERSONAL_ROWS = f"""
INSERT INTO public.webhook_dlq (phone_number, service, correlation_id, payload, error_message, status, created_at)
VALUES ('{PHONE}', 'wa-webhook-core', 'planted',
        '{{"entry": [{{"changes": [{{"value": {{"messages": [{{"id": "{WAMID}", "from": "{PHONE}",
           "text": {{"body": "{TEXT}"}}}}]}}}}]}}]}}',
        'could not answer +{PHONE}: "{TEXT}"', 'pending', now() - interval '10 minutes');
UPDATE public.dlq_processing_log SET status = 'failed', error_message = 'no answer for +{PHONE} to "{TEXT}"'
WHERE id = (SELECT max(id) FROM public.dlq_processing_log);
UPDATE cron.job_run_details SET status = 'failed', return_message = 'ERROR: +{PHONE} said "{TEXT}"'
WHERE runid = (SELECT max(runid) FROM cron.job_run_details)
"""


def encodings(value: str) -> list[str]:
    """Return a value in the encodings that are searched for."""
    raw = value.encode()
    return [
        value,
        quote(value, safe=""),
        json.dumps(value)[1:-1],
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        raw.hex(),
        hashlib.sha256(raw).hexdigest(),
    ]


def everything(run: Run) -> str:
    """Return the output of a run and the text of every file that it wrote."""
    files = sorted(path for path in run.folder.rglob("*") if path.is_file())
    assert files
    return "\n".join([run.output, *(path.read_text(errors="replace") for path in files)])


def secret_values(access: Access) -> list[str]:
    """Return a deployment's secrets; of the connection string only the password: host and role may be shown."""
    assert access.database is not None
    assert access.database.password in access.secrets
    return [secret.reveal() for secret in access.secrets if secret != access.database.text]


@pytest.fixture
def planted(any_deployment):
    """A deployment with personal data in rows and log lines on which checks fail."""
    any_deployment.superuser_execute(PERSONAL_ROWS)
    line = {
        "timestamp": datetime.now(UTC).isoformat(),
        "level": "error",
        "service": "wa-webhook-core",
        "message": f'cannot answer +{PHONE}: "{TEXT}" body: {TEXT}',
        "status": 500,
    }
    with Path(str(any_deployment.access.log_file)).open("a") as log:
        log.write(json.dumps(line) + "\n")
    return any_deployment


@pytest.mark.parametrize("extra", [(), ("-n", "2"), ("--log-cli-level=DEBUG", "-vv", "--tb=long", "--showlocals")])
def test_run_shows_nothing_that_was_planted(planted, tmp_path, extra):
    """Neither in files nor on the terminal, also with workers, debug logs, long tracebacks and locals."""
    run = run_suite(tmp_path, "-m", "immediate", *extra, environ=environment(planted.access))
    assert run.statuses["check-03"] == "failed", run.output
    assert run.statuses["check-06"] == "failed"
    left = everything(run)
    values = [PHONE, TEXT, WAMID, *secret_values(planted.access)]
    assert len(values) >= 7
    found = [form for value in values for form in encodings(value) if form in left]
    assert found == []


def test_no_secret_is_a_process_argument(planted, tmp_path):
    """Every user of the machine can read command lines."""
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-m", "immediate", f"--report-dir={tmp_path}"],
        cwd=Path(__file__).resolve().parents[2],
        env=environment(planted.access),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    seen: set[str] = set()
    while process.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    assert any("-m pytest" in line or "pytest -m" in line for line in seen)
    assert [value for value in secret_values(planted.access) if any(value in line for line in seen)] == []
