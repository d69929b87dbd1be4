"""``--timing`` detects a comparison that leaks, and never judges."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from fixtures.webhooks.forgeries.timing import PAIRS, sign_test, summary
from fixtures.webhooks.model import Timing
from tests.webhooks.outcomes import FORGERIES, access_to, not_passed, outcomes, read, settings_for
from tests.webhooks.server import Arrival, Behaviour, Response, Server, honest


def measured(server: Server, behaviour: Behaviour, *, signed: bool = True) -> tuple[Timing | None, str]:
    """The timing of an endpoint, and the findings of the case that reports it; with a key, nothing fails."""
    access = access_to(server.serve(behaviour))
    access = access if signed else replace(access, app_secret=None)
    settings = settings_for("wa-webhook")
    settings = replace(settings, probes=replace(settings.probes, timing=True))
    evidence = read(settings, access, frozenset({"webhook_probes"}))
    judged = outcomes(evidence, (FORGERIES,))
    statement = judged["wa-webhook-bit-flipped"].judge
    assert statement is not None
    if signed:
        assert not_passed(judged) == {}
    found = evidence.pieces["webhook_probes"].endpoints[0].timing
    return found, "; ".join(statement.findings)


def test_leak_is_measured_and_not_judged(server: Server) -> None:
    """A comparison that stops at the first wrong digit shows in the median, and fails nothing."""

    def leaks(arrival: Arrival) -> Response:
        given, right = arrival.signature or "", arrival.right
        same = next((n for n, (a, b) in enumerate(zip(given, right, strict=False)) if a != b), len(right))
        if arrival.is_delivery and len(given) == len(right):
            time.sleep(same * 0.0002)
        return honest(arrival)

    timing, findings = measured(server, leaks)
    assert timing is not None
    assert timing.pairs == PAIRS
    assert timing.median_difference_ms > 5
    assert timing.p_value < 0.01
    assert "a signature wrong in its last digit only was refused +" in findings
    assert findings.endswith("not judged")


def test_timing_needs_the_app_secret(server: Server) -> None:
    """Without the app secret no right signature can be changed, so nothing is measured or reported."""
    timing, findings = measured(server, honest, signed=False)
    assert timing is None
    assert findings == ""


def test_pairs_without_refusal_are_counted(server: Server) -> None:
    """Without any difference the summary has zeros, p = 1 and the number of failures."""
    assert summary([], failures=60) == Timing(0, 0.0, (0.0, 0.0), 1.0, 60)


@pytest.mark.parametrize(
    ("differences", "p_value"),
    [
        ([1.0] * 10, 2 / 1024),
        ([1.0] * 8 + [-1.0] * 2, 2 * (1 + 10 + 45) / 1024),
        ([1.0, -1.0] * 20, 1.0),
        ([0.0] * 5, 1.0),
    ],
)
def test_sign_test_is_exact(differences: list[float], p_value: float) -> None:
    """The p-value is that of the binomial distribution, two-sided and at most 1; ties are left out."""
    assert sign_test(differences) == pytest.approx(p_value)


def test_interval_is_by_ranks() -> None:
    # For 60 values the ranks are the 22nd from either end (binomial tables, 95 %).
    """The 95 % interval of 60 values reaches from the 22nd value to the 22nd from the end."""
    found = summary([float(value) for value in range(1, 61)])
    assert found.median_difference_ms == 30.5
    assert found.interval_ms == (22.0, 39.0)


def test_few_values_give_their_whole_range() -> None:
    """The interval of two values reaches from the smaller to the larger one."""
    assert summary([3.0, 1.0]).interval_ms == (1.0, 3.0)
