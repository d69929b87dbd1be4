"""Answers that cannot be used: the error names service and status, shows a start of the text, and advises."""

from __future__ import annotations

import gzip
import logging
from dataclasses import replace

import pytest

from fixtures.outcome import CouldNotLook
from fixtures.services.client import ServiceReply
from fixtures.services.source import STAND_IN
from tests.services.servers import QUICK, ScriptedServer, answers, get, in_turn, refused, service, using

LOG = "look at Grafana's own log, and whether EASYMO_GRAFANA_URL is its address"
ESCAPES = "\x1b[31mred\x1b[0m\r\n\tline\x00two \u202ebidi\u2028end"

UNUSABLE: dict[str, tuple[int, str | bytes, str, str]] = {
    "401": (
        401,
        '{"message": "Invalid API key"}',
        'with HTTP 401: {"message": "Invalid API key"}',
        "look whether the credential for Grafana is still valid",
    ),
    "403": (
        403,
        "no",
        "with HTTP 403: no",
        "look whether the credential for Grafana has the permission for this request",
    ),
    "404": (404, "", "with HTTP 404", LOG),
    "500": (500, "boom", "with HTTP 500: boom", LOG),
    "no JSON": (200, "<html>Login</html>", "with text that is not JSON: <html>Login</html>", LOG),
    "empty": (200, "", "with text that is not JSON", LOG),
    "too deep": (200, "[" * 100_000, f"with text that is not JSON: {'[' * 199}…", LOG),
    "bytes": (200, b"\xff\xfe\x00{", "with text that is not JSON: \ufffd\ufffd {", LOG),
    "terminal codes": (500, ESCAPES, "with HTTP 500: [31mred [0m line two bidi end", LOG),
    "long": (500, "x" * 10**6, f"with HTTP 500: {'x' * 199}…", LOG),
}


def fault_of(reply: ServiceReply) -> CouldNotLook:
    """Return the error by which an answer is refused."""
    with pytest.raises(CouldNotLook) as caught:
        reply.result  # noqa: B018  the property raises
    return caught.value


@pytest.mark.parametrize(("status", "body", "words", "advice"), UNUSABLE.values(), ids=list(UNUSABLE))
def test_unusable_answer(status: int, body: str | bytes, words: str, advice: str) -> None:
    """A status that is no success, or no JSON."""
    with ScriptedServer(answers(status, body)) as url:
        error = fault_of(get(service(url)))
    host = url.removeprefix("http://")
    assert error.reason == f"Grafana ({host}) answered GET /api/health {words}"
    assert error.advice == advice


@pytest.mark.parametrize(
    ("status", "body", "document"),
    [(200, '\ufeff{"a": 1}', {"a": 1}), (200, "[]", []), (404, '{"message": "x"}', {"message": "x"})],
    ids=["with a mark of its order of bytes", "empty list", "document of a 404"],
)
def test_documents(status: int, body: str, document: object) -> None:
    """JSON is read whatever the status."""
    with ScriptedServer(answers(status, body)) as url:
        assert get(service(url)).document == document


def test_gzip_is_unpacked() -> None:
    """Some services pack, although they are asked not to."""
    server = ScriptedServer(answers(200, gzip.compress(b'{"a": 1}'), content_encoding="gzip"))
    with server as url:
        assert get(service(url)).result == {"a": 1}
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_request_has_its_parts() -> None:
    """Path below the base URL, parameters of the query, JSON, and the headers of the service."""
    server = ScriptedServer(answers(200))
    with server as url:
        one = service(f"{url}/grafana/", x_tenant="a")
        pairs = [("a", "1"), ("a", "ö &")]
        using(one, lambda client: client.send("POST", "/api/x", parameters=pairs, document={"b": "ö"}))
        using(one, lambda client: client.get("/api/y", {"q": '{a="b"}'}))
    posted, got = server.asked
    assert (posted.target, posted.body) == ("/grafana/api/x?a=1&a=%C3%B6+%26", b'{"b": "\\u00f6"}')
    assert (posted.headers["content-type"], posted.headers["x_tenant"]) == ("application/json", "a")
    assert got.target == "/grafana/api/y?q=%7Ba%3D%22b%22%7D"
    assert "content-type" not in got.headers


def test_source_says_whether_it_is_a_stand_in() -> None:
    """By a header that only stand-ins send; one answer with it is enough."""
    with ScriptedServer(in_turn(answers(200), answers(200, x_easymo_stand_in="Grafana"), answers(200))) as url:

        async def sources(client) -> list[str]:
            found = []
            for _ in range(3):
                await client.get("/")
                found.append(str(client.source("11.2.0")))
            return found

        real, first, second = using(service(url), sources)
    host = url.removeprefix("http://")
    assert real == f"Grafana 11.2.0 at {host}"
    assert first == second == f"a stand-in for Grafana 11.2.0 at {host}"
    assert STAND_IN == "x-easymo-stand-in"


def test_no_cookie_is_kept() -> None:
    """A cookie of an answer is not sent with the next request."""
    server = ScriptedServer(answers(200, set_cookie="grafana_session=1; Path=/"))
    with server as url:

        async def twice(client) -> None:
            await client.get("/")
            await client.get("/")

        using(service(url), twice)
    assert ["cookie" in one.headers for one in server.asked] == [False, False]


def test_requests_are_limited() -> None:
    """The limit of one run; what was sent was answered."""
    server = ScriptedServer(answers(200))
    with server as url:

        async def four(client) -> str:
            for _ in range(3):
                await client.get("/")
            with pytest.raises(CouldNotLook) as caught:
                await client.get("/")
            return caught.value.reason

        reason = using(service(url), four, replace(QUICK, service_requests=3))
    assert reason.endswith(" got the 3 requests that one run may send, and more are needed")
    assert len(server.asked) == 3


def test_libraries_log_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their lines have URLs and headers, with credentials."""
    lines: list[logging.LogRecord] = []
    listener = logging.Handler(logging.DEBUG)
    monkeypatch.setattr(listener, "emit", lines.append)
    # As in a process that has not sent a request yet.
    for name in [one for one in logging.root.manager.loggerDict if one.startswith(("httpx", "httpcore"))]:
        monkeypatch.delitem(logging.root.manager.loggerDict, name)
    monkeypatch.setattr(logging.root, "level", logging.DEBUG)
    logging.root.addHandler(listener)
    try:
        with ScriptedServer(answers(500)) as url:
            get(service(url))
    finally:
        logging.root.removeHandler(listener)
    assert [line.name for line in lines if line.name.startswith("http")] == []


def test_bad_address_is_an_error() -> None:
    """Nothing that an address may be wrong in ends in another exception."""
    for url in ("http://127.0.0.1:1/\x00", "ftp://127.0.0.1", "http://[::1", "http://x:99999"):
        reason = refused(service(url)).reason
        assert reason.startswith("Grafana (")
        assert "could not be read: " in reason
