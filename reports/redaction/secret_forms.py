"""The forms of a secret value in text: its encodings, its escaped forms, its digests."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

SHORT = 8
"""A value with fewer characters is masked as a whole word only: inside other words it is chance."""

UNMASKED = 3
"""A value with fewer characters is not masked in text, where it would match by chance everywhere."""

_WORD_LIKE = re.compile(r"[a-z]+(?:[_-][a-z]+)*|[A-Za-z][a-z]+")
_PERCENT = re.compile(r"%[0-9A-F]{2}")


@dataclass(frozen=True)
class Forms:
    """What to look for in a text to find one secret."""

    anywhere: frozenset[str] = frozenset()
    """Masked everywhere."""
    caseless: frozenset[str] = frozenset()
    """In lower case; masked everywhere, in upper and lower case: hex digits, percent-encoding."""
    words: frozenset[str] = frozenset()
    """Masked as whole words only."""
    base64_parts: frozenset[str] = frozenset()
    """Parts that every base64 text around the value contains; the characters beside them have bits of it too."""

    def __repr__(self) -> str:
        """A mask: the forms are the secret."""
        return "Forms(***)"


def is_word_like(value: str) -> bool:
    """Whether a secret looks like a word, such as ``postgres``, which also names other things."""
    return len(value) <= 12 and _WORD_LIKE.fullmatch(value) is not None


def forms(value: str) -> Forms:
    """Every form of a secret value that is masked."""
    digests = frozenset(_digests(value))
    if len(value) < UNMASKED:
        return Forms(caseless=digests)
    spellings = frozenset(text for text in _spellings(value) if len(text) >= UNMASKED)
    caseless = digests | {text.lower() for text in _caseless(value, spellings) if len(text) >= SHORT}
    parts = frozenset(part for part in _base64_parts(value) if len(part) >= SHORT)
    if len(value) < SHORT or is_word_like(value):
        return Forms(caseless=caseless, words=spellings, base64_parts=parts)
    return Forms(anywhere=spellings, caseless=caseless, base64_parts=parts)


def _digests(value: str) -> Iterator[str]:
    """Hex digests in lower case, which platforms show instead of the value."""
    for algorithm in ("md5", "sha1", "sha256"):
        yield hashlib.new(algorithm, _octets(value), usedforsecurity=False).hexdigest()


def _caseless(value: str, spellings: frozenset[str]) -> Iterator[str]:
    yield _octets(value).hex()
    yield from (text for text in spellings if _PERCENT.search(text) and text != value)


def _spellings(value: str) -> Iterator[str]:
    octets = _octets(value)
    yield value
    yield octets.hex()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(octets).decode()
        yield encode(octets).decode().rstrip("=")
    for escaped in _escaped(value):
        yield escaped
        yield from _escaped(escaped)


def _escaped(value: str) -> Iterator[str]:
    """The value inside a URL, a JSON or Python string, or HTML."""
    octets = _octets(value)
    yield from (quote(octets, safe=safe) for safe in ("", "/", "/:@"))
    yield quote_plus(octets)
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    yield repr(value)[1:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)


def _base64_parts(value: str) -> Iterator[str]:
    """The part that is the same in every base64 text around the value, for each of the three alignments."""
    octets = _octets(value)
    for before in range(3):
        first = -(-before * 8 // 6)
        last = (before + len(octets)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * before + octets).decode()[first:last]


def _octets(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")
