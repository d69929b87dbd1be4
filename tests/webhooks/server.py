"""A server of endpoints for the tests, correct or faulty ones, each under its own path prefix.

An ASGI application on uvicorn in a thread. The behaviour that was registered under NAME answers
``{address}/NAME/functions/v1/{function}``. All requests that arrive are stored, so that tests can count them.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

SECRET = "app-secret-of-the-tests"
TOKEN = "verify-token-of-the-tests"
SERVICE_KEY = "service-role-key-of-the-tests"
ANON_KEY = "anon-key-of-the-tests"
PATH = re.compile(r"/(?P<name>[^/]+)/functions/v1/(?P<function>[^/]+)(?P<rest>/.*)?$")


@dataclass
class Response:
    """The answer of a behaviour."""

    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Arrival:
    """A request as it arrived."""

    method: str
    function: str
    rest: str
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes
    client: tuple[str, int] | None = None

    def header(self, name: str) -> str | None:
        """All values of a header, joined as by ``Headers.get`` in a function; None without any."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    @property
    def signature(self) -> str | None:
        """The signature header."""
        return self.header("x-hub-signature-256")

    @property
    def right(self) -> str:
        """The right signature of its body."""
        return sign(self.body)

    @property
    def is_health(self) -> bool:
        return self.method == "GET" and self.rest == "/health"

    @property
    def is_handshake(self) -> bool:
        return self.method == "GET" and not self.rest

    @property
    def is_delivery(self) -> bool:
        return self.method == "POST" and self.function != "dlq-processor"

    @property
    def is_call(self) -> bool:
        return self.method == "POST" and self.function == "dlq-processor"


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def answer(status: int, document: Any, **headers: str) -> Response:
    """A JSON answer; header names are written with underscores."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(status, json.dumps(document).encode(), [("content-type", "application/json"), *named])


UNAUTHORIZED = answer(401, {"error": "Invalid signature"})


def honest(arrival: Arrival) -> Response:
    """Answer as a correct deployment does."""
    if arrival.is_health:
        return answer(200, health_of(arrival.function))
    if arrival.is_handshake:
        return honest_handshake(arrival)
    if arrival.is_call:
        allowed = arrival.header("authorization") == f"Bearer {SERVICE_KEY}"
        return (
            answer(200, {"success": True, "processed": 0}) if allowed else answer(401, {"error": "Unauthorized"})
        )
    if not hmac.compare_digest((arrival.signature or "").encode(), arrival.right.encode()):
        return UNAUTHORIZED
    return answer(200, {"received": True})


def honest_handshake(arrival: Arrival) -> Response:
    query = dict(arrival.query)
    if query.get("hub.mode") != "subscribe" or query.get("hub.verify_token") != TOKEN:
        return Response(403, b"Forbidden")
    return Response(200, query.get("hub.challenge", "").encode(), [("content-type", "text/plain")])


def health_of(function: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "status": "healthy",
        "service": function,
        "version": "2.1.0",
        "timestamp": datetime.now(UTC).isoformat(),
        "checks": {"database": "connected", "latency": "12ms"},
    }
    if function == "wa-webhook-core":
        body["circuitBreakers"] = {"supabase": "CLOSED", "whatsapp": {"state": "CLOSED", "failures": 0}}
    if function == "dlq-processor":
        body["stats"] = {"pending": 3, "processing": 0, "reprocessed": 12, "failed": 0}
    return body


Behaviour = Callable[[Arrival], Response]


class Server:
    """uvicorn in a thread, on a free port of this machine."""

    def __init__(self, latency_seconds: float = 0.0) -> None:
        self.latency_seconds = latency_seconds
        self._behaviours: dict[str, Behaviour] = {}
        self._arrivals: dict[str, list[Arrival]] = {}
        self._numbers = 0
        self._under_way: Counter[str] = Counter()
        self.most_at_once = 0
        """Maximum of requests under way at once, over all behaviours."""
        self.most_at_once_by_function: Counter[str] = Counter()

    def start(self, **options: Any) -> Server:
        import uvicorn

        config = uvicorn.Config(
            self._application,
            host="127.0.0.1",
            port=0,
            log_config=None,
            interface="asgi3",
            lifespan="off",
            ws="none",
            **options,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._uvicorn.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        self.port = self._uvicorn.servers[0].sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(10)

    def serve(self, behaviour: Behaviour) -> str:
        """Serve a behaviour under a new prefix, and return its base URL."""
        self._numbers += 1
        name = f"b{self._numbers}"
        self._behaviours[name], self._arrivals[name] = behaviour, []
        return f"http://127.0.0.1:{self.port}/{name}"

    def arrivals(self, base_url: str) -> list[Arrival]:
        """Return the requests that arrived at a base URL."""
        return self._arrivals[base_url.rpartition("/")[2]]

    async def _application(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        found = PATH.fullmatch(scope["path"])
        assert found is not None, scope["path"]
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        arrival = Arrival(
            scope["method"],
            found["function"],
            found["rest"] or "",
            parse_qsl(scope["query_string"].decode(), keep_blank_values=True),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
            body,
            scope["client"],
        )
        self._arrivals[found["name"]].append(arrival)
        self._under_way[arrival.function] += 1
        self.most_at_once = max(self.most_at_once, self._under_way.total())
        self.most_at_once_by_function |= self._under_way
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        self._under_way[arrival.function] -= 1
        response = self._behaviours[found["name"]](arrival)
        headers = [(name.encode(), value.encode()) for name, value in response.headers]
        headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
