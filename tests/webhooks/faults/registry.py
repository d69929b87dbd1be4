"""Registers faults, with the cases of check 4 that must find each.

A fault is a function that answers a request, or returns None to let the honest endpoint answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixtures.settings.model import Settings
from fixtures.webhooks.cases import cases
from tests.webhooks.server import Arrival, Response, answer

Handler = Callable[[Arrival], Response | None]

OK = answer(200, {"received": True})
CRASH = answer(500, {"error": "Internal Server Error"})

FORGERIES = tuple(cases(Settings())["forgery"])
TRUST = tuple(kind for kind in FORGERIES if kind.endswith(("-headers", "-parameters")))
OWN_REQUEST = tuple(kind for kind in FORGERIES if kind not in (*TRUST, "generated", "wrong-secret-sha1"))
"""Forgeries that are not variants of others."""
CONTROLS = tuple(cases(Settings())["control"])


@dataclass(frozen=True)
class Fault:
    """A fault, and the cases of check 4 that must find it."""

    name: str
    make: Callable[[], Handler]
    """Makes a new handler; some handlers store earlier requests."""
    failed: Mapping[str, str]
    """Case that must fail → words of its message."""
    unproven: tuple[str, ...] = ()
    """Cases that the fault leaves unproven."""


FAULTS: dict[str, Fault] = {}


def fault(failed: Mapping[str, str], *unproven: str) -> Callable[[Handler], Handler]:
    """Register a fault under its function's name."""

    def register(handler: Handler) -> Handler:
        name = handler.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, lambda: handler, failed, unproven)
        return handler

    return register


def remembering(
    failed: Mapping[str, str], *unproven: str
) -> Callable[[Callable[[], Handler]], Callable[[], Handler]]:
    """Register a fault that stores earlier requests: its function makes a new handler."""

    def register(make: Callable[[], Handler]) -> Callable[[], Handler]:
        name = make.__name__.replace("_", "-")
        FAULTS[name] = Fault(name, make, failed, unproven)
        return make

    return register


def all_of(kinds: tuple[str, ...], words: str) -> dict[str, str]:
    """Return the same words for several cases."""
    return dict.fromkeys(kinds, words)
