"""The database's address: one parse, the same connection, and no secret where anybody may look."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.address import DatabaseAddress
from reports.redaction.redactor import Redactor
from tests.replays.recordings import unpack
from tests.running import ROOT, environment

PASSWORD = "p%40ss%2Fw0rd!4711"
TEXTS = [
    "postgresql:///",
    f"postgresql://reader:{PASSWORD}@db.example:6543/postgres?sslmode=verify-full&sslrootcert=/etc/root.crt",
    f"postgresql://reader:{PASSWORD}@one.example:1,two.example:2/app?target_session_attrs=read-only",
    "postgres://reader.project@aws-0.pooler.example:5432/postgres?ssl=true&client_encoding=latin1",
    f"postgresql://reader:{PASSWORD}@[::1]/d?options=-c%20search_path%3Da&connect_timeout=3&keepalives_idle=7",
    "postgresql://reader@/d?host=/run/postgresql&application_name=theirs",
    "service=easymo",
    "host=a hostaddr=127.0.0.1 dbname='my db' passfile=/etc/pass sslpassword=planted",
    r"user=reader password='it\'s\\mine 4711' host=h",
    "host='' port='' user=reader password=''",
]


@pytest.mark.parametrize("text", TEXTS)
def test_keywords_are_the_connection_string_parsed(text: str) -> None:
    """The driver gets each parameter that it would get from the text, and no other."""
    address = DatabaseAddress.parse(text)
    assert address.keywords() == conninfo_to_dict(text)
    assert "password" not in address.parameters
    assert address.keywords(connect_timeout=2)["connect_timeout"] == 2


@pytest.mark.parametrize("text", TEXTS)
def test_address_shows_no_secret(text: str) -> None:
    """Neither its repr, nor that of the run's access, nor a pickle."""
    address = DatabaseAddress.parse(text)
    shown = f"{address!r} {address} {Access(database=address)!r}"
    hidden = [secret.reveal() for secret in address.secrets] + ["planted"]
    assert [value for value in hidden if value in shown] == []
    with pytest.raises(TypeError):
        pickle.dumps(address)


def test_address_cannot_be_changed() -> None:
    """Neither its fields nor its parameters."""
    address = DatabaseAddress.parse(TEXTS[1])
    with pytest.raises(dataclasses.FrozenInstanceError):
        address.password = None  # type: ignore[misc]  # what the test is about
    with pytest.raises(TypeError):
        address.parameters["host"] = "other"  # type: ignore[index]  # what the test is about


def test_addresses_of_one_text_are_equal() -> None:
    """Also as keys."""
    assert DatabaseAddress.parse(TEXTS[1]) == DatabaseAddress.parse(TEXTS[1]) != DatabaseAddress.parse(TEXTS[2])
    assert len({DatabaseAddress.parse(text) for text in (*TEXTS, *TEXTS)}) == len(TEXTS)


@pytest.mark.parametrize(
    ("text", "environ", "where"),
    [
        ("postgresql://u:p@db.example:6543/d", {"PGHOST": "other", "PGPORT": "1"}, "db.example:6543"),
        ("postgresql://a:1,b:2/d", {}, "a,b:1,2"),
        ("hostaddr=127.0.0.1", {"PGHOST": "other"}, "127.0.0.1:5432"),
        ("host=/run/postgresql", {"PGPORT": "5433"}, "/run/postgresql:5433"),
        ("dbname=d", {"PGHOST": "other", "PGPORT": "1"}, "other:1"),
        ("dbname=d", {}, "localhost:5432"),
    ],
)
def test_where_has_libpqs_defaults(
    text: str, environ: dict[str, str], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text first, then the environment."""
    for name in ("PGHOST", "PGPORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert DatabaseAddress.parse(text).where == where


@pytest.mark.parametrize("alone", ["p@ss/w0rd!4711", PASSWORD, "p%40ss%2Fw0rd%214711"])
def test_password_in_a_uri_is_masked(alone: str) -> None:
    """Decoded, as the URI spells it, and fully percent-encoded."""
    gate = Redactor(Access(database=DatabaseAddress.parse(TEXTS[1])).secrets)
    assert gate.text(f"a {alone} b") == "a [secret] b"
    assert gate.text(TEXTS[1]) == "[secret]"


@pytest.mark.parametrize("alone", [r"it's\mine 4711", r"it\'s\\mine 4711"])
def test_password_in_pairs_is_masked(alone: str) -> None:
    """Without and with its backslashes."""
    gate = Redactor(DatabaseAddress.parse(TEXTS[8]).secrets)
    assert gate.text(f"a {alone} b") == "a [secret] b"


@settings(deadline=None, derandomize=True)
@given(st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1))
def test_any_password_is_known_to_redaction(password: str) -> None:
    """Whatever characters it has, and however they are escaped."""
    address = DatabaseAddress.parse(make_conninfo(host="h", password=password))
    assert address.password == Secret(password)
    assert {Secret(password), address.text} <= set(address.secrets)


def test_replay_does_not_import_the_driver(tmp_path: Path) -> None:
    """A run without a connection string starts without psycopg."""
    evidence, out = unpack("healthy", tmp_path), tmp_path / "out"
    code = "import pytest, sys; pytest.main(sys.argv[1:]); print('imported:', 'psycopg' in sys.modules)"
    arguments = ["-q", "-m", "immediate", f"--replay={evidence}", f"--report-dir={out}"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (out / "verdict.json").exists()
    assert done.stdout.endswith("imported: False\n"), done.stdout[-2000:] + done.stderr[-2000:]
