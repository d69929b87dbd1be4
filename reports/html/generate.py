"""Renders Allure's results as ``report.html``, one file that can be mailed, with a pinned version of Allure."""

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
"""For the generator and its download, about 50 MB the first time."""

_PASSED_VARIABLES = frozenset(
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
"""Variables that are passed to the generator; none of them is a credential of the deployment."""

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
"""npm runs no install scripts, downloads only what its cache lacks, and gives up soon."""

_FETCH_ERRORS = re.compile(
    r"^E\d{3}$|CACHED|CONN|NOTFOUND|AI_AGAIN|TIMEDOUT|TIMEOUT|CERT|SSL|TLS|ISSUER|SIGNATURE"
)
"""npm's error codes for a package that could not be fetched."""


class NoReport(Exception):
    """No ``report.html`` was written; the message is one sentence with the reason."""


@dataclass(frozen=True)
class Rendered:
    """A report that was written."""

    path: Path
    runs: int
    """Runs in its trends, including this one."""
    unreadable: int
    """Lines of the history that could not be parsed."""


def identity(verdict: Mapping[str, Any]) -> history.RunIdentity:
    """The identity of the run of a ``verdict.json``.

    Raises:
        KeyError, TypeError, ValueError: it is not a verdict of this suite.
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
        NoReport: no Node.js, no registry, or the generator failed; an earlier ``report.html`` is deleted.
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
    """Run the generator; returns its page, safe to mail, and the run that it appended to the history."""
    # Not in the project: Allure runs git in the folder in which it is started.
    with tempfile.TemporaryDirectory(prefix="easymo-report-") as temporary:
        workspace = Path(temporary)
        runs, config = workspace / "history.jsonl", workspace / "allurerc.json"
        history.write(runs, earlier)
        config.write_text(json.dumps(allurerc(name, workspace / "out", runs)), encoding="utf-8")
        command = [*node.npx, "--yes", f"allure@{ALLURE}", "generate", str(results.resolve()), "-c", str(config)]
        output = _run(command, workspace, _environment(environ, node))
        try:
            page = self_contained((workspace / "out" / "index.html").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise NoReport(_failure(output, 0)) from None
        points, _ = history.read(runs)
        if len(points) <= len(earlier):
            raise NoReport(f"Allure {ALLURE} did not add the run to its history")
        return page, points[-1]


def _environment(environ: Mapping[str, str], node: Node) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() in _PASSED_VARIABLES or name.lower().startswith("npm_config_")
    }
    path = os.pathsep.join(filter(None, (str(node.folder), kept.get("PATH"))))
    return {**_NPM, **kept, "PATH": path, "NO_COLOR": "1"}


def _run(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    """Run a command and return its output.

    It runs in a process group of its own, so that a generator that hangs is killed with its children.

    Raises:
        NoReport: it failed or took too long.
    """
    with subprocess.Popen(  # noqa: S603 - npx of the Node.js that was found
        command,
        cwd=folder,
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
                raise NoReport(f"Allure {ALLURE} took more than {SECONDS:g} s and was killed") from None
            raise
    if process.returncode:
        raise NoReport(_failure(output, process.returncode))
    return output


def _failure(output: str, status: int) -> str:
    """Why the generator failed, from the output of npm or Allure."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    code = next((line.split()[-1] for line in lines if line.startswith("npm error code ")), None)
    if code is not None and not _FETCH_ERRORS.search(code):
        begin = f"npm error {code.lower()} "
        reason = next((line.removeprefix(begin) for line in lines if line.startswith(begin)), "no further output")
        return f"npm could not run Allure {ALLURE} ({code}): {reason[:200]}"
    if code is not None:
        return f"Allure {ALLURE} could not be fetched from the npm registry and is not in npm's cache ({code})"
    reason = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no output")
    return f"Allure {ALLURE} wrote no page (status {status}): {reason[:200]}"
