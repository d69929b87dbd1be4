"""Writes the generated parts of the documentation: ``python -m tests.docs``, or ``tox run -e docs``."""

from __future__ import annotations

from fixtures.database.role_sql import role_sql
from fixtures.settings import reference
from fixtures.settings.model import Settings
from tests.docs import index
from tests.docs.pages import DOCS, page, with_snippet
from tests.shapes import page as shapes


def main() -> None:
    """Write the checks' index, the settings' reference, the page of the shapes, the SQL of the role."""
    index.FILE.write_text(index.render(), encoding="utf-8")
    reference.PAGE.write_text(reference.renewed(reference.PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    shapes.FILE.write_text(shapes.render(), encoding="utf-8")
    role = with_snippet(page("operations.md"), "--role-sql", role_sql(Settings()))
    (DOCS / "operations.md").write_text(role, encoding="utf-8")


if __name__ == "__main__":
    main()
