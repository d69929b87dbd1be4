"""Loads the plugin that gives the suite's own tests their deployments; runs of checks never see it."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugin here, since ``pytest_plugins`` belongs to the root's conftest alone."""
    config.pluginmanager.import_plugin("tests.deployments")
