"""Fingerprints: what varies is replaced, what identifies a fault stays."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.logs.fingerprint import fingerprint, pattern_of, words_of


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("DLQ_RETRY_FAILED", "DLQ_RETRY_FAILED"),
        ("timeout after 30 s, retry 2/5", "timeout after <n> s, retry <n>"),
        ('no user "Alice Müller" here', "no user <text> here"),
        ("can't find 'Bob's house' there", "can't find <text> there"),
        ('said "hello and never closed it', "said <text>"),
        ("body: hello Alice, how are you", "body: <text>"),
        ("inbound text=hello Alice", "inbound text: <text>"),
        ("error message: relation is missing", "error message: relation is missing"),
        ("call to +250 788 123 456 failed", "call to <n> failed"),
        ("call to (0250) 788-123-456 failed", "call to <n> failed"),
        ("mail to alice.b+c@mail.example.com bounced", "mail to <email> bounced"),
        ("job 5b1c1f0e-8f4e-4f63-9f3d-2f6a8f1d2c3b failed", "job <uuid> failed"),
        ("at 2026-01-01T00:00:00.123Z it broke", "at <time> it broke"),
        ("commit deadbeef01 at 0xff", "commit <hex> at <hex>"),
        ("wamid.HBgMMjUwNzg4MTIzNDU2FQIAEhgg== lost", "wamid.<token> lost"),
        (
            "POST https://u:p@graph.example/v17.0/123/messages?access_token=x gave 503",
            "POST https://graph.example/v<n>/messages gave <n>",
        ),
        ("Bearer abc refused, apikey=abcdef", "Bearer <token> refused, apikey=<token>"),
        ("jwt eyJabc.eyJdef.ghi expired", "jwt <token> expired"),
        ("ids 1, 2, 3 and 4", "ids <n> and <n>"),
        ("GET /customers/a1b2c3/orders/x9y8z7?page=2 failed", "GET /customers/<id>/orders/<id> failed"),
        (
            "GET /functions/v1/wa-webhook/5b1c1f0e-8f4e-4f63-9f3d-2f6a8f1d2c3b",
            "GET /functions/v<n>/wa-webhook/<uuid>",
        ),
        ("no file /var/log/app-2026/index.ts", "no file /var/log/app-<n>/index.ts"),
        ("  two\t spaces ", "two spaces"),
        ('relation "wa_events_2026_11" is missing', "relation wa_events_<n>_<n> is missing"),
        ('violates unique constraint "api_keys_pkey"', "violates unique constraint api_keys_pkey"),
        ("Key (phone_number)=(Alice 0788) exists", "Key (phone_number)=(<text>) exists"),
        ("'WA_VERIFY_TOKEN' is not set", "WA_VERIFY_TOKEN is not set"),
        (
            'Module not found "https://deno.land/x/zod@v3.22.4/mod.ts"',
            "Module not found https://deno.land/x/zod@v<n>/mod.ts",
        ),
        ('Relative import path "zod" not prefixed', "Relative import path zod not prefixed"),
        ('relation "meet me at noon" is missing', "relation <text> is missing"),
    ],
)
def test_variable_parts_are_replaced(text: str, pattern: str) -> None:
    assert pattern_of(text) == pattern


NAMED = st.lists(
    st.sampled_from(
        ["relation ", "column ", "module ", "import path ", '"', "'", "`", "webhook_dlq", "A_B", "https://a.b/c@1",
         ")=(", ")", "(", "npm:", "@", "<text>", " ", "1", "body: ", "./x"]
    ),
    max_size=15,
).map("".join)  # fmt: skip
TEXTS = NAMED | st.text() | st.text(alphabet="aZ f0123456789+-()./:@?#=&'\"`<>%_,", max_size=200)


@settings(deadline=None, derandomize=True)
@given(TEXTS)
def test_pattern_is_idempotent_without_digits(text: str) -> None:
    pattern = pattern_of(text)
    assert pattern_of(pattern) == pattern
    assert not re.search(r"\d", pattern)


PATHS = st.from_regex(r"\A[g-z]1[g-z]2[g-z0-9]{2,12}\Z").map(lambda part: f"/media/{part}/content")
"""Paths with an id of letters and digits."""


@settings(deadline=None, derandomize=True)
@given(st.sampled_from(["{0} failed", "user {0}: no such {1}", "at {0} of {1}"]), st.data())
def test_variable_parts_share_a_fingerprint(template: str, data: st.DataObject) -> None:
    numbers = st.integers(0, 10**15).map(str)
    quoted = st.text(alphabet="abc 123", max_size=20).map(lambda text: f'"{text}"')
    phones = st.integers(10**8, 10**13).map("+{}".format)
    times = st.datetimes().map(lambda time: f"{time.isoformat(timespec='seconds')}Z")
    for kind in (numbers, quoted, st.uuids().map(str), phones, times):
        first, second = (template.format(*data.draw(st.tuples(kind, kind))) for _ in range(2))
        assert pattern_of(first) == pattern_of(second)
    paths = [template.format(*data.draw(st.tuples(PATHS, PATHS))) for _ in range(2)]
    assert pattern_of(paths[0]) == pattern_of(paths[1])


def test_fingerprint_is_stable_and_by_service() -> None:
    assert fingerprint("wa-webhook", "DLQ_RETRY_FAILED") == "evjlawfa"
    assert fingerprint("wa-webhook-core", "DLQ_RETRY_FAILED") != "evjlawfa"


def test_words_exclude_placeholders() -> None:
    assert words_of("user <text> has <n> rows") == "userhasrows"


@pytest.mark.parametrize("piece", ["a", "(", "/", "'", '"', "1.", "a@", "%40", "body:", "<n>", "://", " '", "f1",
                                   "relation ", 'module "', ")=(", "import path '"])  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    text = (piece * 2000)[:2000]
    begin = time.process_time()
    pattern_of(text)
    assert time.process_time() - begin < 0.5
