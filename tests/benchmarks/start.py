"""``python -m tests.benchmarks.start [--against DIR]``: measures the time of a replay: start-up, judging, writing.

With ``--against`` another checkout of the suite takes turns with this one, so that changes in the machine's speed
affect both alike.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.replays.recordings import unpack
from tests.running import ROOT, environment

RUNS = 7


def seconds_of_a_replay(checkout: Path, evidence: Path, folder: Path) -> float:
    """Return the seconds from start to end of one replay of recorded evidence.

    Raises:
        RuntimeError: the replay ended without a verdict.
    """
    arguments = ("-q", "-m", "immediate", f"--replay={evidence}", f"--report-dir={folder}")
    environ = environment() | {"PYTHONPATH": str(checkout)}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], cwd=checkout, env=environ, capture_output=True, check=False
    )
    if done.returncode not in (0, 1):  # 1: a newer version finds old evidence unproven
        raise RuntimeError(done.stdout.decode())
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print median and range for each checkout."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.start", description=__doc__)
    parser.add_argument("--against", metavar="DIR", type=Path, help="another checkout, measured in turns")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"runs of each checkout (default: {RUNS})")
    given = parser.parse_args()
    checkouts = [ROOT] + ([given.against.resolve()] if given.against else [])
    times: dict[Path, list[float]] = {checkout: [] for checkout in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        evidence = unpack("healthy", Path(folder))
        for turn in range(given.runs + 1):
            for checkout in checkouts:
                taken = seconds_of_a_replay(checkout, evidence, Path(folder) / "out")
                times[checkout] += [taken] if turn else []  # the first turn fills the caches
    for checkout, taken in times.items():
        ends = f"{min(taken):.2f} to {max(taken):.2f}"
        sys.stdout.write(f"{checkout}: median {statistics.median(taken):.2f} s ({ends} s, {len(taken)} runs)\n")


if __name__ == "__main__":
    main()
