"""Redacts everything that the suite writes: terminal, logs, reports, evidence.

Masks the secrets of the run in every usual encoding, other secrets by their pattern, and personal data: phone
numbers, e-mail addresses, texts of messages. Fails closed: what cannot be redacted is withheld.
"""

from __future__ import annotations

import bisect
import re
import string
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from fixtures.secret import Secret
from reports.redaction import patterns
from reports.redaction.cuts import Cuts
from reports.redaction.names import KnownNames
from reports.redaction.patterns import MASKS, MESSAGE, PHONE, SECRET, WITHHELD, Span
from reports.redaction.quotes import quoted
from reports.redaction.secret_forms import Forms, forms, is_word_like

Finder = Callable[[str], Iterable[Span]]
Redacted = TypeVar("Redacted")

_ROUNDS = 6
"""Passes over a text until nothing more is found; a text that needs more passes is withheld."""

_CACHED_TEXTS = 10_000
_CACHED_LENGTH = 200
"""Short texts whose redaction is cached: the same names and dots are written thousands of times."""

_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Control characters, which a terminal or a browser would execute: data of a deployment must not control them."""

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""Unlike ``str.lower`` this keeps the length of a text, and so all positions in it."""

_BASE64_CHARACTERS = frozenset(string.ascii_letters + string.digits + "+/-_=")
_PHONE_KEYS = frozenset({"phone_number", "phone", "display_phone_number", "wa_id", "recipient_id", "msisdn"})
_SECRET_KEYS = frozenset({"password", "authorization", "apikey", "api_key", "access_token", "x-hub-signature-256"})
_MESSAGE_PARENTS = frozenset({"text", "button", "interactive", "reply", "image", "video", "document"})


class Redactor:
    """Masks the secrets that it has learnt, other secrets by their pattern, and personal data.

    A secret that is short (fewer than 8 characters) or a word (such as ``postgres``) is masked as a whole
    word only. If a word is the whole value of a field it stays, because there it is the name of a role or a
    database. A secret of fewer than 3 characters is not masked in text.
    """

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._anywhere: set[str] = set()
        self._caseless: set[str] = set()
        self._base64_parts: set[str] = set()
        self._words: set[str] = set()
        self._plain_words: set[str] = set()
        self._cuts = Cuts()
        self._names = KnownNames()
        self._word_pattern: re.Pattern[str] | None = None
        self._cache: dict[str, str] = {}
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: Secret) -> None:
        """Mask this secret and each of its lines from now on."""
        value = secret.reveal()
        for text in {value, *value.splitlines()} - {""}:
            self._add(text, forms(text))

    def _add(self, value: str, found: Forms) -> None:
        self._anywhere |= found.anywhere
        self._caseless |= found.caseless
        self._base64_parts |= found.base64_parts
        self._words |= found.words
        for form in found.anywhere:
            self._cuts.learn(form)
        if is_word_like(value):
            self._plain_words.add(value)
        longest_first = sorted(self._words, key=len, reverse=True)
        self._word_pattern = re.compile("|".join(map(_whole_word, longest_first))) if longest_first else None
        self.learn_names(())

    def learn_names(self, names: Iterable[str]) -> None:
        """Don't mask these names by a pattern: of schemas, tables, columns, settings, jobs and functions.

        A name that looks like a token or a phone number, or that is part of a secret of the run, gains nothing.
        """
        self._names.learn(names, self._anywhere | self._words)
        self._cache.clear()

    def text(self, text: str) -> str:
        """The text without secrets and personal data; redacting it again changes nothing."""
        redacted = self._cache.get(text)
        if redacted is None:
            redacted = self._or_withheld(lambda: self._repeat(text, self._secrets, patterns.personal))
            if len(text) <= _CACHED_LENGTH and len(self._cache) < _CACHED_TEXTS:
                self._cache[text] = redacted
        return redacted

    def known_secrets_only(self, text: str) -> str:
        """The text without the learnt secrets; for data other than text, in which patterns match by chance."""
        return self._or_withheld(lambda: _masked(text, self._learnt(text)))

    def log_line(self, text: str) -> str:
        """A line of a deployment's log; also masks what is in quotes or follows ``body:`` or ``message:``."""
        return self._or_withheld(lambda: self._repeat(text, self._secrets, patterns.personal, quoted))

    def data(self, data: Any) -> Any:
        """JSON-like data with its strings redacted; numbers, booleans and the structure stay.

        Control characters are escaped, such as ``\\x1b``. A key changes only if it is a secret or personal data
        itself.
        """
        return self._or_withheld(lambda: self._walk(data, ()))

    def lines(self, lines: Iterable[str]) -> Iterator[str]:
        """Each of the lines without secrets and personal data."""
        return map(self.text, lines)

    def _or_withheld(self, redact: Callable[[], Redacted]) -> Redacted | str:
        try:
            return redact()
        except Exception:  # noqa: BLE001 - what could not be redacted must not be shown
            return WITHHELD

    def _repeat(self, text: str, *stages: Finder) -> str:
        """Mask until nothing more is found, so that redacting the result again changes nothing."""
        for _ in range(_ROUNDS):
            before = text
            for stage in stages:
                text = _masked(text, stage(text))
            if text == before:
                return text
        return WITHHELD

    def _secrets(self, text: str) -> Iterator[Span]:
        yield from self._learnt(text)
        yield from patterns.passwords(text)
        yield from patterns.messages(text)
        for span in (*patterns.credentials(text), *patterns.message_ids(text)):
            if text[span.start : span.end].rstrip(".") not in self._names:
                yield span

    def _learnt(self, text: str) -> Iterator[Span]:
        for forms_, within in ((self._anywhere, text), (self._caseless, text.translate(_LOWER))):
            for form in forms_:
                yield from (Span(start, start + len(form), SECRET) for start in _positions(within, form))
        yield from self._cuts.remains(text)
        for part in self._base64_parts:
            for start in _positions(text, part):
                yield Span(*_around(text, start, start + len(part)), SECRET)
        if self._word_pattern is not None:
            yield from (Span(*match.span(), SECRET) for match in self._word_pattern.finditer(text))

    def _walk(self, data: Any, path: tuple[str, ...]) -> Any:
        if data is None or isinstance(data, bool | int | float):
            return PHONE if _is_phone(data, path) else data
        if isinstance(data, str):
            return self._string(data, path).translate(_CONTROL)
        if isinstance(data, Mapping):
            return {self._key(key): self._walk(value, (*path, str(key).lower())) for key, value in data.items()}
        if isinstance(data, list | tuple | set | frozenset):
            return [self._walk(value, (*path, "")) for value in data]
        return self.text(str(data))

    def _string(self, value: str, path: tuple[str, ...]) -> str:
        key = path[-1] if path else ""
        if _is_phone(value, path):
            return PHONE
        if key in _SECRET_KEYS and value and not MASKS.fullmatch(value):
            return SECRET
        if value and (
            key == "caption" or (key in {"body", "text", "title"} and path[-2:-1] and path[-2] in _MESSAGE_PARENTS)
        ):
            return MESSAGE
        if value in self._plain_words or (value.isdecimal() and patterns.SETTING.fullmatch(key)):
            return value
        return self.text(value)

    def _key(self, key: Any) -> Any:
        shown = isinstance(key, str) and key not in self._plain_words
        return self.text(key).translate(_CONTROL) if shown else key


def _masked(text: str, spans: Iterable[Span]) -> str:
    """The text with its spans masked; overlapping spans become one, and masks of an earlier pass stay."""
    kept = [match.span() for match in MASKS.finditer(text)]
    wanted = sorted(span for span in spans if span.start < span.end and not _within(span, kept))
    merged: list[Span] = []
    for span in wanted:
        if merged and span.start < merged[-1].end:
            merged[-1] = merged[-1]._replace(end=max(span.end, merged[-1].end))
        else:
            merged.append(span)
    parts, position = [], 0
    for start, end, mask in merged:
        parts += [text[position:start], mask]
        position = end
    return "".join(parts) + text[position:]


def _within(span: Span, kept: list[tuple[int, int]]) -> bool:
    """Whether a span lies within one of the masks, which are in order."""
    index = bisect.bisect_right(kept, (span.start, sys.maxsize)) - 1
    return index >= 0 and span.end <= kept[index][1]


def _positions(text: str, form: str) -> Iterator[int]:
    start = text.find(form)
    while start >= 0:
        yield start
        start = text.find(form, start + 1)


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """Extend a base64 part by the character on either side, which has bits of the value, and by the padding."""
    if start and text[start - 1] in _BASE64_CHARACTERS:
        start -= 1
    if end < len(text) and text[end] in _BASE64_CHARACTERS:
        end += 1
    while end < len(text) and text[end] == "=":
        end += 1
    return start, end


def _whole_word(value: str) -> str:
    left = r"(?<!\w)" if re.match(r"\w", value) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", value) else ""
    return f"{left}{re.escape(value)}{right}"


def _is_phone(value: object, path: tuple[str, ...]) -> bool:
    named = bool(path) and path[-1] in _PHONE_KEYS
    return named and not isinstance(value, bool) and sum(map(str.isdigit, str(value))) >= 5
