"""The ledger of commands: what counts as the same command, and what it reports."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fixtures.advice import Kind, Step
from tests import following
from tests.following import shape_of, unfollowed

SAME = {
    "other names": ("ALTER TABLE public.a RENAME TO b", 'ALTER TABLE "order"."T B" RENAME TO "b_new"'),
    "other figures and texts": (
        "SELECT cron.alter_job(1, schedule := '*/5 * * * *')",
        "SELECT cron.alter_job(27, schedule := 'a ''DROP'' b')",
    ),
}


@pytest.mark.parametrize("pair", SAME)
def test_names_and_figures_make_no_other_command(pair: str) -> None:
    """A keyword in a text or a quoted name is none."""
    first, second = (shape_of(Step(text, Kind.SQL)) for text in SAME[pair])
    assert first == second != ""


def test_keywords_make_another_command() -> None:
    """Also by a function's name, or an option of a command for a shell."""
    texts = ("GRANT SELECT ON a TO b", "GRANT USAGE ON SCHEMA a TO b", "SELECT cron.unschedule(1)", "SELECT 1")
    shapes = {shape_of(Step(text, Kind.SQL)) for text in texts}
    shapes |= {shape_of(Step(f"supabase functions deploy a{end}", Kind.SHELL)) for end in ("", " --no-verify-jwt")}
    assert len(shapes) == 6


def test_command_that_nobody_followed_is_reported() -> None:
    """With an example; one that was followed is not."""
    advised = {"DROP TABLE": "DROP TABLE public.a", "VACUUM": "VACUUM public.a"}
    assert unfollowed(advised, ["VACUUM"]) == {"DROP TABLE": "DROP TABLE public.a"}


@pytest.mark.parametrize(
    ("arguments", "options", "whole"),
    [(["tests"], {}, True), (["tests"], {"keyword": "x"}, False), (["tests/logs"], {}, False)],
)
def test_only_a_whole_run_is_judged(arguments: list[str], options: dict[str, str], whole: bool) -> None:
    """A part of the tests follows a part of the commands."""
    config = SimpleNamespace(args=arguments, option=SimpleNamespace(**options))
    assert following._is_whole(config) is whole
