"""Lists the plugins that the suite is made of; options, fixtures and hooks stand with their subject."""

pytest_plugins = [
    "fixtures.settings.plugin",
    "fixtures.webhooks.options",
    "reports.plugin",
    "reports.notify",
    "fixtures.parameters",
    "fixtures.pieces",
    "fixtures.run",
    "checks.judge",
    "fixtures.listing",
]
