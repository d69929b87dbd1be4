"""How a vice is registered, with the cases of check 4 that have to find it.

A vice is a function that answers a request, or gives None where the honest endpoint answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixtures.settings.model import Settings
from fixtures.webhooks.cases import cases
from tests.webhooks.server import Arrival, Response, answer

Vicious = Callable[[Arrival], Response | None]

OK = answer(200, {"received": True})
CRASH = answer(500, {"error": "Internal Server Error"})

FORGERIES = tuple(cases(Settings())["forgery"])
TRUST = tuple(kind for kind in FORGERIES if kind.endswith(("-headers", "-parameters")))
OWN_REQUEST = tuple(kind for kind in FORGERIES if kind not in (*TRUST, "generated", "wrong-secret-sha1"))
"""Forgeries that are no variants of others."""
CONTROLS = tuple(cases(Settings())["control"])


@dataclass(frozen=True)
class Vice:
    """A vice and how check 4 has to judge the endpoint."""

    name: str
    make: Callable[[], Vicious]
    """Makes the handler anew, for those that remember something."""
    failed: Mapping[str, str]
    """Case → what a person has to read there."""
    unproven: tuple[str, ...] = ()
    """Cases that show nothing because of the vice."""


VICES: dict[str, Vice] = {}


def vice(failed: Mapping[str, str], *unproven: str) -> Callable[[Vicious], Vicious]:
    """Register a vice by its function's name."""

    def register(handler: Vicious) -> Vicious:
        name = handler.__name__.replace("_", "-")
        VICES[name] = Vice(name, lambda: handler, failed, unproven)
        return handler

    return register


def remembering(
    failed: Mapping[str, str], *unproven: str
) -> Callable[[Callable[[], Vicious]], Callable[[], Vicious]]:
    """Register a vice that remembers earlier requests: its function makes a new handler."""

    def register(make: Callable[[], Vicious]) -> Callable[[], Vicious]:
        name = make.__name__.replace("_", "-")
        VICES[name] = Vice(name, make, failed, unproven)
        return make

    return register


def all_of(kinds: tuple[str, ...], words: str) -> dict[str, str]:
    """The same words for several cases."""
    return dict.fromkeys(kinds, words)
