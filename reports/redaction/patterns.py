"""Patterns of secrets and personal data: tokens, passwords, phone numbers, texts of messages."""

from __future__ import annotations

import base64
import binascii
import bisect
import re
from collections.abc import Iterator
from typing import NamedTuple

SECRET = "[secret]"  # noqa: S105 - a mask, not a password
PHONE = "[phone]"
EMAIL = "[e-mail]"
MESSAGE = "[message]"
WITHHELD = "[withheld: redaction failed]"

MASKS = re.compile(r"\[(?:secret|phone|e-mail|message|withheld: redaction failed)\]|wamid\.…\S{6}")
"""The masks of an earlier redaction, which are never masked again."""


class Span(NamedTuple):
    """A part of a text to be masked, and its mask."""

    start: int
    end: int
    mask: str


_DATE = r"(?:19|20)\d\d[-./](?:0[1-9]|1[0-2])[-./](?:0[1-9]|[12]\d|3[01])"
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"

_QUOTED = r"""'(?:[^'\\]|\\.)*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)"""
_NAMES = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api_?key|[\w-]*(?:_|-)(?:password|secret|token|key))"
_OPEN = r"(?P<q>\\{0,31}[\"'])"
"""A quote, with the backslashes of up to five levels of JSON in JSON."""
_CLOSE = r"(?:(?<!\\)(?P=q)|\Z)"
_TYPES = (
    r"(?:text|uuid|bytea|jsonb?|bigint|integer|smallint|boolean|numeric|varchar|character varying|timestamptz"
    r"|timestamp with(?:out)? time zone)(?:\(\d+\))?(?:\[\])?"
)
"""Types of columns: beside the name of a column they are no value of it."""
_NO_VALUE = (
    r"(?!(?:none|null|undefined|missing|absent|empty|unset|required|invalid|expired|refused|denied|failed|not"
    r"|is|was|header|and|or)(?![\w.~+/=-]))"
)
"""Words that say that there is no value, or that are the rest of a sentence."""

PASSWORDS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # The password of a conninfo, in SQL, in the environment of a command.
        (rf"\b(?:ssl|pg)?password\s*=\s*(?!…(?:[\s,;)]|$))(?P<m>{_QUOTED}|[^\s&;,\"']+)", re.IGNORECASE),
        (r"\bpassword\s+'(?P<m>[^']+)'", re.IGNORECASE),
        (r"\b[A-Z][A-Z0-9_]*(?:SECRET|TOKEN|PASSWORD|_KEY)=(?P<m>[\"']?[\w+/.~-][^\s&]*)", 0),
        (
            rf"\bauthorization\\*[\"']?\s*[:=,]\s*\\*[\"']?(?:(?:bearer|basic|token)\s+)?{_NO_VALUE}"
            r"(?P<m>(?!(?:bearer|basic|token)\s)[\w.~+/=-][^\s\"',;\\]*)",
            re.IGNORECASE,
        ),
    )
)

CREDENTIALS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # JSON, Python and header syntax: "token": "…", 'apikey': '…'.
        (
            rf"{_OPEN}{_NAMES}(?P=q)\s*:\s*(?P=q)(?!{_TYPES}(?P=q))(?P<m>.*?){_CLOSE}",
            re.IGNORECASE | re.DOTALL,
        ),
        (
            rf"\b(?:x-)?api-?key\\*[\"']?\s*[:=,]\s*\\*[\"']?{_NO_VALUE}(?P<m>[\w.~+/=-][^\s\"',;\\&]*)",
            re.IGNORECASE,
        ),
        (r"\btoken\s+token=(?P<m>[^\s\"',;]+)", re.IGNORECASE),
        # URL queries.
        (r"\bhub(?:\.|%2E)verify_token(?:=|%3D)(?P<m>[^&\s\"'<>]+)", re.IGNORECASE),
        (rf"[?&]{_NAMES}=(?P<m>[^&\s\"'<>]+)", re.IGNORECASE),
        (r"[?&](?:apikey|key|sig|signature)=(?P<m>[^&\s\"'<>]+)", re.IGNORECASE),
        # Tokens with a known prefix.
        (r"(?P<m>\beyJ[\w-]{5,1024}\.[\w-]{5,}(?:\.[\w-]*)?)", 0),
        (
            r"(?P<m>\b(?:sb_secret_|sbp_|glsa_|glc_|gh[pousr]_|github_pat_|xox[abeprs]-|EAA(?=\w{20}))[\w-]{8,})",
            0,
        ),
        (r"\bhooks\.slack(?:-gov)?\.com/(?P<m>[^\s\"'<>)]+)", re.IGNORECASE),
        (r"\bsha(?:1|256)(?:=|%3D)(?P<m>[0-9a-f]{16,})", re.IGNORECASE),
        (r"(?P<m>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))", re.DOTALL),
    )
)

MESSAGES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"{_OPEN}(?:[\w.]+\.)?(?:body|caption|text)(?P=q)\s*:\s*(?P=q)(?P<m>.*?){_CLOSE}",
        rf"{_OPEN}profile(?P=q)\s*:\s*\{{\s*(?P=q)name(?P=q)\s*:\s*(?P=q)(?P<m>.*?){_CLOSE}",
    )
)

_URI_USER = re.compile(r"://[^\s:/@?#\"']*:(?!\d{1,5}(?:[/?#]|$))")
"""The part of a URI before a password; not a port followed by a path."""
_URI_HOST = re.compile(r"@(?=[^\s@\"'/]*(?:[\s\"'/?#,;)]|$))")
"""The end of a password before a host: an unescaped ``@`` may be part of the password."""

_BEARER = re.compile(r"\bbearer[\s:]++(?P<m>(?=\S{0,200}?\d|\S{16})[\w.~+/=-]{6,}+)", re.IGNORECASE)
_NOT_A_TOKEN = re.compile(
    "|".join(
        (
            rf"(?:{_OCTET}\.){{3}}{_OCTET}(?![\w~+/=-])",
            r"(?:[a-z0-9-]{1,63}\.)+(?:com|co|io|net|org|dev|app|rw|internal|local|cloud|example)\.?(?![\w.~+/=-])",
            rf"{_DATE}(?:T\d\d:\d\d|(?![\w~+/=-]))",
            r"[A-Z]{2,}(?:_[A-Z]{2,})+\.?(?![\w.~+/=-])",
            r"(?:app\.settings|vault)\.[a-z_]+\.?(?![\w.~+/=-])",
            r"current_setting\(",
            r"(?:realm|scope|error|error_description|resource_metadata)=",
        )
    )
)
"""What follows the word bearer in a sentence: a host, a date, the name of a variable or setting, a parameter."""

_BASIC = re.compile(r"\bbasic\s+(?P<m>[A-Za-z0-9+/_-]{6,}={0,2})", re.IGNORECASE)

WAMID = re.compile(r"\bwamid\.(?P<m>[A-Za-z0-9+/=_%-]+)")
_BASE64 = re.compile(r"(?<!wamid\.)(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,4096}={0,2}")
_DIGITS = re.compile(rb"(?<!\d)\d{9,15}(?!\d)")

_CLOCK = r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\s?(?:Z|UTC|[+-]\d\d(?::?\d\d)?))?"
_ANY_YEAR = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?"
"""A date and a time, in any year, such as 9999."""
_DENSE_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_HEX = "|".join(rf"[0-9a-fA-F]{{{length}}}" for length in (128, 96, 64, 56, 40, 32, 24, 20, 16, 12, 10, 8))
_UNITS = r" ?(?:bytes|[kKMGT]?i?B|[mµun]s|seconds|rows?|(?:dead |live )?tuples?|pages?|blocks?|transactions?|%)|s"
_COUNTED = (
    "pid|xid|oid|runid|jobid|job|run|age|line|size|count|total|limit|seed|build|port|version|"
    "fingerprint|sha|commit|hash|digest|bytes|rows|tuples|duration|ms|content-length|"
    "(?:memory|heap|cpu_time)_(?:used|total|limit)|(?:run|job|workflow|pipeline|deployment)_id"
)
SETTING = re.compile(r".*_(?:age|size|limit|cost|delay|threshold|mem|memory|bytes|ms|seconds)")
"""Names of fields that hold a number, even if the value is a string."""
_NO_TIME = rf"(?!{_DATE}|\d\d:\d\d)"
_GAP = rf"(?:[ .\-\u00a0\u2010-\u2015]{_NO_TIME})"

PERSONAL = re.compile(
    "|".join(
        (
            # First what looks like a phone number but is not one, so that the scan skips it.
            r"(?P<keep>" + MASKS.pattern,
            r"(?<![0-9A-Za-z])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![0-9A-Za-z])",
            rf"(?<!\d){_DATE}(?:[T ]{_CLOCK})?(?!\d)",
            rf"(?<![\d+-]){_ANY_YEAR}(?!\d)",
            rf"(?<![+\d]){_DENSE_DATE}(?:T?(?:[01]\d|2[0-3])[0-5]\d[0-5]\d)?(?!\d)",
            rf"(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?::\d{{1,5}})?(?![\d.])",
            r"\b0x[0-9a-fA-F]+",
            # Seconds and milliseconds since 1970: no phone number that begins with 1 has this length.
            r"(?<![+\d])1[5-9]\d{8}(?:\d{3})?(?:\.\d+)?(?!\d)",
            rf"(?<![0-9A-Za-z%])(?=\d*[a-fA-F])(?:{_HEX})(?![0-9A-Za-z])",
            r"(?<![\d.+])(?:0|[1-9]\d{0,6})\.\d+(?![\d.])",
            rf"(?<![+\d])\d+(?:{_UNITS})(?![\w.])",
            # Round numbers and the largest numbers of 32 bits are limits and settings.
            r"(?<![+\d])(?:[1-9]\d{0,3}0{5,}|214748364[78]|429496729[56])(?!\d)",
            rf"\b(?:{_COUNTED})[\"']?[ =:#]{{1,2}}\d++(?! ?\d|[a-fA-F]|-[0-9a-fA-F]{{4}}-)",
            r"/(?:runs|jobs|pipelines)/\d+(?!\d)",
            r"\bseed\b[\w ]{0,40}[ =:#]{1,2}\d{1,10}(?!\d)",
            r"(?<=://)[\w.%-]+@)",
            r"(?P<email>(?<![\w.+%-])[\w.+%-]{1,256}(?:@|%40)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b)",
            # International, with prefix: in any grouping.
            rf"(?P<plus>(?:\+|%2[bB]|(?<!\d)00|\(\+){_GAP}?[1-9](?:[()]?{_GAP}?[()]?\d){{6,14}}(?!\d))",
            rf"(?P<area>\(\d{{1,5}}\){_GAP}?\d(?:{_GAP}?\d){{4,12}}(?!\d))",
            # Without prefix: bare digits, or groups of digits.
            r"(?P<bare>(?<!\d)\d{8,15}(?!\d))",
            rf"(?P<pair>(?<!\d)\d{{2,5}}{_GAP}\d{{5,12}}(?!\d))",
            rf"(?P<groups>(?<!\d)\d{{1,4}}(?P<gap>{_GAP})\d{{2,4}}(?:(?P=gap){_NO_TIME}\d{{2,4}}){{1,4}}(?!\d))",
        )
    )
)
_SHORTEST = {"plus": 7, "area": 8, "bare": 8, "pair": 9, "groups": 8}


def passwords(text: str) -> Iterator[Span]:
    """Find values that stand where only a password or a credential stands."""
    yield from _uri_passwords(text)
    for pattern in PASSWORDS:
        for match in pattern.finditer(text):
            yield Span(*match.span("m"), SECRET)
    for match in _BASIC.finditer(text):
        if b":" in _decoded(match["m"]):
            yield Span(*match.span("m"), SECRET)


def credentials(text: str) -> Iterator[Span]:
    """Find tokens, keys and signatures."""
    for pattern in CREDENTIALS:
        for match in pattern.finditer(text):
            yield Span(*match.span("m"), SECRET)
    for match in _BEARER.finditer(text):
        if not _NOT_A_TOKEN.match(text, match.start("m")):
            yield Span(*match.span("m"), SECRET)


def messages(text: str) -> Iterator[Span]:
    """Find the texts of messages in JSON."""
    for pattern in MESSAGES:
        for match in pattern.finditer(text):
            yield Span(*match.span("m"), MESSAGE)


def _uri_passwords(text: str) -> Iterator[Span]:
    """Passwords of URIs, also with unescaped ``@``, ``/`` and quotes.

    A password ends at the last ``@`` before a host, a quote and a space; else at the first one before a space.
    """
    ends = [match.start() for match in _URI_HOST.finditer(text)] if "://" in text else []
    quotes = [match.start() for match in re.finditer(r"[\s\"']", text)] if ends else []
    spaces = [match.start() for match in re.finditer(r"\s", text)] if ends else []
    position = 0
    while ends and (user := _URI_USER.search(text, position)):
        start, position = user.end(), user.start() + len("://")
        first = bisect.bisect_right(ends, start)
        last = bisect.bisect_left(ends, _next(quotes, start, len(text))) - 1
        index = last if last >= first else first
        if index < len(ends) and ends[index] < _next(spaces, start, len(text)):
            position = ends[index]
            yield Span(start, position, SECRET)


def _next(positions: list[int], start: int, end: int) -> int:
    """The first of the positions from ``start`` on; ``end`` without one."""
    index = bisect.bisect_left(positions, start)
    return positions[index] if index < len(positions) else end


def message_ids(text: str) -> Iterator[Span]:
    """Find WhatsApp message ids, which contain a phone number, and other base64 texts that contain one."""
    for match in WAMID.finditer(text):
        shown = match["m"][-6:] if len(match["m"]) > 12 else "******"
        yield Span(*match.span("m"), f"…{shown}")
    for match in _BASE64.finditer(text):
        if any(_DIGITS.search(_decoded(match[0][offset:])) for offset in range(4)):
            yield Span(*match.span(), PHONE)


def personal(text: str) -> Iterator[Span]:
    """Find phone numbers and e-mail addresses."""
    for match in PERSONAL.finditer(text):
        kind = match.lastgroup if match.lastgroup != "gap" else "groups"
        if kind == "email":
            yield Span(*match.span(), EMAIL)
        elif kind in _SHORTEST and _SHORTEST[kind] <= sum(map(str.isdigit, match[0])) <= 17:
            yield Span(*match.span(), PHONE)


def _decoded(text: str) -> bytes:
    """Decode a base64 text as far as possible; nothing if it is not base64."""
    standard = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    whole = standard[: len(standard) - (len(standard) % 4 == 1)]
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4))
    except binascii.Error:
        return b""
