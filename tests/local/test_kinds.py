"""Starting deployments: each kind, the choice by ``auto``, several at once, and the error messages."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fixtures.local import LocalDeployment, LocalDeploymentError
from fixtures.local.binaries import find_embedded, find_native
from fixtures.local.container import image_name
from fixtures.local.engine import probe
from fixtures.local.process import ServerProcess
from tests.deployments import Deployment, kinds_under_test
from tests.local.requests import call

ROOT = Path(__file__).resolve().parents[2]


def test_description_names_the_requested_kind(deployment: Deployment) -> None:
    """Only the embedded kind uses the pg_cron stand-in."""
    assert deployment.kind in kinds_under_test()
    assert deployment.description.startswith(f"{deployment.kind}: PostgreSQL ")
    assert deployment.stand_in == (deployment.kind == "embedded")


def test_everything_listens_on_loopback_only(deployment: Deployment) -> None:
    """The functions, the server, and the port that a container publishes."""
    assert deployment.access.base_url is not None
    assert deployment.access.base_url.startswith("http://127.0.0.1:")
    assert deployment.access.database is not None
    for url in (deployment.access.database.text, deployment.owner_url, deployment.superuser_url):
        assert "@127.0.0.1:" in url.reveal()
    if deployment.kind != "containers":
        assert deployment.superuser_execute("SHOW listen_addresses") == [("127.0.0.1",)]
    else:
        ports = subprocess.run(
            ["docker", "ps", "--format", "{{.Image}} {{.Ports}}"], capture_output=True, text=True, check=True
        )
        published = [line for line in ports.stdout.splitlines() if line.startswith(image_name())]
        assert published
        assert all("127.0.0.1:" in line and "0.0.0.0" not in line for line in published)


def test_parallel_deployments_are_independent() -> None:
    """Two start at the same time; breaking and resetting one does not affect the other."""
    with ThreadPoolExecutor() as pool:
        deployments = list(pool.map(lambda _: Deployment.start("embedded"), range(2)))
    try:
        one, other = deployments
        one.owner_execute("DROP TABLE public.webhook_dlq CASCADE")
        assert other.owner_execute("SELECT count(*) > 0 FROM public.webhook_dlq") == [(True,)]
        assert call(other, "GET", "dlq-processor/health").status_code == 200
        assert call(one, "GET", "dlq-processor/health").status_code == 503
        one.reset()
        assert one.owner_execute("SELECT count(*) > 0 FROM public.webhook_dlq") == [(True,)]
    finally:
        for deployment in deployments:
            deployment.stop()


def test_start_and_reset_are_quick(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    """Print the measured times; the limit of 60 s only catches a start that hangs."""
    began = time.monotonic()
    with LocalDeployment.start(deployment.kind) as another:  # type: ignore[arg-type]  # a kind, as resolved
        started = time.monotonic()
        another.reset()
        reset = time.monotonic()
    stopped = time.monotonic()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{deployment.kind}: start {started - began:.2f} s, reset {reset - started:.2f} s,"
            f" stop {stopped - reset:.2f} s\n"
        )
    assert stopped - began < 60


def test_auto_says_why_no_better_kind_was_used() -> None:
    """Without an engine ``auto`` starts native or embedded, and the description says that no engine responds."""
    program = (
        "from fixtures.local import LocalDeployment\n"
        "with LocalDeployment.start() as deployment: print(deployment.kind, '|', deployment.description)"
    )
    environ = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd="/",
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    kind, _, description = done.stdout.partition(" | ")
    assert kind in {"native", "embedded"}
    assert "(not containers: no container engine responds at /nowhere/docker.sock" in description


def test_remote_engine_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tcp:// address in DOCKER_HOST is refused."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(LocalDeploymentError, match=r"^DOCKER_HOST is not a unix:// address"):
        LocalDeployment.start("containers")


def test_hanging_engine_times_out_after_2_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine accepts the connection and never responds."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "hung.sock"))
        listener.listen()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/hung.sock")
        began = time.monotonic()
        with pytest.raises(LocalDeploymentError, match=r"hung\.sock did not respond within 2 s$"):
            probe()
    assert 1.9 < time.monotonic() - began < 4


@pytest.mark.parametrize(
    "answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 500 No\r\n\r\n{}"]
)
def test_other_server_is_not_taken_for_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    """A server at the engine's address that is not Docker counts as no engine."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "odd.sock"))
        listener.listen()

        def reply() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        server = threading.Thread(target=reply)
        server.start()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/odd.sock")
        with pytest.raises(LocalDeploymentError, match=r"^no container engine responds at .*odd\.sock$"):
            probe()
        server.join()


def test_unknown_kind_lists_the_valid_ones() -> None:
    """The message is one sentence."""
    with pytest.raises(LocalDeploymentError) as failure:
        LocalDeployment.start("podman")  # type: ignore[arg-type]  # an invalid kind on purpose
    assert str(failure.value) == (
        "'podman' is not a kind of local deployment; expected auto, containers, native, embedded"
    )


def test_start_stops_at_the_deadline() -> None:
    """A deadline of 0.1 s ends the start with an error, not with a hang."""
    began = time.monotonic()
    with pytest.raises(LocalDeploymentError, match=r"^the local deployment did not respond within 0 s$"):
        LocalDeployment.start("embedded", deadline_seconds=0.1)
    assert time.monotonic() - began < 10


def test_missing_native_server_names_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message lists the directories searched, and the command that installs pg_cron."""
    monkeypatch.setattr("fixtures.local.binaries.PLACES", ("/nowhere/*/bin",))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalDeploymentError, match=r"^no PostgreSQL with pg_cron on this machine .*: install it"):
        find_native()


def test_reset_after_stop_is_an_error() -> None:
    """A second ``stop()`` is not."""
    deployment = LocalDeployment.start("embedded")
    deployment.stop()
    deployment.stop()
    with pytest.raises(LocalDeploymentError, match=r"^the local deployment has stopped$"):
        deployment.reset()


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root the server runs as another user")
def test_unreadable_binaries_are_copied(tmp_path: Path) -> None:
    """For example in a virtual environment below a private home, whose permissions stay as they are."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    hidden = find_embedded().copy_to(private)
    directory = Path(tempfile.mkdtemp(prefix="easymo-", dir="/tmp"))
    try:
        server = ServerProcess(hidden, directory)
        server.initialise("password")
        assert server.binaries.directory.is_relative_to(directory)
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert not (directory / "password").exists()
    finally:
        shutil.rmtree(directory)
