"""The page of check 4 names each case; the data of the trust headers is well formed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.settings.model import Settings
from fixtures.webhooks.cases import cases
from fixtures.webhooks.forgeries.trust_headers import TRUST_HEADERS

PAGE = Path(__file__).parents[2] / "docs" / "checks" / "check-04.md"
SETTINGS = Settings()
CASES = cases(replace(SETTINGS, names=replace(SETTINGS.names, anon_key="a-public-key")))


@pytest.mark.parametrize("parameter", ["forgery", "control", "greeting", "bearer"])
def test_page_names_every_case(parameter: str) -> None:
    """The page of check 4 contains the name of each case."""
    named = set(re.findall(r"`([a-z0-9-]+)`", PAGE.read_text()))
    assert set(CASES[parameter]) <= named


def test_anon_key_is_a_case_only_if_set() -> None:
    """The case needs names.anon_key."""
    assert "anon-key" in CASES["bearer"]
    assert "anon-key" not in cases(SETTINGS)["bearer"]


def test_trust_headers_are_well_formed() -> None:
    """Names are unique and in lower case; each has two different values and a reason."""
    headers = [header for kind in TRUST_HEADERS.values() for header in kind]
    assert len({header.name for header in headers}) == len(headers) > 50
    for header in headers:
        assert re.fullmatch(r"\??[a-z][a-z0-9_-]+", header.name)
        assert len(set(header.values)) == 2
        assert len(header.reason) > 10
