"""The dlq-processor is called only while nothing is due: a call may start a pass that sends messages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.test_deploy import test_dlq_processor_is_deployed as step_24
from checks.test_immediate import test_dlq_processor_is_closed as closed
from fixtures.outcome import Status
from fixtures.settings.model import Settings
from tests.outcomes import judge, read
from tests.running import environment, run_suite
from tests.webhooks.server import Arrival, Response, answer, honest

PENDING = (
    "UPDATE webhook_dlq SET status = 'pending', next_retry_at = {due} "
    "WHERE id = (SELECT id FROM webhook_dlq LIMIT 1)"
)
OTHERS_LATER = "UPDATE webhook_dlq SET next_retry_at = now() + interval '1 hour' WHERE status = 'pending'"
IDLE = Settings()
CALLS = [closed, step_24]


def runs_a_pass(arrival: Arrival) -> Response:
    """A processor without a guard and without a health route: each request runs a pass."""
    return answer(200, {"success": True, "processed": 0})


@pytest.fixture
def arrived(server, any_deployment):
    """Calls the processor by GET and by POST, and judges both; returns the outcomes and the calls that arrived."""

    def calling(settings=IDLE, behaviour=honest, **changes):
        address = server.serve(behaviour)
        access = replace(any_deployment.access, base_url=address, **changes)
        evidence = read(access, CALLS, settings)
        outcomes = [judge(closed, evidence, bearer="no-bearer"), judge(step_24, evidence)]
        calls = [one for one in server.arrivals(address) if one.function == "dlq-processor"]
        return outcomes, calls

    return calling


def probing(processor):
    """Settings with this rule for calls of the processor."""
    return replace(IDLE, probes=replace(IDLE.probes, processor=processor))


def test_idle_queue_allows_the_calls(any_deployment, arrived):
    """If no entry is due within a minute, the processor is called: a pass would have nothing to do."""
    any_deployment.superuser_execute(OTHERS_LATER)
    outcomes, calls = arrived()
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.PASSED]
    assert {call.method for call in calls} == {"GET", "POST"}


@pytest.mark.parametrize("due", ["now() - interval '1 hour'", "now() + interval '50 seconds'", "NULL"])
def test_due_entry_prevents_the_calls(any_deployment, arrived, due):
    """An entry that is due, or soon due, or has no time prevents each call; both checks are unproven."""
    any_deployment.superuser_execute(f"{OTHERS_LATER}; {PENDING.format(due=due)}")
    outcomes, calls = arrived()
    assert calls == []
    for outcome in outcomes:
        assert outcome.status is Status.UNPROVEN
        assert "1 entry of webhook_dlq is due now or within a minute" in outcome.reason
        assert "--probe-processor=always" in outcome.reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (
            "REVOKE SELECT ON webhook_dlq FROM easymo_verifier",
            "role easymo_verifier may not read public.webhook_dlq",
        ),
        ("ALTER ROLE easymo_verifier NOBYPASSRLS", "row security hides rows of public.webhook_dlq"),
        ("DROP TABLE webhook_dlq CASCADE", "table public.webhook_dlq does not exist"),
        ("ALTER TABLE webhook_dlq DROP COLUMN next_retry_at", "has no column next_retry_at"),
    ],
)
def test_unreadable_queue_prevents_the_calls(any_deployment, arrived, fault, reason):
    """If the queue cannot be read, an entry may be due: the processor is not called."""
    any_deployment.superuser_execute(fault)
    outcomes, calls = arrived()
    assert calls == []
    for outcome in outcomes:
        assert outcome.status is Status.UNPROVEN
        assert reason in outcome.reason


def test_without_a_database_nothing_is_called(arrived):
    """Without a database it is not known whether an entry is due."""
    outcomes, calls = arrived(database=None)
    assert calls == []
    assert [outcome.status for outcome in outcomes] == [Status.UNPROVEN, Status.UNPROVEN]
    assert "without the database nobody knows" in outcomes[0].reason


def test_always_calls_and_never_does_not(any_deployment, arrived):
    """``always`` calls the processor although an entry is due; ``never`` does not call it."""
    any_deployment.superuser_execute(PENDING.format(due="now()"))
    outcomes, calls = arrived(probing("always"))
    assert [outcome.status for outcome in outcomes] == [Status.PASSED, Status.PASSED]
    assert calls
    any_deployment.superuser_execute(OTHERS_LATER)
    outcomes, calls = arrived(probing("never"))
    assert calls == []
    assert "probes.processor is never" in outcomes[0].reason


def test_reported_pass_ends_the_calls(any_deployment, arrived):
    """If the health answer reports a pass, neither a second GET nor a POST is sent."""
    any_deployment.superuser_execute(OTHERS_LATER)
    outcomes, calls = arrived(behaviour=runs_a_pass)
    assert [call.method for call in calls] == ["GET"]
    assert outcomes[0].status is Status.UNPROVEN
    assert "reports a processing pass (processed: 0)" in outcomes[0].reason


def test_option_reaches_the_run(any_deployment, tmp_path):
    """``--probe-processor=never`` leaves check 4 unproven and says how to prove it."""
    selection = ("-m", "immediate", "-k", "processor_is_closed", "--probe-processor=never")
    run = run_suite(tmp_path, *selection, environ=environment(any_deployment.access))
    assert run.statuses == {"check-04": "unproven"}
    assert "--probe-processor=when-idle" in run.output
