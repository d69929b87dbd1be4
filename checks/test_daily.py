"""Daily checks, a day after a deployment (checklist: checks 9 to 14)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import bloat, breakers, partitions, performance, vacuum
from checks.rules import dlq_queue as dlq_queue_rules
from checks.rules import message_fates as message_fates_rules
from fixtures.breakers.model import CircuitBreakers
from fixtures.database.catalogue import Catalogue
from fixtures.database.dlq_queue import DlqQueue
from fixtures.database.history import DatabaseHistory
from fixtures.database.message_fates import MessageFates
from fixtures.database.partitions import Partitioning
from fixtures.database.performance import DatabaseLoad
from fixtures.database.table_statistics import TablesStatistics
from fixtures.logs.model import AcceptedMessages
from fixtures.settings.model import Settings

pytestmark = pytest.mark.daily

performance_normal = check(12, "Database performance normal", criterion="should", area="database")


@check(9, "DLQ is processing entries", criterion="should", area="reliability")
def test_dlq_is_processing(dlq_queue: DlqQueue, settings: Settings, judge: Judge) -> None:
    judge.expects("Entries of the DLQ are retried when they are due, none is stuck, and the processor runs.")
    judge.shows("DLQ entries of the last day by status", dlq_queue_rules.by_status(dlq_queue))
    dlq_queue_rules.no_entry_is_in_trouble(judge, dlq_queue, settings)
    dlq_queue_rules.backlog_is_small(judge, dlq_queue, settings)
    dlq_queue_rules.due_entries_advance(judge, dlq_queue, settings)
    dlq_queue_rules.processor_runs(judge, dlq_queue, settings)
    judge.draws("dlq-entries")


@check(10, "No message loss incidents", criterion="should", area="reliability")
def test_no_message_is_lost(
    message_fates: MessageFates, accepted_messages: AcceptedMessages, settings: Settings, judge: Judge
) -> None:
    judge.expects("Each inbound message of the last day is processed, or on its way through the DLQ.")
    judge.shows("Messages without a processed row", message_fates_rules.by_outcome(message_fates))
    message_fates_rules.everything_can_be_followed(judge, message_fates, settings)
    message_fates_rules.nothing_is_lost(judge, message_fates, settings)
    message_fates_rules.accepted_requests_are_recorded(judge, accepted_messages, message_fates, settings)
    judge.draws("messages")


@check(11, "Circuit breaker not stuck in OPEN state", criterion="should", area="reliability")
def test_circuit_breakers_are_closed(circuit_breakers: CircuitBreakers, settings: Settings, judge: Judge) -> None:
    judge.expects("Each circuit breaker is closed, or closes within five minutes.")
    judge.shows("Circuit breakers", breakers.by_service(circuit_breakers))
    breakers.events_can_be_ordered(judge, circuit_breakers, settings)
    breakers.recorded_breakers_are_closed(judge, circuit_breakers, settings)
    breakers.reported_breakers_are_closed(judge, circuit_breakers)
    breakers.a_source_names_breakers(judge, circuit_breakers)


@performance_normal
def test_database_is_not_overloaded(
    database_aspect: str,
    database_load: DatabaseLoad,
    database_history: DatabaseHistory,
    settings: Settings,
    judge: Judge,
) -> None:
    judge.expects(f"The database shows no sign of overload: {database_aspect.replace('-', ' ')}.")
    performance.ASPECTS[database_aspect](judge, database_load, database_history, settings)


@performance_normal
def test_table_is_not_bloated(
    measured_table: str,
    table_statistics: TablesStatistics,
    catalogue: Catalogue,
    settings: Settings,
    judge: Judge,
) -> None:
    judge.expects(f"Dead tuples of {measured_table.replace('-', ' ')} are few, or a small share.")
    tables = bloat.tables_of(judge, measured_table, table_statistics, catalogue, settings)
    bloat.tables_are_not_bloated(judge, tables, table_statistics, settings)
    judge.shows("Dead and live tuples", bloat.dead_by_table(tables))
    if measured_table == bloat.OTHERS:
        judge.draws("dead-tuples")


@check(13, "Partition creation working (if enabled)", criterion="nice", area="database")
def test_partitions_are_created(partitioning: Partitioning, settings: Settings, judge: Judge) -> None:
    judge.expects("This month and the next three have a partition, and no row is in the wrong one.")
    table = partitions.enabled_table(judge, partitioning, settings)
    if table is None:
        return
    own = partitioning.of(table.name)
    judge.shows(f"Partitions of {table.name}", partitions.by_partition(own))
    partitions.is_the_one_in_use(judge, table, partitioning, settings)
    if partitions.is_ranged_by_time(judge, table, settings):
        partitions.months_have_partitions(judge, table, partitioning, settings)
        partitions.nothing_is_astray(judge, table, partitioning, settings)
        partitions.nothing_is_past_retention(judge, table, partitioning, settings)


@check(14, "Auto-vacuum running", criterion="should", area="database")
def test_auto_vacuum_runs(
    vacuumed: str, table_statistics: TablesStatistics, catalogue: Catalogue, settings: Settings, judge: Judge
) -> None:
    if vacuumed == vacuum.SERVER:
        judge.expects("Auto-vacuum is on, and so is track_counts, which it needs.")
        vacuum.server_is_set(judge, catalogue)
        return
    judge.expects(f"{vacuumed} has its auto-vacuum settings and is vacuumed when it is due.")
    tables = vacuum.table_holds_rows(judge, vacuumed, table_statistics, catalogue, settings)
    vacuum.settings_are_in_force(judge, tables, catalogue, settings)
    vacuum.vacuum_comes_when_due(judge, tables, table_statistics, catalogue, settings)
    judge.shows("Auto-vacuum's trigger points", vacuum.by_table(tables, catalogue))
