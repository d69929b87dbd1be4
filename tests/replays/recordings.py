"""The recordings' location, and the part of a verdict that is compared."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "evidence"
SELECTION = "immediate or daily or deploy"

NAMES = tuple(sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz")))


def statuses(verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict, and the status of each check and of each of its cases."""
    checks = {
        check["check"]: {
            "status": check["status"],
            "cases": {case["id"]: case["status"] for case in check["cases"]},
        }
        for check in verdict["checks"]
    }
    return {"verdict": verdict["verdict"], "checks": checks}


def unpack(name: str, folder: Path) -> Path:
    """Write the recorded evidence into a folder as the file that ``--replay`` takes."""
    file = folder / f"{name}.json"
    file.write_bytes(gzip.decompress((FOLDER / f"{name}.json.gz").read_bytes()))
    return file
