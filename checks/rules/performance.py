"""Rules of check 12: the database has room, nobody is stuck in it, and its tables are not bloated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction

from checks.judge import Judge
from fixtures.advice import Advice, for_each, look, sql
from fixtures.database.history import DatabaseHistory
from fixtures.database.identifiers import quoted
from fixtures.database.performance import IDLE, PREPARED, QUERY, WAIT, Counters, DatabaseLoad, Session
from fixtures.settings.model import Settings
from fixtures.wording import clock, counted, duration, listed

WRAPAROUND = 2**31
"""Transaction ids that can be told apart; some millions before, the server refuses to write."""


def connections(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that connections are below the threshold's share of each limit that applies."""
    most = settings.thresholds.connections_percent
    near = [one for one in load.connections if Fraction(100 * one.used, one.limit) >= Fraction(most)]
    judge.finds(listed(f"{one.scope}: {one.used} of {one.limit} connections" for one in load.connections))
    judge.requires(
        not near,
        lambda: listed(
            f"{one.scope}: {one.used} of {one.limit} connections in use "
            f"({float(Fraction(100 * one.used, one.limit)):.1f} %)"
            for one in near
        ),
        expected=f"less than {most:g} % of the limit",
        why="when none is left, functions cannot reach the database and messages fail",
        advice=look("SELECT usename, state, count(*) FROM pg_stat_activity GROUP BY 1, 2 ORDER BY 3 DESC")
        + "let functions use the transaction pooler",
    )


def long_queries(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that no query runs for too long."""
    limit = settings.thresholds.query_seconds
    _nobody_is(
        judge, load, QUERY, f"no query that runs for longer than {limit:g} s", _end_with("pg_cancel_backend")
    )
    _others_are_seen(judge, load, "queries")


def idle_transactions(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that no transaction sits idle, and that no prepared one was forgotten."""
    limit = settings.thresholds.idle_transaction_seconds
    end = _end_with("pg_terminate_backend")
    _nobody_is(judge, load, IDLE, f"no transaction idle for longer than {limit:g} s", end)
    forgotten = load.stuck(PREPARED)
    judge.requires(
        not forgotten,
        lambda: f"{counted(len(forgotten), 'prepared transaction')} left open: {_in_words(forgotten)}",
        expected="prepared transactions are ended at once",
        why="it keeps its locks, and nothing that is newer can be vacuumed",
        advice=look("SELECT gid, prepared, owner, database FROM pg_prepared_xacts")
        + "then COMMIT PREPARED or ROLLBACK PREPARED, by its owner and in its database",
    )
    _others_are_seen(judge, load, "transactions")


def lock_waits(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that nobody waits for a lock for too long; every role may see this."""
    limit = settings.thresholds.lock_wait_seconds
    _nobody_is(judge, load, WAIT, f"no wait for a lock longer than {limit:g} s", _who_blocks)


def _end_with(function: str) -> Callable[[int], Advice]:
    """What ends a session that does no good."""
    return lambda pid: "look at what it does first" + sql(f"SELECT {function}({pid})")


def _who_blocks(pid: int) -> Advice:
    return look(f"SELECT pg_blocking_pids({pid})") + "these sessions hold the lock"


def _nobody_is(
    judge: Judge, load: DatabaseLoad, kind: str, expected: str, advise: Callable[[int], Advice]
) -> None:
    stuck = load.stuck(kind)
    names = {QUERY: ("long query", "long queries"), IDLE: ("idle transaction", ""), WAIT: ("lock wait", "")}
    judge.requires(
        not stuck,
        lambda: f"{counted(len(stuck), *names[kind])}: {_in_words(stuck)}",
        expected=expected,
        why="it holds back other sessions and vacuum",
        advice=for_each(advise(one.pid) for one in stuck if one.pid is not None),
    )


def _in_words(sessions: tuple[Session, ...]) -> str:
    return listed(
        f"{'' if session.pid is None else f'pid {session.pid}, '}user {session.user}, {session.state}, "
        f"{duration(timedelta(seconds=session.seconds))}"
        for session in sessions
    )


def _others_are_seen(judge: Judge, load: DatabaseLoad, what: str) -> None:
    if not load.tracking:
        judge.cannot_tell(
            "track_activities is off, so the server does not say what sessions do", "track_activities"
        )
    if load.hidden:
        judge.cannot_tell(
            f"the {what} of {counted(load.hidden, 'session')} are hidden from role {load.role}",
            sql(f"GRANT pg_read_all_stats TO {quoted(load.role)}"),
        )


def cache_hit_ratio(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that the cache serves most reads, once there were enough of them to tell."""
    hits, total = load.counters.hits, load.counters.hits + load.counters.reads
    fewest, least = settings.thresholds.cache_blocks, settings.thresholds.cache_hit_percent
    since = load.counters.reset_at
    counted_since = f" since {clock(since)}" if since else ""
    if total < fewest:
        judge.cannot_tell(
            f"{counted(total, 'block read')}{counted_since} are too few to judge the cache by",
            f"traffic that reads {fewest} blocks",
        )
        return
    figures = f"{float(Fraction(100 * hits, total)):.3f} % of {counted(total, 'block read')}{counted_since}"
    judge.finds(f"the cache served {figures}")
    judge.requires(
        Fraction(100 * hits, total) > Fraction(least),
        f"the cache served {figures}",
        expected=f"more than {least:g} %",
        why="reads from disk make each message slower",
        advice="look for sequential scans"
        + look("SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables ORDER BY 3 DESC LIMIT 10")
        + "many of them mean a missing index or too little memory",
    )


def deadlocks(judge: Judge, load: DatabaseLoad, history: DatabaseHistory, _: Settings) -> None:
    """Require that there were no deadlocks since an earlier run, or ever since the counters began."""
    now, earlier = load.counters, history.earlier
    if earlier is None and now.deadlocks:
        judge.cannot_tell(
            f"{counted(now.deadlocks, 'deadlock')} since the statistics began, and nothing to compare with: "
            f"{history.note or 'there was no earlier run'}",
            "the next run, which compares with this one",
        )
        return
    more, since = now.deadlocks, f"since {clock(now.reset_at)}" if now.reset_at else "since the statistics began"
    if earlier is not None and not _begun_anew(earlier.counters, now):
        more, since = now.deadlocks - earlier.counters.deadlocks, f"since the run of {clock(earlier.read_at)}"
    judge.finds(f"{counted(more, 'deadlock')} {since}")
    judge.requires(
        more == 0,
        f"{counted(more, 'deadlock')} {since}",
        expected="no deadlock since an earlier run",
        why="of two sessions that wait for each other one is cancelled, and its message fails",
        advice="the Postgres logs name both queries of each deadlock",
    )


def _begun_anew(before: Counters, now: Counters) -> bool:
    """Whether the counters were set back between two runs, on purpose or by a crash of the server."""
    return before.reset_at != now.reset_at or before.deadlocks > now.deadlocks


def wraparound(judge: Judge, load: DatabaseLoad, _: DatabaseHistory, settings: Settings) -> None:
    """Require that transaction and multixact ids are far from the wraparound, in every database."""
    most = settings.thresholds.wraparound_percent
    oldest = max(load.ages, key=lambda age: max(age.transactions, age.multixacts))
    judge.finds(f"oldest transaction id: {oldest.transactions} transactions ago, in database {oldest.database}")
    old = [
        (age.database, noun, count)
        for age in load.ages
        for noun, count in (("transaction", age.transactions), ("multixact", age.multixacts))
        if Fraction(100 * count, WRAPAROUND) >= Fraction(most)
    ]
    judge.requires(
        not old,
        lambda: listed(
            f"database {database}: the oldest {noun} id is {count} old, "
            f"{float(Fraction(100 * count, WRAPAROUND)):.1f} % of the limit"
            for database, noun, count in old
        ),
        expected=f"less than {most:g} %",
        why="at the limit the server refuses all writes until it was vacuumed",
        advice=look(
            "SELECT oid::regclass, age(relfrozenxid) FROM pg_class WHERE relkind IN ('r', 'm', 't') "
            "ORDER BY 2 DESC LIMIT 10"
        )
        + "vacuum the first ones with VACUUM (FREEZE); look for idle transactions and unused replication slots",
    )


ASPECTS = {
    "connections": connections,
    "long-queries": long_queries,
    "idle-transactions": idle_transactions,
    "lock-waits": lock_waits,
    "cache-hit-ratio": cache_hit_ratio,
    "deadlocks": deadlocks,
    "wraparound": wraparound,
}
"""The aspects of the database that are judged, by the name of their case."""
