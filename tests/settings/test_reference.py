"""The page of the settings is complete and up to date."""

import dataclasses

import pytest

from fixtures.settings.document import tables_of_settings
from fixtures.settings.environment import VARIABLES
from fixtures.settings.fields import entry_of
from fixtures.settings.reference import PAGE, meanings, renewed


def test_reference_is_up_to_date() -> None:
    """The page is what the model generates."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == renewed(page), "update docs/settings.md: python -m fixtures.settings.reference"


@pytest.mark.parametrize("kind", [entry_of(hint) or hint for hint in tables_of_settings().values()])
def test_every_setting_has_its_meaning(kind: type) -> None:
    """A field without a docstring fails."""
    assert [field.name for field in dataclasses.fields(kind) if not meanings(kind)[field.name]] == []


def test_every_variable_is_on_the_page() -> None:
    """A new environment variable must be documented."""
    page = PAGE.read_text(encoding="utf-8")
    assert [known.name for known in VARIABLES if f"`{known.name}`" not in page] == []
