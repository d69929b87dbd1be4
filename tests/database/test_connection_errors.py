"""Why a database could not be reached: real faults, each with its own sentence and advice."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import trustme
from psycopg import conninfo

from fixtures.database.client import Database
from fixtures.outcome import CouldNotLook
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.limits import Limits

PASSWORD = "hidden-99-word"
LIMITS = Limits(connect_timeout_seconds=2)


def failure(text: str) -> CouldNotLook:
    """The outcome of connecting with this connection string."""
    with pytest.raises(CouldNotLook) as raised:
        Database(DatabaseAddress.parse(text), LIMITS)
    assert PASSWORD not in f"{raised.value.reason} {raised.value.advice}"
    assert "EASYMO_DATABASE_URL" in raised.value.advice
    return raised.value


def other(deployment, **changes: str) -> str:
    """The deployment's connection string with some parameters changed."""
    return conninfo.make_conninfo(deployment.access.database.text.reveal(), **changes)


@contextmanager
def serving(answer) -> Iterator[int]:
    """A server on loopback that hands each connection to ``answer``; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    try:
                        answer(line)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


REFUSED = {
    "a wrong password": (
        {"password": PASSWORD},
        "refused the password of role easymo_verifier, or knows no such role (FATAL:  password authentication "
        'failed for user "easymo_verifier")',
        "correct the user and the password",
    ),
    "an unknown database": (
        {"dbname": "nowhere"},
        'has no database nowhere (FATAL:  database "nowhere" does not exist)',
        "correct the database's name",
    ),
    "an unknown host": (
        {"host": "db.easymo.invalid"},
        "the host name db.easymo.invalid is unknown (failed to resolve host",
        "correct the host",
    ),
    "a port without a server": (
        {"port": "9"},
        "nothing listens on port 9 of 127.0.0.1 (Connection refused)",
        "correct host and port",
    ),
    "TLS that the server lacks": (
        {"sslmode": "require"},
        "offers no TLS, which the address requires (server does not support SSL, but SSL was required)",
        "turn on TLS there",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_fault_in_the_address_is_named(any_deployment, fault):
    """Each wrong part of the address has its own sentence."""
    changes, found, advice = REFUSED[fault]
    error = failure(other(any_deployment, **changes))
    assert found in error.reason
    assert error.reason.startswith("the database at ")
    assert error.advice.startswith(advice)


ROLES = {
    "a role that may not log in": (
        "ALTER ROLE easymo_verifier NOLOGIN",
        "has no role easymo_verifier that may log in",
        "pytest --role-sql",
    ),
    "too many connections of the role": (
        "ALTER ROLE easymo_verifier CONNECTION LIMIT 0",
        "has no free connection (FATAL:  too many connections for role",
        "look for sessions that do not end",
    ),
    "a role that may not connect": (
        "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC, easymo_verifier",
        "role easymo_verifier may not connect to database postgres",
        "grant the role CONNECT",
    ),
    "a role that does not exist": (
        "DROP OWNED BY easymo_verifier; DROP ROLE easymo_verifier",
        "refused the password of role easymo_verifier, or knows no such role",
        "correct the user and the password",
    ),
}


@pytest.mark.parametrize("fault", ROLES)
def test_fault_of_the_role_is_named(any_deployment, fault):
    """A server that asks for a password does not say that it does not know the role."""
    change, found, advice = ROLES[fault]
    any_deployment.superuser_execute(change)
    try:
        error = failure(any_deployment.access.database.text.reveal())
    finally:
        any_deployment.superuser_execute("GRANT CONNECT ON DATABASE postgres TO PUBLIC")
    assert found in error.reason
    assert advice in error.advice


def tls(certificate: trustme.LeafCert):
    """Answers libpq's request for TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def answer(line: socket.socket) -> None:
        line.recv(8)
        line.sendall(b"S")
        with context.wrap_socket(line, server_side=True) as secured:
            secured.recv(1)

    return answer


def expired(authority: trustme.CA) -> trustme.LeafCert:
    """A certificate whose last day is over."""
    return authority.issue_cert("localhost", not_after=datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))


CERTIFICATES = {
    "another authority's": (
        lambda _: trustme.CA().issue_cert("localhost"),
        "is not trusted: another authority signed it, or it has expired",
        "name the authority's certificate with sslrootcert",
    ),
    "one that has expired": (
        expired,
        "is not trusted: another authority signed it, or it has expired",
        "name the authority's certificate with sslrootcert",
    ),
    "another name's": (
        lambda authority: authority.issue_cert("db.example"),
        'is for another name (server certificate for "db.example" does not match host name "localhost")',
        "write the host in EASYMO_DATABASE_URL as the certificate names it",
    ),
}


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_certificate_is_named(tmp_path, kind):
    """An untrusted certificate and one for another host have different messages."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    issue, found, advice = CERTIFICATES[kind]
    with serving(tls(issue(authority))) as port:
        error = failure(
            f"host=localhost port={port} user=u password={PASSWORD} sslmode=verify-full "
            f"sslrootcert={tmp_path / 'ca.crt'}"
        )
    assert f"the TLS certificate of localhost:{port} {found}" in error.reason
    assert error.advice.startswith(advice)


def test_missing_file_of_certificates_is_named(tmp_path):
    """libpq trusts nobody without it."""
    with serving(tls(trustme.CA().issue_cert("localhost"))) as port:
        error = failure(
            f"host=localhost port={port} user=u password={PASSWORD} sslmode=verify-full "
            f"sslrootcert={tmp_path / 'ca.crt'}"
        )
    assert "the file with the authority's certificate" in error.reason
    assert error.advice.startswith("correct sslrootcert in EASYMO_DATABASE_URL")


def refusing(code: str, message: str):
    """Answers with an error of the protocol, as a pooler does: severity, SQLSTATE, message."""
    fields = b"".join(
        kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", code), (b"M", message))
    )
    answer_bytes = b"E" + (4 + len(fields) + 1).to_bytes(4, "big") + fields + b"\0"

    def answer(line: socket.socket) -> None:
        line.recv(1024)
        line.sendall(answer_bytes)

    return answer


POOLERS = {
    "Tenant or user not found": ("XX000", "knows no project or role for the user verifier.project", "a paused"),
    "MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to pool_size": (
        "XX000",
        "has as many clients as it allows",
        "name the transaction pooler",
    ),
    "Max client connections reached": ("XX000", "has as many clients as it allows", "raise the pool's size"),
    "no more connections allowed (max_client_conn)": (
        "08P01",
        "has as many clients as it allows",
        "raise the pool's size",
    ),
    "sorry, too many clients already": ("53300", "has no free connection", "raise the limit"),
    "the database system is starting up": ("57P03", "is starting or stopping", "run the checks again when it is"),
    'role "verifier.project" does not exist': ("28000", "has no role verifier.project", "correct the user"),
    "the moon is in the wrong house": ("XX000", "FATAL:  the moon is in the wrong house", "the network path"),
}


@pytest.mark.parametrize("message", POOLERS)
def test_refusal_of_server_or_pooler_is_named(message):
    """A text that nobody knows is quoted as it is."""
    code, found, advice = POOLERS[message]
    with serving(refusing(code, message)) as port:
        text = f"host=127.0.0.1 port={port} user=verifier.project password={PASSWORD} sslmode=disable"
        with pytest.raises(CouldNotLook) as raised:
            Database(DatabaseAddress.parse(text), LIMITS)
    assert found in raised.value.reason
    assert message in raised.value.reason
    assert advice in raised.value.advice
    assert PASSWORD not in f"{raised.value.reason} {raised.value.advice}"


def test_silent_server_is_a_timeout():
    """A firewall that drops the packets looks like this."""
    waiting = threading.Event()
    try:
        with serving(lambda line: waiting.wait(10)) as port:
            error = failure(f"host=127.0.0.1 port={port} user=u password={PASSWORD} sslmode=disable")
    finally:
        waiting.set()
    assert f"127.0.0.1:{port} gave no answer in time" in error.reason
    assert error.advice.startswith("look at the firewall")


def test_server_speaks_with_psycopg(any_deployment):
    """The address that these tests change is good."""
    with psycopg.connect(any_deployment.access.database.text.reveal()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
