"""An accepted forgery is narrowed down to one header or one small body, with a command that repeats it."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from fixtures.settings.model import Probes
from fixtures.webhooks.model import ForgeryProbe
from fixtures.webhooks.probe import SEARCH_REQUESTS
from tests.webhooks.faults import FAULTS, believes
from tests.webhooks.faults.registry import Handler
from tests.webhooks.outcomes import FORGERIES, SEED, access_to, outcomes, read, settings_for
from tests.webhooks.server import SECRET, Arrival, Response, Server, answer, honest

NEEDS = frozenset({"webhook_probes"})


def probe(server: Server, behaviour: Handler, kind: str) -> ForgeryProbe:
    """What a kind of forgery got with a budget of 60 requests."""
    return probe_at(server, behaviour, kind)[0]


def probe_at(server: Server, behaviour: Handler, kind: str, seed: int = SEED) -> tuple[ForgeryProbe, str]:
    """What a kind of forgery got with a budget of 60 requests, and the base URL of the endpoint."""
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    settings = replace(settings_for("wa-webhook", http_requests_per_endpoint=60), probes=Probes(seed=seed))
    evidence = read(settings, access_to(base_url), NEEDS)
    found = evidence.pieces["webhook_probes"].endpoints[0].forgery(kind)
    assert isinstance(found, ForgeryProbe)
    return found, base_url


def test_large_body_is_shrunk(server: Server) -> None:
    """If bodies from 3000 bytes on are accepted, the first one shown is the smallest, close to 3000 bytes."""

    def open_from_3000(arrival: Arrival) -> Response | None:
        return answer(200, {}) if arrival.is_delivery and len(arrival.body) >= 3000 else None

    found = probe(server, open_from_3000, "generated").attempts
    sizes = [int(re.findall(r"\(long, (\d+) bytes\)", one.what)[0]) for one in found if one.outcome == "200"]
    assert 3000 <= sizes[0] <= min(sizes)
    assert sizes[0] < 3100
    assert found[0].what.endswith("no signature")
    assert found[0].curl.endswith(f"--data-binary @FILE  # FILE: a body of {sizes[0]} bytes")


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_seed_finds_a_small_forgery(server: Server, seed: int) -> None:
    """If deep bodies are accepted, each seed finds one of few bytes within the requests of the search."""

    def open_to_deep_ones(arrival: Arrival) -> Response | None:
        return answer(200, {}) if arrival.is_delivery and arrival.body.startswith(b"[" * 20) else None

    found, base_url = probe_at(server, open_to_deep_ones, "generated", seed=seed)
    assert re.match(r"a generated body \(deep, (40|52) bytes\), no signature", found.attempts[0].what)
    assert len(server.arrivals(base_url)) <= 60 + SEARCH_REQUESTS


def test_seed_repeats_the_whole_search(server: Server) -> None:
    """The same seed sends the same generated requests, in the search too, and shows the same forgery."""

    def open_from_3000(arrival: Arrival) -> Response | None:
        return answer(200, {}) if arrival.is_delivery and len(arrival.body) >= 3000 else None

    runs = [probe_at(server, open_from_3000, "generated") for _ in range(2)]
    shown = [sorted(one.what for one in found.attempts) for found, _ in runs]
    sent = [Counter(len(one.body) for one in server.arrivals(base_url)) for _, base_url in runs]
    assert shown[0] == shown[1]
    assert sent[0] == sent[1]


@pytest.mark.parametrize("chance", [0.0, 0.05, 0.3, 0.7])
def test_varying_answers_give_a_forgery(server: Server, chance: float) -> None:
    """An endpoint that accepts one large body and then answers at random: the forgery shown was accepted."""
    source, let_in = random.Random(1), list[int]()

    def answers_at_random(arrival: Arrival) -> Response | None:
        if not arrival.is_delivery or len(arrival.body) < 1000:
            return None
        if let_in and source.random() >= chance:
            return None
        let_in.append(len(arrival.body))
        return answer(200, {})

    found, base_url = probe_at(server, answers_at_random, "generated")
    assert found.attempts[0].outcome == "200"
    size = int(re.findall(r"(\d+) bytes\)", found.attempts[0].what)[0])
    assert size in let_in
    assert size < min(let_in) + 40, "the smallest, except for the request's id, which not every body has"
    assert len(server.arrivals(base_url)) <= 60 + SEARCH_REQUESTS


def test_small_forgery_is_shown_whole(server: Server) -> None:
    """The command contains the whole body if it is short."""

    def opens_to_arrays(arrival: Arrival) -> Response | None:
        return answer(200, {}) if arrival.is_delivery and arrival.body.startswith(b"[") else None

    found = probe(server, opens_to_arrays, "generated").attempts[0]
    assert re.fullmatch(
        r"curl -i -X POST http://127\.0\.0\.1:\d+/b\d+/functions/v1/wa-webhook "
        r"-H 'content-type: application/json' --data-binary '\[[^']{0,30}\]'",
        found.curl,
    ), found.curl


def test_right_signatures_are_not_shown(server: Server) -> None:
    """A command names a signature that is made from a right one, and does not contain it."""
    found = probe(server, FAULTS["compares-eight-digits"].make(), "bit-flipped").attempts[0]
    assert "-H 'x-hub-signature-256: <the right signature, its last bit flipped>'" in found.curl
    assert "sha256=" not in found.curl


def test_wrong_signatures_are_shown(server: Server) -> None:
    """A command contains a signature that is made with a wrong secret."""
    found = probe(server, FAULTS["verifies-with-an-empty-secret"].make(), "guessed-secret").attempts[0]
    assert re.search("x-hub-signature-256: sha256=[0-9a-f]{64}", found.curl)


def test_command_sends_no_content_type(server: Server) -> None:
    """A request without content-type gets a command that switches off curl's own."""
    found = probe(server, FAULTS["accepts-a-missing-type"].make(), "base64-signature").attempts[0]
    assert " -H content-type: --data-binary " in found.curl


def test_command_sends_the_blank_header(server: Server) -> None:
    """curl sends a header without a value only if it ends in a semicolon."""
    found = probe(server, FAULTS["open-to-a-header-without-a-value"].make(), "blank-signature").attempts[0]
    assert " -H 'x-hub-signature-256;' --data-binary " in found.curl


@pytest.mark.parametrize(("header", "value"), [("x-envoy-internal", "1"), ("x-hub-signature-verified", "true")])
def test_one_header_of_many_is_named(server: Server, header: str, value: str) -> None:
    """Of all trust headers in a request, the search names the one that is accepted."""
    kind = "internal-headers" if header == "x-envoy-internal" else "debug-headers"
    found = [one for one in probe(server, believes(header, value), kind).attempts if one.outcome == "200"]
    assert [one.what for one in found] == [f"{header}: {value}; no signature"]
    assert f"-H '{header}: {value}'" in found[0].curl


def test_two_headers_of_two_kinds_are_both_named(server: Server) -> None:
    """Each kind of trust header fails with its own header; another kind passes."""
    one, other = believes("x-debug", "true"), believes("x-forwarded-for", "127.0.0.1")
    base_url = server.serve(lambda arrival: one(arrival) or other(arrival) or honest(arrival))
    judged = outcomes(read(settings_for("wa-webhook"), access_to(base_url), NEEDS), (FORGERIES,))
    assert "(x-debug: true; no signature)" in judged["wa-webhook-debug-headers"].reason
    assert "(x-forwarded-for: 127.0.0.1; no signature)" in judged["wa-webhook-proxy-headers"].reason
    assert judged["wa-webhook-retry-headers"].status == "passed"


def test_too_many_headers_are_sent_in_parts(server: Server) -> None:
    """A server that answers 431 to many headers gets them in parts, and passes if it refuses these."""

    def few_headers(arrival: Arrival) -> Response | None:
        return answer(431, {}) if len(arrival.headers) > 30 else None

    base_url = server.serve(lambda arrival: few_headers(arrival) or honest(arrival))
    judged = outcomes(read(settings_for("wa-webhook"), access_to(base_url), NEEDS), (FORGERIES,))
    assert {one.status for one in judged.values()} == {"passed"}


def test_secret_in_an_answer_is_masked(server: Server) -> None:
    """The evidence contains neither the app secret nor a signature that an answer contained."""
    for name, kind in (("returns-the-secret", "no-json"), ("returns-the-expected-signature", "extended")):
        found = probe(server, FAULTS[name].make(), kind).attempts[0]
        assert found.answer is not None
        assert "***" in found.answer.body
        assert SECRET not in found.answer.body
        assert not re.search("[0-9a-f]{64}", found.answer.body)
