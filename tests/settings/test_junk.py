"""Any text as a file of settings gives settings or error sentences, never another exception."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.settings.load import load_settings
from fixtures.settings.problems import SettingsError

NAMES = [
    *("names", "jobs", "thresholds", "windows", "limits", "log_allowances", "targets", "production"),
    *("schema", "webhooks", "name", "schedule", "dlq_pending", "grace_seconds", "success_rate_percent"),
    *("http_concurrency", "match", "expires", "base_url", "functions_path", "nonsense", "'a b'", '""'),
]
LITERALS = st.recursive(
    st.sampled_from(["2026-01-01", "2026-01-01T00:00:00Z", "07:32:00", "inf", "nan", "1e400", "[]", "{}"])
    | st.integers().map(str)
    | st.floats().map(str)
    | st.booleans().map(lambda value: str(value).lower())
    | st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=8).map(
        lambda text: json.dumps(text, ensure_ascii=False)
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.tuples(st.sampled_from(NAMES), inner).map(lambda pair: f"{{{pair[0]} = {pair[1]}}}")
    ),
    max_leaves=5,
)
KEYS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(".".join)
LINES = (
    KEYS.map(lambda key: f"[{key}]")
    | KEYS.map(lambda key: f"[[{key}]]")
    | st.tuples(KEYS, LITERALS).map(lambda pair: f"{pair[0]} = {pair[1]}")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the file, which hypothesis overwrites for each example."""
    return tmp_path_factory.mktemp("junk")


@settings(deadline=None, derandomize=True)
@given(st.lists(LINES, max_size=6).map("\n".join) | st.text(st.characters(codec="utf-8")))
def test_junk_gives_settings_or_sentences(folder: Path, text: str) -> None:
    """TOML of settings with random values, and any other text."""
    (folder / "deployment.toml").write_text(text, encoding="utf-8")
    with contextlib.suppress(SettingsError):
        load_settings(None, "production", {}, folder)
