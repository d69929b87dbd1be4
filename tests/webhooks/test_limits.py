"""What the probes cost: requests, connections and time; and that a seed repeats them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fixtures.outcome import Status
from fixtures.webhooks.forgeries.generated import draw_pool, pick
from fixtures.webhooks.forgeries.strategies import SORTS
from fixtures.webhooks.probe import FIXED_REQUESTS, SEARCH_REQUESTS
from fixtures.webhooks.reading import read_endpoints
from tests.webhooks.outcomes import FORGERIES, PIECES, access_to, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Response, Server, answer, honest

CHECK_04_PIECES = PIECES - {"function_health"}
WEBHOOKS = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")


def requests_by_function(server: Server, base_url: str) -> Counter[str]:
    return Counter(one.function for one in server.arrivals(base_url))


def test_each_endpoint_gets_the_budget_and_no_more(server: Server) -> None:
    base_url = server.serve(honest)
    read(settings_for(), access_to(base_url), PIECES)
    sent = requests_by_function(server, base_url)
    assert {name: sent[name] for name in WEBHOOKS} == dict.fromkeys(WEBHOOKS, 40)


@pytest.mark.parametrize("budget", [37, 47])
def test_budget_can_be_changed(server: Server, budget: int) -> None:
    base_url = server.serve(honest)
    settings = settings_for("wa-webhook", http_requests_per_endpoint=budget)
    evidence = read(settings, access_to(base_url), CHECK_04_PIECES)
    assert requests_by_function(server, base_url)["wa-webhook"] == budget
    assert evidence.pieces["webhook_probes"].endpoints[0].requests == budget


def test_budget_that_leaves_nothing_to_generate_leaves_that_unproven(server: Server) -> None:
    settings = settings_for("wa-webhook", http_requests_per_endpoint=37)
    judged = outcomes(read(settings, access_to(server.serve(honest)), CHECK_04_PIECES), (FORGERIES,))
    assert judged["wa-webhook-generated"].status is Status.UNPROVEN
    assert "the budget of 37 left none" in judged["wa-webhook-generated"].reason


def test_budget_that_is_too_small_is_a_usage_error() -> None:
    settings = settings_for(http_requests_per_endpoint=36)
    with pytest.raises(pytest.UsageError) as error:
        read(settings, access_to("http://127.0.0.1:9"), CHECK_04_PIECES)
    assert str(error.value) == (
        "limits.http_requests_per_endpoint (or --probe-requests) is 36; expected at least 37: "
        "30 fixed forgeries and controls and 7 handshakes for each endpoint, and what is left is generated"
    )
    assert FIXED_REQUESTS == 30


def test_evidence_of_other_settings_is_an_error_in_words(server: Server) -> None:
    evidence = read(settings_for("wa-webhook"), access_to(server.serve(honest)), PIECES)
    judged = outcomes(replace(evidence, settings=settings_for("wa-webhook-core")))
    assert {one.status for name, one in judged.items() if name.startswith("wa-webhook-core")} == {Status.ERROR}
    reason = judged["wa-webhook-core-no-signature"].reason
    assert reason == "the evidence says nothing of wa-webhook-core: it was read with other settings"


def test_search_for_a_culprit_is_bounded(server: Server) -> None:
    def believes_all(arrival: Arrival) -> Response:
        claims = [name for name, _ in arrival.headers if name.startswith("x-") and "hub" not in name]
        open_ = arrival.is_delivery and len(claims) > 2 and arrival.signature != arrival.right
        return answer(200, {}) if open_ else honest(arrival)

    base_url = server.serve(believes_all)
    read(settings_for("wa-webhook"), access_to(base_url), CHECK_04_PIECES)
    assert requests_by_function(server, base_url)["wa-webhook"] <= 40 + SEARCH_REQUESTS


def test_without_secrets_only_forgeries_and_bad_handshakes_are_sent(server: Server) -> None:
    base_url = server.serve(honest)
    access = replace(access_to(base_url), app_secret=None, verify_token=None)
    judged = outcomes(read(settings_for("wa-webhook"), access, CHECK_04_PIECES))
    assert not any(one.signature == one.right for one in server.arrivals(base_url))
    unproven = {name.removeprefix("wa-webhook-") for name, one in judged.items() if one.status is Status.UNPROVEN}
    assert unproven == {
        *("ascii", "escaped-unicode", "raw-utf8"),
        *("right-token", "extra-parameters", "other-mode", "repeated-token"),
        *("other-body", "bit-flipped", "truncated", "extended", "byte-added", "replayed", "generated"),
    }
    assert {one.status for one in judged.values()} == {Status.PASSED, Status.UNPROVEN}
    assert "WHATSAPP_APP_SECRET is not set" in judged["wa-webhook-ascii"].reason
    assert "a stand-in for a forgery that is made from a right signature" in judged["wa-webhook-truncated"].reason
    assert "WA_VERIFY_TOKEN is not set" in judged["wa-webhook-right-token"].reason


def test_without_secrets_an_open_endpoint_still_fails(server: Server) -> None:
    base_url = server.serve(lambda arrival: answer(200, {}))
    access = replace(access_to(base_url), app_secret=None)
    judged = outcomes(read(settings_for("wa-webhook"), access, CHECK_04_PIECES), (FORGERIES,))
    assert judged["wa-webhook-bit-flipped"].status is Status.FAILED


def test_requests_under_way_at_once_are_bounded() -> None:
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


def test_three_endpoints_take_less_than_twice_the_time_of_one(far_server: Server) -> None:
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


def test_pick_spreads_body_sorts() -> None:
    """Three examples are of three sorts, and three endpoints together get examples of all sorts."""
    pool = draw_pool(settings_for().probes.seed or 0)
    shares = [pick(pool, 3, position * 3) for position in range(3)]
    assert [len({one.body.sort for one in share}) for share in shares] == [3, 3, 3]
    assert {one.body.sort for share in shares for one in share} == set(SORTS)
    assert len({one for share in shares for one in share}) > 7
    assert pick(pool, 0, 0) == []
    assert len(pick(pool, 1000, 0)) == len(set(pool))


def test_seed_is_told_and_chosen_at_random_without_one(server: Server) -> None:
    settings = settings_for("wa-webhook")
    settings = replace(settings, probes=replace(settings.probes, seed=None))
    told: list[str] = []
    pieces, _ = read_endpoints(settings, access_to(server.serve(honest)), CHECK_04_PIECES, told.append)
    assert f"seed of the generated requests: {pieces['webhook_probes'].seed}" in told
    judged = outcomes(
        read(settings_for("wa-webhook"), access_to(server.serve(honest)), CHECK_04_PIECES), (FORGERIES,)
    )
    statement = judged["wa-webhook-generated"].judge
    assert statement is not None
    assert statement.findings == ["3 generated requests; repeat them with --probe-seed 20251127"]
