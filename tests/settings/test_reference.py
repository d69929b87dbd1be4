"""The page of the settings: complete, and not out of date."""

import dataclasses

import pytest

from fixtures.settings.document import entry_of, tables_of_settings
from fixtures.settings.environment import VARIABLES
from fixtures.settings.reference import PAGE, meanings, renewed


def test_the_reference_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "renew docs/settings.md: python -m fixtures.settings.reference"


@pytest.mark.parametrize("kind", [entry_of(hint) or hint for hint in tables_of_settings().values()])
def test_every_setting_says_what_it_means(kind: type) -> None:
    assert [field.name for field in dataclasses.fields(kind) if not meanings(kind)[field.name]] == []


def test_every_variable_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [known.name for known in VARIABLES if f"`{known.name}`" not in page] == []
