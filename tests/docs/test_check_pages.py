"""The pages of the checks: each check has one, it says what it has to, and what it names exists."""

from __future__ import annotations

import dataclasses
import re
import typing

import pytest

from fixtures.settings.model import Settings
from fixtures.settings.reference import meanings
from tests.docs.declared import declared
from tests.docs.index import FILE, render
from tests.docs.pages import DOCS

HEADINGS = ["Proves", "Reads", "Fails when", "Unproven when", "What to do", "Thresholds"]
CHECKS = {check.check: check for check in declared()}
PAGES = sorted(path.stem for path in (DOCS / "checks").glob("*.md") if path.name != "README.md")
FILE_NAME = re.compile(r"\.(toml|md|py|json|sql|ya?ml)$")


def text(check):
    """A check's page."""
    return (DOCS / "checks" / f"{check}.md").read_text(encoding="utf-8")


def section(check, heading):
    """One section of a check's page."""
    return text(check).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_every_check_has_a_page_and_every_page_a_check():
    """A check without a page leaves its reader without help."""
    assert sorted(CHECKS) == PAGES


def test_the_index_is_what_the_checks_declare():
    """Id, title, criterion, area and marker, in the checklist's order."""
    assert FILE.read_text(encoding="utf-8") == render(), "run tox run -e docs"


@pytest.mark.parametrize("check", PAGES)
def test_a_page_has_its_title_weight_and_sections(check):
    """The same sections in the same order on every page, none of them empty."""
    first, _, third, *_ = text(check).splitlines()
    declared_as = CHECKS[check]
    assert first == f"# {declared_as.label} · {declared_as.title}"
    assert third.lower().startswith(f"{declared_as.criterion} · ")
    assert third.lower().rpartition(" · ")[2].replace("ci/cd", "ci_cd") == declared_as.area
    assert re.findall(r"^## (.*)$", text(check), re.MULTILINE) == HEADINGS
    assert [heading for heading in HEADINGS if not section(check, heading).strip()] == []


def setting_exists(name):
    """Whether the model has a setting, by its dotted name; of a list of tables, a field of theirs."""
    owner, hint = Settings, None
    for part in name.split("."):
        if not dataclasses.is_dataclass(owner) or part not in typing.get_type_hints(owner):
            return False
        hint = typing.get_type_hints(owner)[part]
        entry = typing.get_args(hint)
        owner = entry[0] if typing.get_origin(hint) is tuple else hint
    return hint is not None


def named_settings(check):
    """What a page names under Thresholds: setting → what stands in parentheses behind it.

    A name without a table is one of the table that was named last, where that has it.
    """
    found, table = {}, ""
    for name, figure in re.findall(r"`([a-z_]+(?:\.[a-z_]+)*)`(?:\s\(([^)]*)\))?", section(check, "Thresholds")):
        if FILE_NAME.search(name):
            continue
        if "." in name:
            table = name.rpartition(".")[0]
            found[name] = figure
        elif setting_exists(f"{table}.{name}"):
            found[f"{table}.{name}"] = figure
    return found


def default(name):
    """The default of a setting by its dotted name, as pages write it."""
    value = Settings()
    for part in name.split("."):
        value = getattr(value, part)
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
    )


@pytest.mark.parametrize("check", PAGES)
def test_the_settings_that_a_page_names_exist(check):
    """Under Thresholds, whatever is written as a setting is one."""
    tables = re.findall(r"`\[+([a-z_.]+)\]+`", section(check, "Thresholds"))
    assert [name for name in (*named_settings(check), *tables) if not setting_exists(name)] == []


@pytest.mark.parametrize("check", PAGES)
def test_the_figures_of_a_page_are_the_defaults(check):
    """A page that names another threshold than the one that decides sends people the wrong way."""
    figures = {name: figure for name, figure in named_settings(check).items() if figure}
    said = {name: re.sub(r"(?<=\d)[ ,](?=\d{3}\b)", "", figure) for name, figure in figures.items()}
    said = {name: re.split(r"[ ,]", figure)[0].strip("`") for name, figure in said.items()}
    assert said == {name: default(name) for name in figures}


def settings_of_one_check():
    """Settings whose meaning names the check that they decide: check → dotted names."""
    found = {}
    for table, hint in typing.get_type_hints(Settings).items():
        if dataclasses.is_dataclass(hint):
            for field, meaning in meanings(hint).items():
                for number in re.findall(r"\(?check (\d+)\)", meaning):
                    found.setdefault(f"check-{int(number):02d}", set()).add(f"{table}.{field}")
    return found


def test_a_page_names_every_setting_that_decides_its_check():
    """Whoever asks why a check failed finds there what can be set."""
    deciding = settings_of_one_check()
    assert len(deciding) >= 8
    missing = {check: names - set(named_settings(check)) for check, names in deciding.items()}
    assert {check: names for check, names in missing.items() if names} == {}
