"""Endpoints with one fault each, otherwise correct."""

from tests.webhooks.faults import answers, bodies, handshake, headers, processor, signatures
from tests.webhooks.faults.headers import believes
from tests.webhooks.faults.registry import FAULTS, Fault

__all__ = ["FAULTS", "Fault", "answers", "believes", "bodies", "handshake", "headers", "processor", "signatures"]
