"""The TOML file: the sentence for each mistake."""

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from fixtures.settings.document import OF_THE_RUN, TableReader, overlay
from fixtures.settings.load import load_settings
from fixtures.settings.model import Job, LogAllowance, Settings
from fixtures.settings.problems import SettingsError

SCHEDULE = "five cron fields as pg_cron has them, such as */5 * * * *, or 1 to 59 seconds, such as 30 seconds"
EACH = ", each the name of an edge function, such as wa-webhook"
JOB = 'name = "a"\nfunction = "f"\n'

SENTENCES = {
    # Unknown keys, each with the nearest valid name.
    "[widows]\n": "widows is not a setting; the nearest valid name is windows",
    "[windows]\ngrace_secs = 1\n": (
        "windows.grace_secs is not a setting; the nearest valid name is grace_seconds"
    ),
    "[vacuum]\nzzz = 1\n": (
        "vacuum.zzz is not a setting; valid names are autovacuum_vacuum_scale_factor, "
        "autovacuum_analyze_scale_factor, autovacuum_vacuum_cost_delay"
    ),
    "target = 'x'\n": "target is not a setting; the nearest valid name is targets",
    f"[[jobs]]\n{JOB}shedule = '* * * * *'\n": (
        "[[jobs]] no. 1, shedule is not a setting; the nearest valid name is schedule\n"
        f"[[jobs]] no. 1 has no schedule; expected {SCHEDULE}"
    ),
    "[[jobs]]\nname = 'a'\nschedule = '* * * * *'\n": (
        "[[jobs]] no. 1 has neither function nor edge_function; expected one of the two"
    ),
    f"[[jobs]]\n{JOB}schedule = '* * * * *'\nedge_function = 'e'\n": (
        "[[jobs]] no. 1 has both function and edge_function; expected one of the two"
    ),
    "[names.answers_as]\n'wa webhook' = 'wa-router'\n": (
        "names.answers_as has a key that is 'wa webhook'; expected each key the name of an edge function, such as "
        "wa-webhook"
    ),
    "[names.answers_as]\nwa-webhook = 3\n": (
        "names.answers_as.wa-webhook is 3; expected the name under which the function answers"
    ),
    "[names]\nwithout_health = ['a b']\n": (
        "names.without_health has an item that is 'a b'; expected a list of different texts" + EACH
    ),
    # Wrong types.
    "[thresholds]\ndlq_pending = 'many'\n": (
        "thresholds.dlq_pending is a text; expected a whole number from 0 to 1000000000"
    ),
    "[thresholds]\ndlq_pending = 1.5\n": (
        "thresholds.dlq_pending is 1.5; expected a whole number from 0 to 1000000000"
    ),
    "[thresholds]\ndlq_pending = true\n": (
        "thresholds.dlq_pending is true; expected a whole number from 0 to 1000000000"
    ),
    "[names]\nschema = 3\n": "names.schema is 3; expected the name of a schema, in lower case",
    "[names]\nwebhooks = 'wa-webhook'\n": (
        "names.webhooks is a text; expected a list of different texts, at least one" + EACH
    ),
    "names = 3\n": "names is 3; expected a table, [names]",
    "jobs = 3\n": "jobs is 3; expected a list of different tables, at least one",
    "jobs = [3]\n": "[[jobs]] no. 1 is 3; expected a table",
    "targets = 3\n": "targets is 3; expected one table for each target, [targets.NAME]",
    "[targets]\nproduction = 'x'\n": "targets.production is a text; expected a table, [targets.production]",
    # Impossible values.
    "[windows]\ngrace_seconds = -1\n": (
        "windows.grace_seconds is -1; expected a number of seconds from 0 to 31622400"
    ),
    "[windows]\nlogs_seconds = 0\n": (
        "windows.logs_seconds is 0; expected a number of seconds above 0, at most 31622400"
    ),
    "[windows]\nlogs_seconds = nan\n": (
        "windows.logs_seconds is nan; expected a number of seconds above 0, at most 31622400"
    ),
    "[limits]\nconnect_timeout_seconds = inf\n": (
        "limits.connect_timeout_seconds is far too large; expected a number of seconds above 0, at most 3600"
    ),
    "[limits]\nhttp_concurrency = 0\n": (
        "limits.http_concurrency is 0; expected a whole number above 0, at most 100"
    ),
    "[thresholds]\nsuccess_rate_percent = 101\n": (
        "thresholds.success_rate_percent is 101; expected a number above 0 and below 100"
    ),
    "[names]\nschema = ''\n": "names.schema is empty; expected the name of a schema, in lower case",
    "[names]\nschema = ' public'\n": (
        "names.schema begins or ends with white space; expected the name of a schema, in lower case"
    ),
    "[names]\nschema = 'pub\\u0000lic'\n".replace("'", '"'): (
        "names.schema has a character that cannot be printed; expected the name of a schema, in lower case"
    ),
    "[reports]\ndocumentation = 'docs/'\n": (
        "reports.documentation is 'docs/'; expected an address without a slash at its end, "
        "such as https://github.com/OWNER/REPOSITORY/blob/main"
    ),
    "[names]\nfunctions_path = 'functions'\n": (
        "names.functions_path is 'functions'; expected a path such as /functions/v1"
    ),
    "[names]\npartition_time_zone = 'Mars'\n": (
        "names.partition_time_zone is 'Mars'; expected a time zone such as UTC or Africa/Kigali"
    ),
    "[vacuum]\nautovacuum_vacuum_scale_factor = 2\n": (
        "vacuum.autovacuum_vacuum_scale_factor is 2; expected a number above 0, at most 1"
    ),
    "[names]\nschema = 'public; drop'\n": (
        "names.schema is 'public; drop'; expected the name of a schema, in lower case"
    ),
    "[names]\nwebhooks = ['wa webhook']\n": (
        "names.webhooks has an item that is 'wa webhook'; expected a list of different texts, at least one" + EACH
    ),
    "[names]\nwebhooks = []\n": (
        "names.webhooks is empty, which would leave the checks nothing to look at; "
        "expected a list of different texts, at least one" + EACH
    ),
    "[names]\nwebhooks = ['a', '']\n": (
        "names.webhooks has an item that is empty; expected a list of different texts, at least one" + EACH
    ),
    "jobs = []\n": (
        "jobs is empty, which would leave the checks nothing to look at; "
        "expected a list of different tables, at least one"
    ),
    # Duplicates.
    "[names]\nwebhooks = ['a', 'b', 'a']\n": (
        "names.webhooks has 'a' twice; expected a list of different texts, at least one" + EACH
    ),
    f"[[jobs]]\n{JOB}schedule = '0 0 $ * *'\n[[jobs]]\n{JOB}schedule = '1 second'\n": (
        "jobs has 'a' twice; expected a list of different tables, at least one"
    ),
    # Schedules and dates.
    f"[[jobs]]\n{JOB}schedule = 'every day'\n": (f"[[jobs]] no. 1, schedule is 'every day'; expected {SCHEDULE}"),
    f"[[jobs]]\n{JOB}schedule = '60 seconds'\n": (
        f"[[jobs]] no. 1, schedule is '60 seconds'; expected {SCHEDULE}"
    ),
    "[[log_allowances]]\nmatch = 'boots'\nreason = 'r'\nexpires = 'soon'\n": (
        "[[log_allowances]] no. 1, expires is a text; expected a date such as 2027-01-31"
    ),
    "[[log_allowances]]\nmatch = 'boots'\nreason = 'r'\nexpires = 2027-01-31T00:00:00Z\n": (
        "[[log_allowances]] no. 1, expires is a date or time; expected a date such as 2027-01-31"
    ),
    "[[log_allowances]]\nmatch = 'at 12345'\nreason = 'r'\nexpires = 2027-01-31\n": (
        "[[log_allowances]] no. 1, match has too few letters besides ids, numbers and quotes, so it would match "
        "almost everything; expected at least 5 letters of the fingerprint"
    ),
    # Names of tables, columns and statuses.
    "[columns.webhook_dlk]\nstatus = 'state'\n": (
        "columns.webhook_dlk is not a setting; the nearest valid name is webhook_dlq"
    ),
    "[columns.webhook_dlq]\nnext_rety_at = 'retry_at'\n": (
        "columns.webhook_dlq.next_rety_at is not a setting; the nearest valid name is next_retry_at"
    ),
    "[columns.webhook_dlq]\nstatus = 3\n": (
        "columns.webhook_dlq.status is 3; expected the name of a column in the deployment"
    ),
    "[columns.webhook_dlq]\nstatus = ''\n": (
        "columns.webhook_dlq.status is empty; expected the name of a column in the deployment"
    ),
    "[columns.webhook_dlq]\nstatus = 'x'\nservice = 'x'\n": (
        "columns.webhook_dlq has 'x' twice; expected each name once"
    ),
    "[columns]\nwebhook_dlq = 'x'\n": "columns.webhook_dlq is a text; expected a table",
    "[names.tables]\nwa_event = 'events'\n": (
        "names.tables.wa_event is not a setting; the nearest valid name is wa_events"
    ),
    "[[dead_letters]]\ntable = 'q'\n[dead_letters.statuses]\npendig = ['queued']\n": (
        "[[dead_letters]] no. 1, statuses.pendig is not a setting; the nearest valid name is pending"
    ),
    "[[dead_letters]]\ntable = 'q'\nstatuses = { pending = ['x'], failed = ['x'] }\n": (
        "[[dead_letters]] no. 1, statuses has 'x' twice; expected each name once"
    ),
    "[[dead_letters]]\ntable = 'q'\nretries = 0\n": (
        "[[dead_letters]] no. 1, retries is 0; expected a whole number above 0, at most 1000000000"
    ),
    "[[dead_letters]]\nretries = 3\n": "[[dead_letters]] no. 1 has no table; expected a text that is not empty",
    "[[dead_letters]]\ntable = 'q'\n[[dead_letters]]\ntable = 'q'\n": (
        "dead_letters has 'q' twice; expected a list of different tables"
    ),
    # Targets, the chosen one and the others.
    "[targets.staging.limits]\nhttp_concurency = 2\n": (
        "targets.staging.limits.http_concurency is not a setting; the nearest valid name is http_concurrency"
    ),
    "[targets.staging]\nbase_ulr = 'https://x.example'\n": (
        "targets.staging.base_ulr is not a setting; the nearest valid name is base_url"
    ),
    "[targets.staging]\nbase_url = 'ftp://x'\n": (
        "targets.staging.base_url does not begin with http:// or https://; "
        "expected an address such as https://host.example"
    ),
    "[targets.staging]\nbase_url = 7\n": (
        "targets.staging.base_url is 7; expected an address such as https://host.example"
    ),
    "[targets.staging]\nbase_url = ''\n": (
        "targets.staging.base_url is empty; expected an address such as https://host.example"
    ),
    "[targets.'a b']\n": (
        "targets.'a b' has an invalid name; expected at most 63 letters, digits and ._-, "
        "the first a letter or digit"
    ),
    "base_url = 'https://x.example'\n": (
        "base_url is outside of a target; expected it in [targets.NAME] or in EASYMO_BASE_URL"
    ),
}


@pytest.mark.parametrize(("text", "sentences"), SENTENCES.items(), ids=range(len(SENTENCES)))
def test_mistake_in_the_file_is_reported(text: str, sentences: str, tmp_path: Path) -> None:
    """One sentence for each: the setting, the file, what was found, what was expected."""
    (tmp_path / "deployment.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, None, {}, tmp_path)
    assert list(caught.value.problems) == [f"deployment.toml: {line}" for line in sentences.split("\n")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a = \n", ", line 1, column 5: is not TOML: "),
        (b"a = [1,\n", ", end of the file: is not TOML: "),
        (b"a = 1979-13-01\n", ", line 1, column "),
        (b"[a]\n[a]\n", ", line 2, column 3: is not TOML: "),
        (b"a = '\xff'\n", ": is not UTF-8 text; expected a TOML file"),
        (b"a = " + b"[" * 100_000, ": is nested too deeply; expected a TOML file"),
    ],
    ids=["value", "end", "date", "twice", "latin-1", "deep"],
)
def test_error_in_toml_has_its_position(content: bytes, sentence: str, tmp_path: Path) -> None:
    """Line and column, where the parser knows them."""
    (tmp_path / "deployment.toml").write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(None, None, {}, tmp_path)
    assert str(caught.value).startswith(f"deployment.toml{sentence}")


def test_defaults_are_within_their_bounds() -> None:
    """Each default, written to a file, is accepted and read as it was."""
    written = json.dumps(msgspec.to_builtins(Settings()))
    tables = json.loads(written, object_pairs_hook=lambda pairs: {k: v for k, v in pairs if v is not None})
    reader = TableReader("the defaults")
    values = reader.settings({name: tables[name] for name in tables.keys() - OF_THE_RUN})
    assert reader.problems == []
    assert overlay(Settings(), values) == Settings()


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """The error says why."""
    with pytest.raises(SettingsError, match=r"x\.toml: cannot be read \(no such file or directory\)"):
        load_settings(tmp_path / "x.toml", None, {}, tmp_path)
    with pytest.raises(SettingsError, match=r"cannot be read \(is a directory\); expected a TOML file$"):
        load_settings(tmp_path, None, {}, tmp_path)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """Those of the file, the environment and the options."""
    (tmp_path / "deployment.toml").write_text("[names]\nschema = 1\n[limits]\nhttp_concurrency = 0\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(None, "x", {"EASYMO_BASE_URL": "nonsense"}, tmp_path)
    assert len(caught.value.problems) == 4


def test_two_functions_may_answer_as_one(tmp_path: Path) -> None:
    """A router answers for several functions."""
    names = "[names.answers_as]\nwa-webhook = 'wa-router'\nwa-webhook-core = 'wa-router'\n"
    (tmp_path / "deployment.toml").write_text(names)
    settings, _ = load_settings(None, None, {}, tmp_path)
    assert settings.names.answers_as == {"wa-webhook": "wa-router", "wa-webhook-core": "wa-router"}


def test_defaults_without_a_file(tmp_path: Path) -> None:
    """A file is not required."""
    settings, _ = load_settings(None, None, {}, tmp_path)
    assert settings == Settings()


def test_project_file_keeps_the_defaults(pytestconfig: pytest.Config) -> None:
    """The ``deployment.toml`` of this repository only names targets."""
    settings, _ = load_settings(None, "production", {}, pytestconfig.rootpath)
    assert settings == Settings(target="production")


def test_target_overrides_file_overrides_defaults(tmp_path: Path) -> None:
    """Tables are merged, and other targets have no effect."""
    file = tmp_path / "other.toml"
    file.write_text(
        """
        [thresholds]
        dlq_pending = 7
        success_rate_percent = 90
        [[jobs]]
        name = "j"
        schedule = "0 0 $ * *"
        function = "f"
        [[jobs]]
        name = "k"
        schedule = "30 seconds"
        edge_function = "e-f"
        [[log_allowances]]
        match = "socket hang up"
        reason = "known"
        expires = 2027-01-31
        [targets.staging]
        base_url = "https://staging.example/"
        [targets.staging.thresholds]
        dlq_pending = 0
        [targets.other.thresholds]
        dlq_pending = 9
        """
    )
    settings, access = load_settings(file, "staging", {}, tmp_path)
    assert settings.target == "staging"
    assert settings.thresholds.dlq_pending == 0
    assert settings.thresholds.success_rate_percent == 90.0
    assert settings.thresholds.dlq_silent_seconds == 900.0
    assert settings.jobs == (Job("j", "0 0 $ * *", "f"), Job("k", "30 seconds", edge_function="e-f"))
    assert settings.log_allowances == (LogAllowance("socket hang up", "known", date(2027, 1, 31)),)
    assert access.base_url == "https://staging.example"
    assert settings.configured == ("EASYMO_BASE_URL",)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (
            "prodution",
            "--target 'prodution' is not a target of deployment.toml; the nearest valid name is production",
        ),
        (
            "x",
            "--target 'x' is not a target of deployment.toml; valid names are production, staging",
        ),
    ],
)
def test_unknown_target_is_reported(target: str, sentence: str, tmp_path: Path) -> None:
    """With the nearest valid name, or all of them."""
    (tmp_path / "deployment.toml").write_text("[targets.production]\n[targets.staging]\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(None, target, {}, tmp_path)
    assert str(caught.value) == sentence


def test_target_requires_a_file(tmp_path: Path) -> None:
    """Without a file there are no targets to choose from."""
    with pytest.raises(SettingsError) as caught:
        load_settings(None, "production", {}, tmp_path)
    assert str(caught.value) == (
        "--target 'production' needs a deployment.toml in the project's root directory; there is none"
    )
