"""What is neither secret nor personal stays readable, in linear time; names from a deployment unmask nothing."""

from __future__ import annotations

import dataclasses
import gzip
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence.document import Evidence, decode
from fixtures.evidence.file import write_evidence
from fixtures.secret import Secret
from fixtures.settings.model import Names, Settings
from reports.redaction.names import is_name
from reports.redaction.redactor import Redactor
from tests.reports.redaction.readable_texts import LEARNT, READABLE, WITH_LEARNT_NAMES
from tests.running import ROOT

SECRETS = ("postgres://u:h%40rd-Passw0rd@h/db", "h@rd-Passw0rd", "s3cr3t/value+x", "wa_verify_2026_token_x9")


def test_the_table_is_long_enough() -> None:
    assert len(set(READABLE)) == len(READABLE) >= 200


@pytest.mark.parametrize("text", READABLE)
def test_readable_text_is_unchanged(text: str) -> None:
    redactor = Redactor(map(Secret, SECRETS))
    assert redactor.text(text) == text
    assert redactor.data({"found": [text]}) == {"found": [text]}


@pytest.mark.parametrize("text", WITH_LEARNT_NAMES)
def test_learnt_name_is_unchanged(text: str) -> None:
    assert Redactor().text(text) != text
    redactor = Redactor(map(Secret, SECRETS))
    redactor.learn_names(LEARNT)
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer 127.0.0.1:8080",
        "Authorization: Bearer token_buckets",
        "authorization=Bearer abc",
        "password=token_buckets",
        "postgresql://u:token_buckets@h.example/db",
        "WA_VERIFY_TOKEN=token_buckets",
        '{"text": {"body": "token_buckets"}}',
        "bearer 6f1c2b1e-1234-4234-8234-123456789012",
        "bearer ya29.a0AfH6SMBx",
        "bearer abc123.def456.ghi789",
        "bearer correct-horse-battery-staple",
        "bearer 127.0.0.1abc",
        "bearer 2026-11-20abc",
        "bearer qwertyuiopasdfghjkl(",
        "bearer s3cr3t-example.comx",
        "bearer: abcdef:1234",
        "bearer TOKEN_1A2B3C4D",
        "authorization: none.s3cr3t",
        "apikey: missing-but-not",
        '{"token": "text4711"}',
        "://a:b://u:pass@h",
        r"{\\\"token\\\": \\\"abc\\\"}",
    ],
)
def test_what_may_be_secret_stays_masked(text: str) -> None:
    redactor = Redactor()
    redactor.learn_names(LEARNT)
    shown = redactor.text(text)
    assert shown != text
    assert "[secret]" in shown or "[message]" in shown


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wa_verify_2026", "bearer wa_verify_2026"),
        ("verify_2026", "?token=verify_2026&a=1"),
        ("postgres", "?token=postgres"),
    ],
)
def test_name_that_a_secret_contains_stays_masked(name: str, text: str) -> None:
    """Whichever is learnt first."""
    secrets = [*map(Secret, SECRETS), Secret("postgres")]
    before, after = Redactor(), Redactor(secrets)
    for redactor in (before, after):
        redactor.learn_names([name])
    for secret in secrets:
        before.learn(secret)
    plain = Redactor(secrets)
    assert before.text(text) == after.text(text) == plain.text(text) != text


@pytest.mark.parametrize(
    "name",
    [
        "250788123456",
        "t_250788123456",
        "part_788_123_456",
        "a1b2c3d4e5f6",
        "eyJhbGciOi.eyJpc3MiOi.x",
        "sb_secret_a1b2c3d4",
        "whsec_4eC39HqLyjWDarjtT1zdp7dc",
        "two words",
        "naïve",
        "",
        "_",
        "x" * 64,
        "x@y.example",
    ],
)
def test_token_or_number_is_no_name(name: str) -> None:
    assert not is_name(name)


@pytest.mark.parametrize(
    "name",
    ["webhook_dlq", "wa_events_2026_11", "events_p20261101", "createdAt", "_private", "process-dlq-entries", "v2",
     "SUPABASE_SERVICE_ROLE_KEY", "log_20261126093000", "pg_toast_2619"],
)  # fmt: skip
def test_name_that_people_give_is_one(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('relation "webhook_dlq" does not exist', 'relation "webhook_dlq" does not exist'),
        ('column "token" of relation "api_keys" is missing', 'column "token" of relation "api_keys" is missing'),
        ('authentication failed for user "easymo_verifier"', 'authentication failed for user "easymo_verifier"'),
        ('parameter "app.settings.service_role_key"', 'parameter "app.settings.service_role_key"'),
        (
            'Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".',
            'Module not found "https://deno.land/x/zod@v3.22.4/mod.ts".',
        ),
        ("error: Import 'https://esm.sh/zod@3' failed: 404", "error: Import 'https://esm.sh/zod@3' failed: 404"),
        ('Relative import path "zod" not prefixed', 'Relative import path "zod" not prefixed'),
        ('not in import map from "file:///a/index.ts"', 'not in import map from "file:///a/index.ts"'),
        ('Import "https://esm.sh/zod@3?target=deno" failed', 'Import "https://esm.sh/zod@3?target=deno" failed'),
        ('Import "https://esm.sh/zod@3?auth=x1y2" failed', 'Import "…" failed'),
        ('a message from "Alice"', 'a message from "…"'),
        ("Error: 'WA_VERIFY_TOKEN' is not set", "Error: 'WA_VERIFY_TOKEN' is not set"),
        ('no user "Alice" here', 'no user "…" here'),
        ('said "see you" and "hello"', 'said "…" and "…"'),
        ("the 'see_you_soon' answer", "the '…' answer"),
        ('relation "meet me at noon" here', 'relation "…" here'),
        ('relation "t_250788123456" here', 'relation "…" here'),
    ],
)
def test_quoted_names_stay_in_log_lines(line: str, expected: str) -> None:
    assert Redactor().log_line(line) == expected
    assert Redactor().log_line(expected) == expected


LONG = ("…", "\\", "://", '\\"', "eyJ-", ":")
SHORT = ("://u:", "@", "'", '"', "bearer:", "bearer a", "run 1", "1 ", "password='", '"token":"', "[secret]",
         "authorization: x ", "a.b@", "s3cr…", "basic ", "=")  # fmt: skip


@pytest.mark.parametrize(
    ("piece", "few"), [*((piece, 16_000) for piece in LONG), *((piece, 2_000) for piece in SHORT)]
)
def test_time_grows_with_the_text_only(piece: str, few: int) -> None:
    """Four times the text takes about four times as long, never sixteen times."""
    redactor = Redactor(map(Secret, SECRETS))
    times = []
    for number in (few, 4 * few):
        text = f"bearer{piece * number}\\"
        begin = time.process_time()
        redactor.text(text)
        redactor.log_line(text)
        times.append(time.process_time() - begin)
    assert times[1] < max(0.5, 9 * times[0]), times


def test_names_of_the_evidence_are_learnt(tmp_path: Path) -> None:
    """From the settings and the catalogue; a name that is a secret of the run stays masked."""
    redactor = Redactor([Secret("rotated_keys_2026")])
    settings = Settings(names=Names(dlq_processor="dlq-processor-v2"))
    texts = {"a": "bearer dlq-processor-v2", "b": "bearer process_dlq_entries", "c": "bearer rotated_keys_2026"}
    catalogue = decode_piece_of_the_healthy_run("catalogue")
    relation = dataclasses.replace(catalogue.relations[0], name="rotated_keys_2026")
    catalogue = dataclasses.replace(catalogue, relations=(relation,))
    seen = Evidence(settings, datetime(2026, 1, 31, tzinfo=UTC), texts, {"catalogue": catalogue})
    kept = write_evidence(tmp_path / "evidence.json", seen, redactor)
    assert kept.deployment == {**texts, "c": "bearer [secret]"}
    assert kept.piece("catalogue").relations[0].name == "[secret]"


def decode_piece_of_the_healthy_run(name: str) -> Any:
    """A piece of recorded evidence."""
    return decode(gzip.decompress((ROOT / "tests/replays/evidence/healthy.json.gz").read_bytes())).piece(name)
