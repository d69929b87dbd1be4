"""Requests without an answer, TLS, proxies and redirects: errors have a reason, and time is limited."""

from __future__ import annotations

import datetime
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fixtures.outcome import Status
from tests.webhooks.http.raw import RawServer, Style, written
from tests.webhooks.outcomes import (
    ANSWERS,
    CONTROLS,
    FORGERIES,
    HANDSHAKES,
    PIECES,
    PROCESSOR,
    access_to,
    not_passed,
    outcomes,
    read,
    settings_for,
)
from tests.webhooks.server import Arrival, Response, Server, answer, honest

CHECK_04_PIECES = PIECES - {"function_health"}
HANDSHAKES_ALONE = frozenset({"endpoint_contacts", "handshakes"})


def broken_json(arrival: Arrival) -> bool:
    """Whether the request is the forgery with truncated JSON."""
    return (
        arrival.is_delivery and arrival.body.startswith(b'{"object"') and not arrival.body.endswith((b"}", b" "))
    )


def reset(arrival: Arrival, right: Response) -> bytes:
    return b"" if broken_json(arrival) else written(right)


def half(arrival: Arrival, right: Response) -> bytes:
    return (
        written(right, body=b"x")[:-1] + b"\r\nconnection: close\r\n" if broken_json(arrival) else written(right)
    )


def hang(arrival: Arrival, right: Response) -> bytes | None:
    return None if broken_json(arrival) else written(right)


def no_http(arrival: Arrival, right: Response) -> bytes:
    return b"220 mail.example ESMTP\r\nconnection: close\r\n" if broken_json(arrival) else written(right)


def drips(arrival: Arrival, right: Response) -> bytes | None:
    return b"HTTP/1.1 401 No\r\ncontent-length: 9\r\n\r\nno" if broken_json(arrival) else written(right)


@pytest.mark.parametrize(
    ("style", "words"),
    [
        (reset, " broke"),
        (half, "broke off the answer, or did not answer in HTTP"),
        (hang, "no complete answer within 1 s"),
        (drips, "no complete answer within 1 s"),
        (no_http, "broke off the answer, or did not answer in HTTP"),
    ],
)
def test_lost_answer_is_an_error_of_its_case(style: Style, words: str) -> None:
    """If one answer is cut off, late or not HTTP, its case is an error with the reason; others pass."""
    with RawServer(style, reset=style is reset) as address:
        settings = settings_for("wa-webhook", http_request_timeout_seconds=1.0)
        judged = outcomes(read(settings, access_to(address), CHECK_04_PIECES))
    case = judged["wa-webhook-bad-json"]
    assert case.status is Status.ERROR
    assert words in case.reason
    assert case.reason.startswith("wa-webhook: ")
    assert set(not_passed(judged)) <= {"wa-webhook-bad-json", "wa-webhook-generated"}


def test_unreachable_host_is_an_error_everywhere() -> None:
    """One sentence for every endpoint, within 10 s; every other case points to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    begin = time.monotonic()
    judged = outcomes(read(settings_for(), access_to(f"http://127.0.0.1:{port}"), CHECK_04_PIECES))
    assert time.monotonic() - begin < 10
    answers = {judged.pop(name).reason for name in (*settings_for().names.webhooks, "dlq-processor")}
    assert answers == {f"no connection to 127.0.0.1:{port}: connection refused"}
    assert {one.status for one in judged.values()} == {Status.UNPROVEN}
    pointer = "wa-webhook did not answer; check 4 names the cause"
    assert judged["wa-webhook-truncated"].reason.startswith(pointer)


def test_unknown_host_name_is_named() -> None:
    """The error names the host that does not resolve."""
    judged = outcomes(
        read(settings_for("wa-webhook"), access_to("http://no-such-host.invalid"), CHECK_04_PIECES), (ANSWERS,)
    )
    assert "no connection to no-such-host.invalid: " in judged["wa-webhook"].reason


def test_silent_endpoint_delays_no_other() -> None:
    """An endpoint without answers is given up after two requests that ran out of time; the others pass."""

    def style(arrival: Arrival, right: Response) -> bytes | None:
        return None if arrival.function == "wa-webhook-core" else written(right)

    begin = time.monotonic()
    with RawServer(style) as address:
        settings = settings_for(http_request_timeout_seconds=1.0)
        judged = outcomes(read(settings, access_to(address), CHECK_04_PIECES))
    assert time.monotonic() - begin < 8
    silent = judged.pop("wa-webhook-core")
    assert silent.status is Status.ERROR
    assert silent.reason == (
        "wa-webhook-core gave no answer that could be read: no complete answer within 1 s (2 requests)"
    )
    for name, one in judged.items():
        assert one.status is (Status.UNPROVEN if name.startswith("wa-webhook-core-") else Status.PASSED), name


def test_total_time_limit_is_kept(server: Server) -> None:
    """After the total time no request is sent; unsent ones are errors, and nothing fails."""

    def slow(arrival: Arrival, right: Response) -> bytes:
        time.sleep(0.15)
        return written(right)

    begin = time.monotonic()
    with RawServer(slow) as address:
        judged = outcomes(read(settings_for(http_total_seconds=1.0), access_to(address), CHECK_04_PIECES))
    assert time.monotonic() - begin < 3
    late = [one for one in judged.values() if one.status is Status.ERROR]
    assert any("not sent: the 1 s for all requests are used up" in one.reason for one in late)
    assert not any(one.status is Status.FAILED for one in judged.values())


def test_oversized_headers_are_an_error() -> None:
    """Headers of 300 kB are not read to their end."""

    def style(arrival: Arrival, right: Response) -> bytes:
        return b"HTTP/1.1 401 No\r\n" + b"x-long: " + b"y" * 300_000 + b"\r\n\r\n"

    with RawServer(style) as address:
        evidence = read(settings_for("wa-webhook"), access_to(address), CHECK_04_PIECES)
    assert {one.status for one in outcomes(evidence, (FORGERIES,)).values()} == {Status.UNPROVEN}
    assert {one.status for one in outcomes(evidence, (ANSWERS,)).values()} == {Status.ERROR}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority for these tests."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trusts the authority by SSL_CERT_FILE, as a user would."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """The server's side of TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def judge_health(tls: ssl.SSLContext) -> dict[str, tuple[Status, str]]:
    """Judge the health and the certificate of a server with TLS."""
    from checks import test_deploy

    tests = (test_deploy.test_health_endpoint_is_healthy, test_deploy.test_certificate_is_good)
    with RawServer(lambda _, right: written(right), tls) as address:
        evidence = read(settings_for("wa-webhook"), access_to(address), frozenset({"function_health"}))
    return {name: (one.status, one.reason) for name, one in outcomes(evidence, tests).items()}


@pytest.mark.usefixtures("trusted")
def test_good_certificate_passes(authority: trustme.CA) -> None:
    """A certificate of a trusted authority passes."""
    judged = judge_health(serving(authority.issue_cert("localhost")))
    assert {status for status, _ in judged.values()} == {Status.PASSED}


@pytest.mark.usefixtures("trusted")
def test_certificate_that_expires_soon_fails(authority: trustme.CA) -> None:
    """A certificate that expires in less than 14 days fails; the functions are healthy."""
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=13, hours=12)
    judged = judge_health(serving(authority.issue_cert("localhost", not_after=soon)))
    status, reason = judged.pop("test_certificate_is_good")
    assert status is Status.FAILED
    assert reason.startswith("the TLS certificate expires in 13.5 days, on ")
    assert {status for status, _ in judged.values()} == {Status.PASSED}


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize(
    ("host", "days", "words"),
    [
        ("localhost", -1, "certificate has expired"),
        ("other.example", 90, "Hostname mismatch, certificate is not valid for 'localhost'"),
    ],
)
def test_bad_certificate_fails(authority: trustme.CA, host: str, days: int, words: str) -> None:
    """A certificate that is expired or of another host fails; the functions behind it are errors."""
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    judged = judge_health(serving(authority.issue_cert(host, not_after=end)))
    status, reason = judged.pop("test_certificate_is_good")
    assert (status, words in reason) == (Status.FAILED, True), reason
    assert {status for status, _ in judged.values()} == {Status.ERROR}


def test_certificate_of_an_unknown_authority_fails(authority: trustme.CA) -> None:
    """The violation has the reason of the TLS library."""
    status, reason = judge_health(serving(authority.issue_cert("localhost")))["test_certificate_is_good"]
    assert status is Status.FAILED
    assert "the TLS certificate of localhost:" in reason
    assert "is not accepted: unable to get local issuer certificate" in reason


def test_proxy_is_not_used_for_this_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on this machine is reached with a dead HTTP_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), HANDSHAKES_ALONE)
    assert {one.status for one in outcomes(evidence, (HANDSHAKES,)).values()} == {Status.PASSED}


def test_invalid_proxy_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown scheme in HTTP_PROXY is an error in one sentence."""
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:9")
    evidence = read(settings_for("wa-webhook"), access_to("http://functions.invalid"), frozenset({"handshakes"}))
    gap = evidence.gaps["handshakes"]
    assert gap.status is Status.ERROR
    assert gap.reason == ("the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be used")


def test_redirect_is_not_followed(server: Server) -> None:
    """No request reaches the target of a redirect."""
    elsewhere = server.serve(honest)

    def redirecting(arrival: Arrival) -> Response:
        return Response(307, b"", [("location", f"{elsewhere}/functions/v1/wa-webhook")])

    read(settings_for("wa-webhook"), access_to(server.serve(redirecting)), CHECK_04_PIECES)
    assert server.arrivals(elsewhere) == []


def test_without_a_base_url_everything_is_unproven() -> None:
    """Without EASYMO_BASE_URL each case is unproven and names the variable."""
    judged = outcomes(
        read(settings_for(), replace(access_to(""), base_url=None), CHECK_04_PIECES), (CONTROLS, PROCESSOR)
    )
    assert {one.status for one in judged.values()} == {Status.UNPROVEN}
    assert "EASYMO_BASE_URL is not set" in judged["wa-webhook-ascii"].reason


def test_gateway_timeout_at_first_is_retried(server: Server) -> None:
    """Two gateway timeouts of the first request are retried, and the attempt lists them."""

    def starting() -> Callable[[Arrival], Response]:
        seen: list[int] = []

        def handle(arrival: Arrival) -> Response:
            seen.append(1)
            return answer(504, {"code": "IDLE_TIMEOUT"}) if len(seen) < 3 else honest(arrival)

        return handle

    evidence = read(settings_for("wa-webhook"), access_to(server.serve(starting())), frozenset({"webhook_probes"}))
    attempt = evidence.pieces["webhook_probes"].endpoints[0].forgery("no-signature").attempts[0]
    assert (attempt.outcome, attempt.retries) == ("401", ("504", "504"))
