"""The stand-in for pg_net sends queued requests, and records their responses as pg_net does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from fixtures.local.net_worker import send
from tests.deployments import Deployment


def response_of(deployment: Deployment, url: str, timeout_milliseconds: int = 5000) -> tuple[object, ...]:
    """Queue a request, and wait for the row of its response."""
    ((number,),) = deployment.owner_execute(
        "SELECT net.http_post(%s, timeout_milliseconds := %s)", [url, timeout_milliseconds]
    )
    deadline = time.monotonic() + 10
    while True:
        rows = deployment.superuser_execute(
            "SELECT status_code, timed_out, error_msg, content_type FROM net._http_response WHERE id = %s",
            [number],
        )
        if rows:
            return rows[0]
        assert time.monotonic() < deadline, "no response was recorded"
        time.sleep(0.01)


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


def test_response_of_a_function_is_recorded(deployment: Deployment) -> None:
    """Status and content type; here a 401, because the request has no key."""
    url = f"{deployment.access.base_url}/functions/v1/dlq-processor"
    assert response_of(deployment, url) == (401, False, None, "application/json")


def test_timeout_is_recorded(any_deployment: Deployment, deaf: str) -> None:
    """With ``timed_out`` and pg_net's text."""
    status, timed_out, reason, _ = response_of(any_deployment, deaf, timeout_milliseconds=100)
    assert (status, timed_out) == (None, True)
    assert str(reason).startswith("Timeout of 100 ms reached. Total time: ")


def test_refused_connection_is_recorded(any_deployment: Deployment) -> None:
    """With pg_net's text."""
    response = response_of(any_deployment, "http://127.0.0.1:1/")
    assert response == (None, False, "Couldn't connect to server", None)


def test_connection_closed_without_response_is_recorded() -> None:
    """Like a refused connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        server = threading.Thread(target=hang_up)
        server.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        row = send((1, "POST", url, None, b"{}", 2000))
        server.join()
    assert row == (1, None, None, None, None, False, "Couldn't connect to server")


@pytest.mark.parametrize("url", ["https://project.supabase.co/functions/v1/x", "http://10.0.0.1/", "nonsense"])
def test_no_request_leaves_this_machine(url: str) -> None:
    """Other hosts than loopback are recorded as unresolvable, without a name lookup."""
    began = time.monotonic()
    assert send((1, "POST", url, None, b"{}", 5000)) == (
        1, None, None, None, None, False, "Couldn't resolve host name",
    )  # fmt: skip
    assert time.monotonic() - began < 0.5


def test_redirect_is_recorded_and_not_followed() -> None:
    """A redirect could lead to another machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def redirect() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        server = threading.Thread(target=redirect)
        server.start()
        row = send((1, "POST", f"http://127.0.0.1:{listener.getsockname()[1]}/", None, b"{}", 2000))
        server.join()
    assert row[1] == 302


def test_worker_survives_lost_connection_and_tables(deployment: Deployment) -> None:
    """After a reset it sends requests again."""
    deployment.superuser_execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pg_net worker'"
    )
    deployment.superuser_execute("DROP SCHEMA net CASCADE")
    deployment.reset()
    assert response_of(deployment, f"{deployment.access.base_url}/functions/v1/dlq-processor")[0] == 401
