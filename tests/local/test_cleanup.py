"""However a local deployment ends, no process, container or file of it remains."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.local import janitor
from tests.deployments import kinds_under_test

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
GONE_SECONDS = 15.0

PROGRAM = """
import json, os, sys, time
from fixtures.local import LocalDeployment
with LocalDeployment.start(sys.argv[1]) as deployment:
    facts = {"supervisor": deployment._supervisor.pid, "directory": os.path.dirname(deployment.access.log_file)}
    print(json.dumps(facts), flush=True)
    if sys.argv[2] == "fail":
        raise RuntimeError("the run failed")
    if sys.argv[2] == "wait":
        time.sleep(300)
"""


@dataclass
class Parent:
    """A process that has started a deployment, as pytest does."""

    process: subprocess.Popen[str]
    temporary: Path
    """Its folder for temporary files; no other process writes there."""

    def facts(self) -> dict[str, str | int]:
        """Wait until its deployment is ready; return what the program printed."""
        assert self.process.stdout is not None
        facts: dict[str, str | int] = json.loads(self.process.stdout.readline())
        return facts

    def remains(self) -> list[str]:
        """Return the deployment's files and its processes, found by their environment or arguments."""
        needle = str(self.temporary).encode()
        found = [f"file {path.name}" for path in self.temporary.iterdir()]
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                text = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if needle in text and int(entry.name) != os.getpid():
                found.append(f"process {entry.name} {(entry / 'cmdline').read_bytes()[:80]!r}")
        return found

    def left(self) -> list[str]:
        """Return what still exists after 15 seconds."""
        deadline = time.monotonic() + GONE_SECONDS
        while (remains := self.remains()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return remains


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary files that the unprivileged server can enter."""
    folder = Path(tempfile.mkdtemp(prefix="cleanup-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


BringUp = Callable[[str, str], Parent]


@pytest.fixture
def bring_up(temporary: Path) -> Iterator[BringUp]:
    """Starts a parent with a deployment of a kind; the parent then returns, fails or waits."""
    parents: list[Parent] = []

    def bringing_up(kind: str, then: str) -> Parent:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, kind, then],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        parents.append(Parent(process, temporary))
        return parents[-1]

    yield bringing_up
    for parent in parents:
        with parent.process:
            parent.process.kill()


def containers_of(directory: str) -> list[str]:
    """Return the ids of the containers that belong to the deployment in that directory."""
    found = subprocess.run(
        ["docker", "ps", "-aq", "--filter", f"label={janitor.LABEL}={Path(directory).name}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return found.stdout.split()


def assert_remains_are_found(parent: Parent, kind: str, directory: str | int) -> None:
    """Assert that ``remains`` finds a running deployment, so that its empty result later has a meaning."""
    remains = " ".join(parent.remains())
    assert "process" in remains
    assert "file" in remains
    assert kind != "containers" or containers_of(str(directory))


def assert_nothing_is_left(parent: Parent, kind: str, directory: str | int) -> None:
    assert parent.left() == []
    if kind == "containers":
        deadline = time.monotonic() + GONE_SECONDS
        while containers_of(str(directory)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert containers_of(str(directory)) == []


@pytest.fixture(params=kinds_under_test() if "EASYMO_TEST_KINDS" in os.environ else ["embedded"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of deployment under test."""
    return str(request.param)


@pytest.mark.parametrize(("ending", "status"), [("return", 0), ("fail", 1)])
def test_parent_that_ends_leaves_nothing(bring_up: BringUp, kind: str, ending: str, status: int) -> None:
    """Whether the parent returns or raises, ``stop()`` returns only when everything is removed."""
    parent = bring_up(kind, ending)
    directory = parent.facts()["directory"]
    assert parent.process.wait(READY_SECONDS) == status
    assert parent.remains() == [], "stop() returned before everything was removed"
    assert_nothing_is_left(parent, kind, directory)


@pytest.mark.parametrize("fatal", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda fatal: fatal.name)
def test_killed_parent_leaves_nothing(bring_up: BringUp, kind: str, fatal: signal.Signals) -> None:
    """The signal goes to the parent's whole process group, as with Ctrl-C in a terminal."""
    parent = bring_up(kind, "wait")
    directory = parent.facts()["directory"]
    assert_remains_are_found(parent, kind, directory)
    os.killpg(parent.process.pid, fatal)
    parent.process.wait(READY_SECONDS)
    assert_nothing_is_left(parent, kind, directory)


def test_killed_supervisor_leaves_nothing(bring_up: BringUp, kind: str) -> None:
    """The janitor removes everything even while the parent still runs."""
    parent = bring_up(kind, "wait")
    facts = parent.facts()
    os.kill(int(facts["supervisor"]), signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while any(parent.temporary.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(parent.process.pid, signal.SIGKILL)
    parent.process.wait(READY_SECONDS)
    assert_nothing_is_left(parent, kind, facts["directory"])


@pytest.mark.parametrize("after", [0.3, 0.6, 1.0])
def test_parent_killed_during_start_leaves_nothing(bring_up: BringUp, kind: str, after: float) -> None:
    """The parent is killed 0.3 to 1 s after the deployment's directory appears."""
    parent = bring_up(kind, "wait")
    deadline = time.monotonic() + READY_SECONDS
    while not (directories := list(parent.temporary.iterdir())) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after)
    os.killpg(parent.process.pid, signal.SIGKILL)
    parent.process.wait(READY_SECONDS)
    assert_nothing_is_left(parent, kind, directories[0].name)
