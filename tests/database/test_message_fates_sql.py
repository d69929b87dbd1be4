"""The reconciliation finds exactly what was lost, in any history of messages."""

from __future__ import annotations

from collections import Counter

import psycopg
from hypothesis import HealthCheck, given, settings

from fixtures.database.client import Database
from fixtures.database.message_fates import MessageFates, MessageFatesReader
from fixtures.settings.model import Settings
from tests.database.histories import messages, planted, write


def test_lost_messages_found_are_those_planted(any_deployment):
    """For any history, the listed outcomes and ids are those that were planted, each once."""
    connection = psycopg.connect(any_deployment.superuser_url.reveal(), autocommit=True)
    database = Database(any_deployment.access.database, Settings().limits)

    @given(history=messages())
    @settings(
        max_examples=60,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    def holds(history):
        with connection.transaction():
            now = connection.execute("SELECT now()").fetchone()[0]
            write(connection, history, now)
        _, pieces, gaps = database.read([MessageFatesReader()], Settings())
        assert gaps == {}
        fates: MessageFates = pieces["message_fates"]
        found = Counter()
        for fate in fates.lost:
            found[fate.outcome] += fate.count
        counts, ids = planted(history)
        assert found == counts
        assert {one for fate in fates.lost for one in fate.ids} == ids

    with connection:
        try:
            holds()
        finally:
            database.close()
