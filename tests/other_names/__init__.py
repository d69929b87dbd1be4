"""Deployments as a stranger would write EasyMO: the SQL that makes each, and the settings that name its parts."""

from __future__ import annotations

from pathlib import Path

from fixtures.database.role_sql import role_sql
from fixtures.settings.load import load_settings
from fixtures.settings.model import Settings
from tests.deployments import Deployment

HERE = Path(__file__).parent


def settings_of(shape: str) -> Settings:
    """Load the settings for a shape, as a run with ``--deployment`` does."""
    return load_settings(HERE / f"{shape}.toml", None, {}, HERE)[0]


def grow(deployment: Deployment, shape: str, settings: Settings) -> None:
    """Turn a local deployment into a shape, and grant the suite's role what these settings need."""
    text = (HERE / f"{shape}.sql").read_text(encoding="utf-8")
    deployment.superuser_execute(f"SET SESSION AUTHORIZATION postgres; {owned(text)}")
    deployment.superuser_execute(role_sql(settings))
    deployment.superuser_execute("VACUUM (ANALYZE)")


def owned(text: str) -> str:
    """The statements with pg_cron's own table written as the superuser: ``postgres`` may not change it."""
    return text.replace("UPDATE cron.job", "RESET SESSION AUTHORIZATION; UPDATE cron.job", 1)
