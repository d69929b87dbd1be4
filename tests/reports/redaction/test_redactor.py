"""The redactor: what it masks, what it keeps, and that it fails closed."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from datetime import UTC, datetime
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fixtures.evidence.document import Evidence, load
from fixtures.evidence.file import write_evidence
from fixtures.secret import Secret
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.model import Settings
from reports.redaction.patterns import WITHHELD
from reports.redaction.redactor import Redactor
from reports.redaction.stream import RedactingStream

DSN = "postgresql://reader:h%40rd-Passw0rd@db.abcdef.supabase.co:6543/postgres"
APP_SECRET = "s3cr3t/value+x=&\"q'"
PHONE = "250788123456"

redactor = Redactor([*DatabaseAddress.parse(DSN).secrets, *map(Secret, (APP_SECRET, "postgres", "hunt3r", "ab"))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DSN, "[secret]"),
        ("the password h@rd-Passw0rd alone", "the password [secret] alone"),
        ("and encoded h%40rd-Passw0rd", "and encoded [secret]"),
        ("postgresql://u:p@ss/w0rd@h.example:5432/db", "postgresql://u:[secret]@h.example:5432/db"),
        ("host=h password='my \\' pass' dbname=a", "host=h password=[secret] dbname=a"),
        ("host=h password=mypass dbname=a", "host=h password=[secret] dbname=a"),
        ("ALTER ROLE reader PASSWORD 'abc'", "ALTER ROLE reader PASSWORD '[secret]'"),
        ("WHATSAPP_APP_SECRET=abc123 pytest", "WHATSAPP_APP_SECRET=[secret] pytest"),
        ("Authorization: Bearer abcdefgh", "Authorization: Bearer [secret]"),
        ('{"authorization": "Bearer xyz"}', '{"authorization": "Bearer [secret]"}'),
        ("sent bearer abc-123-def", "sent bearer [secret]"),
        ("Basic dXNlcjpwYXNz", "Basic [secret]"),
        ("Token token=abcDEF", "Token token=[secret]"),
        ("apikey: abc", "apikey: [secret]"),
        ("eyJhbGciOiJI.eyJpc3MiOiJz.c2lnbmF0dXJl", "[secret]"),
        ("sb_secret_abcdefgh1234, sbp_0123456789abcdef", "[secret], [secret]"),
        ("https://hooks.slack.com/services/T0/B0/XyZ", "https://hooks.slack.com/[secret]"),
        ("?hub.mode=subscribe&hub.verify_token=abc&x=1", "?hub.mode=subscribe&hub.verify_token=[secret]&x=1"),
        ("GET /query?token=abc", "GET /query?token=[secret]"),
        (f"signed sha256={'0a' * 32}", "signed sha256=[secret]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "[secret]"),
        ("hunt3r is short", "[secret] is short"),
        ("assert 's3cr3t/va...x=&\"q' == ''", "assert '[secret] == ''"),
        ("cut off h@rd-Pas…", "cut off [secret]"),
    ],
)
def test_secrets_are_masked(text: str, expected: str) -> None:
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    "number",
    [
        "+250788123456",
        PHONE,
        "0788 123 456",
        "0788-123456",
        "+250 788 123 456",
        "+1 (555) 123-4567",
        "(555) 123-4567",
        "555.123.4567",
        "00250788123456",
        "%2B250788123456",
        "78812345",
    ],
)
@pytest.mark.parametrize(
    "around", ["{}", "from {} at 12:05", "tel:{}x", "2025-11-27T12:05:00Z {} 2025-11-28", "[{}]"]
)
def test_phone_numbers_are_masked(number: str, around: str) -> None:
    assert redactor.text(around.format(number)) == around.format("[phone]")


def test_message_ids_keep_their_last_six_characters() -> None:
    wamid = (
        "wamid." + base64.b64encode(b"\x1d\x18\x0c" + PHONE.encode() + b"\x15\x02\x00\x12\x18 A1B2C3D4").decode()
    )
    assert redactor.text(f"lost {wamid}!") == f"lost wamid.…{wamid[-6:]}!"
    assert redactor.text("wamid.short") == "wamid.…******"
    assert redactor.text("id " + wamid.removeprefix("wamid.")) == "id [phone]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.b+c@example.co.rw wrote", "[e-mail] wrote"),
        ("mailto:a%40example.com", "mailto:[e-mail]"),
        ('{"text": {"body": "hello \\"you\\""}}', '{"text": {"body": "[message]"}}'),
        (r"{\"text\": {\"body\": \"hello\"}}", r"{\"text\": {\"body\": \"[message]\"}}"),
        ("{'caption': 'my house'}", "{'caption': '[message]'}"),
        ('{"message.body": "cut off', '{"message.body": "[message]'),
        ('{"profile": {"name": "Ineza"}}', '{"profile": {"name": "[message]"}}'),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert redactor.text(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-27T12:05:00+00:00",
        "2025-11-27 12:05:00.123456+00 and 2025-11-27T12:05:00.123Z",
        "6f1c2b1e-1234-4234-8234-123456789012, 12345678-1234-4234-8234-123456789012",
        'connection to server at "127.0.0.1", port 54321 failed: Connection refused',
        "192.168.100.200:54321 and ::1",
        "PostgreSQL 15.14 (Debian 15.14-0+deb12u1), pytest-9.2.0, pg_cron 1.4-standin",
        "fingerprint 4e2a91bc7d01 seen 3 times, commit 12345678",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "12,345,678 rows; 99.12345678 %; 123456789 bytes; 12345678 rows",
        "age 123456789 of 2147483648 transactions; autovacuum at 200000000",
        "SELECT cron.alter_job(12, active := false)",
        "GRANT SELECT ON public.webhook_dlq TO verifier;",
        "table wa_events_2025_11 from 2025-11-01 to 2025-12-01, migration 20251127120500_dlq.sql",
        "Authorization: Bearer <service role key>; no bearer, a bearer accepted here",
        "basic checks and basic authentication",
        "postgresql://reader@db.example.com:5432/app",
        "http://127.0.0.1:54321/functions/v1/wa-webhook?hub.mode=subscribe",
        "<object at 0x7f3c12345678>, 1732708800 and 1732708800123",
        "checks/test_immediate.py::test_success_rate[wa-webhook]",
        "got 401, 401, 200 in 12.5 s; 40 of 40 forgeries were refused",
        "*/5 * * * * and 0 0 1 * *",
        "postgresql://… and postgresql... are no secrets",
        "seed of the generated requests: 1298273752; repeat with --seed 1298273752",
        "allure@3.18.0, actions/checkout@v4.1.0",
        "postgresql is not the word, nor is postgres_fdw; ab stays in prose",
    ],
)
def test_harmless_text_is_unchanged(text: str) -> None:
    assert redactor.text(text) == text


def test_short_secrets_are_masked_as_whole_words() -> None:
    assert redactor.text("role postgres, not postgresql") == "role [secret], not postgresql"
    assert redactor.text("xhunt3rx") == "xhunt3rx"
    assert redactor.data({"database": "postgres", "note": "hunt3r"}) == {
        "database": "postgres",
        "note": "[secret]",
    }


def test_data_keeps_structure_and_numbers() -> None:
    data = {
        "body": "an answer",
        "columns": {"phone_number": "text", "body": "text"},
        "entry": [{"from": PHONE, "text": {"body": "hello"}, "image": {"caption": "me"}}],
        "phone_number": 250788123456,
        "password": "x",
        "count": 12345678,
        "autovacuum_freeze_max_age": "123456789",
        "rate": 0.5,
        "none": None,
        "yes": True,
        "nested": ("a", ["+250788123456"]),
    }
    assert redactor.data(data) == {
        "body": "an answer",
        "columns": {"phone_number": "text", "body": "text"},
        "entry": [{"from": "[phone]", "text": {"body": "[message]"}, "image": {"caption": "[message]"}}],
        "phone_number": "[phone]",
        "password": "[secret]",
        "count": 12345678,
        "autovacuum_freeze_max_age": "123456789",
        "rate": 0.5,
        "none": None,
        "yes": True,
        "nested": ["a", ["[phone]"]],
    }


def test_number_or_secret_as_a_key_is_masked() -> None:
    assert redactor.data({PHONE: 1, "status": 2}) == {"[phone]": 1, "status": 2}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('could not send "hi there" to 250788123456', 'could not send "…" to [phone]'),
        ("Key (phone_number)=(250788) exists, can't do 'x y'", "Key (phone_number)=(…) exists, can't do '…'"),
        ("handled message: hello you", "handled message: …"),
        (
            "error message: permission denied for table webhook_dlq",
            "error message: permission denied for table webhook_dlq",
        ),
        ('cut off "hello', 'cut off "…'),
        ("timeout after 30 s", "timeout after 30 s"),
    ],
)
def test_quotes_in_log_lines_are_masked(line: str, expected: str) -> None:
    assert redactor.log_line(line) == expected
    assert redactor.log_line(expected) == expected


def test_unredactable_data_is_withheld() -> None:
    class Broken(Redactor):
        def _secrets(self, text: str) -> None:  # type: ignore[override] # a fault inside the redactor
            raise RuntimeError(text)

    assert Broken().text("hunter") == WITHHELD
    assert Broken().data(["hunter", 1]) == [WITHHELD, 1]
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert Redactor().data(deep) == WITHHELD


def test_repr_shows_no_secret() -> None:
    from reports.redaction.secret_forms import forms

    assert "s3cr3t" not in repr(forms(APP_SECRET)) + repr(Redactor([Secret(APP_SECRET)]))


def test_secret_learnt_later_is_masked() -> None:
    later = Redactor()
    assert later.text("local-Passw0rd") == "local-Passw0rd"
    later.learn(Secret("local-Passw0rd"))
    assert later.text("local-Passw0rd") == "[secret]"


def test_stream_redacts_what_is_written() -> None:
    file = io.StringIO()
    stream = RedactingStream(file, redactor)
    assert stream.write(f"call {PHONE}\n") == len(PHONE) + 6
    stream.writelines([DSN, "\n"])
    stream.flush()
    assert file.getvalue() == "call [phone]\n[secret]\n"
    assert not stream.isatty()


def test_evidence_is_judged_as_it_was_written(tmp_path) -> None:
    """The checks judge the redacted evidence that is in the file."""
    path = tmp_path / "evidence.json"
    seen = Evidence(Settings(target="staging"), datetime(2026, 1, 31, tzinfo=UTC), {"host": DSN, "caller": PHONE})
    kept = write_evidence(path, seen, redactor)
    assert kept == load(path, own=True)
    assert kept.deployment == {"host": "[secret]", "caller": "[phone]"}
    assert [file.name for file in tmp_path.iterdir()] == ["evidence.json"]


def test_unredactable_evidence_is_not_written(tmp_path) -> None:
    """No file is written rather than a part of the evidence or plain secrets."""

    class Broken(Redactor):
        def text(self, text: str) -> str:
            raise RuntimeError(text)

    with pytest.raises(ValueError, match="could not be redacted"):
        write_evidence(tmp_path / "evidence.json", Evidence(Settings(), datetime.now(UTC)), Broken())
    assert list(tmp_path.iterdir()) == []


STEADY = settings(deadline=None, derandomize=True)

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=8, max_size=40).filter(
    lambda value: any(c.isdigit() for c in value) and len(value.strip()) == len(value) and len(set(value)) > 4
)
ENCODINGS = {
    "raw": str,
    "quote": lambda value: quote(value, safe=""),
    "quote with slashes": quote,
    "quote_plus": quote_plus,
    "lower-case percent": lambda value: quote(value, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "JSON": lambda value: json.dumps(value)[1:-1],
    "JSON as UTF-8": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    "JSON in JSON": lambda value: json.dumps(json.dumps(value)[1:-1])[1:-1],
    "HTML": html.escape,
    "repr": lambda value: repr(value)[1:-1],
    "hex": lambda value: value.encode().hex(),
    "HEX": lambda value: value.encode().hex().upper(),
    **{
        f"{name} after {before}, {after} follow": lambda value, e=encode, b=before, a=after: e(
            b"x" * b + value.encode() + b"y" * a
        ).decode()
        for name, encode in (("base64", base64.b64encode), ("base64url", base64.urlsafe_b64encode))
        for before in range(3)
        for after in range(3)
    },
    "base64 without padding": lambda value: base64.b64encode(value.encode()).decode().rstrip("="),
    **{
        name: lambda value, n=name: hashlib.new(n, value.encode()).hexdigest()
        for name in ("md5", "sha1", "sha256")
    },
}


@STEADY
@given(SECRETS, st.sampled_from(sorted(ENCODINGS)), st.text(max_size=20), st.text(max_size=20))
def test_planted_secret_never_survives(value: str, encoding: str, before: str, after: str) -> None:
    planted = ENCODINGS[encoding](value)
    redacted = Redactor([Secret(value)]).text(f"{before}{planted}{after}")
    assert planted not in redacted
    assert value not in redacted


@STEADY
@given(st.text(max_size=200), SECRETS)
def test_redaction_is_idempotent(text: str, value: str) -> None:
    redactor_ = Redactor([Secret(value), Secret("postgres"), Secret("secret")])
    once = redactor_.text(text)
    assert redactor_.text(once) == once
    line = redactor_.log_line(text)
    assert redactor_.log_line(line) == line


FRAGMENTS = st.lists(
    st.sampled_from(
        ["password=", "://u:", "@", "'", '"', " ", "\\", "250788123456", "+", "[secret]", "secret", "wamid.", "…",
         "body", ":", "Bearer ", "eyJhbGciOi.eyJpc3MiOi.x", "2025-11-27", "-", "(", ")", "sha256=" + "0a" * 32,
         "a.b@c.de", "hub.verify_token=", "123", "token", "?", "&", "=", "/", "x", "text", "message: ", "postgres"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@STEADY
@given(FRAGMENTS)
def test_redaction_of_combined_patterns_is_idempotent(text: str) -> None:
    redactor_ = Redactor([Secret("postgres"), Secret("secret")])
    once = redactor_.text(text)
    assert redactor_.text(once) == once
    line = redactor_.log_line(text)
    assert redactor_.log_line(line) == line


@STEADY
@given(
    st.from_regex(r"\+?[1-9][0-9]{7,13}", fullmatch=True), st.text(st.characters(categories=["Zs", "Po", "Ps"]))
)
def test_planted_phone_number_never_survives(number: str, around: str) -> None:
    digits = number.lstrip("+")
    assume(not digits.startswith(("15", "16", "17", "18", "19", "20")))  # times
    assume("00000" not in digits and not digits.startswith(("21474836", "42949672")))  # limits
    redacted = Redactor().text(f"sent to {around}{number} today")
    assert number.lstrip("+") not in redacted


def test_control_characters_are_escaped() -> None:
    """Names from a deployment cannot control a terminal or a browser."""
    data = {"a\x1b[2J": "x\x1b[31m\x07\r\u202e\x9b", "lines": "one\n\ttwo"}
    shown = Redactor().data(data)
    assert shown == {"a\\x1b[2J": "x\\x1b[31m\\x07\\x0d\\u202e\\x9b", "lines": "one\n\ttwo"}
    assert Redactor().data(shown) == shown


@pytest.mark.parametrize("time", ["9999-01-01T00:00:00Z", "0001-12-31T00:00:00Z", "9999-01-01 00:00:00 UTC"])
def test_far_times_are_not_phone_numbers(time: str) -> None:
    """Timestamps outside Python's range, such as infinity, are clamped to them."""
    assert Redactor().text(f"due {time}, in 7973 years") == f"due {time}, in 7973 years"
