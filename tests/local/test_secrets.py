"""The secrets of a local deployment are not in process lists, files or texts."""

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
    """Return three connection strings, their passwords, and three secrets of the functions."""
    others = [DatabaseAddress.parse(url.reveal()) for url in (deployment.owner_url, deployment.superuser_url)]
    secrets = [*deployment.access.secrets, *(secret for address in others for secret in address.secrets)]
    return {secret.reveal().encode() for secret in secrets}


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_no_secret_is_in_a_process_list(deployment: Deployment) -> None:
    """Neither in arguments nor in environments of any process."""
    secrets = secrets_of(deployment)
    assert len(secrets) == 9
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            seen = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        assert not any(secret in seen for secret in secrets), entry


def test_no_secret_is_in_a_file(deployment: Deployment) -> None:
    """Neither in logs nor in the data directory, which has only SCRAM verifiers of the passwords.

    The service role key is excepted: the vault stand-in stores it unencrypted in the database.
    """
    assert deployment.access.log_file is not None
    directory = Path(deployment.access.log_file).parent
    assert deployment.access.service_role_key is not None
    vault_key = deployment.access.service_role_key.reveal().encode()
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets_of(deployment) if secret != vault_key), path


def test_directory_is_closed_to_other_users(deployment: Deployment) -> None:
    """The directory has mode 0700, the log 0600."""
    assert deployment.access.log_file is not None
    log = Path(deployment.access.log_file)
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_wrong_password_is_refused(deployment: Deployment) -> None:
    """For every role that logs in."""
    import psycopg

    for user in ("supabase_admin", "postgres", "easymo_verifier", "authenticator"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(deployment.superuser_url.reveal(), user=user, password="wrong", connect_timeout=5)


def test_secrets_are_random_and_not_in_repr() -> None:
    """Two deployments share no secret."""
    one, other = Credentials(), Credentials()
    assert one.app_secret != other.app_secret
    assert not set(one.passwords.values()) & set(other.passwords.values())
    assert one.app_secret not in repr(one)


def test_server_accepts_the_scram_verifier(any_deployment: Deployment) -> None:
    """A role created with the verifier logs in with the password, also with non-ASCII characters."""
    import psycopg

    any_deployment.superuser_execute(f"CREATE ROLE somebody LOGIN PASSWORD '{scram_verifier('pässword ☂')}'")
    psycopg.connect(
        any_deployment.superuser_url.reveal(), user="somebody", password="pässword ☂", connect_timeout=5
    ).close()


def test_foreign_variables_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell configured for production cannot redirect the local deployment to it."""
    for name in ("PGHOST", "PGSERVICE", "PGOPTIONS", "PGSSLMODE", "EASYMO_DATABASE_URL"):
        monkeypatch.setenv(name, "nonsense")
    from fixtures.local.deployment import _environment

    assert not {"PGHOST", "PGSERVICE", "PGOPTIONS", "PGSSLMODE", "EASYMO_DATABASE_URL"} & _environment().keys()
    with Deployment.start("embedded") as deployment:
        assert os.environ["PGSSLMODE"] == "nonsense"
        assert deployment.kind == "embedded"
