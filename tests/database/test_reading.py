"""The one transaction: read-only, short, on one connection, and robust against what may go wrong in it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from psycopg import conninfo

from checks import test_daily
from checks import test_immediate as checks
from checks.checklist import item_of
from fixtures.database.client import Database
from fixtures.database.statements import READERS, Statement
from fixtures.evidence.document import decode, plain
from fixtures.evidence.pieces import DATABASE, needs_of, pieces_from
from fixtures.outcome import CouldNotLook, Status
from fixtures.settings.address import DatabaseAddress
from fixtures.settings.limits import Limits
from fixtures.settings.model import Settings
from tests.deployments import Deployment
from tests.outcomes import judge_all, read
from tests.proxies import Proxy

OF_DATABASE = [
    test
    for module in (checks, test_daily)
    for test in vars(module).values()
    if item_of(test) is not None
    and needs_of([test])
    and needs_of([test]) <= pieces_from(DATABASE) | {"accepted_messages"}
]
"""The checks that are judged on the database, one of them beside the log of the functions."""


@dataclass(frozen=True)
class Asks:
    """A reader of one statement, whatever it is."""

    piece: str
    sql: str

    def statements(self, catalogue: Any, settings: Any) -> dict[str, Statement]:
        return {"answer": Statement(self.sql, index="an index on nothing")}

    def build(self, rows: Any, catalogue: Any, settings: Any) -> Any:
        return rows["answer"][0]["value"]


def address_of(deployment: Deployment) -> DatabaseAddress:
    assert deployment.access.database is not None
    return deployment.access.database


def ask(deployment: Deployment, limits: Limits, **statements: str) -> tuple[dict[str, Any], dict[str, Any]]:
    database = Database(address_of(deployment), limits)
    try:
        readers = [Asks(piece, sql) for piece, sql in statements.items()]
        _, pieces, gaps = database.read(readers, Settings())
    finally:
        database.close()
    return pieces, gaps


def through(deployment: Deployment, proxy: Proxy, **more: str) -> DatabaseAddress:
    url = address_of(deployment).text.reveal()
    return DatabaseAddress.parse(conninfo.make_conninfo(url, host="127.0.0.1", port=proxy.port, **more))


def proxy_to(deployment: Deployment, deaf_after: int | None = None) -> Proxy:
    address = address_of(deployment)
    return Proxy(address.host, int(address.port), deaf_after=deaf_after)


def test_transaction_is_read_only_and_limited(any_deployment):
    """Every limit is in force inside the transaction, set by the server for it alone."""
    names = (
        "transaction_read_only",
        "transaction_isolation",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "application_name",
        "TimeZone",
        "search_path",
    )
    pieces, gaps = ask(any_deployment, Limits(), **{n: f"SELECT current_setting('{n}') AS value" for n in names})
    assert gaps == {}
    assert pieces == {
        "transaction_read_only": "on",
        "transaction_isolation": "repeatable read",
        "statement_timeout": "5s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "15s",
        "application_name": "easymo-verification",
        "TimeZone": "UTC",
        "search_path": "pg_catalog",
    }


def test_failed_statement_costs_its_own_piece(any_deployment):
    """The statements before and after it are read."""
    pieces, gaps = ask(
        any_deployment,
        Limits(statement_timeout_seconds=0.3),
        first="SELECT 1 AS value",
        broken="SELECT 1/0 AS value",
        second="SELECT 2 AS value",
        slow="SELECT pg_sleep(5) AS value",
        writing="CREATE TABLE public.never (i int)",
        third="SELECT 3 AS value",
    )
    assert pieces == {"first": 1, "second": 2, "third": 3}
    assert gaps["broken"].status is Status.ERROR
    assert gaps["broken"].reason == "answer could not be read: division by zero"
    assert gaps["slow"].status is Status.UNPROVEN
    assert gaps["slow"].reason == "answer: too large to read within 0.3 s"
    assert gaps["slow"].advice == "an index on nothing would help"
    assert "read-only transaction" in gaps["writing"].reason


def test_locked_table_is_an_error_after_the_timeout(deployment):
    """The suite does not wait for a migration that holds a lock."""
    with psycopg.connect(deployment.superuser_url.reveal()) as blocker:
        blocker.execute("LOCK TABLE public.webhook_dlq")
        began = time.monotonic()
        evidence = read(
            deployment.access,
            [checks.test_success_rate],
            Settings(limits=Limits(lock_timeout_seconds=0.2)),
        )
        assert time.monotonic() - began < 3
    gap = evidence.gaps["success_rate"]
    assert gap.status is Status.ERROR
    assert "locked by another session for longer than the lock timeout" in gap.reason


def test_locked_table_costs_no_check_of_another(any_deployment):
    """Reading the catalogue needs no lock on the table, not even with policies on it."""
    any_deployment.superuser_execute("CREATE POLICY some_rows ON public.webhook_dlq USING (retry_count > 0)")
    with psycopg.connect(any_deployment.superuser_url.reveal()) as blocker:
        blocker.execute("LOCK TABLE public.webhook_dlq IN ACCESS EXCLUSIVE MODE")
        evidence = read(any_deployment.access, OF_DATABASE, Settings(limits=Limits(lock_timeout_seconds=0.2)))
    locked = {name for name, gap in evidence.gaps.items() if "locked by another session" in gap.reason}
    assert locked == {"dlq_queue", "message_fates", "success_rate"}
    assert evidence.gaps.keys() == locked


def test_transaction_is_short(any_deployment):
    """The transaction of all readers stays below 0.3 s on the local deployment, also on a busy machine."""
    database = Database(address_of(any_deployment), Limits())
    durations = []
    for _ in range(5):
        began = time.monotonic()
        _, _, gaps = database.read(READERS, Settings())
        durations.append(time.monotonic() - began)
    database.close()
    assert gaps == {}
    assert min(durations) < 0.3


def test_run_has_one_connection_and_writes_nothing(any_deployment):
    """The server counts one session more, and no row more, after a run."""
    counted = (
        "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables "
        "WHERE schemaname = 'public' AND relname <> 'dlq_processing_log'"
    )
    with (
        psycopg.connect(any_deployment.superuser_url.reveal(), autocommit=True) as watcher,
        proxy_to(any_deployment) as proxy,
    ):
        written = watcher.execute(counted).fetchone()
        access = replace(any_deployment.access, database=through(any_deployment, proxy))
        evidence = read(access, [checks.test_success_rate, checks.test_cron_job_is_active])
        watcher.execute("SELECT pg_stat_clear_snapshot()")
        assert watcher.execute(counted).fetchone() == written
        assert proxy.connections == 1
    assert evidence.gaps == {}


def test_dead_network_is_hung_up(any_deployment):
    """The server's timeouts do not help if its answers get lost: the suite closes the socket itself."""
    with proxy_to(any_deployment, deaf_after=2000) as proxy:
        database = Database(through(any_deployment, proxy), Limits(database_total_seconds=1))
        began = time.monotonic()
        with pytest.raises(CouldNotLook, match="stopped answering"):
            database.read(READERS, Settings())
        assert time.monotonic() - began < 5


def test_silent_server_ends_with_the_connect_timeout(any_deployment):
    """An open port is not a database."""
    with proxy_to(any_deployment, deaf_after=0) as proxy:
        began = time.monotonic()
        with pytest.raises(CouldNotLook, match=f"127.0.0.1:{proxy.port} could not be reached"):
            Database(through(any_deployment, proxy), Limits(connect_timeout_seconds=2))
        assert time.monotonic() - began < 6


@pytest.mark.parametrize("given", ["0", "300", "-1"])
def test_own_connect_timeout_is_the_longest(given, any_deployment):
    """A longer timeout in the connection string does not count, nor does 0, which libpq takes for no timeout."""
    with proxy_to(any_deployment, deaf_after=0) as proxy:
        address = through(any_deployment, proxy, connect_timeout=given)
        began = time.monotonic()
        with pytest.raises(CouldNotLook, match="could not be reached"):
            Database(address, Limits(connect_timeout_seconds=2))
        assert time.monotonic() - began < 6


def test_unreachable_database_is_reported_once(any_deployment):
    """One case has the reason; the others refer to it."""
    away = DatabaseAddress.parse("host=127.0.0.1 port=9 user=nobody password=hidden99")
    access = replace(any_deployment.access, database=away)
    evidence = read(access, [checks.test_database_is_reached, checks.test_success_rate])
    assert evidence.gaps["database_connection"].status is Status.ERROR
    assert "the database at 127.0.0.1:9 could not be reached" in evidence.gaps["database_connection"].reason
    assert evidence.gaps["success_rate"].reason == "the database could not be reached; check 1 names the cause"
    assert "hidden99" not in str(evidence.gaps)


ODD_SESSIONS = {
    "dates of another country": "SET DateStyle = 'SQL, DMY'",
    "dates as the Germans write them": "SET DateStyle = 'German'",
    "a client without an encoding": "SET client_encoding = 'SQL_ASCII'",
    "a client of Latin letters": "SET client_encoding = 'LATIN1'",
    "intervals of the standard": "SET IntervalStyle = 'iso_8601'",
    "names in quotes": "SET quote_all_identifiers = on",
    "escapes in strings": "SET standard_conforming_strings = off",
}


@pytest.mark.parametrize("odd", ODD_SESSIONS)
def test_role_settings_change_no_outcome(odd, any_deployment):
    """Settings of the server, the database or the role do not change what is read."""
    any_deployment.superuser_execute(f"ALTER ROLE easymo_verifier {ODD_SESSIONS[odd]}")
    any_deployment.superuser_execute("UPDATE public.webhook_dlq SET service = '服务-' || service")
    outcomes = judge_all(OF_DATABASE, read(any_deployment.access, OF_DATABASE))
    assert {
        case: outcome.reason for case, outcome in outcomes.items() if outcome.status is not Status.PASSED
    } == {}


WILD = {
    "a pass at no end of time": "UPDATE public.dlq_processing_log SET processed_at = 'infinity' WHERE id % 9 = 0",
    "a pass before all time": "UPDATE public.dlq_processing_log SET processed_at = '-infinity' WHERE id % 9 = 0",
    "an answer at no end of time": "UPDATE net._http_response SET created = 'infinity'",
    "runs at no end of time": "UPDATE cron.job_run_details SET start_time = 'infinity', end_time = 'infinity' "
    "WHERE runid % 9 = 0",
    "runs before all time": "UPDATE cron.job_run_details SET start_time = '-infinity', end_time = '-infinity'",
    "entries far off": "UPDATE public.webhook_dlq SET created_at = '20000-01-01', updated_at = '4000-01-01 BC'",
    "breakers before all time": "UPDATE public.circuit_breaker_events SET created_at = '-infinity'",
    "messages at no end of time": "UPDATE public.processed_webhook_messages SET created_at = 'infinity'",
    "control characters": r"UPDATE public.webhook_dlq SET service = E'a\n\x1b[2J\u202e', error_type = E'\x07'",
}


@pytest.mark.parametrize("wild", WILD)
def test_one_odd_row_never_ends_the_run(wild, any_deployment):
    """Whatever stands in a row, the evidence can be kept and judged: each check has an outcome of its own."""
    any_deployment.superuser_execute(WILD[wild])
    evidence = read(any_deployment.access, OF_DATABASE)
    assert [gap.reason for gap in evidence.gaps.values() if gap.status is Status.ERROR] == []
    outcomes = judge_all(OF_DATABASE, evidence)
    assert Status.ERROR not in {outcome.status for outcome in outcomes.values()}
    assert "\x1b" not in str([outcome.reason for outcome in outcomes.values()])


def test_unparsed_rows_cost_their_own_piece(any_deployment):
    """The checks that need these rows are errors; the reason has none of their values."""
    pieces, gaps = ask(
        any_deployment,
        Limits(),
        first="SELECT 1 AS value",
        renamed="SELECT '12025550147' AS another",
        empty="SELECT 1 AS value WHERE false",
        last="SELECT 2 AS value",
    )
    assert pieces == {"first": 1, "last": 2}
    assert gaps["renamed"].reason == "renamed: its rows could not be parsed (KeyError in build)"
    assert gaps["empty"].reason == "empty: its rows could not be parsed (IndexError in build)"
    assert {gap.status for gap in gaps.values()} == {Status.ERROR}


def test_invalid_evidence_is_an_error_of_its_checks(any_deployment):
    """What this run read is judged as far as it can be; what somebody gives for a replay must be right."""
    document = plain(read(any_deployment.access, OF_DATABASE))
    document["pieces"]["dlq_queue"]["pending"] = "many"
    text = json.dumps(document)
    with pytest.raises(ValueError, match="is not evidence that this version of the suite can judge"):
        decode(text)
    outcomes = judge_all(OF_DATABASE, decode(text, own=True))
    not_passed = {
        case: outcome.status for case, outcome in outcomes.items() if outcome.status is not Status.PASSED
    }
    assert not_passed == {"check-09[dlq_is_processing]": Status.ERROR}
    assert "the deployment said what the suite cannot keep" in outcomes["check-09[dlq_is_processing]"].reason
