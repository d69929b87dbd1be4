"""Rules of check 4: forgeries get 401 from the function itself, and what is rightly signed gets in."""

from __future__ import annotations

from collections.abc import Iterable

from checks.judge import Judge
from fixtures.outcome import CouldNotLook
from fixtures.webhooks.controls import ACCEPTED, CONTROLS
from fixtures.webhooks.forgeries.kinds import GENERATED, KINDS, REPLAYED
from fixtures.webhooks.http.gateway import gateway_error
from fixtures.webhooks.model import Answer, Attempt, EndpointProbes, ForgeryProbe, WebhookProbes

OTHER_WORDS = {
    REPLAYED: "with the signature of an earlier delivery",
    "internal-headers": "whose headers claim that it comes from inside",
    "proxy-headers": "whose headers claim that it comes through a trusted proxy",
    "retry-headers": "whose headers claim that it is a retry",
    "debug-headers": "whose headers claim that it comes from a debugger, a test or an operator",
    "query-parameters": "whose query asks for trust",
    GENERATED: "that was generated",
}

HOW_TO_SIGN = "set WHATSAPP_APP_SECRET to the app secret that Meta signs with"
LOOK_AT_THE_FUNCTION = "see `supabase functions list` and the function's logs, then run the checks again"


def refuses_the_forgery(judge: Judge, probes: WebhookProbes, webhook: str, kind: str) -> None:
    """Require that every attempt of a kind of forgery got 401, from the function itself."""
    endpoint = probes.endpoint(webhook)
    probe = endpoint.forgery(kind)
    words = KINDS[kind].words if kind in KINDS else OTHER_WORDS[kind]
    judge.expects(f"{webhook} itself answers a request {words} with 401.")
    for attempt in probe.attempts:
        is_refused(judge, webhook, attempt)
    _say_what_it_cannot_show(judge, webhook, probe)
    if kind == "bit-flipped":
        _note_timing(judge, endpoint)
    if kind == GENERATED:
        _say_what_was_generated(judge, probes, endpoint)
    if kind == "no-signature":
        _note_spellings(judge, endpoint)
    _show(judge, "Forged requests", probe.attempts)
    could_look(judge, webhook, probe.attempts)


def _say_what_it_cannot_show(judge: Judge, webhook: str, probe: ForgeryProbe) -> None:
    if probe.stand_in:
        judge.cannot_tell(
            f"{webhook} was sent a stand-in for a forgery that is made from a right signature: "
            "WHATSAPP_APP_SECRET is not set",
            HOW_TO_SIGN,
        )
    if probe.implied_by:
        kinds = " and ".join(probe.implied_by)
        judge.cannot_tell(
            f"{webhook} lets in what this is a variant of ({kinds}), so that it shows nothing",
            f"mend {kinds} first, then run the checks again",
        )


def _say_what_was_generated(judge: Judge, probes: WebhookProbes, endpoint: EndpointProbes) -> None:
    judge.finds(f"{endpoint.generated} generated requests; repeat them with --probe-seed {probes.seed}")
    if not endpoint.generated:
        judge.cannot_tell(
            f"{endpoint.webhook} was sent no generated requests: the budget of {probes.budget} left none",
            "raise it with --probe-requests",
        )


def is_refused(judge: Judge, webhook: str, attempt: Attempt) -> None:
    """Require that a forged request was answered with 401 by the function, and that the answer tells no secret."""
    answer = attempt.answer
    if answer is None:
        return
    repeat = f"; repeat it with: {attempt.curl}" if attempt.curl else ""
    judge.requires(
        not attempt.leak,
        f"the answer of {webhook} to a forged request ({attempt.what}) gives away {attempt.leak}",
        expected="an answer that says no more than that the signature is wrong",
        why="whoever reads it can sign requests",
        advice=f"take it out of the answer and set a new app secret{repeat}",
    )
    if answer.status != 401:
        judge.requires(
            False,
            f"{webhook} answered {_status(answer)} to a forged request ({attempt.what})",
            expected="401 from the function",
            why=_why_not(answer),
            advice=f"{_advice(webhook, answer)}{repeat}",
        )
        return
    by_gateway(judge, webhook, answer)


def by_gateway(judge: Judge, webhook: str, answer: Answer) -> bool:
    """Require that a 401 comes from the function and not from the gateway before it; say whether it does not."""
    error = gateway_error(answer)
    return not judge.requires(
        not error,
        f"the 401 comes from Supabase's gateway ({error}), not from {webhook}: the function never ran",
        expected="401 from the function, after it has looked at the signature",
        why="the gateway refuses everything that has no JWT, Meta's deliveries too, and that proves nothing about "
        "the signature",
        advice=f"supabase functions deploy {webhook} --no-verify-jwt",
    )


def accepts_what_is_signed(judge: Judge, probes: WebhookProbes, webhook: str, name: str) -> None:
    """Require 2xx for a rightly signed request, and 401 for the same with one byte changed."""
    words = CONTROLS[name].words
    judge.expects(f"{webhook} accepts a rightly signed request {words}, and refuses it with one byte changed.")
    if not probes.signed:
        judge.cannot_tell(
            f"{webhook} was sent no rightly signed request: WHATSAPP_APP_SECRET is not set", HOW_TO_SIGN
        )
        return
    control = probes.endpoint(webhook).control(name)
    answer = control.signed.answer
    if answer is not None and not (answer.status == 401 and by_gateway(judge, webhook, answer)):
        judge.requires(
            answer.status in ACCEPTED,
            f"{webhook} answered {_status(answer)} to a rightly signed request {words}",
            expected="2xx",
            why=_why_refused(probes.endpoint(webhook), answer),
            advice="compare the function's WHATSAPP_APP_SECRET (`supabase secrets list` shows its digest) with "
            "the app secret in Meta's dashboard, and verify the raw body as it came",
        )
    is_refused(judge, webhook, control.changed)
    _show(judge, "Control and its changed copy", (control.signed, control.changed))
    could_look(judge, webhook, (control.signed, control.changed))


def could_look(judge: Judge, function: str, attempts: Iterable[Attempt]) -> None:
    """Say that the suite could not look, where an attempt got no answer and nothing worse was found.

    Raises:
        CouldNotLook: with the reason of the first attempt without an answer.
    """
    blind = [attempt for attempt in attempts if attempt.answer is None]
    if blind and not judge.violations:
        raise CouldNotLook(f"{function}: {blind[0].what}: {blind[0].failure}", LOOK_AT_THE_FUNCTION)


def _status(answer: Answer) -> str:
    error = gateway_error(answer)
    return f"{answer.status} ({error})" if error else str(answer.status)


def _why_not(answer: Answer) -> str:
    if answer.status >= 500:
        return "a crash is not a rejection: Meta delivers again and again, and what crashes may be made to do more"
    if answer.status < 300:
        return "whoever knows the address can feed it messages in anybody's name"
    if answer.status < 400:
        return "a redirect is not a rejection: where it leads nobody has looked at the signature"
    return "something else than the signature was looked at first"


def _advice(webhook: str, answer: Answer) -> str:
    if answer.status == 404:
        return f"supabase functions deploy {webhook} --no-verify-jwt"
    return (
        "verify the signature over the raw body before anything else; until then roll the function back "
        f"(Rollback 1: check out the previous release and `supabase functions deploy {webhook} --no-verify-jwt`)"
    )


def _why_refused(endpoint: EndpointProbes, answer: Answer) -> str:
    """Why a rightly signed request may have been refused: what the other controls got tells it."""
    accepted = [
        control.name
        for control in endpoint.controls
        if control.signed.answer is not None and control.signed.answer.status in ACCEPTED
    ]
    if answer.status != 401:
        return "Meta's deliveries get the same answer, and are delivered again and again"
    if accepted:
        return (
            f"it accepted {' and '.join(accepted)}: the signature is not verified over the raw body as it came, "
            "and every message with such letters is lost"
        )
    return "it refuses everything, Meta's deliveries too; its refusals of forgeries then prove nothing"


def _note_spellings(judge: Judge, endpoint: EndpointProbes) -> None:
    for attempt in endpoint.spellings:
        judge.finds(f"a right signature in another spelling ({attempt.what}): {attempt.outcome} (not judged)")


def _note_timing(judge: Judge, endpoint: EndpointProbes) -> None:
    timing = endpoint.timing
    if timing is None:
        return
    low, high = timing.interval_ms
    judge.finds(
        f"a signature wrong in its last digit only was refused {timing.median_difference_ms:+.3f} ms later "
        f"than one wrong in its first (median of {timing.pairs} pairs, 95 % interval {low:+.3f} to "
        f"{high:+.3f} ms, p = {timing.p_value:.3f}, {timing.failures} pairs without an answer): not judged"
    )


def _show(judge: Judge, title: str, attempts: Iterable[Attempt]) -> None:
    judge.shows(
        title,
        [
            {
                "request": attempt.what,
                "answer": attempt.outcome,
                "milliseconds": round(attempt.answer.elapsed_ms, 1) if attempt.answer else None,
                "tried before": ", ".join(attempt.retries),
                "body": attempt.answer.body[:80] if attempt.answer else "",
            }
            for attempt in attempts
        ],
    )
