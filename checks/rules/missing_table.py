"""A missing table, as every check but check 1 sees it: check 1 names the cause, the others point to it."""

from __future__ import annotations

from checks.judge import Judge
from checks.rules.protection import customer_tables
from fixtures.database.catalogue import Catalogue
from fixtures.outcome import Gap
from fixtures.settings.model import Settings
from fixtures.settings.naming import dlq_tables


def is_there(judge: Judge, catalogue: Catalogue, name: str, settings: Settings) -> bool:
    """Whether a table exists; if not, a doubt where check 1 names the cause, else a violation.

    Recorded evidence keeps its verdict: what earlier versions recorded, which lacks the views, is a violation.
    """
    schema = settings.names.schema
    relation = catalogue.relation(name, schema)
    if relation is not None and relation.is_table:
        judge.holds()
        return True
    missing = catalogue.what_is_missing(name, schema)
    if catalogue.views is not None and name in {*dlq_tables(settings), *customer_tables(settings)}:
        judge.lacks(Gap.pointing_to(1, missing))
    else:
        judge.fails(missing, advice=catalogue.how_to_create(name))
    return False
