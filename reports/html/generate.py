"""Turns Allure's results into ``report.html``, one file that can be mailed, with the pinned version of Allure."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fixtures.files import write_atomically
from reports import directory
from reports.html import history
from reports.html.config import allurerc
from reports.html.node import Node, NoNode, find_node
from reports.html.single_file import UnknownPage, self_contained

ALLURE = "3.18.0"
SECONDS = 300.0
"""For the generator together with its download, which is about 50 MB the first time."""

_PASSED_ON = frozenset(
    {
        *(
            "PATH",
            "HOME",
            "USERPROFILE",
            "APPDATA",
            "LOCALAPPDATA",
            "SYSTEMROOT",
            "TMPDIR",
            "TEMP",
            "LANG",
            "LC_ALL",
        ),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
        *("GITHUB_ACTIONS", "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_RUN_NUMBER"),
        *("GITHUB_WORKFLOW", "GITHUB_JOB", "GITHUB_REF", "GITHUB_REF_NAME", "GITHUB_REF_TYPE"),
    }
)
"""Variables that the generator gets; no credential of the deployment is among them."""

_NPM = {
    "NPM_CONFIG_FUND": "false",
    "NPM_CONFIG_AUDIT": "false",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
    "NPM_CONFIG_IGNORE_SCRIPTS": "true",
    "NPM_CONFIG_PREFER_OFFLINE": "true",
    "NPM_CONFIG_FETCH_RETRIES": "1",
    "NPM_CONFIG_FETCH_RETRY_MINTIMEOUT": "1000",
    "NPM_CONFIG_FETCH_TIMEOUT": "60000",
}
"""npm runs no package's install script, asks the registry only for what its cache lacks, and gives up soon."""


_OF_THE_REGISTRY = re.compile(
    r"^E\d{3}$|CACHED|CONN|NOTFOUND|AI_AGAIN|TIMEDOUT|TIMEOUT|CERT|SSL|TLS|ISSUER|SIGNATURE"
)
"""npm's codes that say that a package could not be fetched."""


class NoReport(Exception):
    """There is no ``report.html``; the message is one sentence that says why."""


@dataclass(frozen=True)
class Rendered:
    """A report that has been written."""

    path: Path
    runs: int
    """Runs that its trends show, this one included."""
    unreadable: int
    """Lines of the history that are no runs."""


def identity(verdict: Mapping[str, Any]) -> history.RunIdentity:
    """Which run a ``verdict.json`` is of.

    Raises:
        KeyError, TypeError, ValueError: it is no such document.
    """
    started = datetime.fromisoformat(verdict["started_at"])
    if started.tzinfo is None:
        raise ValueError("started_at has no offset")
    return history.RunIdentity(str(verdict["target"]), str(verdict["selection"]), started)


def render(
    folder: Path, verdict: Mapping[str, Any], histories: Path, environ: Mapping[str, str] = os.environ
) -> Rendered:
    """Write ``report.html`` into the folder of a run's reports, and the run into the history.

    Args:
        folder: the folder of the reports, with ``allure-results``.
        verdict: the content of its ``verdict.json``.
        histories: the folder of the histories, one file for each target and selection.
        environ: the environment, for the search path and npm's settings.

    Raises:
        NoReport: there is no Node.js, no registry, or the generator failed; what was there before is taken away.
        OSError: a file cannot be read or written.
    """
    (folder / directory.REPORT).unlink(missing_ok=True)
    run = identity(verdict)
    file = histories / run.file_name
    points, unreadable = history.read(file)
    name = f"{verdict['verdict']} · {run.target} · {run.selection}"
    try:
        node = find_node(environ)
        page, appended = _generate(folder / directory.ALLURE, name, history.before(points, run), node, environ)
        write_atomically(folder / directory.REPORT, page)
    except (NoNode, UnknownPage) as error:
        raise NoReport(str(error)) from None
    history.write(file, history.with_run(points, appended, run))
    return Rendered(folder / directory.REPORT, len(history.before(points, run)) + 1, unreadable)


def _generate(
    results: Path, name: str, earlier: list[history.Point], node: Node, environ: Mapping[str, str]
) -> tuple[str, history.Point]:
    """Run the generator; returns its page, made fit to be mailed, and what it appended to the history."""
    # Away from the project: Allure asks git about the folder that it is started in.
    with tempfile.TemporaryDirectory(prefix="easymo-report-") as temporary:
        place = Path(temporary)
        runs, config = place / "history.jsonl", place / "allurerc.json"
        history.write(runs, earlier)
        config.write_text(json.dumps(allurerc(name, place / "out", runs)), encoding="utf-8")
        command = [*node.npx, "--yes", f"allure@{ALLURE}", "generate", str(results.resolve()), "-c", str(config)]
        output = _run(command, place, _environment(environ, node))
        try:
            page = self_contained((place / "out" / "index.html").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NoReport(_why(output, 0)) from None
        points, _ = history.read(runs)
        if len(points) <= len(earlier):
            raise NoReport(f"Allure {ALLURE} did not add the run to its history")
        return page, points[-1]


def _environment(environ: Mapping[str, str], node: Node) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in _PASSED_ON or name.lower().startswith("npm_config_")
    }
    path = os.pathsep.join(filter(None, (str(node.folder), kept.get("PATH"))))
    return {**_NPM, **kept, "PATH": path, "NO_COLOR": "1"}


def _run(command: list[str], place: Path, environ: dict[str, str]) -> str:
    """Run a command in a group of its own, so that a generator that hangs is ended with its children.

    Returns:
        What it said.
    """
    with subprocess.Popen(  # noqa: S603 - npx of the Node.js that was found
        command,
        cwd=place,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=SECONDS)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise NoReport(f"Allure {ALLURE} took more than {SECONDS:g} s and was ended") from None
            raise
    if process.returncode:
        raise NoReport(_why(output, process.returncode))
    return output


def _why(output: str, status: int) -> str:
    """Why the generator failed, from what npm or Allure said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    code = next((line.split()[-1] for line in lines if line.startswith("npm error code ")), None)
    if code is not None and not _OF_THE_REGISTRY.search(code):
        begin = f"npm error {code.lower()} "
        said = next((line.removeprefix(begin) for line in lines if line.startswith(begin)), "it said no more")
        return f"npm could not run Allure {ALLURE} ({code}): {said[:200]}"
    if code is not None:
        return f"Allure {ALLURE} could not be fetched from the npm registry, and npm's cache has none ({code})"
    said = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")
    return f"Allure {ALLURE} made no page (status {status}): {said[:200]}"
