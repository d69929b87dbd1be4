"""Writes the generated parts of the documentation: ``python -m tests.docs``, or ``tox run -e docs``."""

from __future__ import annotations

from fixtures.settings import reference
from tests.docs import index


def main() -> None:
    """Write the index of the checks' pages and the reference of the settings."""
    index.FILE.write_text(index.render(), encoding="utf-8")
    reference.PAGE.write_text(reference.renewed(reference.PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
