"""Loads the plugin that gives the suite's own tests their deployments; runs of checks never see it."""

from __future__ import annotations

import signal

import pytest

from fixtures.settings.selection import asks_for


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin for tests only: pytest reads this file in runs of checks too."""
    if asks_for(config, "tests"):
        from tests import deployments, plugin

        config.pluginmanager.register(deployments, "tests.deployments")
        config.pluginmanager.register(plugin, "tests.plugin")
        _heed_interrupts()


def _heed_interrupts() -> None:
    """A shell starts its background jobs deaf to SIGINT, and their children too: tests interrupt children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
