"""Rules of check 4 for the GET handshake, and for calls of the dlq-processor without its key."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.forgeries import LOOK_AT_THE_FUNCTION, could_look, deploying, show, why_blind
from fixtures.outcome import CouldNotLook
from fixtures.webhooks.handshake import GREETINGS
from fixtures.webhooks.http.gateway import gateway_error
from fixtures.webhooks.model import Answer, Attempt, Greeting, Handshakes, ProcessorProbes
from fixtures.webhooks.processor import BEARERS, REFUSALS

ECHOING = ("right-token", "extra-parameters")
NOTED = ("other-mode", "repeated-token")
"""Handshakes that the contract does not cover: the answer is reported, and only a crash fails."""

HOW_TO_GREET = "set WA_VERIFY_TOKEN to the verify token of the subscription"


def answers_the_handshake(judge: Judge, handshakes: Handshakes, webhook: str, kind: str) -> None:
    """Require the answer due to this kind of handshake: the exact challenge, a 403, or no crash."""
    words = GREETINGS[kind].words
    greeting = handshakes.greeting(webhook, kind)
    judge.expects(f"{webhook} answers a handshake {words} {_due(kind)}.")
    if GREETINGS[kind].needs_token and not handshakes.with_token:
        judge.cannot_tell(f"{webhook} got no handshake {words}: WA_VERIFY_TOKEN is not set", HOW_TO_GREET)
        return
    _contains_no_token(judge, webhook, greeting.attempt)
    answer = greeting.attempt.answer
    if answer is not None:
        if kind in ECHOING:
            _echoes(judge, webhook, greeting)
        elif kind in NOTED:
            _does_not_crash(judge, webhook, greeting)
        else:
            _refuses(judge, webhook, greeting)
    show(judge, "Handshake", [greeting.attempt])
    could_look(judge, webhook, [greeting.attempt])


def _due(kind: str) -> str:
    if kind in ECHOING:
        return "with 200 and exactly the challenge"
    return "without a crash" if kind in NOTED else "with 403"


def _contains_no_token(judge: Judge, webhook: str, attempt: Attempt) -> None:
    judge.requires(
        not attempt.leak,
        f"the answer of {webhook} to a {attempt.what} contains {attempt.leak}",
        expected="an answer without the token",
        why="anyone who reads it can subscribe in place of Meta",
        advice="remove it from the answer and set a new verify token",
    )


def _echoes(judge: Judge, webhook: str, greeting: Greeting) -> None:
    answer = greeting.attempt.answer
    assert answer is not None
    why = "Meta cannot verify the subscription, and stops delivering"
    if not judge.requires(
        answer.status == 200,
        lambda: f"{webhook} answered {answer.status} to a {greeting.attempt.what}{_by_gateway(greeting.attempt)}",
        expected="200 and the challenge",
        why=why,
        advice="compare the function's WA_VERIFY_TOKEN with that of the subscription in Meta's dashboard",
    ):
        return
    judge.requires(
        greeting.echoed,
        lambda: f"the answer of {webhook} to a {greeting.attempt.what} {_not_the_challenge(greeting, answer)}",
        expected="the challenge alone as the body: no quotes, no line break, no JSON",
        why=why,
        advice='answer with `new Response(challenge, { status: 200, headers: { "Content-Type": "text/plain" } })`',
    )


def _not_the_challenge(greeting: Greeting, answer: Answer) -> str:
    if greeting.contained:
        return "contains more than the challenge"
    return f"is not the challenge but {answer.body[:60]!r}" if answer.body else "is empty"


def _refuses(judge: Judge, webhook: str, greeting: Greeting) -> None:
    answer = greeting.attempt.answer
    assert answer is not None
    if answer.status == 401 and gateway_error(answer):
        judge.fails(
            f"Supabase's gateway refused the {greeting.attempt.what}, not {webhook}: the function never ran",
            expected="403 from the function",
            why="the gateway refuses Meta's handshake too, so its 401 proves nothing about the token",
            advice=deploying(webhook),
        )
        return
    echoed = " and echoed the challenge" if greeting.contained else ""
    judge.requires(
        answer.status == 403 and not greeting.contained,
        f"{webhook} answered {answer.status}{echoed} to a {greeting.attempt.what}",
        expected="403 without the challenge",
        why="anyone can subscribe in place of Meta"
        if greeting.contained
        else "a refused handshake must be answered with 403",
        advice="compare the whole token with WA_VERIFY_TOKEN, and refuse if either is missing",
    )


def _does_not_crash(judge: Judge, webhook: str, greeting: Greeting) -> None:
    answer = greeting.attempt.answer
    assert answer is not None
    echoed = ", with the challenge" if greeting.contained else ""
    judge.finds(f"a {greeting.attempt.what}: {answer.status}{echoed} (not judged)")
    judge.requires(
        answer.status < 500,
        f"{webhook} answered {answer.status} to a {greeting.attempt.what}",
        expected="an answer, not a crash",
        why="this request makes the function crash",
        advice="see the function's logs",
    )


def _by_gateway(attempt: Attempt) -> str:
    error = gateway_error(attempt.answer) if attempt.answer else ""
    return f" (Supabase's gateway: {error})" if error else ""


def is_closed_to(judge: Judge, probes: ProcessorProbes, bearer: str) -> None:
    """Require the dlq-processor to refuse a call without the service role key, and to process nothing."""
    function = probes.function
    attempt = probes.attempt(bearer)
    judge.expects(f"{function} answers a call {BEARERS[bearer]} with 401 or 403, and processes nothing.")
    answer = attempt.answer
    if answer is None:
        if attempt.failure.startswith("not sent: the processor was open"):
            judge.cannot_tell(
                f"{function}: a call {BEARERS[bearer]} was {attempt.failure}",
                "refuse that call first, then run the checks again",
            )
            return
        raise CouldNotLook(why_blind(function, attempt.failure), LOOK_AT_THE_FUNCTION)
    show(judge, "Call", [attempt])
    processed = probes.processed.get(bearer, "")
    judge.requires(
        answer.status in REFUSALS,
        f"{function} answered {answer.status} to {attempt.what}" + (f", with {processed}" if processed else ""),
        expected="401 or 403",
        why="anyone can start a pass at any time, even while a scheduled one runs"
        if answer.status < 300
        else "the function checked something else before the caller",
        advice="compare the bearer with SUPABASE_SERVICE_ROLE_KEY before anything else",
    )
    judge.requires(
        answer.status not in REFUSALS or not processed,
        f"{function} refused {attempt.what} with {answer.status}, but its answer reports a pass ({processed})",
        expected="a refusal before anything is processed",
        why="the refusal comes too late: the pass has run",
        advice="check the caller before the pass begins",
    )
    error = gateway_error(answer)
    if error:
        judge.finds(f"refused by Supabase's gateway ({error}), before the function ran")
    if error and "anon-key" not in probes.attempts:
        judge.finds("the gateway accepts the public anon key: set names.anon_key to try a call with it too")
