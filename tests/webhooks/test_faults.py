"""Each fault is found by exactly the cases that it names, with its words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.outcome import Status
from tests.webhooks.faults import FAULTS, Fault
from tests.webhooks.outcomes import PIECES, access_to, outcomes, read, settings_for
from tests.webhooks.server import ANON_KEY, Server, honest

CHECK_04_PIECES = PIECES - {"function_health"}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_fault_is_found_by_its_cases(server: Server, fault: Fault) -> None:
    """Exactly the cases that the fault names fail or are unproven, with its words."""
    behaviour = fault.make()
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    settings = settings_for("wa-webhook", http_requests_per_endpoint=60)
    settings = replace(settings, names=replace(settings.names, anon_key=ANON_KEY))
    judged = outcomes(read(settings, access_to(base_url), CHECK_04_PIECES))
    short = {case.removeprefix("wa-webhook-"): outcome for case, outcome in judged.items()}

    found = {case: outcome.status for case, outcome in short.items() if outcome.status is not Status.PASSED}
    expected = dict.fromkeys(fault.failed, Status.FAILED) | dict.fromkeys(fault.unproven, Status.UNPROVEN)
    assert found == expected, {case: short[case].reason for case in found.keys() ^ expected.keys()}
    for case, words in fault.failed.items():
        assert words in short[case].reason
