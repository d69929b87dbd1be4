"""What does not get through: the suite could not look, says why, and is done within its time."""

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
from tests.webhooks.outcomes import (
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
from tests.webhooks.raw import RawServer, Style, written
from tests.webhooks.server import Arrival, Response, Server, answer, honest

CHECK_04_PIECES = PIECES - {"function_health"}


def broken_json(arrival: Arrival) -> bool:
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
        (half, "broke off or answered with what is not HTTP"),
        (hang, "no complete answer within 1 s"),
        (drips, "no complete answer within 1 s"),
        (no_http, "broke off or answered with what is not HTTP"),
    ],
)
def test_answer_that_does_not_arrive_is_an_error_of_that_case_only(style: Style, words: str) -> None:
    with RawServer(style, reset=style is reset) as address:
        settings = settings_for("wa-webhook", http_request_timeout_seconds=1.0)
        judged = outcomes(read(settings, access_to(address), CHECK_04_PIECES))
    case = judged["wa-webhook-bad-json"]
    assert case.status is Status.ERROR
    assert words in case.reason
    assert "wa-webhook: JSON that breaks off, wrong secret: " in case.reason
    assert set(not_passed(judged)) <= {"wa-webhook-bad-json", "wa-webhook-generated"}


def test_unreachable_host_is_an_error_everywhere_and_asked_three_times_only() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    begin = time.monotonic()
    judged = outcomes(read(settings_for(), access_to(f"http://127.0.0.1:{port}"), CHECK_04_PIECES))
    assert time.monotonic() - begin < 10
    assert {one.status for one in judged.values()} == {Status.ERROR}
    assert f"no connection to 127.0.0.1:{port}: connection refused" in judged["wa-webhook-no-signature"].reason
    assert f"not sent: no connection to 127.0.0.1:{port}" in judged["wa-webhook-truncated"].reason


def test_host_name_that_does_not_resolve_is_named() -> None:
    judged = outcomes(
        read(settings_for("wa-webhook"), access_to("http://no-such-host.invalid"), frozenset({"handshakes"})),
        (HANDSHAKES,),
    )
    assert "no connection to no-such-host.invalid: " in judged["wa-webhook-right-token"].reason


def test_endpoint_that_never_answers_ends_soon_and_holds_up_no_other() -> None:
    def style(arrival: Arrival, right: Response) -> bytes | None:
        return None if arrival.function == "wa-webhook-core" else written(right)

    begin = time.monotonic()
    with RawServer(style) as address:
        settings = settings_for(http_request_timeout_seconds=1.0)
        judged = outcomes(read(settings, access_to(address), CHECK_04_PIECES))
    assert time.monotonic() - begin < 8
    for name, one in judged.items():
        assert one.status is (Status.ERROR if name.startswith("wa-webhook-core-") else Status.PASSED), name
    assert "the endpoint answered none of " in judged["wa-webhook-core-extended"].reason


def test_time_limit_for_all_requests_is_held(server: Server) -> None:
    def slow(arrival: Arrival, right: Response) -> bytes:
        time.sleep(0.15)
        return written(right)

    begin = time.monotonic()
    with RawServer(slow) as address:
        judged = outcomes(read(settings_for(http_total_seconds=1.0), access_to(address), CHECK_04_PIECES))
    assert time.monotonic() - begin < 3
    late = [one for one in judged.values() if one.status is Status.ERROR]
    assert any("not sent: the 1 s for all requests were used up" in one.reason for one in late)
    assert not any(one.status is Status.FAILED for one in judged.values())


def test_headers_without_end_do_not_fill_the_memory() -> None:
    def style(arrival: Arrival, right: Response) -> bytes:
        return b"HTTP/1.1 401 No\r\n" + b"x-long: " + b"y" * 300_000 + b"\r\n\r\n"

    with RawServer(style) as address:
        judged = outcomes(read(settings_for("wa-webhook"), access_to(address), CHECK_04_PIECES), (FORGERIES,))
    assert {one.status for one in judged.values()} == {Status.ERROR}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of the tests' own."""
    return trustme.CA()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust for that authority, given as a user would give it to OpenSSL."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def judge_health(tls: ssl.SSLContext) -> dict[str, tuple[Status, str]]:
    from checks import test_deploy

    tests = (test_deploy.test_health_endpoint_is_healthy, test_deploy.test_certificate_is_good)
    with RawServer(lambda _, right: written(right), tls) as address:
        evidence = read(settings_for("wa-webhook"), access_to(address), frozenset({"function_health"}))
    return {name: (one.status, one.reason) for name, one in outcomes(evidence, tests).items()}


@pytest.mark.usefixtures("trusted")
def test_good_certificate_passes(authority: trustme.CA) -> None:
    judged = judge_health(serving(authority.issue_cert("localhost")))
    assert {status for status, _ in judged.values()} == {Status.PASSED}


@pytest.mark.usefixtures("trusted")
def test_certificate_that_expires_soon_fails(authority: trustme.CA) -> None:
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
def test_bad_certificate_fails_and_what_it_hides_is_an_error(
    authority: trustme.CA, host: str, days: int, words: str
) -> None:
    end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=days)
    judged = judge_health(serving(authority.issue_cert(host, not_after=end)))
    status, reason = judged.pop("test_certificate_is_good")
    assert (status, words in reason) == (Status.FAILED, True), reason
    assert {status for status, _ in judged.values()} == {Status.ERROR}


def test_certificate_of_an_unknown_authority_fails(authority: trustme.CA) -> None:
    status, reason = judge_health(serving(authority.issue_cert("localhost")))["test_certificate_is_good"]
    assert status is Status.FAILED
    assert "the TLS certificate of localhost:" in reason
    assert "is not accepted: unable to get local issuer certificate" in reason


def test_proxy_of_the_environment_is_not_used_for_this_machine(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), frozenset({"handshakes"}))
    assert {one.status for one in outcomes(evidence, (HANDSHAKES,)).values()} == {Status.PASSED}


def test_proxy_that_is_none_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "gopher://127.0.0.1:9")
    evidence = read(settings_for("wa-webhook"), access_to("http://functions.invalid"), frozenset({"handshakes"}))
    gap = evidence.gaps["handshakes"]
    assert gap.status is Status.ERROR
    assert gap.reason == (
        "the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY) cannot be used"
    )


def test_redirect_is_not_followed_and_takes_no_credentials_along(server: Server) -> None:
    elsewhere = server.serve(honest)

    def redirecting(arrival: Arrival) -> Response:
        return Response(307, b"", [("location", f"{elsewhere}/functions/v1/wa-webhook")])

    read(settings_for("wa-webhook"), access_to(server.serve(redirecting)), CHECK_04_PIECES)
    assert server.arrivals(elsewhere) == []


def test_without_a_base_url_everything_is_unproven() -> None:
    judged = outcomes(
        read(settings_for(), replace(access_to(""), base_url=None), CHECK_04_PIECES), (CONTROLS, PROCESSOR)
    )
    assert {one.status for one in judged.values()} == {Status.UNPROVEN}
    assert "EASYMO_BASE_URL is not set" in judged["wa-webhook-ascii"].reason


def test_gateway_timeout_at_first_is_retried_and_told(server: Server) -> None:
    def starting() -> Callable[[Arrival], Response]:
        seen: list[int] = []

        def handle(arrival: Arrival) -> Response:
            seen.append(1)
            return answer(504, {"code": "IDLE_TIMEOUT"}) if len(seen) < 3 else honest(arrival)

        return handle

    evidence = read(settings_for("wa-webhook"), access_to(server.serve(starting())), frozenset({"webhook_probes"}))
    attempt = evidence.pieces["webhook_probes"].endpoints[0].forgery("no-signature").attempts[0]
    assert (attempt.outcome, attempt.retries) == ("401", ("504", "504"))
