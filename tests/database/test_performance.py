"""Check 12: the database has room, nobody is stuck in it, and its tables are not bloated."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from checks.rules.performance import ASPECTS
from checks.test_daily import test_auto_vacuum_runs as vacuum
from checks.test_daily import test_database_is_not_overloaded as load
from checks.test_daily import test_table_is_not_bloated as bloat
from fixtures.database.history import DatabaseHistory, Snapshot
from fixtures.evidence.document import plain, to_text
from fixtures.outcome import Status
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings, Thresholds
from tests.database.trouble import running, session, until
from tests.following import mend
from tests.outcomes import assert_outcome, judge, judge_all, read
from tests.plugin import FORGET_COUNTERS

TEXTS = "public.whatsapp_messages"
BLOAT = (
    f"ALTER TABLE {TEXTS} SET (autovacuum_enabled = false); UPDATE {TEXTS} SET direction = direction;"
    "SELECT pg_stat_force_next_flush()"
)


AS_MANY_AS_NOW = """
DO $$ BEGIN
    EXECUTE 'ALTER DATABASE postgres CONNECTION LIMIT '
        || (SELECT numbackends FROM pg_stat_database WHERE datname = 'postgres');
END $$
"""


def thresholds(**values: float) -> Settings:
    """Settings with other thresholds."""
    return Settings(thresholds=replace(Thresholds(), **values))


def test_healthy_deployment_passes(deployment):
    """Every aspect and every table of every kind of deployment is quiet."""
    outcomes = judge_all([load, bloat], read(deployment.access, [load, bloat]))
    assert len(outcomes) == len(ASPECTS) + 6
    for case, outcome in outcomes.items():
        assert outcome.status is Status.PASSED, (case, outcome.reason)


UNLIMITED = "ALTER DATABASE postgres CONNECTION LIMIT -1; ALTER ROLE postgres CONNECTION LIMIT -1"


LIMITS = {
    "role postgres: 1 of 1 connections in use (100.0 %)": ("ALTER ROLE postgres CONNECTION LIMIT 1", 80.0),
    "server: ": ("ALTER ROLE postgres CONNECTION LIMIT 5", 0.5),
    "database postgres: ": (AS_MANY_AS_NOW, 50.0),
}


@pytest.mark.parametrize("part", LIMITS, ids=["role", "server", "database"])
def test_connections_near_a_limit_fail(part, any_deployment, judged, changed):
    """The server's limit counts, and so do those of the database and of roles."""
    sql, percent = LIMITS[part]
    settings = thresholds(connections_percent=percent)
    with session(any_deployment.owner_url):
        changed(sql)
        try:
            outcome = judged(load, settings, database_aspect="connections")
        finally:
            changed(UNLIMITED)
    assert_outcome(outcome, Status.FAILED, part, "connections in use (")


def test_own_connection_does_not_count(any_deployment, judged, changed):
    """A role that may have the one connection that the suite needs is well set, not overloaded."""
    changed("ALTER ROLE easymo_verifier CONNECTION LIMIT 1")
    outcome = judged(load, database_aspect="connections")
    assert_outcome(outcome, Status.PASSED)
    assert "role easymo_verifier: 0 of 1 connections" in outcome.judge.findings[0]


def test_connections_are_counted_without_privileges(judged, changed):
    """A role that sees nobody's backend still knows how many there are."""
    changed("REVOKE pg_monitor FROM easymo_verifier")
    outcome = judged(load, thresholds(connections_percent=0.5), database_aspect="connections")
    assert_outcome(outcome, Status.FAILED, "server: ")


def test_exactly_the_threshold_fails(any_deployment, judged, changed):
    """80 % is not below 80 %; of its role only the suite's own connection is left out."""
    changed("ALTER ROLE easymo_verifier CONNECTION LIMIT 2")
    with session(any_deployment.access.database.text):
        exactly = judged(load, thresholds(connections_percent=50.0), database_aspect="connections")
    assert_outcome(exactly, Status.FAILED, "role easymo_verifier: 1 of 2 connections in use (50.0 %)")


def test_long_query_fails_without_its_text(any_deployment, judged):
    """The message has process, user, state and age, but not the query's text."""
    url = any_deployment.owner_url
    with running(url, "SELECT pg_sleep(20), 'secret of +250788123456'") as pid:
        until(url, f"SELECT state = 'active' FROM pg_stat_activity WHERE pid = {pid}")
        evidence = read(any_deployment.access, [load], thresholds(query_seconds=0.01))
    outcome = judge(load, evidence, database_aspect="long-queries")
    assert_outcome(outcome, Status.FAILED, f"1 long query: pid {pid}, user postgres, active")
    assert f"SELECT pg_cancel_backend({pid})" in str(outcome.judge.violations)
    assert "secret of" not in to_text(plain(evidence))


@pytest.mark.parametrize("broken", [False, True])
def test_idle_transaction_fails(broken, any_deployment, judged):
    """An idle transaction is reported, also an aborted one."""
    with session(any_deployment.owner_url) as connection:
        connection.execute("BEGIN")
        if broken:
            with pytest.raises(Exception, match="division by zero"):
                connection.execute("SELECT 1 / 0")
        pid = connection.info.backend_pid
        outcome = judged(load, thresholds(idle_transaction_seconds=0.01), database_aspect="idle-transactions")
        quiet = judged(load, database_aspect="idle-transactions")
    assert_outcome(outcome, Status.FAILED, f"1 idle transaction: pid {pid}, user postgres, idle in transaction")
    assert_outcome(quiet, Status.PASSED)


def test_lock_wait_fails_even_without_privileges(any_deployment, judged, changed):
    """Who waits for a lock is seen by every role."""
    changed("REVOKE pg_monitor FROM easymo_verifier")
    url = any_deployment.owner_url
    with session(url) as holder:
        holder.execute("BEGIN; SELECT pg_advisory_xact_lock(7)")
        with running(url, "SELECT pg_advisory_xact_lock(7)") as pid:
            until(url, f"SELECT waitstart IS NOT NULL FROM pg_locks WHERE pid = {pid} AND NOT granted")
            outcome = judged(load, thresholds(lock_wait_seconds=0.01), database_aspect="lock-waits")
            quiet = judged(load, database_aspect="lock-waits")
    assert_outcome(outcome, Status.FAILED, f"1 lock wait: pid {pid}, user postgres, waits for advisory")
    assert_outcome(quiet, Status.PASSED)


@pytest.mark.parametrize("aspect", ["long-queries", "idle-transactions"])
def test_hidden_sessions_are_unproven(aspect, any_deployment, judged, changed):
    """A role that is not shown what others do has not seen that they do nothing."""
    changed("REVOKE pg_monitor FROM easymo_verifier")
    with session(any_deployment.owner_url):
        outcome = judged(load, database_aspect=aspect)
    assert_outcome(
        outcome, Status.UNPROVEN, "hidden from role easymo_verifier", "GRANT pg_read_all_stats TO easymo_verifier"
    )


def test_own_sessions_fail_where_others_are_hidden(any_deployment, judged, changed):
    """What a role may see of itself counts, even if others are hidden."""
    changed("REVOKE pg_monitor FROM easymo_verifier")
    with session(any_deployment.access.database.text) as connection:
        connection.execute("BEGIN")
        outcome = judged(load, thresholds(idle_transaction_seconds=0.01), database_aspect="idle-transactions")
    assert_outcome(outcome, Status.FAILED, "user easymo_verifier, idle in transaction")


def test_untracked_activities_are_unproven(judged, changed):
    """A server that does not track what sessions do cannot show it."""
    changed("ALTER ROLE easymo_verifier SET track_activities = off")
    assert_outcome(judged(load, database_aspect="long-queries"), Status.UNPROVEN, "track_activities is off")


def test_low_cache_hit_ratio_fails(judged):
    """The ratio is compared unrounded, once there were enough reads."""
    outcome = judged(load, thresholds(cache_hit_percent=99.99999), database_aspect="cache-hit-ratio")
    assert_outcome(outcome, Status.FAILED, "the cache served ", " block reads")


def test_few_reads_say_nothing_of_the_cache(judged, changed):
    """After the counters were set back there is nothing to judge by."""
    changed(FORGET_COUNTERS)
    outcome = judged(load, thresholds(cache_blocks=10**9), database_aspect="cache-hit-ratio")
    assert_outcome(outcome, Status.UNPROVEN, " are too few to judge the cache by", "since 20")


def test_no_deadlock_ever_passes_at_the_first_run(judged, changed):
    """Where the counter stands at nothing, no comparison is needed."""
    changed(FORGET_COUNTERS)
    outcome = judged(load, database_aspect="deadlocks")
    assert_outcome(outcome, Status.PASSED)
    assert any(said.startswith("0 deadlocks since 20") for said in outcome.judge.findings)


def test_deadlocks_without_an_earlier_run_are_unproven(deadlock, judged):
    """Whether they are new cannot be told at the first run."""
    deadlock()
    assert_outcome(
        judged(load, database_aspect="deadlocks"),
        Status.UNPROVEN,
        " since the statistics began, and nothing to compare with: a local deployment has no earlier run",
        "the next run, which compares with this one",
    )


def compared(evidence, **changes):
    """The same evidence with an earlier run, whose counters differ in this."""
    now = evidence.piece("database_load")
    counters = replace(now.counters, **changes)
    history = DatabaseHistory(Snapshot(now.read_at - timedelta(hours=20), counters))
    return replace(evidence, pieces=evidence.pieces | {"database_history": history})


def test_deadlocks_since_an_earlier_run(deadlock, any_deployment):
    """An increase fails; a counter that stands still passes; one that was set back counts from there."""
    deadlock()
    evidence = read(any_deployment.access, [load])
    count = evidence.piece("database_load").counters.deadlocks
    assert count >= 1

    def of(**changes):
        return judge(load, compared(evidence, **changes), database_aspect="deadlocks")

    assert_outcome(of(deadlocks=count - 1), Status.FAILED, "1 deadlock since the run of 20")
    assert_outcome(of(deadlocks=count), Status.PASSED)
    assert_outcome(of(deadlocks=count + 5), Status.FAILED, f"{count} deadlock", " since 20")
    reset = datetime(2026, 1, 1, tzinfo=UTC)
    assert_outcome(of(deadlocks=count, reset_at=reset), Status.FAILED, f"{count} deadlock", " since 20")


def test_old_transaction_ids_fail(judged):
    """Every database of the server counts: any of them can stop all writes."""
    outcome = judged(load, thresholds(wraparound_percent=0.000001), database_aspect="wraparound")
    assert_outcome(
        outcome, Status.FAILED, "the oldest transaction id is ", "database template", "database postgres"
    )


def test_dead_tuples_fail_by_table(judged, changed):
    """Many dead tuples that are a large share fail, with figures."""
    changed(BLOAT)
    outcome = judged(bloat, measured_table="whatsapp_messages")
    assert_outcome(
        outcome, Status.FAILED, "whatsapp_messages: ", " dead tuples beside ", "(50.0 %), last vacuumed: "
    )
    assert "VACUUM (ANALYZE) public.whatsapp_messages" in str(outcome.judge.violations)
    assert_outcome(judged(bloat, measured_table="wa_events"), Status.PASSED)
    assert_outcome(judged(bloat, measured_table="other-tables"), Status.PASSED)


def test_dead_tuples_of_a_partition_fail_by_its_name(judged, changed):
    """A partitioned table has no tuples of its own; its partitions stand for it."""
    month = changed("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")[0][0]
    changed(
        f"ALTER TABLE public.wa_events_{month} SET (autovacuum_enabled = false);"
        "UPDATE public.wa_events SET status = status"
    )
    assert_outcome(judged(bloat, measured_table="wa_events"), Status.FAILED, f"wa_events_{month}: ")


def test_partitions_in_another_schema_count(judged, changed):
    """Where a partition lies makes no difference; the advice names its schema."""
    month = changed("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')")[0][0]
    changed(
        f"CREATE SCHEMA parts; ALTER TABLE public.wa_events_{month} SET SCHEMA parts;"
        f"ALTER TABLE parts.wa_events_{month} SET (autovacuum_enabled = false);"
        "UPDATE public.wa_events SET status = status"
    )
    outcome = judged(bloat, measured_table="wa_events")
    assert_outcome(outcome, Status.FAILED, f"wa_events_{month}: ")
    assert f"VACUUM (ANALYZE) parts.wa_events_{month}" in outcome.commands


def test_dead_tuples_of_another_table_fail(judged, changed):
    """A table outside the settings is found too."""
    changed(
        "CREATE TABLE public.customers WITH (autovacuum_enabled = false) AS "
        "SELECT g FROM generate_series(1, 3000) g; DELETE FROM public.customers WHERE g > 100"
    )
    assert_outcome(
        judged(bloat, measured_table="other-tables"), Status.FAILED, "customers: 2900 dead tuples beside 100"
    )


@pytest.mark.parametrize("name", ["UserProfiles", 'Weird "T; drop', "order"])
def test_advice_runs_as_printed(name, any_deployment, judged, changed):
    """A name that needs quotes has them in the command."""
    table = "public." + '"' + name.replace('"', '""') + '"'
    changed(f"CREATE TABLE {table} WITH (autovacuum_enabled = false) AS SELECT g FROM generate_series(1, 3000) g")
    changed(f"DELETE FROM {table} WHERE g > 100")
    outcome = judged(bloat, measured_table="other-tables")
    assert_outcome(outcome, Status.FAILED, f"{name}: 2900 dead tuples beside 100")
    changed(f"ALTER TABLE {table} OWNER TO postgres")
    assert mend(any_deployment, lambda: judged(bloat, measured_table="other-tables"))


def test_many_bloated_tables_are_one_sentence(judged, changed):
    """The ten with the most dead tuples are named, and how many more there are."""
    changed(
        "DO $$ BEGIN FOR n IN 10..21 LOOP EXECUTE format('CREATE TABLE public.t%s "
        "WITH (autovacuum_enabled = false) AS SELECT g FROM generate_series(1, %s) g', n, 1500 + n); "
        "EXECUTE format('DELETE FROM public.t%s', n); END LOOP; END $$"
    )
    outcome = judged(bloat, measured_table="other-tables")
    assert_outcome(outcome, Status.FAILED, "t21: 1521 dead tuples", "t12: 1512", "; and 2 more")


def test_locked_table_costs_no_table_its_statistics(any_deployment):
    """What is known of a table is known without a lock on it: one that is being rewritten hides no other."""
    tests = [bloat, vacuum]
    with session(any_deployment.owner_url) as connection:
        connection.execute("BEGIN; LOCK TABLE public.webhook_dlq, public.wa_events IN ACCESS EXCLUSIVE MODE")
        settings = Settings(limits=replace(Limits(), lock_timeout_seconds=0.2))
        outcomes = judge_all(tests, read(any_deployment.access, tests, settings))
    assert {
        case: outcome.reason for case, outcome in outcomes.items() if outcome.status is not Status.PASSED
    } == {}
    assert len(outcomes) == 9


NEVER_LOOKED_AT = (
    "CREATE TABLE public.other (LIKE public.webhook_dlq INCLUDING DEFAULTS) WITH (autovacuum_enabled = false);"
    "INSERT INTO public.other (service, payload) SELECT 's', '{}' FROM generate_series(1, 3000);"
    "DROP TABLE public.webhook_dlq; ALTER TABLE public.other RENAME TO webhook_dlq"
)


def test_locked_table_that_nobody_ever_looked_at_is_unproven(any_deployment, judged, changed):
    """Where neither counters nor an earlier analyze say that a table holds rows, its size would have to."""
    changed(NEVER_LOOKED_AT)
    changed(FORGET_COUNTERS)
    name = "webhook_dlq"
    with session(any_deployment.superuser_url) as connection:
        connection.execute("BEGIN; LOCK TABLE public.webhook_dlq IN ACCESS EXCLUSIVE MODE")
        locked = judged(bloat, measured_table=name)
        assert_outcome(judged(bloat, measured_table="other-tables"), Status.PASSED)
    assert_outcome(
        locked, Status.UNPROVEN, "dead tuples of webhook_dlq are not known: another session has it locked"
    )
    assert_outcome(judged(bloat, measured_table=name), Status.UNPROVEN, "its counters were set back at 20")


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE public.large WITH (autovacuum_enabled = false) AS SELECT g FROM generate_series(1, 9000) g;"
        "DELETE FROM public.large WHERE g <= 1500",
        "CREATE TABLE public.small WITH (autovacuum_enabled = false) AS SELECT g FROM generate_series(1, 1000) g;"
        "DELETE FROM public.small",
        "CREATE TABLE public.empty (g int)",
        "CREATE SCHEMA platform; CREATE TABLE platform.theirs WITH (autovacuum_enabled = false) AS "
        "SELECT g FROM generate_series(1, 3000) g; DELETE FROM platform.theirs",
    ],
    ids=["many but a small share", "a large share but few", "an empty table", "a table of the platform"],
)
def test_odd_but_healthy_tables_are_quiet(sql, judged, changed):
    """Many alone, or much alone, is no fault; other schemas belong to the platform."""
    changed(sql)
    assert_outcome(judged(bloat, measured_table="other-tables"), Status.PASSED)


def test_counters_that_were_set_back_are_unproven(judged, changed):
    """After a reset nobody knows how many tuples are dead, until the table is analysed."""
    changed(FORGET_COUNTERS)
    assert_outcome(
        judged(bloat, measured_table="whatsapp_messages"),
        Status.UNPROVEN,
        "dead tuples of whatsapp_messages are not known: its counters were set back at 20",
        "ANALYZE public.whatsapp_messages",
    )
    changed(f"ANALYZE {TEXTS}")
    assert_outcome(judged(bloat, measured_table="whatsapp_messages"), Status.PASSED)


def test_server_that_does_not_count_is_unproven(judged, changed):
    """Without counting there are no dead tuples to see."""
    changed("ALTER ROLE easymo_verifier SET track_counts = off")
    for table in ("whatsapp_messages", "other-tables"):
        assert_outcome(judged(bloat, measured_table=table), Status.UNPROVEN, "track_counts is off")
