"""Renders ``report.html`` as a user does, by ``python -m reports`` in a process of its own."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.running import ROOT, environment

LOCK = Path(tempfile.gettempdir()) / f"easymo-npx-{os.getuid()}.lock"
"""Held while a report is rendered, so that the first of several renderings fills npm's cache for the others."""


def render(
    folder: Path, history: Path, *options: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``python -m reports`` on a folder of reports."""
    command = [sys.executable, "-m", "reports", "--report-dir", str(folder), "--history", str(history), *options]
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.run(
            command,
            cwd=ROOT,
            env=dict(environment() if environ is None else environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=330,
            check=False,
        )
