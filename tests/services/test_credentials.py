"""Credentials reach the service that they are for, and no other host and no message."""

from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from fixtures.outcome import CouldNotLook
from fixtures.secret import Secret
from fixtures.services.client import Service
from tests.services.servers import TOKEN, Asked, ScriptedServer, answers, get, refused, service, using, whole

HOOK = "/services/T024BE7LD/B0A1C2D3E/x8Vd9sKq2LmN4pRt"
PIECES_OF_HOOK = ("T024BE7LD", "B0A1C2D3E", "x8Vd9sKq2LmN4pRt")
PASSWORD = "correct-horse"


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status: int) -> None:
    """The credential stays with its host; the error names the other one, without its path."""
    other = ScriptedServer(answers(200))
    with other as target:
        first = ScriptedServer(answers(status, "", location=f"{target}/login?to={TOKEN}"))
        with first as url:
            reply = get(service(url))
            error = reply.fault()
    assert first.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert other.asked == []
    where = target.removeprefix("http://")
    assert error.reason.endswith(f"answered GET /api/health with HTTP {status}, a redirect to {where}")
    assert error.advice == "set EASYMO_GRAFANA_URL to the address of the API itself, not of a login page or proxy"


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("", "another page"),
        (f"/login?redirect_to=%2F{TOKEN}", "another page"),
        (f"https://{TOKEN.replace('/', '.').replace('+', '.')}@login.example/x", "login.example"),
        ("http://[bad", "an invalid address"),
        ("http://login.example:99999/", "an invalid address"),
        ("//login.example:8443/x", "login.example:8443"),
        (f"https://{'a' * 5000}.example/", f"{'a' * 199}…"),
    ],
    ids=["none", "relative", "with a user", "broken", "port", "without a scheme", "long"],
)
def test_odd_targets_of_redirects(location: str, words: str) -> None:
    """They end in a message, and show no credential."""
    with ScriptedServer(answers(302, "", location=location)) as url:
        reason = get(service(url)).fault().reason
    assert reason.endswith(f"with HTTP 302, a redirect to {words}")


ECHOES = {
    "header": f'{{"message": "no key", "authorization": "Bearer {TOKEN}"}}',
    "alone": f"token {TOKEN} is unknown",
    "in a URL": f"GET /api?token={quote(TOKEN, safe='')}",
    "in JSON": json.dumps({"token": TOKEN}).replace("/", "\\/"),
    "several times": f"{TOKEN}{TOKEN} {TOKEN}",
    "cut by the server": f"token {TOKEN[:20]}... is unknown",
    "behind much white space": " " * 9990 + TOKEN,
    "behind many characters": "x" * 190 + TOKEN,
    "across the end of what is read": " " * (50 * 200 - 11) + TOKEN,
    "around control characters": f"\x1b[31m{TOKEN}\x1b[0m\x00",
}


@pytest.mark.parametrize("body", ECHOES.values(), ids=list(ECHOES))
def test_echoed_token_is_masked(body: str) -> None:
    """Whole, in other spellings, and its beginning; the words around it stay."""
    with ScriptedServer(answers(401, body)) as url:
        reply = get(service(url))
    shown = reply.fault().reason
    # No 12 characters of it in a row.
    assert [at for at in range(len(TOKEN) - 12) if TOKEN[at : at + 12] in shown] == []
    assert "glsa_2J8sYx" not in shown
    if "is unknown" in body:
        assert "is unknown" in reply.text


@pytest.mark.parametrize(
    ("value", "echo"),
    [
        (basic(PASSWORD), PASSWORD),
        (basic(PASSWORD), f"admin:{PASSWORD}"),
        (basic(PASSWORD), basic(PASSWORD).split()[1]),
        ("Token token=y_NbAkKc66ryYTWUXYEu", "y_NbAkKc66ryYTWUXYEu"),
        ('Token token="y_NbAkKc66ryYTWUXYEu"', "y_NbAkKc66ryYTWUXYEu"),
        ("Basic no base 64!", "Basic no base 64!"),
    ],
    ids=["password", "user and password", "encoded", "PagerDuty", "quoted", "not encoded"],
)
def test_parts_of_credentials_are_masked(value: str, echo: str) -> None:
    """What stands in a header, and what it encodes."""
    with ScriptedServer(answers(401, f"no: <{echo}>")) as url:
        reply = get(service(url, authorization=Secret(value)))
    assert reply.text.replace("=", "") == "no: <***>"


def test_header_without_a_secret_is_shown() -> None:
    """A tenant is no credential."""
    with ScriptedServer(answers(401, "tenant customer-one is unknown")) as url:
        assert get(service(url, x_scope_orgid="customer-one")).text == "tenant customer-one is unknown"


def test_echo_that_is_not_http_is_masked() -> None:
    """The library quotes a line that it does not understand."""

    def echo(asked: Asked) -> Iterator[bytes]:
        yield f"ERR {asked.headers['authorization']}\r\n\r\n".encode()

    with ScriptedServer(echo) as url:
        reason = refused(service(url)).reason
    assert "did not answer in HTTP" in reason
    assert TOKEN[:12] not in reason


@pytest.mark.parametrize(
    "value", ["Bearer abc\n", "Bearer a\r\nx: y", "Bearer ключ", "Bearer a\x00", "", " Bearer a"]
)
def test_credential_that_no_header_may_have(value: str) -> None:
    """It is not sent, and not shown."""
    server = ScriptedServer(answers(200))
    with server as url:
        error = refused(service(url, authorization=Secret(value)))
    assert error.reason == "the credential for Grafana has characters that cannot be sent in an HTTP header"
    assert error.advice == "set it again, without line breaks, and without characters that are not ASCII"
    assert server.asked == []


def test_secret_address_is_not_shown() -> None:
    """In no message: refused, late, redirected, echoed, not JSON; only the variable's name."""
    told = []
    for script in (
        answers(404, f"no_service for {HOOK}"),
        answers(403, f"http://127.0.0.1{HOOK} is gone"),
        answers(302, "", location=f"http://127.0.0.1{HOOK}/x"),
        answers(200, f"{PIECES_OF_HOOK[2]} is not JSON"),
        lambda asked: [f"{asked.target}\r\n\r\n".encode()],
    ):
        with ScriptedServer(script) as url:
            one = Service("Slack", "SLACK_WEBHOOK_URL", url + HOOK, secret_url=True)
            try:
                told.append(get(one, "").result)
            except CouldNotLook as error:
                told.append(error.reason + str(error.advice) + "".join(traceback.format_exception(error)))
            assert HOOK not in repr(one)
    told.append(refused(one, "").reason)
    assert len(told) == 6
    assert all("SLACK_WEBHOOK_URL" in text for text in told)
    assert [text for text in told if any(piece in text for piece in PIECES_OF_HOOK)] == []


def test_messages_have_no_query() -> None:
    """A query may have what a person wrote; the path is enough to find the request."""
    with ScriptedServer(answers(500)) as url:
        reply = using(service(url), lambda client: client.get("/api/x", {"q": "secret words"}))
    assert reply.request == "GET /api/x"


def test_reply_does_not_show_the_headers() -> None:
    """Nor does the text of the objects, which tracebacks have."""
    with ScriptedServer(lambda asked: whole(200)) as url:
        reply = get(service(url))
    assert TOKEN not in repr(reply)
