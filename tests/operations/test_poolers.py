"""Runs through a real pgbouncer end as without it, and leave no settings in its sessions."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fixtures.settings.address import DatabaseAddress
from tests.operations.pooler import Pooler, program
from tests.running import environment, run_suite

SETTINGS = (
    *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"),
    *("search_path", "TimeZone", "jit", "transaction_isolation"),
)
"""Settings of the suite's transactions; application_name is left out, because pgbouncer passes it on itself."""

REACHED = "database_is_reached or cron_job"
"""Selects the check that reports a failed connection, and one that needs the connection."""


@pytest.fixture
def folder():
    """A folder that an unprivileged user can enter; pytest's temporary folder may be closed to that user."""
    program()
    with tempfile.TemporaryDirectory(prefix="pooler-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def pooled(any_deployment, folder):
    """Creates a pooler in front of the deployment's database."""

    def making(mode, tls=None):
        secret = any_deployment.superuser_execute(
            "SELECT rolpassword FROM pg_authid WHERE rolname = 'easymo_verifier'"
        )[0][0]
        return Pooler(folder, any_deployment.access.database.text.reveal(), secret, mode, tls)

    return making


@pytest.mark.parametrize(("mode", "selection"), [("session", "daily"), ("transaction", "immediate or daily")])
def test_run_through_a_pooler_is_go(any_deployment, pooled, tmp_path, mode, selection):
    """Session and transaction mode; the shared server session has the same settings afterwards."""
    with pooled(mode) as pooler:
        before = {name: pooler.setting(name) for name in SETTINGS}
        access = replace(any_deployment.access, database=DatabaseAddress.parse(pooler.url()))
        run = run_suite(tmp_path, "-m", selection, environ=environment(access))
        assert run.status == 0, run.output
        assert {name: pooler.setting(name) for name in SETTINGS} == before


def test_wrong_password_is_reported(any_deployment, pooled, tmp_path):
    """The run is a no-go, and its output does not contain the password."""
    with pooled("transaction") as pooler:
        wrong = pooler.url().replace(":", ":wrong-4711", 2).replace(":wrong-4711", ":", 1)
        access = replace(any_deployment.access, database=DatabaseAddress.parse(wrong))
        run = run_suite(tmp_path, "-k", REACHED, environ=environment(access))
    assert (run.status, run.verdict["verdict"]) == (1, "no-go")
    assert "could not be reached" in run.output
    assert "wrong-4711" not in run.output


@pytest.fixture
def authority():
    """A new certificate authority."""
    return trustme.CA()


@pytest.fixture
def encrypted(pooled, folder, authority):
    """Creates a pooler that requires TLS, with a certificate for a host, by default ``localhost``."""

    def making(host="localhost"):
        certificate = authority.issue_cert(host)
        (folder / "server.crt").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        (folder / "server.key").write_bytes(certificate.private_key_pem.bytes())
        return pooled("transaction", (folder / "server.crt", folder / "server.key"))

    return making


@pytest.fixture
def verifying(any_deployment, encrypted, tmp_path):
    """Runs with ``sslmode=verify-full`` through a pooler whose certificate is for a host."""

    def running(host, trusted):
        root = tmp_path / "root.crt"
        trusted.cert_pem.write_to_path(str(root))
        with encrypted(host) as pooler:
            url = pooler.url(host="localhost", options=f"sslmode=verify-full&sslrootcert={root}")
            access = replace(any_deployment.access, database=DatabaseAddress.parse(url))
            return run_suite(tmp_path / "out", "-k", REACHED, environ=environment(access))

    return running


def test_verify_full_accepts_the_right_certificate(verifying, authority):
    """The run is a go over TLS."""
    run = verifying("localhost", authority)
    assert run.status == 0, run.output


def test_verify_full_refuses_another_host(verifying, authority):
    """The run reports libpq's reason and does not retry without TLS."""
    run = verifying("db.example", authority)
    assert run.status == 1
    assert 'server certificate for "db.example"' in " ".join(run.output.split())


def test_verify_full_refuses_an_unknown_authority(verifying):
    """The run reports libpq's reason."""
    run = verifying("localhost", trustme.CA())
    assert run.status == 1
    assert "certificate verify failed" in " ".join(run.output.split())
