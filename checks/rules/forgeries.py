"""Rules of check 4: the function itself refuses forgeries with 401, and accepts correctly signed requests."""

from __future__ import annotations

from collections.abc import Iterable

from checks.judge import Judge
from fixtures.advice import Advice, shell
from fixtures.outcome import CouldNotLook
from fixtures.webhooks.controls import ACCEPTED, CONTROLS
from fixtures.webhooks.forgeries.kinds import GENERATED, KINDS, REPLAYED
from fixtures.webhooks.http.contact import OF_THE_HOST
from fixtures.webhooks.http.gateway import gateway_error
from fixtures.webhooks.model import Answer, Attempt, ControlProbe, EndpointProbes, ForgeryProbe, WebhookProbes

OTHER_WORDS = {
    REPLAYED: "with the signature of an earlier delivery",
    "internal-headers": "whose headers claim an internal caller",
    "proxy-headers": "whose headers claim a trusted proxy",
    "retry-headers": "whose headers claim a retry",
    "debug-headers": "whose headers claim a debugger, a test or an operator",
    "query-parameters": "whose query parameters claim trust",
    GENERATED: "with a generated body and signature",
}
"""Words for the kinds of forgeries that :data:`KINDS` does not have."""

HOW_TO_SIGN = "set WHATSAPP_APP_SECRET to the app secret that Meta signs with"
ADVICE = (
    "verify the signature over the raw body before anything else; until then roll the function back to the "
    "release before (the checklist's rollback 1)"
)
LOOK_AT_THE_FUNCTION = "look at the function's logs of this minute, then run the checks again"


def deploying(function: str) -> Advice:
    """The command that deploys a webhook without the gateway's check, in a checkout of the application."""
    return shell(f"supabase functions deploy {function} --no-verify-jwt")


def refuses_the_forgery(judge: Judge, probes: WebhookProbes, webhook: str, kind: str) -> None:
    """Require 401 from the function itself for each attempt of this kind of forgery."""
    endpoint = probes.endpoint(webhook)
    probe = endpoint.forgery(kind)
    words = KINDS[kind].words if kind in KINDS else OTHER_WORDS[kind]
    judge.expects(f"{webhook} itself answers a request {words} with 401.")
    for attempt in probe.attempts:
        is_refused(judge, webhook, attempt)
    _report_unproven(judge, webhook, probe)
    _somebody_gets_in(judge, probes, endpoint, probe)
    if kind == "bit-flipped":
        _report_timing(judge, endpoint)
    if kind == GENERATED:
        _report_generated(judge, probes, endpoint)
    if kind == "no-signature":
        _report_spellings(judge, endpoint)
    show(judge, "Forged requests", probe.attempts)
    could_look(judge, webhook, probe.attempts)


def _report_unproven(judge: Judge, webhook: str, probe: ForgeryProbe) -> None:
    if probe.stand_in:
        judge.cannot_tell(
            f"{webhook} got this forgery with a stand-in for the right signature: WHATSAPP_APP_SECRET is not set",
            HOW_TO_SIGN,
        )
    if probe.implied_by:
        kinds = " and ".join(probe.implied_by)
        judge.cannot_tell(
            f"{webhook} accepts {kinds}; this forgery is a variant of it, so its answer proves nothing",
            f"fix {kinds} first, then run the checks again",
        )


def _somebody_gets_in(judge: Judge, probes: WebhookProbes, endpoint: EndpointProbes, probe: ForgeryProbe) -> None:
    """A 401 counts as a refusal only if a correctly signed request was served: report where none was."""
    refused = [
        attempt for attempt in probe.attempts if attempt.answer is not None and attempt.answer.status == 401
    ]
    if not refused or probe.stand_in or any(control.served for control in endpoint.controls):
        return
    if not probes.signed:
        judge.cannot_tell(
            f"{endpoint.webhook} answered 401, which proves nothing without a correctly signed request: "
            "WHATSAPP_APP_SECRET is not set",
            HOW_TO_SIGN,
        )
        return
    outcomes = {control.signed.outcome for control in endpoint.controls}
    got = "everything answered 401" if outcomes == {"401"} else "no correctly signed request was served"
    judge.cannot_tell(
        f"{endpoint.webhook} answered 401, which proves nothing: {got}, as its signed cases say",
        "a correctly signed request that is served",
    )


def _report_generated(judge: Judge, probes: WebhookProbes, endpoint: EndpointProbes) -> None:
    judge.finds(f"{endpoint.generated} generated requests; repeat them with --probe-seed {probes.seed}")
    if not endpoint.generated:
        judge.cannot_tell(
            f"{endpoint.webhook} got no generated requests: the budget of {probes.budget} left none",
            "raise it with --probe-requests",
        )


def is_refused(judge: Judge, webhook: str, attempt: Attempt) -> None:
    """Require 401 from the function for a forged request, and no secret in the answer."""
    answer = attempt.answer
    if answer is None:
        return
    judge.requires(
        not attempt.leak,
        f"the answer of {webhook} to a forged request ({attempt.what}) contains {attempt.leak}",
        expected="an answer that only says that the signature is wrong",
        why="anyone who reads it can sign requests",
        advice="remove it from the answer and set a new app secret",
    )
    if answer.status != 401:
        judge.fails(
            f"{webhook} answered {_status(answer)} to a forged request ({attempt.what})",
            expected="401 from the function",
            why=_why_not(answer),
            advice=ADVICE,
        )
        return
    by_gateway(judge, webhook, answer)


def by_gateway(judge: Judge, webhook: str, answer: Answer) -> bool:
    """Require that a 401 comes from the function; return whether it came from the gateway before it."""
    error = gateway_error(answer)
    return not judge.requires(
        not error,
        f"the 401 comes from Supabase's gateway ({error}), not from {webhook}: the function never ran",
        expected="401 from the function, after it checked the signature",
        why="the gateway refuses each request without a JWT, Meta's deliveries too, so its 401 proves nothing "
        "about the signature",
        advice=deploying(webhook),
    )


def accepts_what_is_signed(judge: Judge, probes: WebhookProbes, webhook: str, name: str) -> None:
    """Require 2xx for a correctly signed request, and 401 for the same request with one byte changed."""
    words = CONTROLS[name].words
    judge.expects(f"{webhook} accepts a correctly signed request {words}, and refuses it with one byte changed.")
    if not probes.signed:
        judge.cannot_tell(
            f"{webhook} got no correctly signed request: WHATSAPP_APP_SECRET is not set", HOW_TO_SIGN
        )
        return
    control = probes.endpoint(webhook).control(name)
    answer = control.signed.answer
    if answer is not None and not (answer.status == 401 and by_gateway(judge, webhook, answer)):
        judge.requires(
            answer.status in ACCEPTED,
            lambda: f"{webhook} answered {_status(answer)} to a correctly signed request {words}",
            expected="2xx",
            why=_why_refused(probes.endpoint(webhook), answer),
            advice="compare the function's WHATSAPP_APP_SECRET (the project's list of secrets has its digest) "
            "with the app secret in Meta's dashboard, and verify the signature over the raw body",
        )
        _was_served(judge, webhook, control, answer, words)
    is_refused(judge, webhook, control.changed)
    show(judge, "Control and its changed copy", (control.signed, control.changed))
    could_look(judge, webhook, (control.signed, control.changed))


def _was_served(judge: Judge, webhook: str, control: ControlProbe, answer: Answer, words: str) -> None:
    """Require that an accepted request's body does not say that it was not served."""
    judge.requires(
        not control.unserved,
        f"{webhook} answered {answer.status} to a correctly signed request {words}, but its body says that it was "
        f"not served: {control.unserved}",
        expected="2xx, and a body without such words",
        why="Meta does not repeat a delivery that got 2xx, so its messages are lost",
        advice=f"see the logs of {webhook}, and of the function that it forwards to",
    )


def could_look(judge: Judge, function: str, attempts: Iterable[Attempt]) -> None:
    """Raise an error if an attempt got no answer and nothing worse was found.

    Raises:
        CouldNotLook: an attempt got no answer; carries the reason of the first one.
    """
    blind = [attempt for attempt in attempts if attempt.answer is None]
    if blind and not judge.violations:
        raise CouldNotLook(why_blind(function, blind[0].failure), LOOK_AT_THE_FUNCTION)


def why_blind(function: str, failure: str) -> str:
    """Why a request got no answer; what lies with the host is the same text for every function of it."""
    text = failure.removeprefix("not sent: ")
    return text if text.startswith(OF_THE_HOST) else f"{function}: {failure}"


def _status(answer: Answer) -> str:
    error = gateway_error(answer)
    return f"{answer.status} ({error})" if error else str(answer.status)


def _why_not(answer: Answer) -> str:
    if answer.status >= 500:
        return "a crash is not a refusal: Meta repeats such deliveries, and an attacker may use the crash"
    if answer.status < 300:
        return "anyone who knows the address can send it messages in any customer's name"
    if answer.status < 400:
        return "a redirect is not a refusal: the signature was not checked, and its target may accept the request"
    return "the function checked something else before the signature"


def _why_refused(endpoint: EndpointProbes, answer: Answer) -> str:
    """Why a correctly signed request may have been refused, judged by the answers to the other controls."""
    accepted = [
        control.name
        for control in endpoint.controls
        if control.signed.answer is not None and control.signed.answer.status in ACCEPTED
    ]
    if answer.status != 401:
        return "Meta's deliveries get the same answer, and Meta repeats them"
    if accepted:
        return (
            f"it accepted {' and '.join(accepted)}: the signature is not verified over the raw body, and each "
            "message with such letters is lost"
        )
    return "it refuses each request, Meta's deliveries too, so its refusals of forgeries prove nothing"


def _report_spellings(judge: Judge, endpoint: EndpointProbes) -> None:
    for attempt in endpoint.spellings:
        judge.finds(f"a right signature in another spelling ({attempt.what}): {attempt.outcome} (not judged)")


def _report_timing(judge: Judge, endpoint: EndpointProbes) -> None:
    timing = endpoint.timing
    if timing is None:
        return
    low, high = timing.interval_ms
    judge.finds(
        f"a signature wrong in its last digit only was refused {timing.median_difference_ms:+.3f} ms later "
        f"than one wrong in its first (median of {timing.pairs} pairs, 95 % interval {low:+.3f} to "
        f"{high:+.3f} ms, p = {timing.p_value:.3f}, {timing.failures} pairs without an answer): not judged"
    )


def show(judge: Judge, title: str, attempts: Iterable[Attempt]) -> None:
    """Attach requests with their answers, and the command that repeats one whose answer was not expected."""
    judge.shows(
        title,
        [
            {
                "request": attempt.what,
                "answer": attempt.outcome,
                "milliseconds": round(attempt.answer.elapsed_ms, 1) if attempt.answer else None,
                "tried before": ", ".join(attempt.retries),
                "body": attempt.answer.body[:80] if attempt.answer else "",
                "repeat it with": attempt.curl,
            }
            for attempt in attempts
        ],
    )
