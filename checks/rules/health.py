"""Rules of the deployment steps 2.1 to 2.5: each function answers by itself, and says that it is healthy."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.forgeries import could_look
from fixtures.breakers.states import CLOSED, is_closed
from fixtures.outcome import CouldNotLook, NotApplicable
from fixtures.settings.model import Settings
from fixtures.webhooks.http.gateway import gateway_error
from fixtures.webhooks.model import Answer, FunctionHealth, HealthAnswer

DEPLOY = "supabase functions deploy {function} --no-verify-jwt"


def function_at(position: int, settings: Settings) -> str:
    """The function that a deployment step is about: the webhooks in the order of the settings, then the processor.

    Raises:
        NotApplicable: the settings name fewer webhooks than the checklist.
    """
    if position == 3:
        return settings.names.dlq_processor
    if position >= len(settings.names.webhooks):
        raise NotApplicable(f"the settings name only {len(settings.names.webhooks)} webhooks")
    return settings.names.webhooks[position]


def is_deployed(judge: Judge, evidence: FunctionHealth, function: str) -> None:
    """Require that the function itself answers, whatever it says of its health."""
    health = evidence.health(function)
    answer = health.attempt.answer
    judge.expects(f"Function {function} is deployed: it answers by itself, under its own name.")
    could_look(judge, function, [health.attempt])
    assert answer is not None
    _note_retries(judge, health)
    if not _function_answered(judge, health, answer):
        return
    if health.service is None and "x-deno-execution-id" not in answer.headers:
        judge.cannot_tell(
            f"{function} answered {answer.status} and does not say who it is",
            "its health endpoint has to name its service, so that another function in its place is noticed",
        )
    judge.finds(f"{function} answers, version {health.version or 'not told'}")


def _function_answered(judge: Judge, health: HealthAnswer, answer: Answer) -> bool:
    """Require that neither a gateway, nor a proxy, nor another function answered."""
    function, error = health.function, gateway_error(answer)
    deploy = DEPLOY.format(function=function)
    if error:
        return judge.requires(
            False,
            f"Supabase's gateway answered in place of {function}: {answer.status} ({error})",
            expected="an answer of the function",
            why="the function is not there, does not start, or is never reached",
            advice=f"{deploy}; where it does not start, see its logs",
        )
    if not (health.json or "x-deno-execution-id" in answer.headers):
        return judge.requires(
            False,
            f"{answer.status} with {_kind(answer)} came from the address of {function}, not a function's answer",
            expected="an answer of the function, in JSON",
            why="something else answers in the function's place",
            advice=f"check EASYMO_BASE_URL and what stands before it; {deploy}",
        )
    return judge.requires(
        health.service in (None, function) and (answer.status != 404 or health.service == function),
        f"{_wrong_service(health, answer)}",
        expected=f"service {function}",
        why="deliveries to this address reach other code than they should",
        advice=deploy,
    )


def _wrong_service(health: HealthAnswer, answer: Answer) -> str:
    if health.service not in (None, health.function):
        return f"at the address of {health.function} answers service {health.service}"
    return f"the address of {health.function} answered {answer.status}"


def _kind(answer: Answer) -> str:
    return answer.headers.get("content-type", "a body of no type").partition(";")[0]


def is_healthy(judge: Judge, evidence: FunctionHealth, function: str, settings: Settings) -> None:
    """Require a health answer: 200, JSON, healthy, the right service, from a route that does nothing else."""
    health = evidence.health(function)
    answer = health.attempt.answer
    limit = settings.limits.http_request_timeout_seconds
    judge.expects(f"GET {function}/health answers 200 within {limit:g} s: healthy, and nothing was done.")
    could_look(judge, function, [health.attempt])
    assert answer is not None
    judge.finds(f"{function} answered {answer.status} in {answer.elapsed_ms:.0f} ms")
    _note_retries(judge, health)
    _only_tells(judge, health)
    _says_healthy(judge, health, answer)
    _depends_on_nothing_down(judge, health, settings)
    _is_fresh(judge, health, settings)
    _is_not_ahead(judge, health, settings)


def _only_tells(judge: Judge, health: HealthAnswer) -> None:
    """Require that asking for health does not run a pass."""
    advice = "answer GET /health before anything is processed, and do nothing else there"
    why = "every look at its health sends queued messages, outside of the schedule and at the same time as it"
    judge.requires(
        not health.passes,
        f"GET {health.function}/health answered with the report of a processing pass ({health.passes})",
        expected="a health answer",
        why=why,
        advice=advice,
    )
    judge.requires(
        not health.changed,
        f"between two GETs of {health.function}/health entries were processed: {health.changed}",
        expected="two answers between which nothing was done",
        why=f"{why}; unless the schedule ran at that very moment, which another run of the checks would show",
        advice=advice,
    )


def _says_healthy(judge: Judge, health: HealthAnswer, answer: Answer) -> None:
    function = health.function
    why = "the function is not up, or cannot do its work"
    if health.passes or not _function_answered(judge, health, answer):
        return
    judge.requires(
        answer.status == 200,
        f"GET {function}/health answered {answer.status}" + (f": {health.status}" if health.status else ""),
        expected="200",
        why=why,
        advice=f"see the logs of {function}",
    )
    judge.requires(
        health.status == "healthy",
        f"{function} says that its status is {health.status}" if health.status else f"{function} tells no status",
        expected="status: healthy",
        why=why,
        advice=f"see the logs of {function}, and what it names as down",
    )
    judge.requires(
        health.service is not None,
        f"the health answer of {function} names no service",
        expected=f"service: {function}",
        why="another function in its place would look the same",
        advice=f"have {function} name itself in its health answer",
    )
    second = health.second
    if second is not None:
        judge.requires(
            second.answer is not None and second.answer.status == answer.status,
            f"asked again, {function} answered {second.outcome} instead of {answer.status}",
            expected="the same answer twice",
            why="it is up only some of the time",
            advice=f"see the logs of {function}",
        )


def _depends_on_nothing_down(judge: Judge, health: HealthAnswer, settings: Settings) -> None:
    for entry in health.down:
        name = entry.partition(": ")[0]
        excused = name in settings.health.may_be_down or name.partition(".")[2] in settings.health.may_be_down
        if excused:
            judge.finds(f"{health.function} names {entry}, which health.may_be_down excuses")
        judge.requires(
            excused,
            f"{health.function} names a dependency as down: {entry}",
            expected="every dependency up",
            why="what depends on it fails, whatever the status says",
            advice="mend the dependency; name it in health.may_be_down if the deployment can do without it",
        )
    for service, state in health.breakers.items():
        told = f"{health.function}: circuit breaker {service} is {state or 'without a state'}"
        if not is_closed(state):
            judge.finds(told)
        judge.requires(
            is_closed(state) or not settings.health.open_breakers_fail,
            told,
            expected=CLOSED,
            why="calls to it are not even tried",
            advice=f"see whether {service} is up; the breaker closes by itself when it is",
        )


def _is_fresh(judge: Judge, health: HealthAnswer, settings: Settings) -> None:
    oldest = settings.health.oldest_answer_seconds
    age = health.stale_seconds
    judge.requires(
        age is None or age <= oldest,
        f"two health answers of {health.function} bring the same timestamp, {age or 0:.0f} s old",
        expected=f"an answer made now, or at most {oldest:g} s ago",
        why="a cache answers for the function, and goes on saying healthy when it is not",
        advice="send `Cache-Control: no-store` with health answers; check the clock of this machine",
    )


def _is_not_ahead(judge: Judge, health: HealthAnswer, settings: Settings) -> None:
    tolerance = settings.windows.clock_tolerance_seconds
    age = health.stale_seconds
    judge.requires(
        age is None or -age <= tolerance,
        f"two health answers of {health.function} bring the same timestamp, {-(age or 0):.0f} s in the future",
        expected=f"an answer made now, at most {tolerance:g} s ahead of the clock of this machine",
        why="such a timestamp would hide for as long that a cache answers for the function",
        advice="take the time from the function's clock when it answers; check the clock of this machine",
    )


def _note_retries(judge: Judge, health: HealthAnswer) -> None:
    if health.attempt.retries:
        judge.finds(f"{health.function} was starting: tried again after {', then '.join(health.attempt.retries)}")


def certificate_is_good(judge: Judge, evidence: FunctionHealth, settings: Settings) -> None:
    """Require a TLS certificate that is accepted and good for some time.

    Raises:
        NotApplicable: the base URL is not https.
        CouldNotLook: no function could be reached.
    """
    days = settings.health.certificate_days
    judge.expects(f"The endpoints' TLS certificate is accepted, and good for more than {days} days.")
    if not evidence.secure:
        raise NotApplicable("the base URL is not https, so there is no certificate")
    failures = [health.attempt.failure for health in evidence.functions.values() if health.attempt.failure]
    refused = [failure for failure in failures if "certificate" in failure]
    judge.requires(
        not refused,
        refused[0] if refused else "",
        expected="a certificate that a public authority signed for this host, and that has not expired",
        why="Meta delivers nothing to an address whose certificate it does not accept",
        advice="renew the certificate of the custom domain, or check EASYMO_BASE_URL",
    )
    if refused:
        return
    if evidence.certificate is None:
        raise CouldNotLook(failures[0] if failures else "no certificate was seen")
    left = evidence.certificate.days_left
    judge.finds(f"the certificate expires {evidence.certificate.expires:%Y-%m-%d}, in {left:.0f} days")
    judge.requires(
        left > days,
        f"the TLS certificate expires in {left:.1f} days, on {evidence.certificate.expires:%Y-%m-%d %H:%M} UTC",
        expected=f"more than {days} days",
        why="on that day Meta stops delivering",
        advice="see why it has not been renewed by itself (`supabase domains get`)",
    )
