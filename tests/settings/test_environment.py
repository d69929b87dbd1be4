"""The environment: the sentence for each mistake, which never contains the value."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fixtures.secret import Secret
from fixtures.settings.environment import VARIABLES
from fixtures.settings.load import load_settings
from fixtures.settings.problems import SettingsError

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
URL = "expected an address such as https://host.example"
DATABASE = "EASYMO_DATABASE_URL"
DSN = "expected a libpq URI (postgresql://user@host/database) or key=value pairs"
TIME = "expected ISO 8601 with an offset, such as 2026-01-31T12:00:00Z"
DSN_ESCAPED = f"{DSN}, and a password with @ : / ? # or % in it must be percent-encoded"

SENTENCES = [
    (DATABASE, "planted", f"is not a connection string; {DSN_ESCAPED}"),
    (DATABASE, "postgresql+psycopg://u:planted@h/d", f"is not a connection string; {DSN_ESCAPED}"),
    (DATABASE, "postgresql://u:planted%zz@h/d", f"is not a connection string; {DSN_ESCAPED}"),
    (DATABASE, "hots=planted", f"is not a connection string; {DSN_ESCAPED}"),
    (DATABASE, "postgresql://u:p@planted@h/d", f"has an invalid host; {DSN_ESCAPED}"),
    (DATABASE, "postgresql://u:p/planted@h/d", f"has an invalid port; {DSN_ESCAPED}"),
    (DATABASE, "postgresql://u:70000/planted", f"has an invalid port; {DSN_ESCAPED}"),
    (DATABASE, "postgresql://u:1/planted@h/d", f"has an @ in its database name; {DSN_ESCAPED}"),
    (
        DATABASE,
        "postgresql://u:p@h/d?sslmode=planted",
        "has an unknown sslmode; expected one of disable, allow, prefer, require, verify-ca, verify-full",
    ),
    (DATABASE, "postgresql://planted/d\n", f"has white space around it or a control character in it; {DSN}"),
    ("EASYMO_BASE_URL", "planted.example", f"does not begin with http:// or https://; {URL}"),
    ("EASYMO_BASE_URL", "ftp://planted", f"does not begin with http:// or https://; {URL}"),
    ("EASYMO_BASE_URL", "https://", f"has no valid host; {URL}"),
    ("EASYMO_BASE_URL", "https://a planted", f"has no valid host; {URL}"),
    ("EASYMO_BASE_URL", "https://h:planted", f"is not a URL; {URL}"),
    ("EASYMO_BASE_URL", "https://[planted", f"is not a URL; {URL}"),
    ("EASYMO_BASE_URL", "https://h?planted", f"has a query or a fragment; {URL}"),
    ("EASYMO_BASE_URL", "https://h/#planted", f"has a query or a fragment; {URL}"),
    (
        "EASYMO_PROMETHEUS_URL",
        "https://u:planted@h",
        f"has credentials in it; {URL} and the credentials in their own variables",
    ),
    ("EASYMO_BASE_URL", " https://planted", "begins or ends with white space; expected the value alone"),
    ("SLACK_WEBHOOK_URL", "planted", f"does not begin with http:// or https://; {URL}"),
    ("WHATSAPP_APP_SECRET", "planted\n", "begins or ends with white space; expected the value alone"),
    ("WA_VERIFY_TOKEN", "plan\x00ted", "has a character that cannot be printed; expected one line of text"),
    ("SUPABASE_SERVICE_ROLE_KEY", "planted ü", "cannot be sent in a header; expected a token in ASCII"),
    ("EASYMO_RELEASE", "planted\nmore", "has a character that cannot be printed; expected one line of text"),
    (
        "EASYMO_RELEASE",
        "planted" * 15,
        "is too long; expected at most 100 characters, such as a tag or a commit",
    ),
    ("EASYMO_DEPLOYED_AT", "planted", f"is not a time; {TIME}"),
    ("EASYMO_DEPLOYED_AT", "2026-01-31T11:00:00", f"has no offset from UTC; {TIME}"),
    ("EASYMO_DEPLOYED_AT", "2026-01-31", f"has no offset from UTC; {TIME}"),
    ("EASYMO_DEPLOYED_AT", "0001-01-01T00:00:00+14:00", f"is before 2020; {TIME}"),
    (
        "EASYMO_DEPLOYED_AT",
        "2026-01-31T12:01:01Z",
        "is in the future by this machine's clock (2026-01-31T12:00:00Z); expected a time that has passed",
    ),
]


@pytest.mark.parametrize(("name", "value", "sentence"), SENTENCES)
def test_wrong_value_is_not_in_its_message(name: str, value: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, None, {name: value}, tmp_path, now=NOW)
    assert caught.value.problems == (f"{name} (environment) {sentence}",)
    assert caught.value.__cause__ is None
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("misspelt", "near"),
    [
        ("EASYMO_DATABSE_URL", "EASYMO_DATABASE_URL"),
        ("EASYMO_LOGFILE", "EASYMO_LOG_FILE"),
        ("easymo_base_url", "EASYMO_BASE_URL"),
    ],
)
def test_misspelt_variable_is_reported(misspelt: str, near: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(None, None, {misspelt: "planted"}, tmp_path)
    assert str(caught.value) == (
        f"{misspelt} (environment) is not a variable of the suite; the nearest valid name is {near}"
    )


def test_variables_of_others_are_ignored(tmp_path: Path) -> None:
    settings, _ = load_settings(None, None, {"EASYMO_LOG_LEVEL": "debug", "DATABASE_URL": "x"}, tmp_path)
    assert settings.configured == ()


def test_variables_are_configured_and_secrets_known(tmp_path: Path) -> None:
    urls = {known.name: "https://host.example" for known in VARIABLES if known.name.endswith("_URL")}
    texts = {known.name: f"value-of-{known.name}" for known in VARIABLES}
    environ = texts | urls | {
        "EASYMO_DATABASE_URL": "postgresql://u:pass%40word@db.example/d",
        "EASYMO_DEPLOYED_AT": "2026-01-31T13:00:30+01:00",
        "PGPASSWORD": "other",
    }  # fmt: skip
    settings, access = load_settings(None, None, environ, tmp_path, now=NOW)
    assert settings.configured == tuple(known.name for known in VARIABLES)
    assert settings.deployed_at == NOW + timedelta(seconds=30)
    secrets = {environ[known.name] for known in VARIABLES if known.secret} | {"pass@word", "pass%40word", "other"}
    assert set(access.secrets) == {Secret(value) for value in secrets}
    assert access.log_file == "value-of-EASYMO_LOG_FILE"
    assert settings.release == "value-of-EASYMO_RELEASE"
    assert "value-of" not in repr(settings).replace(settings.release, "")


def test_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    environ = {"WHATSAPP_APP_SECRET": "", "EASYMO_DATABASE_URL": "", "WA_VERIFY_TOKEN": "t"}
    settings, access = load_settings(None, None, environ, tmp_path)
    assert settings.configured == ("WA_VERIFY_TOKEN",)
    assert settings.set_but_empty == ("EASYMO_DATABASE_URL", "WHATSAPP_APP_SECRET")
    assert access.database is None
    assert access.app_secret is None


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({}, "local"),
        ({"EASYMO_BASE_URL": "https://abc.supabase.co/"}, "abc.supabase.co"),
        ({"EASYMO_DATABASE_URL": "postgresql://u:p@db.example:6543/d"}, "db.example"),
        ({"EASYMO_DATABASE_URL": "host=/run/postgresql dbname=d"}, "local"),
        ({"EASYMO_DATABASE_URL": "hostaddr=127.0.0.1"}, "127.0.0.1"),
        ({"EASYMO_DATABASE_URL": "postgresql://[::1]:5432/d"}, "::1"),
        ({"EASYMO_DATABASE_URL": "service=easymo"}, "easymo"),
        ({"EASYMO_DATABASE_URL": "postgresql://a,b/d"}, "a"),
        ({"EASYMO_BASE_URL": "https://a.example", "EASYMO_DATABASE_URL": "host=b"}, "a.example"),
    ],
)
def test_host_names_a_deployment_without_a_target(environ: dict[str, str], target: str, tmp_path: Path) -> None:
    assert load_settings(None, None, environ, tmp_path)[0].target == target


def test_base_url_must_be_the_targets_own(tmp_path: Path) -> None:
    (tmp_path / "deployment.toml").write_text("[targets.production]\nbase_url = 'https://a.example/'\n")
    same = {"EASYMO_BASE_URL": "https://a.example"}
    assert load_settings(None, "production", same, tmp_path)[1].base_url == "https://a.example"
    with pytest.raises(SettingsError) as caught:
        load_settings(None, "production", {"EASYMO_BASE_URL": "https://b.example"}, tmp_path)
    assert str(caught.value) == (
        "EASYMO_BASE_URL (environment) is not the base_url of [targets.production]; "
        "expected one address for one target, so unset the variable or choose the target that it belongs to"
    )


def test_base_url_must_not_end_with_functions_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"ends with /functions/v1, which names\.functions_path adds"):
        load_settings(None, None, {"EASYMO_BASE_URL": "https://a.example/functions/v1/"}, tmp_path)


@hypothesis_settings(deadline=None, derandomize=True)
@given(st.sampled_from([known.name for known in VARIABLES]), st.text(min_size=1))
def test_no_value_is_shown_or_raises_other_errors(name: str, value: str) -> None:
    problems: tuple[str, ...] = ()
    try:
        load_settings(None, None, {name: value}, Path("/nonexistent"), now=NOW)
    except SettingsError as error:
        problems = error.problems
    assert len(problems) <= 1
    assert len(value) < 8 or value not in "".join(problems)
