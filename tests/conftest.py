"""Loads the plugins of the suite's own tests; runs of checks do not load them."""

from __future__ import annotations

import signal

import pytest

from fixtures.settings.selection import asks_for


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugins for tests only; pytest also reads this file in runs of checks."""
    if asks_for(config, "tests"):
        from tests import deployments, following, plugin

        config.pluginmanager.register(deployments, "tests.deployments")
        config.pluginmanager.register(plugin, "tests.plugin")
        config.pluginmanager.register(following, "tests.following")
        _restore_interrupts()


def _restore_interrupts() -> None:
    """Handle SIGINT again: a shell's background jobs ignore it, and so would the children that tests interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
