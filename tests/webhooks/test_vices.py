"""Every vice is found by exactly the cases that name it, in words that a person understands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.outcome import Status
from tests.webhooks.outcomes import PIECES, access_to, outcomes, read, settings_for
from tests.webhooks.server import ANON_KEY, Server, honest
from tests.webhooks.vices import VICES, Vice

CHECK_04_PIECES = PIECES - {"function_health"}


@pytest.mark.parametrize("vice", VICES.values(), ids=VICES)
def test_vice_is_found_by_what_names_it(server: Server, vice: Vice) -> None:
    behaviour = vice.make()
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    settings = settings_for("wa-webhook", http_requests_per_endpoint=60)
    settings = replace(settings, names=replace(settings.names, anon_key=ANON_KEY))
    judged = outcomes(read(settings, access_to(base_url), CHECK_04_PIECES))
    short = {case.removeprefix("wa-webhook-"): outcome for case, outcome in judged.items()}

    found = {case: outcome.status for case, outcome in short.items() if outcome.status is not Status.PASSED}
    expected = dict.fromkeys(vice.failed, Status.FAILED) | dict.fromkeys(vice.unproven, Status.UNPROVEN)
    assert found == expected, {case: short[case].reason for case in found.keys() ^ expected.keys()}
    for case, words in vice.failed.items():
        assert words in short[case].reason
