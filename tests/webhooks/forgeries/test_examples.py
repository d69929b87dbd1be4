"""Drawing and shrinking examples: all kinds of bodies, repeated by the seed; no request is sent."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from fixtures.webhooks.forgeries.examples import MOST_BYTES, ExampleReader, Shrinking
from fixtures.webhooks.forgeries.generated import POOL, draw_pool
from fixtures.webhooks.forgeries.strategies import BODY_KINDS, Body, bodies, mutations
from fixtures.webhooks.probe import SEARCH_REQUESTS

ROOT = Path(__file__).parents[3]

SHOW = """
import random
from fixtures.webhooks.forgeries.examples import ExampleReader, Shrinking
from fixtures.webhooks.forgeries.generated import draw_pool
from fixtures.webhooks.forgeries.strategies import bodies

for seed in range(5):
    for example, drawn in draw_pool(seed).items():
        print(example, drawn)
    asked = []
    def holds(body):
        asked.append(body)
        return len(body.content) > 30
    smallest = next(drawn for example, (drawn, _) in draw_pool(seed).items() if len(example.body.content) > 30)
    Shrinking(ExampleReader(bodies()), lambda body: len(body.content), holds, smallest).run()
    print(asked)
"""

CONSTANTS = "NUMBERS = (7, 11, 1234, 20_001, 54_321)\nWORDS = ('zebra', b'yak', b'\\x00\\x01\\x02')\n"
"""A module with constants; Hypothesis's own drawing would draw these too."""


def shown(folder: Path, first: str) -> str:
    """Examples and shrinking steps of five seeds, from a process that first runs some other code."""
    folder.mkdir()
    (folder / "constants.py").write_text(CONSTANTS)
    paths = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(folder)!r}]\n"
    command = [sys.executable, "-B", "-c", paths + first + SHOW]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


def start_of(seed: int, sort: str) -> bytes:
    """The bytes of a body of this kind."""
    return next(drawn for example, (drawn, _) in draw_pool(seed).items() if example.body.kind == sort)


def test_every_seed_gives_all_body_kinds() -> None:
    """The pool of each of 100 seeds has at least 48 different examples, with bodies of all eight kinds."""
    for seed in range(100):
        pool = draw_pool(seed)
        assert len(pool) >= POOL == 48, seed
        assert {one.body.kind for one in pool} == set(BODY_KINDS), seed


def test_seed_repeats_examples_in_other_processes(tmp_path: Path) -> None:
    """Two processes with different modules loaded draw and shrink the same examples, and write no file."""
    alone = shown(tmp_path / "alone", "")
    others = shown(tmp_path / "others", "import constants, fixtures.webhooks.reading, email.mime.text\n")
    assert alone == others
    assert alone.count("Example(") >= 5 * POOL
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == [
        "alone",
        "constants.py",
        "others",
        "constants.py",
    ]


def test_pool_can_be_read_from_its_bytes() -> None:
    """Each example of a pool is read again from the bytes that are stored with it."""
    body_reader, mutation_reader = ExampleReader(bodies()), ExampleReader(mutations())
    for example, (body, mutation) in draw_pool(1).items():
        assert body_reader.read(body) == (example.body, body)
        assert mutation_reader.read(mutation) == (example.mutation, mutation)


def test_short_bytes_give_an_example() -> None:
    """Zeros are read after the end of the bytes: bytes cut off anywhere give an example."""
    reader = ExampleReader(bodies())
    assert reader.read(b"") == reader.read(bytes(MOST_BYTES))
    for sort in BODY_KINDS:
        drawn = start_of(1, sort)
        assert all(reader.read(drawn[:length]) is not None for length in range(len(drawn)))


def test_example_of_too_many_bytes_is_not_drawn() -> None:
    """An example that needs too many bytes gives None when read, and is skipped when drawn."""
    reader = ExampleReader(
        st.integers(0, 1).flatmap(lambda long: st.lists(st.booleans(), min_size=MOST_BYTES * long))
    )
    assert reader.read(b"\1" * 10) is None
    source = random.Random(1)
    assert all(len(reader.draw(source)[0]) < MOST_BYTES for _ in range(20))


class Oracle:
    """Says whether something holds for a body, and stores the bodies that it was called with."""

    def __init__(self, holds: Callable[[Body], bool]) -> None:
        self._holds = holds
        self.asked: list[Body] = []
        self.held: list[Body] = []

    def __call__(self, body: Body) -> bool:
        self.asked.append(body)
        holds = self._holds(body)
        if holds:
            self.held.append(body)
        return holds

    def smallest(self, start: bytes) -> Body:
        """The result of a search that starts with these bytes."""
        shrinking = Shrinking(ExampleReader(bodies()), lambda body: len(body.content), self, start)
        shrinking.run()
        found = shrinking.reader.read(shrinking.smallest)
        assert found is not None
        return found[0]


@pytest.mark.parametrize(("sort", "least", "most"), [("long", 3000, 3100), ("deep", 200, 202)])
def test_smallest_is_found_within_the_budget(sort: str, least: int, most: int) -> None:
    """The search shrinks a body close to the accepted minimum, with no more requests than it has."""

    def holds(body: Body) -> bool:
        return body.kind == sort and len(body.content) >= least

    starts = [drawn for seed in range(8) for one, (drawn, _) in draw_pool(seed).items() if holds(one.body)]
    assert len(starts) > 20
    for start in starts:
        oracle = Oracle(holds)
        assert least <= len(oracle.smallest(start).content) <= most
        assert len(set(oracle.asked)) <= SEARCH_REQUESTS


@pytest.mark.parametrize("chance", [0.0, 0.1, 0.5, 1.0])
def test_varying_answers_do_not_harm_shrinking(chance: float) -> None:
    """With random answers the search ends, with the last body that held, or else with the first one."""
    for seed in range(4):
        for example, (start, _) in list(draw_pool(seed).items())[:8]:
            source = random.Random(seed)
            oracle = Oracle(lambda body, source=source: source.random() < chance)  # type: ignore[misc]
            found = oracle.smallest(start)
            assert found == (oracle.held or [example.body])[-1]
            assert len(found.content) <= len(example.body.content)


def test_only_public_parts_of_hypothesis_are_used() -> None:
    """No module of the suite imports Hypothesis's internal modules or names its private ones."""
    modules = [path for area in ("fixtures", "checks", "reports") for path in (ROOT / area).rglob("*.py")]
    assert any("from hypothesis import" in path.read_text() for path in modules)
    for path in modules:
        assert "hypothesis.internal" not in path.read_text(), path
        assert "_hypothesis" not in path.read_text(), path
