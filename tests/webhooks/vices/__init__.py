"""Endpoints with one vice each; everything else they do right."""

from tests.webhooks.vices import answers, bodies, handshake, headers, processor, signatures
from tests.webhooks.vices.headers import believes
from tests.webhooks.vices.registry import VICES, Vice

__all__ = ["VICES", "Vice", "answers", "believes", "bodies", "handshake", "headers", "processor", "signatures"]
