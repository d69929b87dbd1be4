"""The suite's image is built from the Dockerfile and verifies a deployment, as a scheduler runs it."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from fixtures.settings.environment import variables_of
from tests.running import ROOT

TAG = "easymo-verification:test"
BASE_TAG = "easymo-verification-base:test"
RUN_SECONDS = 120


@pytest.fixture
def client():
    """A client of the Docker engine; skips the test if no engine responds."""
    import docker

    try:
        docker.from_env(timeout=2).ping()
    except docker.errors.DockerException:
        pytest.skip("NOT TESTED, the image was not built: no Docker engine responds")
    client = docker.from_env(timeout=600)
    yield client
    client.close()


def build(client: Any, folder: Path) -> Any:
    """Build the image on a base without Python that trusts this machine's certificate authorities."""
    trusted = ssl.get_default_verify_paths().cafile
    assert trusted is not None
    (folder / "ca.crt").write_bytes(Path(trusted).read_bytes())
    (folder / "Dockerfile").write_text(
        "FROM debian:bookworm-slim\nCOPY ca.crt /etc/ca.crt\nENV PIP_CERT=/etc/ca.crt\n"
    )
    client.images.build(path=str(folder), tag=BASE_TAG, rm=True)
    image, _ = client.images.build(path=str(ROOT), tag=TAG, rm=True, buildargs={"BASE": BASE_TAG})
    return image


def run(client: Any, *command: str, **options: Any) -> tuple[int, str]:
    """Run a container as restricted as the documented CronJob; return exit status and output."""
    container = client.containers.create(
        TAG,
        list(command),
        network_mode="host",
        read_only=True,
        tmpfs={"/suite/reports/latest": "uid=10001", "/tmp": ""},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        **options,
    )
    try:
        container.start()
        status = container.wait(timeout=RUN_SECONDS)["StatusCode"]
        return status, container.logs().decode()
    finally:
        container.remove(force=True)


@pytest.mark.timeout(600)
def test_image_verifies_a_deployment_unprivileged(client, any_deployment, tmp_path):
    """It has a read-only file system, no privileges and no secrets, runs as user 10001, and ends with go."""
    image = build(client, tmp_path)
    assert image.attrs["Config"]["User"] == "10001:10001"
    assert image.attrs["Config"]["Entrypoint"] == ["pytest"]
    assert {name.partition("=")[0] for name in image.attrs["Config"]["Env"]} == {
        "PATH",
        "PIP_CERT",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "PYTEST_ADDOPTS",
        "COLUMNS",
    }

    environ = variables_of(any_deployment.access)
    log = tmp_path / "functions.jsonl"
    log.write_text(Path(environ["EASYMO_LOG_FILE"]).read_text())
    environ["EASYMO_LOG_FILE"] = "/log/functions.jsonl"
    status, output = run(
        client,
        *("-m", "immediate", "--target", "production"),
        environment=environ,
        volumes={str(log): {"bind": "/log/functions.jsonl", "mode": "ro"}},
    )
    assert status == 0, output
    assert "Verdict: go" in output
    for secret in ("EASYMO_DATABASE_URL", "WHATSAPP_APP_SECRET", "WA_VERIFY_TOKEN"):
        assert environ[secret] not in output

    script = "import json, os; print(json.dumps([os.getuid(), sorted(os.listdir())]))"
    _, output = run(client, "-c", script, entrypoint="python3")
    user, files = json.loads(output)
    assert user == 10001
    assert set(files) == {
        *("checks", "fixtures", "reports", "conftest.py", "deployment.toml", "easymo_verification.egg-info"),
        *("pyproject.toml", "requirements.lock", "README.md", "docs"),
    }
