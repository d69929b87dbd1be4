"""Whole runs against endpoints with a fault, and the options of the probes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.evidence.document import Evidence, plain, to_text
from fixtures.settings.model import Settings
from tests.running import Run, environment, run_suite
from tests.webhooks.faults import FAULTS
from tests.webhooks.outcomes import access_to
from tests.webhooks.server import SECRET, SERVICE_KEY, TOKEN, Server, honest

CHECK_04 = ("-m", "immediate", "-k", "forgery or signed or handshake or bearer")
ALWAYS = "--probe-processor=always"
"""Without a database the processor is called only on request."""


def run(server: Server, folder: Path, fault: str, *arguments: str) -> tuple[Run, str]:
    """Run check 4 against a server with this fault; return the run and the base URL."""
    behaviour = FAULTS[fault].make()
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    return run_suite(folder, *CHECK_04, ALWAYS, *arguments, environ=environment(access_to(base_url))), base_url


def cases(done: Run) -> dict[str, str]:
    """The cases of check 4, such as ``wa-webhook-core-no-signature``."""
    return {one["id"]: one["status"] for one in done.check("check-04")["cases"]}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_report_names_endpoint_and_forgery(server: Server, tmp_path: Path, workers: tuple[str, ...]) -> None:
    """A run fails with the endpoint, the forgery and the seed in its output, with and without workers."""
    done, base_url = run(server, tmp_path, "believes-x-debug-1", "--probe-seed", "7", *workers)
    assert done.status == 1, done.output
    found = cases(done)
    assert found.pop("wa-webhook-core-debug-headers") == "failed", done.output
    names = ("wa-webhook", "wa-webhook-unified", "wa-webhook-core")
    assert {case for case, status in found.items() if status != "passed"} <= {f"{n}-debug-headers" for n in names}
    assert "wa-webhook-core answered 200 to a forged request (x-debug: 1; no signature)" in " ".join(
        done.output.split()
    )
    assert done.output.count("seed of the generated requests: 7") == 1
    seeds = json.loads((tmp_path / "evidence.json").read_text())["pieces"]["webhook_probes"]["seed"]
    assert seeds == 7
    assert len([one for one in server.arrivals(base_url) if one.function == "wa-webhook"]) <= 70


def test_replay_judges_the_same_and_sends_nothing(server: Server, tmp_path: Path) -> None:
    """A replay gives each case the same status, and no request arrives."""
    done, base_url = run(server, tmp_path / "live", "accepts-bare-bodies")
    sent = len(server.arrivals(base_url))
    again = run_suite(tmp_path / "again", *CHECK_04, f"--replay={tmp_path / 'live' / 'evidence.json'}")
    assert cases(again) == cases(done)
    assert again.status == done.status
    assert len(server.arrivals(base_url)) == sent


def test_no_secret_or_signature_is_written(server: Server, tmp_path: Path) -> None:
    """Neither the output nor a file contains a secret or a right signature, not even with debug logs."""
    done, base_url = run(server, tmp_path, "compares-eight-digits", "-vv", "--log-cli-level=DEBUG", "--showlocals")
    files = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    everything = "\n".join([done.output, *files])
    assert "<the right signature, its last bit flipped>" in everything
    for secret in (SECRET, TOKEN, TOKEN[:-1], SERVICE_KEY):
        assert secret not in everything
    for arrival in server.arrivals(base_url):
        if arrival.is_delivery:
            assert arrival.right not in everything
            assert arrival.right.removeprefix("sha256=") not in everything


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--probe-requests", "many"), "'many' is not a whole number from 0 to 9999999999"),
        (("--probe-seed", "-1"), "'-1' is not a whole number from 0 to 9999999999"),
        (("--probe-requests", "12"), "(or --probe-requests) is 12; expected at least 37"),
    ],
)
def test_bad_option_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    """A bad number exits with 4 and one sentence."""
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9")
    done = run_suite(tmp_path, *CHECK_04, *arguments, environ=environ)
    assert done.status == 4
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_replay_refuses_probe_options(tmp_path: Path) -> None:
    """A replay with an option of the probes exits with 4."""
    file = tmp_path / "evidence.json"
    file.write_text(to_text(plain(Evidence(Settings(), datetime.now(UTC)))))
    done = run_suite(tmp_path / "run", *CHECK_04, f"--replay={file}", "--timing")
    assert done.status == 4
    sentence = (
        "--replay sends no requests: use it without --probe-requests, --probe-seed, --probe-processor and --timing"
    )
    assert done.output.strip() == f"ERROR: {sentence}"


def test_budget_of_the_command_line_holds(server: Server, tmp_path: Path) -> None:
    """``--probe-requests`` sets the requests that arrive."""
    base_url = server.serve(honest)
    arguments = (*CHECK_04, ALWAYS, "--probe-requests", "44")
    done = run_suite(tmp_path, *arguments, environ=environment(access_to(base_url)))
    assert set(cases(done).values()) == {"passed"}
    assert len([one for one in server.arrivals(base_url) if one.function == "wa-webhook-core"]) == 44
