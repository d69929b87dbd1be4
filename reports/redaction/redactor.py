"""Redacts everything that the suite writes: terminal, logs, reports, evidence.

Masks the secrets of the run in every usual encoding, other secrets by their pattern, and personal data: phone
numbers, e-mail addresses, texts of messages. Fails closed: what cannot be redacted is withheld.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from fixtures.secret import Secret
from reports.redaction import patterns
from reports.redaction.patterns import MASKS, MESSAGE, PHONE, SECRET, WITHHELD, Span
from reports.redaction.secret_forms import Forms, forms, is_word_like

Finder = Callable[[str], Iterable[Span]]
Redacted = TypeVar("Redacted")

_ROUNDS = 6
"""Passes over a text until nothing more is found; a text that needs more passes is withheld."""

_CACHED_TEXTS = 10_000
_CACHED_LENGTH = 200
"""Short texts whose redaction is cached: the same names and dots are written thousands of times."""

_CUT = re.compile(r"\.\.\.|…")
SHORTEST_REMAINS = 4
"""Shortest part of a secret that is masked beside a cut (``…``); shorter parts reveal too little."""

_SCHEME = re.compile(r"[A-Za-z]+(?=:|%(?:25)*3A)")
"""The scheme of a secret URL, which is not secret."""

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

_LOG_QUOTES = (
    re.compile(r'"(?P<m>(?:[^"\\]|\\.)*)(?:"|\Z)', re.DOTALL),
    re.compile(r"(?<!\w)'(?P<m>.*?)(?:'(?!\w)|\Z)", re.DOTALL),
    re.compile(r"[`“«](?P<m>.*?)(?:[`”»]|\Z)", re.DOTALL),
    re.compile(r"\)=\((?P<m>.*?)(?:\)|\Z)", re.DOTALL),
    re.compile(r"(?<!error )(?<!error_)\b(?:body|text|caption|message)\s*[:=]\s*(?P<m>\S.*)", re.I | re.DOTALL),
)


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
        if is_word_like(value):
            self._plain_words.add(value)
        longest_first = sorted(self._words, key=len, reverse=True)
        self._word_pattern = re.compile("|".join(map(_whole_word, longest_first))) if longest_first else None
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
        return self._or_withheld(lambda: self._repeat(text, self._secrets, patterns.personal, _quoted))

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
        yield from patterns.credentials(text)
        yield from patterns.message_ids(text)

    def _learnt(self, text: str) -> Iterator[Span]:
        for forms_, within in ((self._anywhere, text), (self._caseless, text.translate(_LOWER))):
            for form in forms_:
                yield from (Span(start, start + len(form), SECRET) for start in _positions(within, form))
        for match in _CUT.finditer(text):
            yield from (_remains(text, match, form) for form in self._anywhere)
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
    wanted = sorted(
        span
        for span in spans
        if span.start < span.end and not any(start <= span.start and span.end <= end for start, end in kept)
    )
    parts, position = [], 0
    while wanted:
        start, end, mask = wanted.pop(0)
        while wanted and wanted[0].start < end:
            end = max(end, wanted.pop(0).end)
        parts += [text[position:start], mask]
        position = end
    return "".join(parts) + text[position:]


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


def _remains(text: str, cut: re.Match[str], form: str) -> Span:
    """The parts of a secret beside a cut; an empty span if there are none."""
    scheme = _SCHEME.match(form)
    shortest = SHORTEST_REMAINS + (scheme.end() if scheme else 0)
    longest = range(len(form) - 1, shortest - 1, -1)
    before = next((length for length in longest if text.endswith(form[:length], 0, cut.start())), 0)
    after = next((length for length in longest if text.startswith(form[-length:], cut.end())), 0)
    return Span(cut.start() - before, cut.end() + after, SECRET) if before or after else Span(0, 0, SECRET)


def _whole_word(value: str) -> str:
    left = r"(?<!\w)" if re.match(r"\w", value) else ""
    right = r"(?!\w)" if re.search(r"\w\Z", value) else ""
    return f"{left}{re.escape(value)}{right}"


def _quoted(text: str) -> Iterator[Span]:
    for pattern in _LOG_QUOTES:
        for match in pattern.finditer(text):
            if match["m"].strip("…"):
                yield Span(*match.span("m"), "…")


def _is_phone(value: object, path: tuple[str, ...]) -> bool:
    named = bool(path) and path[-1] in _PHONE_KEYS
    return named and not isinstance(value, bool) and sum(map(str.isdigit, str(value))) >= 5
