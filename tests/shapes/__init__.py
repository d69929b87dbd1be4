"""Deployments as a stranger would write EasyMO: a folder each, with the SQL that makes it and its settings.

``shape.sql`` turns the local deployment into the shape, as role ``postgres``; ``deployment.toml`` is what its
operators would write. A folder with a ``story.py`` also says what the suite reports, and what its advice does.
"""

from __future__ import annotations

from pathlib import Path

from fixtures.database.role_sql import role_sql
from fixtures.settings.load import load_settings
from fixtures.settings.model import Settings
from tests.deployments import Deployment

HERE = Path(__file__).parent


def settings_of(shape: str) -> Settings:
    """Load the settings for a shape, as a run with ``--deployment`` does."""
    return load_settings(file_of(shape), None, {}, HERE)[0]


def file_of(shape: str) -> Path:
    """Return the file of settings that the operators of a shape wrote."""
    return HERE / shape / "deployment.toml"


def grow(deployment: Deployment, shape: str, settings: Settings, *more: str) -> None:
    """Turn a local deployment into a shape, and grant the suite's role what these settings need.

    Args:
        deployment: a healthy local deployment.
        shape: the folder.
        settings: they name the tables that the role may read.
        more: further files of SQL in the folder, run after ``shape.sql``.
    """
    for name in ("shape", *more):
        text = (HERE / shape / f"{name}.sql").read_text(encoding="utf-8")
        deployment.superuser_execute(f"SET SESSION AUTHORIZATION postgres; {owned(text)}")
    deployment.superuser_execute(role_sql(settings))
    deployment.superuser_execute("VACUUM (ANALYZE)")


def owned(text: str) -> str:
    """The statements with pg_cron's own table written as the superuser: ``postgres`` may not change it."""
    return text.replace("UPDATE cron.job ", "RESET SESSION AUTHORIZATION; UPDATE cron.job ", 1)
