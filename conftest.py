"""Lists the plugins that the suite is made of; options, fixtures and hooks stand with their subject.

A plugin stands behind those that it imports. pytest calls the hooks of the last one first.
"""

pytest_plugins = [
    "fixtures.settings.plugin",
    "fixtures.webhooks.options",
    "fixtures.drill.options",
    "fixtures.thresholds.options",
    "fixtures.archive.plugin",
    "fixtures.evidence.plugin",
    "checks.judge",
    "checks.parameters",
    "reports.notify.plugin",
    "reports.plugin",
    "reports.printing",
    "fixtures.run",
]
