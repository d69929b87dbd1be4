"""Step 4.4: Slack takes alerts. The webhook is asked without posting, and its address is shown nowhere."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from checks.test_deploy import test_slack_is_configured as step_4_4
from fixtures.alerting.model import Receiver
from fixtures.evidence.document import plain, to_text
from fixtures.local.functions.http import Response
from fixtures.local.stand_ins.serving import start_stand_in
from fixtures.local.stand_ins.slack import PATH, Slack
from fixtures.outcome import Gap, Status
from fixtures.secret import Secret
from fixtures.settings.access import Access
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.outcomes import assert_outcome, judge, read
from tests.paging.alerts import NOT_CONFIGURED, alerting, unknown_route
from tests.running import environment, run_suite

CHAT = Receiver("chat", ("slack",))
PAGER = Receiver("on-call", ("pagerduty",))


def evidence_of(handler, path=PATH):
    """What is read of a webhook that this handler answers for, without much patience."""
    url = start_stand_in("Slack", handler) + path
    settings = Settings(limits=Limits(service_total_seconds=0.4))
    return read(Access(slack_webhook_url=Secret(url)), [step_4_4], settings)


def judged(evidence, ways=NOT_CONFIGURED):
    """Judge it together with evidence on the way of the alerts."""
    gaps = {name: gap for name, gap in evidence.gaps.items() if name != "alerting"}
    if isinstance(ways, Gap):
        return judge(step_4_4, replace(evidence, gaps=gaps | {"alerting": ways}))
    return judge(step_4_4, replace(evidence, gaps=gaps, pieces=evidence.pieces | {"alerting": ways}))


def test_living_webhook_passes_without_a_message():
    """Slack refuses the message without content, which shows that the webhook lives."""
    slack = Slack()
    evidence = evidence_of(slack)
    outcome = judged(evidence, alerting(CHAT))
    assert_outcome(outcome, Status.PASSED)
    assert slack.posted == []
    assert outcome.judge.findings == [
        "the incoming webhook lives: a stand-in for Slack at SLACK_WEBHOOK_URL refused a message without content "
        "with HTTP 400 no_text",
        "alerts are routed to Slack by receiver chat",
    ]
    assert PATH not in to_text(plain(evidence))


DEAD = {
    "the channel is archived": (Slack(refusal=(410, "channel_is_archived")), "HTTP 410 channel_is_archived"),
    "the app was removed": (Slack(refusal=(403, "invalid_token")), "HTTP 403 invalid_token"),
    "the webhook was revoked": (Slack(path="/services/other"), "HTTP 404 no_service"),
    "a page of a proxy": (lambda request: Response(404, b"<html>nothing here</html>"), "answered with HTTP 404"),
}


@pytest.mark.parametrize("death", DEAD)
def test_dead_webhook_fails_with_its_code(death):
    """Also where alerts are routed to Slack in another way."""
    handler, said = DEAD[death]
    outcome = judged(evidence_of(handler), alerting(CHAT, sent={"slack": (9, 0)}))
    assert_outcome(outcome, Status.FAILED, "the incoming webhook of SLACK_WEBHOOK_URL is dead: a stand-in", said)
    assert "services" not in outcome.reason


ODD = {
    "it takes a message without content": (
        lambda request: Response(200, b"ok"),
        "with HTTP 200 ok, which a",
    ),
    "another word": (lambda request: Response(400, b"user_not_found"), "with HTTP 400 user_not_found, which a"),
    "another service": (lambda request: Response(405, b"POST is not allowed"), "with HTTP 405, which a living"),
}


@pytest.mark.parametrize("oddity", ODD)
def test_unexpected_answer_is_unproven(oddity):
    """It says what was seen."""
    handler, said = ODD[oddity]
    assert_outcome(judged(evidence_of(handler)), Status.UNPROVEN, said)


BROKEN = {
    "a redirect": (
        lambda request: Response(302, b"", headers=(("location", f"https://login.example{PATH}"),)),
        "answered with HTTP 302, which does not say whether it lives",
    ),
    "an error of Slack": (
        lambda request: Response(500, b"rollup_error"),
        "answered with HTTP 500 rollup_error, which does not say whether it lives",
    ),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_answer_that_says_nothing_is_an_error(reason):
    """Not one that the webhook is dead."""
    handler, said = BROKEN[reason]
    outcome = judged(evidence_of(handler))
    assert_outcome(outcome, Status.ERROR, said)
    assert PATH not in outcome.reason


def test_address_that_answers_repeats_is_not_kept():
    """A server may answer with the path, or a word of it, in its own words."""
    handlers = (
        lambda request: Response(404, f"Cannot POST {request.path}".encode()),
        lambda request: Response(404, b"planted_secret_word"),
        lambda request: Response(503, f"no upstream for {request.path}".encode()),
    )
    for handler in handlers:
        evidence = evidence_of(handler, "/services/planted_secret_word")
        assert "planted" not in to_text(plain(evidence)) + judged(evidence).reason


def test_unreachable_webhook_is_an_error_without_its_host():
    """The address is the credential, so the message names its variable."""
    settings = Settings(limits=Limits(service_total_seconds=0.4))
    evidence = read(Access(slack_webhook_url=Secret(f"http://127.0.0.1:9{PATH}")), [step_4_4], settings)
    outcome = judged(evidence)
    assert_outcome(outcome, Status.ERROR, "Slack (SLACK_WEBHOOK_URL) could not be read: no connection to its host")
    assert PATH not in outcome.reason


def by_the_ways(ways):
    """The outcome where the webhook is not named."""
    return judged(read(Access(), [step_4_4]), ways)


WAYS = {
    "deliveries": (alerting(CHAT, sent={"slack": (5, 0)}), Status.PASSED, ""),
    "deliveries, and ways that cannot be read": (alerting(sent={"slack": (5, 0)}), Status.PASSED, ""),
    "all failed": (
        alerting(CHAT, sent={"slack": (5, 5)}),
        Status.FAILED,
        "all notifications to Slack failed since the alerting started: 5 of 5",
    ),
    "a receiver alone": (
        alerting(CHAT, sent={"slack": (0, 0)}),
        Status.UNPROVEN,
        "alerts are routed to Slack by receiver chat, by Alertmanager 0.27.0 at alerts.example, and no",
    ),
    "no receiver": (
        alerting(PAGER),
        Status.UNPROVEN,
        "SLACK_WEBHOOK_URL is not set; no alert of the settings is routed to a receiver with a Slack integration",
    ),
    "nothing": (
        NOT_CONFIGURED,
        Status.UNPROVEN,
        "Slack was not asked: SLACK_WEBHOOK_URL is not set; the alerting was not read",
    ),
    "ways that cannot be read": (
        unknown_route(),
        Status.UNPROVEN,
        "SLACK_WEBHOOK_URL is not set; the token may not read the notification policies",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_without_a_webhook_the_ways_decide(way):
    """Deliveries prove it; a receiver alone does not."""
    ways, status, part = WAYS[way]
    assert_outcome(by_the_ways(ways), status, part)


def test_living_webhook_that_no_alert_uses_is_unproven():
    """A webhook for verdicts is no alerting."""
    outcome = judged(evidence_of(Slack()), alerting(PAGER))
    found = "no alert of the settings is routed to a receiver with a Slack integration; the receivers are on-call"
    assert_outcome(outcome, Status.UNPROVEN, found)


def test_address_is_in_nothing_that_a_run_writes(tmp_path):
    """Terminal with debug logs, evidence, reports: neither the address nor its path, nor the key of PagerDuty."""
    slack = Slack(refusal=(404, "no_service"))
    url = start_stand_in("Slack", slack) + PATH
    environ = environment(
        EASYMO_BASE_URL="http://127.0.0.1:9",
        SLACK_WEBHOOK_URL=url,
        PAGERDUTY_API_TOKEN="planted99token",
        PAGERDUTY_SERVICE_ID="PSERVICE",
        EASYMO_PAGERDUTY_API_URL="http://127.0.0.1:9",
    )
    selected = ("-m", "deploy", "-k", "slack or pagerduty", "--log-cli-level=DEBUG")
    run = run_suite(tmp_path / "report", *selected, environ=environ)
    assert run.statuses == {"step-4.3": "error", "step-4.4": "failed"}
    texts = [run.output, *(file.read_text(errors="replace") for file in run.folder.rglob("*") if file.is_file())]
    assert "HTTP 404 no_service" in run.output
    hidden = (PATH, PATH.rpartition("/")[2], urlsplit(url).netloc, "planted99token")
    assert [word for word in hidden if any(word in text for text in texts)] == []
