"""The archive is at least as closed as the dead letters, and a role that may not write is refused, with grants."""

from __future__ import annotations

import pytest

from checks.test_immediate import test_dlq_table_exists_and_is_accessible as dlq_tables
from checks.test_immediate import test_no_other_table_is_open as other_tables
from fixtures.archive.facts import Facts, TableFacts
from fixtures.archive.refusal import ArchiveRefusedError, require_possible
from fixtures.outcome import Status
from fixtures.settings.model import DeadLetters, Settings
from tests.archive.letters import ARCHIVE, DLQ, old
from tests.following import FOLLOWED, follow, shape_of
from tests.outcomes import judge_all, read

ANYBODY = (
    "SELECT r.rolname FROM pg_roles r WHERE r.rolname IN ('anon', 'authenticated', 'stranger') AND "
    f"has_any_column_privilege(r.oid, '{ARCHIVE}', 'SELECT, INSERT, UPDATE, REFERENCES')"
)
BY_HAND = (
    f"CREATE TABLE {ARCHIVE} (LIKE {DLQ}); ALTER TABLE {ARCHIVE} OWNER TO postgres;"
    f"GRANT ALL ON {ARCHIVE} TO anon, authenticated;"
)


def protection(letters, table):
    """Row security, policies and privileges of a table."""
    security = letters.execute(
        f"SELECT relrowsecurity, relforcerowsecurity, relowner::regrole FROM pg_class "
        f"WHERE oid = '{table}'::regclass"
    )
    policies = letters.execute(
        "SELECT policyname, permissive, roles::text, cmd, qual, with_check FROM pg_policies WHERE "
        f"schemaname || '.' || tablename = '{table}' ORDER BY 1"
    )
    grants = letters.execute(
        "SELECT grantee::regrole::text, privilege_type FROM pg_class, aclexplode(relacl) WHERE "
        f"oid = '{table}'::regclass ORDER BY 1, 2"
    )
    columns = letters.execute(
        "SELECT attname, grantee::regrole::text, privilege_type FROM pg_attribute, aclexplode(attacl) WHERE "
        f"attrelid = '{table}'::regclass ORDER BY 1, 2, 3"
    )
    return security, policies, grants, columns


def test_new_archive_is_as_closed(letters, archive):
    """Row security, policies and grants are the same, without the roles that anybody can take on."""
    letters.execute(
        old(3) + "CREATE ROLE stranger; CREATE ROLE clerk;"
        f"GRANT SELECT, DELETE ON {DLQ} TO clerk; GRANT UPDATE (status, id) ON {DLQ} TO clerk;"
        f"GRANT SELECT (id) ON {DLQ} TO anon; GRANT SELECT ON {DLQ} TO PUBLIC;"
        "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC, stranger;"
        f"CREATE POLICY a ON {DLQ} FOR SELECT TO clerk, service_role "
        "USING (service = 'wa-webhook' AND status <> 'x');"
        f"CREATE POLICY b ON {DLQ} AS RESTRICTIVE FOR ALL TO PUBLIC USING (retry_count < 9) WITH CHECK (true);"
        f"ALTER TABLE {DLQ} FORCE ROW LEVEL SECURITY"
    )
    archive()
    letters.execute(f"REVOKE ALL ON {DLQ} FROM PUBLIC, anon, authenticated; REVOKE SELECT (id) ON {DLQ} FROM anon")
    assert protection(letters, ARCHIVE) == protection(letters, DLQ)
    assert letters.execute(ANYBODY) == []
    letters.execute(
        "ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA public REVOKE ALL ON TABLES FROM PUBLIC, stranger;"
        "DROP OWNED BY clerk, stranger; DROP ROLE clerk, stranger"
    )


def test_archive_has_row_security_in_any_case(letters, archive):
    """Though the dead letters have none."""
    letters.execute(old(3) + f"ALTER TABLE {DLQ} DISABLE ROW LEVEL SECURITY")
    archive()
    [(row_security, *_)], *_ = protection(letters, ARCHIVE)
    assert row_security is True
    assert letters.execute(ANYBODY) == []


def test_policy_that_cannot_be_copied_closes_the_archive(letters, archive):
    """One that names the table: none is copied, since a restrictive one may be among them."""
    letters.execute(
        old(3) + f"CREATE POLICY open ON {DLQ} FOR SELECT TO service_role USING (true);"
        f"CREATE POLICY own ON {DLQ} AS RESTRICTIVE FOR SELECT TO service_role USING "
        "(EXISTS (SELECT FROM public.wa_events AS e WHERE e.message_id = webhook_dlq.request_id))"
    )
    lines = archive()
    assert any("without the policies of public.webhook_dlq" in line for line in lines), lines
    assert protection(letters, ARCHIVE)[1] == []
    assert len(letters.rows(ARCHIVE)) == 3


OPEN = {
    "no row security": (
        BY_HAND + f"REVOKE ALL ON {ARCHIVE} FROM anon, authenticated",
        "public.webhook_dlq_archive has no row security, and entries hold personal data",
    ),
    "rights of anon": (
        BY_HAND + f"ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY",
        "anon, authenticated may use public.webhook_dlq_archive, and entries hold personal data",
    ),
    "rights of everybody": (
        BY_HAND
        + f"ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY; REVOKE ALL ON {ARCHIVE} FROM anon, authenticated;"
        f"GRANT TRUNCATE ON {ARCHIVE} TO PUBLIC",
        "PUBLIC, anon, authenticated may use public.webhook_dlq_archive",
    ),
    "a column for anon": (
        BY_HAND
        + f"ALTER TABLE {ARCHIVE} ENABLE ROW LEVEL SECURITY; REVOKE ALL ON {ARCHIVE} FROM anon, authenticated;"
        f"GRANT SELECT (payload) ON {ARCHIVE} TO anon",
        "anon may use public.webhook_dlq_archive",
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_open_archive_is_refused(letters, archive, case):
    """No entry is moved into a table that others can read; the command closes it."""
    sql, said = OPEN[case]
    letters.execute(old(3))
    letters.execute(sql)
    with pytest.raises(ArchiveRefusedError, match=said) as refusal:
        archive()
    assert letters.counts()[1] == 0
    FOLLOWED.update(map(shape_of, follow(letters.deployment, refusal.value.advice)))
    assert archive()[-1].startswith("3 entries")


def test_role_that_may_not_write_is_refused(letters, archive):
    """With every grant that it lacks; with these it archives, though its sessions are read-only by default."""
    letters.execute(old(3))
    url = letters.deployment.access.database.text.reveal()
    with pytest.raises(ArchiveRefusedError) as refusal:
        archive(url=url)
    assert str(refusal.value) == (
        "role easymo_verifier may not move entries of public.webhook_dlq: GRANT SELECT, DELETE, UPDATE (id) ON "
        "public.webhook_dlq TO easymo_verifier; GRANT CREATE ON SCHEMA public TO easymo_verifier"
    )
    letters.deployment.superuser_execute(str(refusal.value).partition(": ")[2])
    assert archive(url=url)[-1].startswith("3 entries")
    security, _, grants, _ = protection(letters, ARCHIVE)
    assert security == [(True, False, "easymo_verifier")]
    assert {role for role, _ in grants} == {"easymo_verifier", "postgres", "service_role"}
    assert letters.execute(ANYBODY) == []
    letters.execute("DROP TABLE public.webhook_dlq_archive; REVOKE CREATE ON SCHEMA public FROM easymo_verifier")


def test_hidden_rows_are_refused(letters, archive):
    """Row security would hide entries without an error."""
    letters.execute(
        old(3) + "CREATE ROLE clerk LOGIN PASSWORD 'clerk-of-the-tests'; GRANT ALL ON SCHEMA public TO clerk;"
        f"GRANT ALL ON {DLQ} TO clerk"
    )
    before, _, server = letters.deployment.owner_url.reveal().partition("@")
    url = f"{before.partition('://')[0]}://clerk:clerk-of-the-tests@{server}"
    try:
        with pytest.raises(ArchiveRefusedError, match=r"clerk may not move .*: ALTER ROLE clerk BYPASSRLS"):
            archive(url=url)
        letters.execute("ALTER ROLE clerk BYPASSRLS")
        assert archive(url=url)[-1].startswith("3 entries")
    finally:
        letters.execute("DROP OWNED BY clerk; DROP ROLE clerk")


def test_archive_of_another_owner_is_not_changed(letters, archive):
    """A column that it lacks is refused, with the command for its owner."""
    letters.execute(old(3))
    archive()
    letters.execute(
        f"ALTER TABLE {DLQ} ADD locale text; CREATE ROLE keeper; ALTER TABLE {ARCHIVE} OWNER TO keeper;"
        f"GRANT ALL ON {ARCHIVE} TO postgres;" + old(2)
    )
    said = (
        "does not have the columns of public.webhook_dlq, and belongs to keeper: ALTER TABLE .* ADD COLUMN locale"
    )
    with pytest.raises(ArchiveRefusedError, match=said) as refusal:
        archive()
    [step] = refusal.value.advice.commands
    letters.execute(step.command)
    FOLLOWED.add(shape_of(step))
    assert archive()[-1].startswith("2 entries")
    letters.execute(f"ALTER TABLE {ARCHIVE} OWNER TO postgres; DROP ROLE keeper")


REFUSED = {
    "a missing table": (f"DROP TABLE {DLQ}", "table public.webhook_dlq does not exist"),
    "a view": (
        f"ALTER TABLE {DLQ} RENAME TO q; CREATE VIEW {DLQ} AS SELECT * FROM public.q;"
        f"ALTER VIEW {DLQ} OWNER TO postgres",
        "public.webhook_dlq is not a table",
    ),
    "an archive that is a view": (
        f"CREATE VIEW {ARCHIVE} AS SELECT * FROM {DLQ}",
        "public.webhook_dlq_archive is not a table",
    ),
    "a column that is missing": (
        f"ALTER TABLE {DLQ} DROP reprocessed_at",
        "the database refused: column letter.reprocessed_at does not exist",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_archived_is_refused(letters, archive, case):
    """In one sentence, before anything is written."""
    sql, said = REFUSED[case]
    letters.execute(sql)
    with pytest.raises(ArchiveRefusedError, match=said):
        archive()


def test_no_table_is_begun_while_another_cannot_be_archived(letters, archive):
    """Every table is looked at first."""
    letters.execute(old(3))
    settings = Settings(dead_letters=(DeadLetters("webhook_dlq"), DeadLetters("other_queue")))
    with pytest.raises(ArchiveRefusedError, match=r"table public\.other_queue does not exist"):
        archive(settings)
    assert letters.counts()[1] == 0


def test_long_name_is_refused(letters, archive):
    """Postgres would cut it, and archive into a table of another name."""
    name = "q" * 60
    letters.execute(f"ALTER TABLE {DLQ} RENAME TO {name}")
    with pytest.raises(ArchiveRefusedError, match="is longer than 63 bytes"):
        archive(Settings(dead_letters=(DeadLetters(name),)))


def test_standby_is_refused():
    """Before it is asked for anything that it cannot do."""
    rights = dict.fromkeys(("owned", "row_security", "select", "insert", "update", "delete"), True)
    lists = dict.fromkeys(("open_to", "columns", "key", "triggers"), ())
    table = TableFacts(1, DLQ, "r", owner="postgres", hides_rows=False, forced=False, **rights, **lists)
    facts = Facts("postgres", standby=True, usage=True, may_create=True, letters=table, archive=None)
    with pytest.raises(ArchiveRefusedError, match="the database is a standby, which cannot be written to"):
        require_possible(facts, DeadLetters("webhook_dlq"), Settings())


def test_archive_is_closed_by_check_1(letters, archive):
    """The check of tables that nobody named finds nothing to say about it."""
    letters.execute(old(3))
    archive()
    checks = [other_tables, dlq_tables]
    outcomes = judge_all(checks, read(letters.deployment.access, checks))
    assert {case: one.reason for case, one in outcomes.items() if one.status is not Status.PASSED} == {}
