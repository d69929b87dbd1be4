"""Reads the endpoints of a test server, and judges check 4 and the health checks on the evidence."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from checks import test_immediate
from fixtures.evidence.document import Evidence, decode, plain, to_text
from fixtures.evidence.pieces import ENDPOINTS, pieces_from
from fixtures.outcome import Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Probes, Settings
from fixtures.webhooks.cases import cases
from fixtures.webhooks.reading import read_endpoints
from tests.outcomes import Outcome, judge
from tests.webhooks.server import SECRET, SERVICE_KEY, TOKEN

PIECES = pieces_from(ENDPOINTS) - {"circuit_breakers"}
"""Pieces that come from the endpoints only."""

QUICK = Limits(http_retry_delay_seconds=0.01, http_request_timeout_seconds=5.0, connect_timeout_seconds=2.0)
"""Limits for servers on this machine."""

SEED = 20251127
"""A seed whose first examples, within a budget of 60, have the kinds of bodies that the faults need."""

FORGERIES = test_immediate.test_forgery_is_refused
CONTROLS = test_immediate.test_signed_request_is_accepted
HANDSHAKES = test_immediate.test_handshake_is_answered
PROCESSOR = test_immediate.test_dlq_processor_is_closed
ANSWERS = test_immediate.test_endpoint_answers
CHECK_04 = (ANSWERS, FORGERIES, CONTROLS, HANDSHAKES, PROCESSOR)


def access_to(base_url: str, **changes: Any) -> Access:
    """Access with all secrets of the test servers."""
    access = Access(
        base_url=base_url,
        app_secret=Secret(SECRET),
        verify_token=Secret(TOKEN),
        service_role_key=Secret(SERVICE_KEY),
    )
    return replace(access, **changes)


def settings_for(*webhooks: str, **limits: Any) -> Settings:
    """Settings for these webhooks, with quick limits and a fixed seed, so that examples are drawn once."""
    settings = Settings(limits=replace(QUICK, **limits), probes=Probes(seed=SEED))
    return replace(settings, names=replace(settings.names, webhooks=webhooks)) if webhooks else settings


def read(settings: Settings, access: Access, needs: frozenset[str] = PIECES) -> Evidence:
    """Read the endpoints; the evidence went through the text of the evidence file, as in a run."""
    pieces, gaps = read_endpoints(settings, access, needs, lambda line: None)
    return decode(to_text(plain(Evidence(settings, datetime.now(UTC), {}, pieces, gaps))))


def outcomes(evidence: Evidence, tests: tuple[Any, ...] = CHECK_04) -> dict[str, Outcome]:
    """Judge every case of the tests; keys are pytest's ids, such as ``wa-webhook-no-signature``."""
    values = cases(evidence.settings)
    judged: dict[str, Outcome] = {}
    for test in tests:
        names = [name for name in inspect.signature(test).parameters if name in values]
        for case in itertools.product(*(values[name] for name in names)):
            judged["-".join(case) or test.__name__] = judge(test, evidence, **dict(zip(names, case, strict=True)))
    return judged


def not_passed(judged: Mapping[str, Outcome]) -> dict[str, Status]:
    """The cases that did not pass, with their status."""
    return {case: outcome.status for case, outcome in judged.items() if outcome.status is not Status.PASSED}
