"""The page of check 4 names every case that its users meet, and the data of the trust headers is in order."""

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
    named = set(re.findall(r"`([a-z0-9-]+)`", PAGE.read_text()))
    assert set(CASES[parameter]) <= named


def test_anon_key_is_a_case_only_where_it_is_known() -> None:
    assert "anon-key" in CASES["bearer"]
    assert "anon-key" not in cases(SETTINGS)["bearer"]


def test_trust_headers_are_different_lower_case_and_explained() -> None:
    headers = [header for kind in TRUST_HEADERS.values() for header in kind]
    assert len({header.name for header in headers}) == len(headers) > 50
    for header in headers:
        assert re.fullmatch(r"\??[a-z][a-z0-9_-]+", header.name)
        assert len(set(header.values)) == 2
        assert len(header.reason) > 10
