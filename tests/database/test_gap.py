"""``Catalogue.gap``: whether the suite's role may read a table and its columns, and if not, why."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_dlq_table_exists_and_is_accessible as check_01
from fixtures.advice import sql
from fixtures.outcome import Gap, Status, Unproven
from tests.outcomes import read

LOG = "public.dlq_processing_log"
NO_RIGHTS = "REVOKE pg_read_all_data FROM easymo_verifier;"


def pointed(reason):
    """The gap for something that is missing, or cannot serve: check 1 fails with this reason."""
    return Gap.pointing_to(1, reason)


def unproven(reason, advice):
    """The gap for something that the role may not see."""
    return Gap(Status.UNPROVEN, reason, advice)


CASES = {
    "visible": ("SELECT 1", None),
    "absent": (f"DROP TABLE {LOG}", pointed(f"table {LOG} does not exist")),
    "in another schema": (
        f"CREATE SCHEMA app; ALTER TABLE {LOG} SET SCHEMA app",
        pointed(f"table {LOG} does not exist; found app.dlq_processing_log instead"),
    ),
    "a view": (
        f"ALTER TABLE {LOG} RENAME TO passes; CREATE VIEW {LOG} AS SELECT * FROM public.passes",
        pointed(f"{LOG} is a view, not a table"),
    ),
    "a missing column": (
        f"ALTER TABLE {LOG} DROP COLUMN processed_at",
        pointed(f"{LOG} has no column processed_at"),
    ),
    "a column of the wrong type": (
        f"ALTER TABLE {LOG} ALTER COLUMN processed_at TYPE timestamp",
        pointed(
            f"{LOG}.processed_at is of type timestamp without time zone, "
            "which cannot serve as timestamp with time zone"
        ),
    ),
    "a hidden column": (
        f"{NO_RIGHTS} REVOKE SELECT ON {LOG} FROM easymo_verifier;"
        f"GRANT SELECT (status) ON {LOG} TO easymo_verifier",
        unproven(
            f"role easymo_verifier may not read {LOG} (processed_at)",
            sql(f"GRANT SELECT (processed_at) ON {LOG} TO easymo_verifier"),
        ),
    ),
    "a hidden table": (
        f"{NO_RIGHTS} REVOKE SELECT ON {LOG} FROM easymo_verifier",
        unproven(f"role easymo_verifier may not read {LOG}", sql(f"GRANT SELECT ON {LOG} TO easymo_verifier")),
    ),
    "a hidden schema": (
        f"{NO_RIGHTS} REVOKE USAGE ON SCHEMA public FROM easymo_verifier, PUBLIC",
        unproven(
            "role easymo_verifier may not use schema public",
            sql("GRANT USAGE ON SCHEMA public TO easymo_verifier"),
        ),
    ),
    "row security": (
        "ALTER ROLE easymo_verifier NOBYPASSRLS",
        unproven(
            f"row security hides rows of {LOG} from role easymo_verifier",
            sql("ALTER ROLE easymo_verifier BYPASSRLS")
            + "or add a SELECT policy USING (true) for easymo_verifier",
        ),
    ),
}


@pytest.fixture
def catalogue(any_deployment):
    """Reads the catalogue of the deployment as it is now."""
    return lambda: read(any_deployment.access, [check_01]).piece("catalogue")


@pytest.mark.parametrize("case", CASES)
def test_gap_says_what_is_in_the_way(case, catalogue, changed):
    """One gap with its reason and its grant, or none; ``require`` raises the same outcome."""
    change, expected = CASES[case]
    changed(change)
    found = catalogue()
    asked = ("dlq_processing_log", "status", "processed_at")
    assert found.gap(*asked, schema="public") == expected
    if expected is None:
        found.require(*asked, schema="public")
        return
    with pytest.raises(Unproven) as raised:
        found.require(*asked, schema="public")
    assert expected.reason in str(raised.value)


def test_row_security_does_not_hide_the_table(catalogue, changed):
    """A reader that needs no rows, or not every row, has no gap."""
    changed("ALTER ROLE easymo_verifier NOBYPASSRLS")
    assert catalogue().gap("dlq_processing_log", "status", schema="public", all_rows=False) is None


def test_types_count_for_tables_of_the_contract(catalogue, changed):
    """A table of another schema that has the name of one of the contract's may have other types."""
    changed(
        "CREATE SCHEMA archive; CREATE TABLE archive.webhook_dlq (status int);"
        "GRANT USAGE ON SCHEMA archive TO easymo_verifier; GRANT SELECT ON archive.webhook_dlq TO easymo_verifier"
    )
    found = catalogue()
    assert found.gap("webhook_dlq", "status", schema="archive", contract=False) is None
    assert "is of type integer" in found.gap("webhook_dlq", "status", schema="archive").reason
