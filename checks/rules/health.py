"""Rules of the deployment steps 2.1 to 2.5: each function itself answers, and reports that it is healthy."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.forgeries import could_look, deploying
from fixtures.breakers.states import CLOSED, is_closed
from fixtures.outcome import CouldNotLook, NotApplicable
from fixtures.settings.model import Settings
from fixtures.webhooks.http.gateway import EXECUTION, gateway_error
from fixtures.webhooks.model import Answer, FunctionHealth, HealthAnswer

NO_START = "if it does not start then, see its logs"


def function_at(position: int, settings: Settings) -> str:
    """The function of a deployment step: the webhooks in the order of the settings, then the processor.

    Raises:
        NotApplicable: the settings name fewer webhooks than the checklist.
    """
    if position == 3:
        return settings.names.dlq_processor
    if position >= len(settings.names.webhooks):
        raise NotApplicable(f"the settings name only {len(settings.names.webhooks)} webhooks")
    return settings.names.webhooks[position]


def name_of(function: str, settings: Settings) -> str:
    """The name under which a function answers, by ``names.answers_as``."""
    return settings.names.answers_as.get(function, function)


def is_deployed(judge: Judge, evidence: FunctionHealth, function: str, settings: Settings) -> None:
    """Require that the function itself answers, healthy or not."""
    if function in settings.names.without_health:
        _answers_without_health(judge, evidence, function)
        return
    health, name = evidence.health(function), name_of(function, settings)
    answer = health.attempt.answer
    own = "its own name" if name == function else f"the name {name}"
    judge.expects(f"Function {function} is deployed: it answers itself, under {own}.")
    could_look(judge, function, [health.attempt])
    assert answer is not None
    _report_retries(judge, health)
    if not _function_answered(judge, health, answer, name):
        return
    if health.service is None and EXECUTION not in answer.headers:
        judge.cannot_tell(
            f"{function} answered {answer.status} without naming its service",
            "return the service's name from its health endpoint: another function at this address is then noticed",
        )
    answers = "answers" if name == function else f"answers as {name}"
    judge.finds(f"{function} {answers}, version {health.version or 'unknown'}")


def _answers_without_health(judge: Judge, evidence: FunctionHealth, function: str) -> None:
    """Require that a function without a health route itself refuses a request without its signature or key."""
    judge.expects(f"Function {function} is deployed: it answers itself, though not to GET {function}/health.")
    attempt = evidence.other_answer(function)
    could_look(judge, function, [attempt])
    answer = attempt.answer
    assert answer is not None
    error, got = gateway_error(answer), f"{answer.status} to a POST ({attempt.what})"
    if EXECUTION in answer.headers:
        judge.holds()
        judge.finds(f"{function} answered {got}, with an execution id of its own")
    elif answer.status == 404 or (error and answer.status != 401):
        judge.fails(
            f"the address of {function} answered {got}" + (f": {error}" if error else ""),
            expected="an answer from the function",
            why="the function is not deployed, does not start, or is not reached",
            advice=deploying(function) + NO_START,
        )
    else:
        by_whom = f"from Supabase's gateway ({error})" if error else "without an execution id"
        judge.cannot_tell(
            f"{function} answered {got}, {by_whom}: that does not show that the function ran",
            "an answer with the header x-deno-execution-id, or a health route",
        )


def _function_answered(judge: Judge, health: HealthAnswer, answer: Answer, name: str) -> bool:
    """Require that no gateway, proxy or other function answered; return whether that holds."""
    function, error = health.function, gateway_error(answer)
    if error:
        judge.fails(
            f"Supabase's gateway answered in place of {function}: {answer.status} ({error})",
            expected="an answer from the function",
            why="the function is not deployed, does not start, or is not reached",
            advice=deploying(function) + NO_START,
        )
        return False
    if not (health.json or EXECUTION in answer.headers):
        judge.fails(
            f"{answer.status} with {_kind(answer)} came from the address of {function}, not a function's answer",
            expected="an answer from the function, in JSON",
            why="something else answers at the function's address",
            advice="check EASYMO_BASE_URL, any proxy in front of it, and whether the function is deployed",
        )
        return False
    return judge.requires(
        health.service in (None, name) and (answer.status != 404 or health.service == name),
        lambda: _wrong_service(health, answer, name),
        expected=f"service {name}" + ("" if name == function else ", by names.answers_as"),
        why="deliveries to this address reach the wrong code",
        advice=_how_to_answer(health, name),
    )


def _how_to_answer(health: HealthAnswer, name: str) -> str:
    function = health.function
    if health.service in (None, name):
        return (
            f"deploy {function} with a health route, or add it to names.without_health if it has none on purpose"
        )
    if health.service == function:
        return f"deploy the code that answers as {name}, or take {function} out of names.answers_as"
    return (
        f"deploy the code of {function} under its name, or set names.answers_as, if {health.service} answers for "
        f"{function} on purpose"
    )


def _wrong_service(health: HealthAnswer, answer: Answer, name: str) -> str:
    if health.service not in (None, name):
        return f"the address of {health.function} answered as service {health.service}"
    return f"the address of {health.function} answered {answer.status}"


def _kind(answer: Answer) -> str:
    return answer.headers.get("content-type", "a body without a type").partition(";")[0]


def is_healthy(judge: Judge, evidence: FunctionHealth, function: str, settings: Settings) -> None:
    """Require 200, JSON, status healthy and the right service, from a route that processes nothing.

    Raises:
        NotApplicable: the settings say that the function has no health route.
    """
    if function in settings.names.without_health:
        raise NotApplicable(f"{function} has no health route, by names.without_health")
    health = evidence.health(function)
    answer = health.attempt.answer
    limit = settings.limits.http_request_timeout_seconds
    judge.expects(f"GET {function}/health answers 200 within {limit:g} s, reports healthy, and processes nothing.")
    could_look(judge, function, [health.attempt])
    assert answer is not None
    judge.finds(f"{function} answered {answer.status} in {answer.elapsed_ms:.0f} ms")
    _report_retries(judge, health)
    _runs_no_pass(judge, health)
    _reports_healthy(judge, health, answer, name_of(function, settings))
    _depends_on_nothing_down(judge, health, settings)
    _is_fresh(judge, health, settings)
    _is_not_ahead(judge, health, settings)


def _runs_no_pass(judge: Judge, health: HealthAnswer) -> None:
    """Require that a GET of the health route does not run a pass."""
    advice = "answer GET /health without processing anything"
    why = "each GET sends queued messages, outside the schedule and maybe at the same time as a scheduled pass"
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
        expected="no entry processed between the two",
        why=f"{why}; if a scheduled pass ran between the two, another run of the checks passes",
        advice=advice,
    )


def _reports_healthy(judge: Judge, health: HealthAnswer, answer: Answer, name: str) -> None:
    function = health.function
    why = "the function is not up, or does not work"
    if health.passes or not _function_answered(judge, health, answer, name):
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
        f"{function} reports status {health.status}" if health.status else f"{function} reports no status",
        expected="status: healthy",
        why=why,
        advice=f"see the logs of {function}, and the dependencies that it names as down",
    )
    judge.requires(
        health.service is not None,
        f"the health answer of {function} names no service",
        expected=f"service: {name}",
        why="another function at this address would not be noticed",
        advice=f"return service: {function} in its health answer",
    )
    second = health.second
    if second is not None:
        judge.requires(
            second.answer is not None and second.answer.status == answer.status,
            f"a second GET of {function}/health got {second.outcome} instead of {answer.status}",
            expected="the same answer twice",
            why="the function is up only some of the time",
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
            why="requests that need it fail, whatever status the function reports",
            advice="repair the dependency, or name it in health.may_be_down if the deployment works without it",
        )
    for service, state in health.breakers.items():
        found = f"{health.function}: circuit breaker {service} is {state or 'without a state'}"
        if not is_closed(state):
            judge.finds(found)
        judge.requires(
            is_closed(state) or not settings.health.open_breakers_fail,
            found,
            expected=CLOSED,
            why="the function sends it no calls",
            advice=f"check whether {service} is up; if it is, the breaker closes automatically",
        )


def _is_fresh(judge: Judge, health: HealthAnswer, settings: Settings) -> None:
    oldest = settings.health.oldest_answer_seconds
    age = health.stale_seconds
    judge.requires(
        age is None or age <= oldest,
        f"two health answers of {health.function} have the same timestamp, {age or 0:.0f} s old",
        expected=f"an answer made now, or at most {oldest:g} s ago",
        why="a cache answers instead of the function, and still reports healthy when the function is not",
        advice="send `Cache-Control: no-store` with health answers; check the clock of this machine",
    )


def _is_not_ahead(judge: Judge, health: HealthAnswer, settings: Settings) -> None:
    tolerance = settings.windows.clock_tolerance_seconds
    age = health.stale_seconds
    judge.requires(
        age is None or -age <= tolerance,
        f"two health answers of {health.function} have the same timestamp, {-(age or 0):.0f} s in the future",
        expected=f"an answer made now, at most {tolerance:g} s ahead of the clock of this machine",
        why="until that time, answers from a cache are not noticed",
        advice="take the time from the function's clock when it answers; check the clock of this machine",
    )


def _report_retries(judge: Judge, health: HealthAnswer) -> None:
    if health.attempt.retries:
        judge.finds(f"{health.function} was starting: retried after {', then '.join(health.attempt.retries)}")


def certificate_is_good(judge: Judge, evidence: FunctionHealth, settings: Settings) -> None:
    """Require a TLS certificate that is accepted and does not expire soon.

    Raises:
        NotApplicable: the base URL is not https.
        CouldNotLook: no function could be reached.
    """
    days = settings.health.certificate_days
    judge.expects(f"The endpoints' TLS certificate is accepted, and valid for more than {days} days.")
    if not evidence.secure:
        raise NotApplicable("the base URL is not https, so there is no certificate")
    failures = [health.attempt.failure for health in evidence.functions.values() if health.attempt.failure]
    refused = [failure for failure in failures if "certificate" in failure]
    judge.requires(
        not refused,
        lambda: refused[0],
        expected="a certificate that a public authority signed for this host and that has not expired",
        why="Meta delivers nothing to an address whose certificate it does not accept",
        advice="renew the certificate of the custom domain, or check EASYMO_BASE_URL",
    )
    if refused:
        return
    if evidence.certificate is None and not evidence.functions:
        judge.cannot_tell(
            "no health route was called, so no certificate was seen", "a function with a health route"
        )
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
        advice="find out why it was not renewed automatically: the platform's page of custom domains says",
    )
