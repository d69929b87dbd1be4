"""``python -m tests.benchmarks --rows 1000000``: measures what a run costs a deployment with that many messages.

Starts a local deployment, fills it with a week of traffic, and prints for each piece of evidence what its
statements cost the server, with the indexes of the contract and, on request, without them.
"""

from __future__ import annotations

import argparse
import sys
import time

import psycopg

from fixtures.local import LocalDeployment
from fixtures.settings.model import Settings
from tests.benchmarks.loading import drop_indexes, load, size
from tests.benchmarks.measuring import Cost, measure, read_whole

CHECKS = {
    "catalogue": "all",
    "cron": "2, 6",
    "dlq_passes": "3",
    "forgery_trace": "4",
    "success_rate": "5",
    "dlq_queue": "9",
    "message_fates": "10",
    "circuit_breakers": "11",
    "database_load": "12",
    "table_statistics": "12, 14",
    "partitioning": "13",
    "failure_patterns": "15",
    "database_sizes": "16",
    "backlog_of_the_week": "18",
    "silence_of_the_week": "18",
    "error_rate_of_the_week": "18",
    "archive_state": "19",
    "alert_measurements": "8",
}
"""Piece of evidence → the checks that use it."""


def main() -> int:
    """Load, measure and print the costs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the three message tables together")
    parser.add_argument("--kind", choices=("native", "embedded", "containers"), default="native")
    parser.add_argument(
        "--without-indexes", action="store_true", help="also measure without the contract's indexes"
    )
    arguments = parser.parse_args()
    with LocalDeployment.start(arguments.kind) as deployment:
        assert deployment.access.database is not None
        with psycopg.connect(deployment.superuser_url.reveal(), autocommit=True) as connection:
            began = time.perf_counter()
            load(connection, arguments.rows)
            took = time.perf_counter() - began
            tell(f"{arguments.rows:,} rows, {size(connection)}, loaded in {took:.0f} s: {deployment.description}")
            report(deployment, "with the indexes of the contract")
            if arguments.without_indexes:
                drop_indexes(connection)
                report(deployment, "without any index")
    return 0


def report(deployment: LocalDeployment, heading: str) -> None:
    """Print the table of costs, the time of a whole reading, and its gaps."""
    assert deployment.access.database is not None
    settings = Settings()
    whole = read_whole(deployment.access.database, settings)
    costs = measure(deployment.access.database, settings)
    tell(f"\n{heading}\n\n| evidence | checks | ms | MiB read | rows scanned |")
    tell("| --- | --- | ---: | ---: | ---: |")
    for piece, cost in costs.items():
        tell(f"| `{piece}` | {CHECKS.get(piece, '')} {line(cost)}")
    tell(f"| together | {line(sum(costs.values(), Cost()))}")
    tell(f"\nThe whole reading took {whole.seconds:.2f} s, and {whole.cpu_seconds:.2f} s of processor time.")
    for piece, gap in whole.gaps.items():
        tell(f"- `{piece}`: {gap.status}: {gap.reason} ({gap.advice})")


def line(cost: Cost) -> str:
    """Return the figures of one row of the table."""
    if cost.cancelled:
        return f"| over {cost.milliseconds:.0f}, cancelled | | |"
    return f"| {cost.milliseconds:.0f} | {cost.buffers * 8 / 1024:.1f} | {cost.rows:,} |"


def tell(text: str) -> None:
    """Write to the terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
