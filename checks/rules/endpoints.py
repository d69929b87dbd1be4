"""Rules of check 4 about the endpoints themselves: under each address a function answers."""

from __future__ import annotations

from dataclasses import dataclass

from checks.judge import Judge
from checks.rules.forgeries import deploying
from fixtures.outcome import CouldNotLook
from fixtures.webhooks.model import Contact, EndpointContacts, Met
from fixtures.wording import counted

EXPECTED = "an answer from the function"
LOST = "Meta gets the same answer, so that every message to this address is lost or delayed"
BASE_URL = "check EASYMO_BASE_URL and names.functions_path, and what stands before the functions"


@dataclass(frozen=True)
class Absence:
    """What was met instead of a function, in words with the placeholders ``function``, ``got`` and ``times``."""

    found: str
    why: str
    advice: str
    deploy: bool = False
    """Whether deploying the function is what to do."""


FAILURES = {
    Met.NOTHING: Absence(
        "no function is deployed as {function}: its address answers {got}",
        LOST,
        "or correct names.webhooks and names.dlq_processor, if it has another name",
        deploy=True,
    ),
    Met.NO_START: Absence(
        "{function} does not start: the gateway answers {got}{times}",
        LOST,
        "look for the first error in the function's logs: an import that fails, or a variable that is not set",
    ),
    Met.LIMIT: Absence(
        "{function} is stopped at a limit before it answers: {got}{times}",
        LOST,
        "look in the function's logs which limit it is: memory, processor time or duration",
    ),
    Met.FRONT: Absence(
        "no answer of {function} comes through: what stands before it answers {got}{times}", LOST, BASE_URL
    ),
    Met.JWT_CHECK: Absence(
        "the gateway asks for a JWT before {function} runs: {got}",
        "Meta's deliveries carry none, so that each is refused before the function checks its signature",
        "",
        deploy=True,
    ),
    Met.PAGE: Absence("a page or a redirect comes from the address of {function}: {got}{times}", LOST, BASE_URL),
}
"""Who answered in the function's place → how the case fails."""


def answers(judge: Judge, contacts: EndpointContacts, function: str) -> None:
    """Require that a function answers under its address, whatever it answers.

    Raises:
        CouldNotLook: no connection, or no complete answer: the reason may lie with this machine or its network.
    """
    judge.expects(f"A function answers under the address of {function}.")
    contact = contacts.of(function)
    if contact.met in FAILURES:
        _fails(judge, contact, function)
    elif contact.met is not Met.FUNCTION:
        raise CouldNotLook(*_unreached(contact, function))
    else:
        judge.holds()
        judge.finds(f"{function} answered {contact.got}")


def _fails(judge: Judge, contact: Contact, function: str) -> None:
    absence = FAILURES[contact.met]
    times = f", {contact.requests} times" if contact.requests > 1 else ""
    judge.fails(
        absence.found.format(function=function, got=contact.got, times=times),
        expected=EXPECTED,
        why=absence.why,
        advice=deploying(function) + absence.advice if absence.deploy else absence.advice,
    )


def _unreached(contact: Contact, function: str) -> tuple[str, str]:
    """Why nobody could be asked; where it is the host's doing, the same text for every function of it."""
    if contact.met is Met.NOBODY:
        return contact.got, _how_to_reach(contact)
    tries = f" ({counted(contact.requests, 'request')})"
    return (
        f"{function} gave no answer that could be read: {contact.got}{tries}",
        "look at the function's logs of this minute, and whether a proxy or firewall holds the requests back",
    )


def _how_to_reach(contact: Contact) -> str:
    host = contact.host or "the host"
    if "certificate" in contact.got:
        return "renew the certificate of the host, or correct the host in EASYMO_BASE_URL"
    if "refused" in contact.got:
        return f"look whether anything listens at {host}, and correct host and port in EASYMO_BASE_URL"
    if contact.got.endswith(UNKNOWN_HOST):
        return "correct the host in EASYMO_BASE_URL: no address is known for it"
    return f"check EASYMO_BASE_URL, and the network path from this machine to {host}"


UNKNOWN_HOST = (
    "name or service not known",
    "no address associated with hostname",
    "nodename nor servname provided",
)
