"""Bounds at the fields: none is forgotten, and evidence is read without them."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.settings.bounds import AtLeastOne, Percent
from fixtures.settings.document import tables_of_settings
from fixtures.settings.fields import entry_of, expected_of, types_of
from fixtures.settings.model import Names, Probes, Settings
from fixtures.settings.recorded import recorded_settings

KINDS = [entry_of(hint) or hint for hint in tables_of_settings().values()]


def numbers(hint: Any, bounds: Meta | None = None) -> Iterator[Meta | None]:
    """The bounds of each number in a type, also of those in a list; None for a number without."""
    if hint in (int, float):
        yield bounds
    for member in typing.get_args(hint):
        notes = getattr(hint, "__metadata__", ())
        yield from numbers(member, next((note for note in notes if isinstance(note, Meta)), None))


def is_closed(bounds: Meta | None) -> bool:
    """Whether there is a lowest and a highest value."""
    if bounds is None:
        return False
    return (bounds.gt is not None or bounds.ge is not None) and (bounds.lt is not None or bounds.le is not None)


def unbounded(kind: type) -> list[str]:
    """Fields of a dataclass with a number that lacks a bound."""
    return [name for name, hint in types_of(kind).items() if not all(map(is_closed, numbers(hint)))]


@dataclass(frozen=True)
class Sample:
    """Numbers with and without bounds, and a text."""

    good: Percent
    optional: Annotated[int, Meta(ge=0, le=9)] | None
    each: AtLeastOne[Percent]
    text: str
    flag: bool
    bare: int
    bare_or_none: float | None
    one_sided: Annotated[float, Meta(gt=0)]
    bare_in_list: AtLeastOne[int]


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_has_bounds(kind: type) -> None:
    """A new number without bounds at its field fails here."""
    assert unbounded(kind) == []


def test_number_without_bounds_is_found() -> None:
    """Alone, beside None, with one bound only, and in a list."""
    assert unbounded(Sample) == ["bare", "bare_or_none", "one_sided", "bare_in_list"]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        (Meta(gt=0, le=9), "a number above 0, at most 9"),
        (Meta(gt=0, lt=9), "a number above 0 and below 9"),
        (Meta(ge=1, le=9), "a number from 1 to 9"),
        (Meta(ge=1, le=9, extra={"unit": "days"}), "a number of days from 1 to 9"),
    ],
)
def test_bounds_in_words(bounds: Meta, words: str) -> None:
    """Errors and the page of the settings have the bounds from the field."""
    assert expected_of(Annotated[float, bounds]) == words
    assert expected_of(Annotated[int, bounds] | None) == words.replace("number", "whole number")


def out_of_bounds(value: Any) -> Any:
    """A value of the same type that no field accepts; tables are changed field by field."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        changed = {field.name: out_of_bounds(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return replace(value, **changed)
    refused = {int: -10_000_000_000, float: -1e10, str: "[secret]", tuple: ()}
    return refused.get(type(value), value)


def test_evidence_is_read_without_bounds() -> None:
    """A run can exceed the bounds (``--probe-requests``) or be older than they are; redaction masks texts."""
    settings = out_of_bounds(Settings())
    assert settings.limits.http_requests_per_endpoint == -10_000_000_000
    assert settings.names.schema == "[secret]"
    text = to_text(plain(Evidence(settings, datetime(2026, 1, 31, tzinfo=UTC))))
    assert decode(text).settings == settings


def test_settings_of_other_versions_are_read() -> None:
    """Missing fields have their defaults, unknown ones are ignored."""
    plain_settings = {"target": "old", "names": {"schema": "app", "gone": 1}, "gone": {}, "probes": {"seed": None}}
    assert recorded_settings(plain_settings) == Settings(target="old", names=Names(schema="app"))
    assert recorded_settings({"probes": {"seed": 7}}).probes == Probes(seed=7)
    assert recorded_settings({}) == Settings()


@pytest.mark.parametrize(
    ("plain_settings", "place"),
    [
        ({"limits": {"log_lines": "many"}}, "`$.settings.limits.log_lines`"),
        ({"limits": []}, "`$.settings.limits`"),
        ({"jobs": [{"name": "a"}]}, "`$.settings.jobs`"),
        (None, "`$.settings`"),
    ],
)
def test_wrong_type_in_evidence_has_its_place(plain_settings: object, place: str) -> None:
    """The error names the field."""
    document = {"schema": 1, "settings": plain_settings, "read_at": "2026-01-31T00:00:00Z", "pieces": {}}
    with pytest.raises(ValueError, match=rf"^is not evidence .* - in {re.escape(place)}$"):
        decode(msgspec.json.encode(document))
