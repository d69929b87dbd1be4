"""The page of the documentation about the shapes, made from their stories."""

from __future__ import annotations

from collections.abc import Iterable

from tests.docs.pages import DOCS
from tests.shapes.model import Fault, Says, Story
from tests.shapes.stories import STORIES

FILE = DOCS / "other-deployments.md"
LONGEST = 160

HEAD = """\
# Deployments of other shapes

The tests verify deployments that were written as a stranger would write EasyMO: other names, other words,
another way to start the retries, missing migrations. Each has a folder in `tests/shapes`: the SQL that makes it,
the `deployment.toml` of its operators, and its story, from which `tox run -e docs` writes this page. The tests
build each shape on a real Postgres with real endpoints, pin every sentence below, run each command of the advice
as the role that has to run it (`postgres`, which is no superuser), and judge again. An ellipsis stands for a
time, a figure, a name or an id.

[settings.md](settings.md#other-names) explains the settings for other names.
"""


def render() -> str:
    """The whole page."""
    return HEAD + "".join(map(_section, STORIES.values()))


def _section(story: Story) -> str:
    verdicts = ", ".join(f"`{marker}` {verdict.value}" for marker, verdict in story.verdicts.items())
    rows = "".join(f"| {_cell(one.wrong)} | {_said(one.says)} | {_did(one)} |\n" for one in story.faults)
    return (
        f"\n## {story.title}\n\n{story.text} Settings: `tests/shapes/{story.shape}/deployment.toml`. "
        f"Right verdict: {verdicts}.\n\n"
        f"With the default settings, before anybody configured anything:\n\n{_list(story.by_default)}\n"
        f"| what was wrong | what the suite said | what its advice did |\n| --- | --- | --- |\n{rows}"
    )


def _list(says: Says) -> str:
    return "".join(f"- {_cell(text)}\n" for text in _sentences(says))


def _said(says: Says) -> str:
    return "<br>".join(map(_cell, _sentences(says)))


def _sentences(says: Says) -> Iterable[str]:
    """Each sentence with its check; those of several cases once."""
    return dict.fromkeys(f"{case.partition('[')[0]} {text}" for case, text in says.items())


def _did(fault: Fault) -> str:
    parts = []
    if fault.sentence:
        parts.append(f"“{_cell(fault.sentence)}”")
    parts += [f"`{_cell(_cut(text))}`" for text in (*fault.looks, *fault.commands)]
    return "<br>".join([*parts, _after(fault)])


def _after(fault: Fault) -> str:
    """What the suite said at the end."""
    if fault.left and fault.left == fault.says:
        return "**No command mends it: the report stays the same.**"
    how = {
        (False, False): "After the commands",
        (True, False): "After a person did so",
        (False, True): "After the next pass",
        (True, True): "After a person did so, and a run",
    }[bool(fault.by_hand), bool(fault.waits)]
    if not fault.left:
        return f"**{how}: all passed.**"
    return f"**{how}, this is left:** {_said(fault.left)}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
