"""The secrets of a local deployment are where they are needed and nowhere else."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from fixtures.local.credentials import Credentials, scram_verifier
from fixtures.settings.address import DatabaseAddress
from tests.deployments import Deployment


def secrets_of(deployment: Deployment) -> set[bytes]:
    """Three connection strings, their passwords, and three secrets of the functions."""
    others = [DatabaseAddress.parse(url.reveal()) for url in (deployment.owner_url, deployment.superuser_url)]
    secrets = [*deployment.access.secrets, *(secret for address in others for secret in address.secrets)]
    return {secret.reveal().encode() for secret in secrets}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_no_secret_stands_in_a_process_list(deployment: Deployment) -> None:
    secrets = secrets_of(deployment)
    assert len(secrets) == 9
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        assert not any(secret in seen for secret in secrets), entry


def test_no_secret_stands_in_a_file(deployment: Deployment) -> None:
    """Neither in the logs nor in the data: the passwords are there as SCRAM verifiers only.

    The key of the schedule is data of the database, in the stand-in for the platform's encrypted vault.
    """
    assert deployment.access.log_file is not None
    directory = Path(deployment.access.log_file).parent
    assert deployment.access.service_role_key is not None
    inside = deployment.access.service_role_key.reveal().encode()
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets_of(deployment) if secret != inside), path


def test_others_may_not_look_into_its_directory(deployment: Deployment) -> None:
    assert deployment.access.log_file is not None
    log = Path(deployment.access.log_file)
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_password_is_asked_for(deployment: Deployment) -> None:
    import psycopg

    for user in ("supabase_admin", "postgres", "easymo_verifier", "authenticator"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(deployment.superuser_url.reveal(), user=user, password="wrong", connect_timeout=5)


def test_secrets_are_drawn_anew_and_are_in_no_repr() -> None:
    one, other = Credentials(), Credentials()
    assert one.app_secret != other.app_secret
    assert not set(one.passwords.values()) & set(other.passwords.values())
    assert one.app_secret not in repr(one)


def test_server_accepts_the_scram_verifier(any_deployment: Deployment) -> None:
    """The server takes it for a hash, and lets the password in."""
    import psycopg

    any_deployment.superuser_execute(f"CREATE ROLE somebody LOGIN PASSWORD '{scram_verifier('pässword ☂')}'")
    psycopg.connect(
        any_deployment.superuser_url.reveal(), user="somebody", password="pässword ☂", connect_timeout=5
    ).close()


def test_variables_of_others_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that is set up for production cannot turn the local deployment towards it."""
    for name in ("PGHOST", "PGSERVICE", "PGOPTIONS", "PGSSLMODE", "EASYMO_DATABASE_URL"):
        monkeypatch.setenv(name, "nonsense")
    from fixtures.local.deployment import _environment

    assert not {"PGHOST", "PGSERVICE", "PGOPTIONS", "PGSSLMODE", "EASYMO_DATABASE_URL"} & _environment().keys()
    with Deployment.start("embedded") as deployment:
        assert os.environ["PGSSLMODE"] == "nonsense"
        assert deployment.kind == "embedded"
