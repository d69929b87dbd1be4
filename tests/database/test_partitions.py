"""Check 13: this month and the next three have their partition, and rows go where they belong."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from checks.rules.partitions import month
from checks.test_daily import test_partitions_are_created as check_13
from fixtures.outcome import Status
from fixtures.settings.model import Names, Settings, Thresholds
from tests.outcomes import assert_outcome, judge, read

EVENTS = "public.wa_events"


def begin_of(ahead: int) -> datetime:
    """The first moment of the month so many months after this one."""
    return month(datetime.now(UTC), ahead, UTC)[0]


def partition(ahead: int) -> str:
    """Name of a month's partition."""
    return f"public.wa_events_{begin_of(ahead):%Y_%m}"


def bounds(begin: object, end: object) -> str:
    """Bounds of a partition, in SQL."""
    return f"FOR VALUES FROM ('{begin}') TO ('{end}')"


def anew(ahead: int, *columns_or_bounds: str) -> str:
    """SQL that replaces a month's partition by others: a suffix of the name and the bounds of each."""
    return f"DROP TABLE {partition(ahead)};" + "".join(
        f"CREATE TABLE {partition(ahead)}{suffix} PARTITION OF {EVENTS} {bound};"
        for suffix, bound in zip(columns_or_bounds[::2], columns_or_bounds[1::2], strict=True)
    )


NEXT, AFTER = begin_of(2), begin_of(3)
MIDDLE = NEXT.replace(day=15)
LABEL = f"{NEXT:%Y-%m}"
PLAIN = (
    f"CREATE TABLE public.plain AS SELECT * FROM {EVENTS}; DROP TABLE {EVENTS};"
    f"ALTER TABLE public.plain RENAME TO wa_events; GRANT SELECT ON {EVENTS} TO easymo_verifier;"
)
SUCCESSOR = (
    "CREATE TABLE public.wa_events_new (LIKE public.wa_events) PARTITION BY RANGE (created_at);"
    "GRANT SELECT ON public.wa_events_new TO easymo_verifier;"
    + "".join(
        f"CREATE TABLE public.wa_events_new_{begin_of(n):%Y_%m} PARTITION OF public.wa_events_new "
        f"{bounds(begin_of(n), begin_of(n + 1))};"
        for n in range(-1, 4)
    )
)
WRITTEN = f"INSERT INTO public.wa_events_new SELECT * FROM {EVENTS};"
DEFAULT = f"CREATE TABLE public.wa_events_rest PARTITION OF {EVENTS} DEFAULT;"

GAP = (
    DEFAULT
    + f"CREATE TABLE {partition(-4)} PARTITION OF {EVENTS} {bounds(begin_of(-4), begin_of(-3))};"
    + f"CREATE TABLE {partition(-6)} PARTITION OF {EVENTS} {bounds(begin_of(-6), begin_of(-5))};"
)

FAULTS = {
    "a month is missing": (f"DROP TABLE {partition(2)}", f"no partition of wa_events for {LABEL}"),
    "this month is missing": (
        f"TRUNCATE {EVENTS}; DROP TABLE {partition(0)}",
        f"no partition of wa_events for {begin_of(0):%Y-%m}",
    ),
    "the last of the next three is missing": (
        f"DROP TABLE {partition(3)}",
        f"no partition of wa_events for {AFTER:%Y-%m}",
    ),
    "a month is detached": (
        f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(2)}",
        "is named like a partition but attached to nothing",
    ),
    "a month is cut into two": (
        anew(2, "", bounds(NEXT, MIDDLE), "b", bounds(MIDDLE, AFTER)),
        f"{LABEL} is held by wa_events_{NEXT:%Y_%m} from {NEXT:%Y-%m-%d} 00:00:00 UTC to {MIDDLE:%Y-%m-%d}",
    ),
    "a month begins a day late": (
        anew(2, "", bounds(NEXT.replace(day=2), AFTER)),
        f"{LABEL} is held by wa_events_{NEXT:%Y_%m} from {NEXT:%Y-%m}-02",
    ),
    "a month of another time zone": (
        anew(2, "", bounds(NEXT.replace(hour=2), AFTER)),
        f"{LABEL} is held by wa_events_{NEXT:%Y_%m} from {NEXT:%Y-%m-%d} 02:00:00 UTC",
    ),
    "two months in one": (
        f"DROP TABLE {partition(3)};" + anew(2, "", bounds(NEXT, begin_of(4))),
        f"{LABEL} is held by wa_events_{NEXT:%Y_%m}",
    ),
    "one partition for ever": (
        f"TRUNCATE {EVENTS};"
        + "".join(f"DROP TABLE {partition(n)};" for n in (-1, 0, 1, 2, 3))
        + f"CREATE TABLE public.wa_events_all PARTITION OF {EVENTS} FOR VALUES FROM (MINVALUE) TO (MAXVALUE)",
        f"{LABEL} is held by wa_events_all from no bound to no bound",
    ),
    "the name says another month": (
        f"ALTER TABLE {partition(2)} RENAME TO wa_events_2031_05",
        "wa_events_2031_05 begins at ",
    ),
    "rows in the default partition": (
        DEFAULT + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
        "VALUES ('message', 'inbound', 'x', '2019-01-01'), ('message', 'inbound', 'x', '2099-01-01')",
        "2 rows in the default partition of wa_events, wa_events_rest",
    ),
    "rows in the default partition of a month between two": (
        GAP + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
        f"SELECT 'message', 'inbound', 'x', '{begin_of(-2)}' FROM generate_series(1, 500)",
        "500 rows in the default partition of wa_events, wa_events_rest",
    ),
    "a thousand rows and more in the default partition": (
        GAP + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
        f"SELECT 'message', 'inbound', 'x', '{begin_of(-2)}' FROM generate_series(1, 1500)",
        "1000 rows or more in the default partition of wa_events",
    ),
    "rows in the default partition behind the end of time": (
        DEFAULT + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
        "VALUES ('message', 'inbound', 'x', 'infinity'), ('message', 'inbound', 'x', '-infinity')",
        "2 rows in the default partition of wa_events",
    ),
    "nothing but a default partition": (
        "".join(f"ALTER TABLE {EVENTS} DETACH PARTITION {partition(n)};" for n in (-1, 0, 1, 2, 3))
        + DEFAULT
        + f"INSERT INTO {EVENTS} SELECT * FROM {partition(0)} LIMIT 7",
        "7 rows in the default partition of wa_events",
    ),
    "a month that never ends": (
        f"DROP TABLE {partition(3)};" + anew(2, "", bounds(NEXT, "infinity")),
        f"{AFTER:%Y-%m} is held by wa_events_{NEXT:%Y_%m} from {NEXT:%Y-%m-%d} 00:00:00 UTC to no bound",
    ),
    "past the retention": (
        f"CREATE TABLE public.wa_events_2019_01 PARTITION OF {EVENTS} {bounds('2019-01-01+00', '2019-02-01+00')}",
        "1 partition past the retention: wa_events_2019_01",
    ),
    "unlogged": (f"ALTER TABLE {partition(2)} SET UNLOGGED", "is unlogged: its rows are lost"),
    "an empty shell": (
        f"DROP TABLE {partition(2)}; CREATE TABLE {partition(2)} PARTITION OF {EVENTS} {bounds(NEXT, AFTER)} "
        "PARTITION BY RANGE (created_at)",
        "is partitioned itself and has no partition",
    ),
    "partitioned by something else": (
        f"DROP TABLE {EVENTS}; CREATE TABLE {EVENTS} (id uuid, direction text, created_at timestamptz) "
        f"PARTITION BY LIST (direction); CREATE TABLE public.wa_events_in PARTITION OF {EVENTS} "
        f"FOR VALUES IN ('inbound'); GRANT SELECT ON {EVENTS} TO easymo_verifier",
        "wa_events is partitioned by LIST (direction)",
    ),
    "tables that merely look like partitions": (
        PLAIN + "CREATE TABLE public.wa_events_2026_01 (); CREATE TABLE public.wa_events_2026_02 ()",
        "wa_events_2026_01, wa_events_2026_02 are named like a partition but attached to nothing",
    ),
    "a successor that nothing writes to": (
        PLAIN + SUCCESSOR,
        "wa_events_new is partitioned, but nothing writes to it (it has no row) while wa_events grows",
    ),
    "a successor that was written to once": (
        PLAIN
        + SUCCESSOR
        + WRITTEN
        + "DELETE FROM public.wa_events_new WHERE created_at > now() - interval '2 days'",
        "nothing writes to it (latest row 2 d",
    ),
    "a successor without its months": (
        PLAIN + SUCCESSOR + WRITTEN + f"DROP TABLE public.wa_events_new_{NEXT:%Y_%m}",
        f"no partition of wa_events_new for {LABEL}",
    ),
}

ODD_BUT_HEALTHY = {
    "more months ahead": f"CREATE TABLE {partition(4)} PARTITION OF {EVENTS} {bounds(begin_of(4), begin_of(5))}",
    "a default partition without rows": DEFAULT,
    "a default partition beside one without a lower bound": f"CREATE TABLE public.wa_events_old PARTITION OF "
    f"{EVENTS} FOR VALUES FROM (MINVALUE) TO ('{begin_of(-1)}');" + DEFAULT + f"INSERT INTO {EVENTS} "
    "(event_type, direction, status, created_at) VALUES ('message', 'inbound', 'x', '2019-01-01')",
    "a gap in the past": f"TRUNCATE {EVENTS}; DROP TABLE {partition(-1)}; CREATE TABLE {partition(-3)} "
    f"PARTITION OF {EVENTS} {bounds(begin_of(-3), begin_of(-2))}",
    "a gap in the past beside a default partition without rows": GAP,
    "a last partition that never ends, beside a default partition": DEFAULT
    + f"CREATE TABLE public.later PARTITION OF {EVENTS} {bounds(begin_of(4), 'infinity')};"
    + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) "
    "VALUES ('m', 'inbound', 'x', '2099-01-01')",
    "a last partition without an upper bound, beside a default partition": DEFAULT
    + f"CREATE TABLE public.later PARTITION OF {EVENTS} FOR VALUES FROM ('{begin_of(4)}') TO (MAXVALUE);"
    + f"INSERT INTO {EVENTS} (event_type, direction, status, created_at) VALUES ('m', 'inbound', 'x', 'infinity')",
    "a partition for what is older than time": f"CREATE TABLE public.older PARTITION OF {EVENTS} "
    + bounds("0044-03-15 BC", "2001-01-01").replace("2001", f"{begin_of(-8):%Y}"),
    "a month in another schema": f"CREATE SCHEMA parts; ALTER TABLE {partition(2)} SET SCHEMA parts",
    "a name of another kind": f"ALTER TABLE {partition(2)} RENAME TO events_of_a_month",
    "a month partitioned further": f"DROP TABLE {partition(2)}; CREATE TABLE {partition(2)} PARTITION OF {EVENTS} "
    f"{bounds(NEXT, AFTER)} PARTITION BY RANGE (created_at); CREATE TABLE public.sub PARTITION OF {partition(2)} "
    "DEFAULT",
    "names that LIKE would take for partitions": "CREATE TABLE public.wa_eventsX2026_01 ();"
    "CREATE TABLE public.wa_events_archive ()",
    "a successor that receives the rows": PLAIN + SUCCESSOR + WRITTEN,
    "a successor that is being prepared": SUCCESSOR,
    "bounds written with another offset": anew(
        2, "", f"FOR VALUES FROM ('{NEXT:%Y-%m}-01 02:00:00+02') TO ('{AFTER:%Y-%m}-01 02:00:00+02')"
    ),
}


def test_healthy_deployment_passes(deployment):
    """The partitions of every kind of deployment are those of the contract."""
    outcome = judge(check_13, read(deployment.access, [check_13]))
    assert_outcome(outcome, Status.PASSED)
    assert len(outcome.judge.tables[0].rows) == 5


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_found(fault, judged, changed):
    """The message has names and bounds."""
    sql, part = FAULTS[fault]
    changed(sql)
    assert_outcome(judged(check_13), Status.FAILED, part)


@pytest.mark.parametrize("variant", ODD_BUT_HEALTHY)
def test_odd_but_healthy_is_quiet(variant, judged, changed):
    """What is unusual and holds every row raises no alarm."""
    changed(ODD_BUT_HEALTHY[variant])
    assert_outcome(judged(check_13), Status.PASSED)


def test_not_enabled_is_not_applicable(judged, changed):
    """Where nothing is partitioned, the check has nothing to apply to."""
    changed(PLAIN)
    assert_outcome(
        judged(check_13), Status.NOT_APPLICABLE, "partitioning is not enabled: wa_events is an ordinary"
    )


def test_hidden_rows_without_a_default_partition_pass(judged, changed):
    """Where nothing can fall into a default partition, nobody has to look."""
    changed(f"REVOKE SELECT (created_at) ON {EVENTS} FROM easymo_verifier")
    assert_outcome(judged(check_13), Status.PASSED)


def test_hidden_rows_of_a_default_partition_are_unproven(judged, changed):
    """The grant is of the one column that is needed: the table holds phone numbers and messages."""
    grant = f"GRANT SELECT (created_at) ON {EVENTS} TO easymo_verifier"
    changed(DEFAULT + f"REVOKE SELECT (created_at) ON {EVENTS} FROM easymo_verifier")
    outcome = judged(check_13)
    assert_outcome(
        outcome,
        Status.UNPROVEN,
        "rows of the default partition wa_events_rest cannot be seen: role easymo_verifier may not read "
        "public.wa_events (created_at)",
        f"({grant})",
    )
    changed(grant)
    assert_outcome(judged(check_13), Status.PASSED)


def test_successor_without_traffic_is_unproven(judged, changed):
    """Where neither table receives rows, nobody can tell which one would."""
    changed(PLAIN + SUCCESSOR + f"TRUNCATE {EVENTS}")
    assert_outcome(
        judged(check_13), Status.UNPROVEN, "neither wa_events_new nor wa_events has received a row for a day"
    )


def test_hidden_rows_of_the_successor_are_unproven(judged, changed):
    """Which of two tables is written to is seen in their rows."""
    changed(PLAIN + SUCCESSOR + "REVOKE SELECT ON public.wa_events_new FROM easymo_verifier")
    assert_outcome(judged(check_13), Status.UNPROVEN, "GRANT SELECT (created_at) ON public.wa_events_new")


def test_months_of_another_time_zone_are_a_setting(judged, changed):
    """A deployment may begin its months at local midnight, if that is what was agreed."""
    sql = f"TRUNCATE {EVENTS};" + "".join(f"DROP TABLE {partition(n)};" for n in (-1, 0, 1, 2, 3))
    local = [f"{begin_of(n):%Y-%m-%d} 00:00 Africa/Kigali" for n in range(6)]
    for n in range(5):
        sql += f"CREATE TABLE {partition(n)} PARTITION OF {EVENTS} {bounds(local[n], local[n + 1])};"
    changed(sql)
    assert_outcome(judged(check_13), Status.FAILED, "22:00:00 UTC")
    settings = Settings(names=Names(partition_time_zone="Africa/Kigali"))
    assert_outcome(judged(check_13, settings), Status.PASSED)


def test_retention_is_a_setting(judged):
    """How long partitions are kept is decided by people."""
    settings = Settings(thresholds=replace(Thresholds(), partition_retention_months=12))
    assert_outcome(judged(check_13, settings), Status.PASSED)
