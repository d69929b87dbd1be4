"""Variants of the example's rules under other names, all loaded at once: a reload would take seconds.

A test chooses a variant by the settings.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from fixtures.local.monitoring_stack import FILES
from fixtures.settings.model import Settings
from fixtures.settings.monitoring import Alert

RULES = (FILES / "rules.yml").read_text()

PENDING, SILENT, RATE = "HighDLQPendingCount", "DLQProcessingFailure", "WebhookErrorRate"
NAMES = {PENDING: "dlq-pending", SILENT: "dlq-processor-silent", RATE: "webhook-error-rate"}
"""Rule → alert."""

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "AtOnce": {
        name: {"for": "0s", "expr": re.sub(r"\[5m\]", "[1m]", rule["expr"])}
        for rule in yaml.safe_load(RULES)["groups"][0]["rules"]
        if (name := rule["alert"]) in NAMES
    },
    "Wrong": {
        PENDING: {"for": "1h"},
        SILENT: {"expr": "time() - max(dlq_processor_last_success_timestamp_seconds) > 1800"},
        RATE: {"labels": {"severity": "critical"}},
    },
    "Broken": {
        PENDING: {"expr": 'max(dlq_pending{job="dlq"}) > 100'},
        SILENT: {"expr": "time() - max(dlq_processor_last_success_timestamp) > 900"},
        RATE: {"expr": "dlq_pending > on (job) (0.05 * dlq_entries) and on () vector(1) > 0.05"},
    },
}
"""Ending of the names → rule → changed fields."""


def with_variants(rules: str) -> str:
    """The rules, and behind them their variants."""
    document = yaml.safe_load(rules)
    own = {rule["alert"]: rule for rule in document["groups"][0]["rules"]}
    document["groups"][0]["rules"] += [
        own[name] | fields | {"alert": name + ending}
        for ending, changes in VARIANTS.items()
        for name, fields in changes.items()
    ]
    return yaml.safe_dump(document)


def expecting(ending: str) -> Settings:
    """Settings with which the variants are the expected rules."""
    alerts = Settings().alerts
    return Settings(alerts=tuple(Alert(one.name, one.rule + ending, one.severity, one.measures) for one in alerts))
