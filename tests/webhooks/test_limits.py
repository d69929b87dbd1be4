"""Limits of the probes: requests, connections and time; and the seed that repeats them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.outcome import Status
from fixtures.settings.model import Settings
from fixtures.webhooks.cases import cases
from fixtures.webhooks.forgeries.generated import draw_pool, pick
from fixtures.webhooks.forgeries.strategies import BODY_KINDS
from fixtures.webhooks.probe import FIXED_REQUESTS, SEARCH_REQUESTS
from fixtures.webhooks.reading import read_endpoints
from tests.webhooks.outcomes import FORGERIES, PIECES, access_to, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Response, Server, answer, honest

CHECK_04_PIECES = PIECES - {"function_health"}
WEBHOOKS = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")


def requests_by_function(server: Server, base_url: str) -> Counter[str]:
    """Requests that arrived, counted by function."""
    return Counter(one.function for one in server.arrivals(base_url))


def test_budget_is_used_exactly(server: Server) -> None:
    """Each webhook gets 40 requests by default."""
    base_url = server.serve(honest)
    read(settings_for(), access_to(base_url), PIECES)
    sent = requests_by_function(server, base_url)
    assert {name: sent[name] for name in WEBHOOKS} == dict.fromkeys(WEBHOOKS, 40)


@pytest.mark.parametrize("budget", [37, 47])
def test_budget_can_be_changed(server: Server, budget: int) -> None:
    """The setting limits the requests that arrive, and the evidence counts the same."""
    base_url = server.serve(honest)
    settings = settings_for("wa-webhook", http_requests_per_endpoint=budget)
    evidence = read(settings, access_to(base_url), CHECK_04_PIECES)
    assert requests_by_function(server, base_url)["wa-webhook"] == budget
    assert evidence.pieces["webhook_probes"].endpoints[0].requests == budget


def test_no_budget_for_generated_is_unproven(server: Server) -> None:
    """A budget of 37 covers the fixed requests only: the case of generated ones is unproven."""
    settings = settings_for("wa-webhook", http_requests_per_endpoint=37)
    judged = outcomes(read(settings, access_to(server.serve(honest)), CHECK_04_PIECES), (FORGERIES,))
    assert judged["wa-webhook-generated"].status is Status.UNPROVEN
    assert "the budget of 37 left none" in judged["wa-webhook-generated"].reason


def test_too_small_budget_is_a_usage_error() -> None:
    """The error names the budget, the minimum and what it consists of."""
    settings = settings_for(http_requests_per_endpoint=36)
    with pytest.raises(pytest.UsageError) as error:
        read(settings, access_to("http://127.0.0.1:9"), CHECK_04_PIECES)
    assert str(error.value) == (
        "limits.http_requests_per_endpoint (or --probe-requests) is 36; expected at least 37: "
        "30 fixed forgeries and controls and 7 handshakes for each endpoint; further ones are generated"
    )
    assert FIXED_REQUESTS == 30


def test_evidence_of_other_settings_is_an_error(server: Server) -> None:
    """A webhook that the evidence does not have is an error that names it."""
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), PIECES)
    judged = outcomes(replace(evidence, settings=settings_for("wa-webhook-core")))
    assert {one.status for name, one in judged.items() if name.startswith("wa-webhook-core")} == {Status.ERROR}
    reason = judged["wa-webhook-core-no-signature"].reason
    assert reason == "the evidence has no entry for wa-webhook-core: it was read with other settings"


def test_search_is_bounded(server: Server) -> None:
    """An endpoint that accepts every pair of headers gets at most 30 requests beyond the budget."""

    def believes_all(arrival: Arrival) -> Response:
        claims = [name for name, _ in arrival.headers if name.startswith("x-") and "hub" not in name]
        open_ = arrival.is_delivery and len(claims) > 2 and arrival.signature != arrival.right
        return answer(200, {}) if open_ else honest(arrival)

    base_url = server.serve(believes_all)
    read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    assert requests_by_function(server, base_url)["wa-webhook"] <= 40 + SEARCH_REQUESTS


def test_without_secrets_the_rest_is_unproven(server: Server) -> None:
    """Without secrets no right signature is sent, so no 401 counts as a refusal; the others pass."""
    base_url = server.serve(honest)
    access = replace(access_to(base_url), app_secret=None, verify_token=None)
    judged = outcomes(read(settings_for("wa-webhook"), access, CHECK_04_PIECES))
    assert not any(one.signature == one.right for one in server.arrivals(base_url))
    unproven = {name.removeprefix("wa-webhook-") for name, one in judged.items() if one.status is Status.UNPROVEN}
    assert unproven == {
        *cases(Settings())["control"],
        *cases(Settings())["forgery"],
        *("right-token", "extra-parameters", "other-mode", "repeated-token"),
    }
    assert {one.status for one in judged.values()} == {Status.PASSED, Status.UNPROVEN}
    assert "WHATSAPP_APP_SECRET is not set" in judged["wa-webhook-ascii"].reason
    assert "proves nothing without a correctly signed request" in judged["wa-webhook-no-signature"].reason
    assert "got this forgery with a stand-in for the right signature" in judged["wa-webhook-truncated"].reason
    assert "WA_VERIFY_TOKEN is not set" in judged["wa-webhook-right-token"].reason


def test_open_endpoint_fails_without_secrets(server: Server) -> None:
    """A forgery made with a stand-in secret fails if it is accepted."""
    base_url = server.serve(lambda arrival: answer(200, {}))
    access = replace(access_to(base_url), app_secret=None)
    judged = outcomes(read(settings_for("wa-webhook"), access, CHECK_04_PIECES), (FORGERIES,))
    assert judged["wa-webhook-bit-flipped"].status is Status.FAILED


def test_concurrent_requests_are_bounded() -> None:
    """No more requests are under way at once than the limits allow, in total and for each function."""
    slow = Server(latency_seconds=0.02).start()
    try:
        base_url = slow.serve(honest)
        read(
            settings_for(http_concurrency=4, http_concurrency_per_endpoint=2), access_to(base_url), CHECK_04_PIECES
        )
        assert slow.most_at_once <= 4
        assert max(slow.most_at_once_by_function.values()) <= 2
    finally:
        slow.stop()


@pytest.fixture
def far_server() -> Iterator[Server]:
    """A server 100 ms away."""
    server = Server(latency_seconds=0.1).start()
    yield server
    server.stop()


def test_endpoints_are_probed_concurrently(far_server: Server) -> None:
    """Three endpoints 100 ms away take less than twice the time of one."""
    base_url = far_server.serve(honest)
    draw_pool(settings_for().probes.seed or 0)

    def seconds(*names: str) -> float:
        begin = time.monotonic()
        read(settings_for(*names), access_to(base_url), frozenset({"webhook_probes", "handshakes"}))
        return time.monotonic() - begin

    assert seconds(*WEBHOOKS) < 2 * seconds("wa-webhook")


def test_seed_repeats_what_is_picked() -> None:
    """The same seed picks the same examples, another seed others."""
    draw_pool.cache_clear()
    first = pick(draw_pool(1), 10, 0)
    draw_pool.cache_clear()
    assert pick(draw_pool(1), 10, 0) == first
    assert pick(draw_pool(2), 10, 0) != first


def test_pick_spreads_body_kinds() -> None:
    """Three examples are of three kinds, and three endpoints together get examples of all kinds."""
    pool = draw_pool(settings_for().probes.seed or 0)
    shares = [pick(pool, 3, position * 3) for position in range(3)]
    assert [len({one.body.kind for one in share}) for share in shares] == [3, 3, 3]
    assert {one.body.kind for share in shares for one in share} == set(BODY_KINDS)
    assert len({one for share in shares for one in share}) > 7
    assert pick(pool, 0, 0) == []
    assert len(pick(pool, 1000, 0)) == len(set(pool))


def test_seed_is_reported(server: Server) -> None:
    """Without a seed in the settings a random one is used; the progress and the finding name it."""
    settings = settings_for("wa-webhook")
    settings = replace(settings, probes=replace(settings.probes, seed=None))
    lines: list[str] = []
    pieces, _ = read_endpoints(settings, access_to(server.serve(honest)), CHECK_04_PIECES, lines.append)
    assert f"seed of the generated requests: {pieces['webhook_probes'].seed}" in lines
    judged = outcomes(
        read(settings_for("wa-webhook"), access_to(server.serve(honest)), CHECK_04_PIECES), (FORGERIES,)
    )
    statement = judged["wa-webhook-generated"].judge
    assert statement is not None
    assert statement.findings == ["3 generated requests; repeat them with --probe-seed 20251127"]
