"""Whole runs against endpoints with a fault, and the options of the probes, as their user meets them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.evidence.document import Evidence, plain, to_text
from fixtures.settings.model import Settings
from tests.running import Run, environment, run_suite
from tests.webhooks.outcomes import access_to
from tests.webhooks.server import SECRET, SERVICE_KEY, TOKEN, Server, honest
from tests.webhooks.faults import FAULTS

CHECK_04 = ("-m", "immediate", "-k", "forgery or signed or handshake or bearer")


def run(server: Server, folder: Path, fault: str, *arguments: str) -> tuple[Run, str]:
    behaviour = FAULTS[fault].make()
    base_url = server.serve(lambda arrival: behaviour(arrival) or honest(arrival))
    return run_suite(folder, *CHECK_04, *arguments, environ=environment(access_to(base_url))), base_url


def cases(done: Run) -> dict[str, str]:
    """The cases of check 4, such as ``wa-webhook-core-no-signature``."""
    return {one["id"]: one["status"] for one in done.check("check-04")["cases"]}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_report_names_endpoint_and_forgery(server: Server, tmp_path: Path, workers: tuple[str, ...]) -> None:
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
    done, base_url = run(server, tmp_path / "live", "lets-bare-bodies-in")
    sent = len(server.arrivals(base_url))
    again = run_suite(tmp_path / "again", *CHECK_04, f"--replay={tmp_path / 'live' / 'evidence.json'}")
    assert cases(again) == cases(done)
    assert again.status == done.status
    assert len(server.arrivals(base_url)) == sent


def test_no_secret_and_no_right_signature_is_left_anywhere(server: Server, tmp_path: Path) -> None:
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
        (("--probe-requests", "many"), "'many' is no whole number from 0 to 9999999999"),
        (("--probe-seed", "-1"), "'-1' is no whole number from 0 to 9999999999"),
        (("--probe-requests", "12"), "(or --probe-requests) is 12; expected at least 37"),
    ],
)
def test_bad_option_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    environ = environment(EASYMO_BASE_URL="http://127.0.0.1:9")
    done = run_suite(tmp_path, *CHECK_04, *arguments, environ=environ)
    assert done.status == 4
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_probes_and_a_replay_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(to_text(plain(Evidence(Settings(), datetime.now(UTC)))))
    done = run_suite(tmp_path / "run", *CHECK_04, f"--replay={file}", "--timing")
    assert done.status == 4
    sentence = (
        "--replay judges recorded evidence and sends nothing: give it without --probe-requests, --probe-seed, "
        "--probe-processor and --timing"
    )
    assert done.output.strip() == f"ERROR: {sentence}"


def test_budget_of_the_command_line_holds(server: Server, tmp_path: Path) -> None:
    base_url = server.serve(honest)
    done = run_suite(tmp_path, *CHECK_04, "--probe-requests", "44", environ=environment(access_to(base_url)))
    assert set(cases(done).values()) == {"passed"}
    assert len([one for one in server.arrivals(base_url) if one.function == "wa-webhook-core"]) == 44
