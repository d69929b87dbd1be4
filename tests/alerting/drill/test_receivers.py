"""The integrations of receivers, read from configurations in the styles that Alertmanager writes."""

from __future__ import annotations

import pytest

from fixtures.drill.receivers import integrations_of

BY_ALERTMANAGER = """global:
  resolve_timeout: 5m
route:
  receiver: hook
  routes:
  - receiver: nobody
    matchers:
    - severity="info"
receivers:
- name: nobody
- name: hook
  slack_configs:
  - send_resolved: false
    channel: '#alerts'
    fields:
    - title: one
    - title: two
    text: |-
      - name: not a receiver
      - another line
  - send_resolved: false
    channel: '#other'
  webhook_configs:
  - send_resolved: true
    url: <secret>
- name: 'on call: night'
  pagerduty_configs:
  - send_resolved: true
    details:
      firing: '{{ template "pagerduty.default.instances" .Alerts.Firing }}'
templates: []
"""

INDENTED = """receivers:
    - name: hook
      webhook_configs:
        - url: http://example
          http_config:
            follow_redirects: true
    - name: empty
      slack_configs: []
"""

FLOW = """receivers:
- name: written
  webhook_configs: [{url: "http://example"}]
- {name: inline, slack_configs: [{channel: x}]}
- name: plain
  email_configs:
  - to: <secret>
"""

STYLES = {
    "Alertmanager's own": (
        BY_ALERTMANAGER,
        {"nobody": (), "hook": ("slack", "slack", "webhook"), "on call: night": ("pagerduty",)},
    ),
    "indented lists": (INDENTED, {"hook": ("webhook",), "empty": ()}),
    "in another style": (FLOW, {"plain": ("email",)}),
    "nothing": ("", {}),
    "no receivers": ("route:\n  receiver: x\n", {}),
}


@pytest.mark.parametrize("style", STYLES)
def test_integrations_are_counted(style):
    """A receiver in a style that is not understood is left out, not taken for one that notifies nobody."""
    config, expected = STYLES[style]
    assert integrations_of(config) == expected
