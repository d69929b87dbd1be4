"""The evidence of a run as a file: through the redaction gate, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

from reports.files import write_atomically
from reports.redaction import Redactor
from reports.shapes import WITHHELD


def write_evidence(path: Path, document: bytes, redactor: Redactor) -> None:
    """Write evidence (JSON) through the gate: string by string, so that its structure stays; all or nothing.

    Raises:
        OSError: the file cannot be written.
        ValueError: the document is not JSON, or could not be redacted; then nothing is written.
    """
    redacted = redactor.data(json.loads(document))
    if redacted == WITHHELD:
        raise ValueError("the evidence could not be redacted, so it is not written")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(redacted, ensure_ascii=False, indent=1) + "\n")
