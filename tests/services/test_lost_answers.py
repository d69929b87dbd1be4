"""A request without an answer ends in time, with the reason; the same request is sent at most once more."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fixtures.services import client as client_module
from tests.services.servers import (
    BRIEF,
    QUICK,
    Asked,
    Script,
    ScriptedServer,
    answers,
    get,
    in_turn,
    refused,
    service,
    using,
    whole,
)

CHECKED = "look whether Grafana runs and can be reached, and whether EASYMO_GRAFANA_URL is its address"
OK = b"HTTP/1.1 200 OK\r\n"


def silent(asked: Asked) -> Iterator[bytes]:
    threading.Event().wait(3)
    yield b""


def dripping(asked: Asked) -> Iterator[bytes]:
    yield OK + b"content-length: 1000\r\n\r\n"
    for _ in range(5):
        yield b"x"
        time.sleep(1)


def headers_drip(asked: Asked) -> Iterator[bytes]:
    yield OK
    for number in range(5):
        yield b"x-%d: 1\r\n" % number
        time.sleep(1)


def only_continues(asked: Asked) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100


def endless_chunks(asked: Asked) -> Iterator[bytes]:
    yield OK + b"transfer-encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"x" * 0x10000 + b"\r\n"


def endless_header(asked: Asked) -> Iterator[bytes]:
    yield OK + b"x-long: "
    while True:
        yield b"x" * 0x10000


def reset(asked: Asked) -> Iterator[bytes]:
    yield from ()


def cut_off(asked: Asked) -> Iterator[bytes]:
    yield OK + b"content-length: 100\r\n\r\n{"


def not_http(asked: Asked) -> Iterator[bytes]:
    yield b"220 mail.example ESMTP\r\n"


def bad_gzip(asked: Asked) -> list[bytes]:
    return whole(200, b"no gzip at all", content_encoding="gzip")


def packed_twice(asked: Asked) -> list[bytes]:
    return whole(200, gzip.compress(gzip.compress(b"0" * 10**6)), content_encoding="gzip, gzip")


LATE = "could not be read: no complete answer to GET /api/health within 0.3 s"
BROKEN = "broke off the answer, or did not answer in HTTP"

LOST: dict[str, tuple[Script, str, int]] = {
    "silent": (silent, LATE, 2),
    "a byte per second": (dripping, LATE, 2),
    "headers that drip": (headers_drip, LATE, 2),
    "1xx without end": (only_continues, LATE, 2),
    "header without end": (endless_header, BROKEN, 2),
    "closes": (reset, BROKEN, 2),
    "cut off": (cut_off, BROKEN, 2),
    "not HTTP": (not_http, BROKEN, 2),
    "not gzip": (bad_gzip, "could not be unpacked", 1),
    "packed twice": (packed_twice, "could not be unpacked: it is packed more than once", 1),
}


@pytest.mark.parametrize(("script", "words", "requests"), LOST.values(), ids=list(LOST))
def test_lost_answer_has_its_reason(script: Script, words: str, requests: int) -> None:
    """It names service, host and reason; a GET is sent once more where that may help."""
    server = ScriptedServer(script)
    begin = time.monotonic()
    with server as url:
        error = refused(service(url), limits=BRIEF if words == LATE else QUICK)
        assert time.monotonic() - begin < 5
        server.wait_for(requests)
    assert error.reason.startswith(f"Grafana ({url.removeprefix('http://')}) could not be read: ")
    assert words in error.reason
    assert len(error.reason) < 400
    assert error.advice == CHECKED
    assert len(server.asked) == requests


def test_endless_body_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, and as soon as it is too long: half a document cannot be judged."""
    monkeypatch.setattr(client_module, "BODY_CAP", 2**20)
    server = ScriptedServer(endless_chunks)
    with server as url:
        error = refused(service(url))
    assert error.reason.endswith("answered GET /api/health with more than 1 MB")
    assert len(server.asked) == 1


def test_bomb_of_gzip_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit holds for what is unpacked."""
    monkeypatch.setattr(client_module, "BODY_CAP", 2**20)
    bomb = gzip.compress(b"0" * 2**24)
    with ScriptedServer(answers(200, bomb, content_encoding="gzip")) as url:
        assert "more than 1 MB" in refused(service(url)).reason


def test_refused_connection() -> None:
    """Nothing listens: the port is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = refused(service(f"http://127.0.0.1:{port}"))
    where = f"127.0.0.1:{port}"
    assert error.reason == f"Grafana ({where}) could not be read: no connection to {where}: connection refused"


def test_unknown_host() -> None:
    """A name without an address."""
    error = refused(service("http://grafana.invalid"))
    assert "(grafana.invalid) could not be read: no connection to grafana.invalid: " in error.reason


def server_side(tmp_path: Path, host: str = "localhost") -> tuple[ssl.SSLContext, Path]:
    """Return the server's side of TLS, and the file of the authority that signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    return context, tmp_path / "authority.pem"


def test_certificate_of_unknown_authority(tmp_path: Path) -> None:
    """No request is sent, and none is tried again."""
    context, _ = server_side(tmp_path)
    server = ScriptedServer(answers(200), context)
    with server as url:
        reason = refused(service(url)).reason
    assert "could not be read: the TLS certificate of localhost:" in reason
    assert "is not accepted: unable to get local issuer certificate" in reason
    assert server.asked == []


def test_certificate_of_another_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate of a known authority counts only for its host."""
    for host, accepted in (("localhost", True), ("grafana.example", False)):
        context, authority = server_side(tmp_path, host)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with ScriptedServer(answers(200), context) as url:
            if accepted:
                assert get(service(url)).status == 200
            else:
                assert "not valid for 'localhost'" in refused(service(url)).reason


def test_tls_to_a_port_without_tls() -> None:
    """The address begins with https, the server does not speak it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.recv(10_000)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        reason = refused(service(f"https://127.0.0.1:{listener.getsockname()[1]}")).reason
        listener.shutdown(socket.SHUT_RDWR)
    assert reason.endswith(" does not answer in TLS: the address begins with https, perhaps it should with http")


def test_second_try_gets_the_answer() -> None:
    """A connection that broke once does no harm."""
    server = ScriptedServer(in_turn(not_http, answers(200, '{"database": "ok"}')))
    with server as url:
        assert get(service(url)).result == {"database": "ok"}
    assert [one.method for one in server.asked] == ["GET", "GET"]


@pytest.mark.parametrize(
    "script", [silent, not_http, answers(503), answers(429)], ids=["silent", "not HTTP", "503", "429"]
)
def test_post_is_sent_once(script: Script) -> None:
    """A POST may have had its effect before the answer was lost."""
    server = ScriptedServer(script)
    with server as url:

        async def post(client: client_module.ServiceClient) -> int | str:
            try:
                return (await client.post("/api/v2/silences", {"a": 1})).status
            except client_module.CouldNotLook as error:
                return error.reason

        assert using(service(url), post, BRIEF if script is silent else QUICK)
    assert [(one.method, one.body) for one in server.asked] == [("POST", b'{"a": 1}')]


def test_post_is_repeated_if_asked_to() -> None:
    """For requests that have no effect."""
    server = ScriptedServer(in_turn(not_http, answers(201)))
    with server as url:
        reply = using(service(url), lambda client: client.post("/api/ds/query", {}, repeat=True))
    assert (reply.status, len(server.asked)) == (201, 2)


def test_no_request_after_the_time() -> None:
    """The time for the service is used up: the next request says so, and is not sent."""
    limits = replace(QUICK, service_total_seconds=0.2, service_request_timeout_seconds=5)
    server = ScriptedServer(silent)
    with server as url:

        async def twice(client: client_module.ServiceClient) -> list[str]:
            reasons = []
            for path in ("/one", "/two"):
                try:
                    await client.get(path)
                except client_module.CouldNotLook as error:
                    reasons.append(error.reason)
            return reasons

        first, second = using(service(url), twice, limits)
    assert "no complete answer to GET /one within 0.2 s" in first
    assert second.endswith("was not asked GET /two: its 0.2 s are used up")
    assert len(server.asked) == 1
