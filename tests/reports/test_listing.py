"""``pytest --checks``: every item with what it needs, without contact to any deployment."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest

from checks.checklist import CHECKLIST, label_of
from tests.running import ROOT, environment, run_suite

DATABASE = {"EASYMO_DATABASE_URL": "postgresql://reader:hidden99@198.51.100.7/postgres"}
"""An address that never answers; a connection to it would wait for its timeout."""


def listed(tmp_path, *arguments, **variables):
    """The lines of the list by item, and the run."""
    run = run_suite(tmp_path / "reports", "--checks", *arguments, environ=environment(None, **variables))
    entries: dict[str, list[str]] = {}
    for line in run.output.splitlines():
        if found := re.match(r"(Check|Step|Phase|Rollback|Partial) [\d.]+", line):
            entries[found[0]] = []
        if entries and line:
            entries[list(entries)[-1]].append(line)
    return entries, run


NO_LOGS = ["EASYMO_LOG_FILE or", "SUPABASE_ACCESS_TOKEN or", "EASYMO_LOKI_URL not set"]


def alternatives(lines):
    """What an item needs one of."""
    return [found[0] for line in lines if (found := re.search(r"[A-Z_]{8,} or$|(?<= )EASYMO_LOKI_URL.*$", line))]


def test_items_are_in_the_checklists_order(tmp_path):
    """Label, marker, criterion and title are on the item's first line."""
    entries, run = listed(tmp_path)
    assert run.status == 0, run.output
    steps = [label for label in entries if label.startswith("Step")]
    checks = [int(label.split()[1]) for label in entries if label.startswith("Check")]
    assert list(entries)[: len(steps)] == steps
    assert checks == sorted(checks)
    assert set(range(1, 9)) <= set(checks)
    assert re.fullmatch(
        r"Check 2 +immediate +must +Cron jobs are active +EASYMO_DATABASE_URL", entries["Check 2"][0]
    )


def test_whole_checklist_is_listed(tmp_path):
    """Items without a test are listed apart, none is in both lists, and a selection leaves them out."""
    entries, run = listed(tmp_path)
    _, _, rest = run.output.partition("without a test in this version, so check them by hand:")
    by_hand = set(re.findall(r"(?m)^  ((?:Phase|Step|Check|Rollback|Partial) [\d.]+)  ", rest))
    assert not by_hand & set(entries)
    assert by_hand | set(entries) == {label_of(item) for item in CHECKLIST}
    assert len(CHECKLIST) == 23 + 19 + 19 + 8  # phases, steps, checks, rollback items
    assert "by hand" not in listed(tmp_path, "-m", "daily")[1].output


@pytest.mark.parametrize("arguments", [(), ("-v",)], ids=["list", "details"])
@pytest.mark.parametrize(("columns", "widest"), [("", 100), ("80", 80), ("200", 100)])
def test_columns_are_aligned_and_fit(tmp_path, arguments, columns, widest):
    """No line is wider than the terminal or 100 columns, and each column begins below its heading."""
    empty = {"WA_VERIFY_TOKEN": "", "WHATSAPP_APP_SECRET": "", "SUPABASE_SERVICE_ROLE_KEY": ""}
    entries, run = listed(tmp_path, *arguments, **DATABASE, **empty, COLUMNS=columns)
    lines = run.output.splitlines()
    assert max(map(len, lines)) <= widest
    heading = next(line for line in lines if line.startswith("item"))
    needs = heading.index("needs")
    for first, *_ in entries.values():
        assert first[heading.index("marker") - 1] == " " != first[heading.index("marker")]
        assert first[needs - 1] == " " != first[needs]


def test_narrow_terminal_gets_the_whole_list(tmp_path):
    """The lines are wider than the terminal then, but complete."""
    entries, run = listed(tmp_path, "-m", "immediate", **DATABASE, COLUMNS="30")
    assert run.status == 0, run.output
    assert len(entries) == 8
    assert alternatives(entries["Check 6"]) == NO_LOGS


def test_missing_variables_are_named(tmp_path):
    """A missing variable is named beside the check that needs it; values of variables are not shown."""
    entries, run = listed(tmp_path, "-m", "immediate", **DATABASE)
    assert "not set" not in "".join(entries["Check 1"])
    assert alternatives(entries["Check 6"]) == NO_LOGS
    for name in ("EASYMO_BASE_URL", "WHATSAPP_APP_SECRET", "WA_VERIFY_TOKEN"):
        assert f"{name} not set" in "".join(entries["Check 4"])
    assert "target: 198.51.100.7" in run.output
    assert "4 of 8 checks have all the variables they need" in run.output
    assert "hidden99" not in run.output


def test_target_address_counts_as_base_url(tmp_path):
    """A base URL in the file of settings needs no variable."""
    file = tmp_path / "fleet.toml"
    file.write_text("[targets.production]\nbase_url = 'https://198.51.100.7'\n")
    entries, run = listed(tmp_path, f"--deployment={file}", "--target", "production")
    assert "target: production" in run.output
    assert "EASYMO_BASE_URL not set" not in "".join(entries["Check 4"])
    assert "EASYMO_DATABASE_URL not set" in "".join(entries["Check 1"])


def test_listing_contacts_no_deployment(tmp_path):
    """It connects neither to the database nor to the endpoints."""
    with socket.create_server(("127.0.0.1", 0)) as database, socket.create_server(("127.0.0.1", 0)) as functions:
        variables = {
            "EASYMO_DATABASE_URL": f"postgresql://reader:hidden99@127.0.0.1:{database.getsockname()[1]}/postgres",
            "EASYMO_BASE_URL": f"http://127.0.0.1:{functions.getsockname()[1]}",
            "WHATSAPP_APP_SECRET": "hidden99",
        }
        _, run = listed(tmp_path, **variables)
        assert run.status == 0, run.output
        for server in (database, functions):
            server.setblocking(False)
            with pytest.raises(BlockingIOError):
                server.accept()


def test_closed_output_is_no_error():
    """As in ``pytest --checks | head -1``."""
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "--checks"],
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_listing_starts_and_writes_nothing(tmp_path):
    """Without addresses a run would start a local deployment; the list only names it."""
    entries, run = listed(tmp_path, "-m", "immediate", TMPDIR=str(tmp_path))
    assert "a local deployment, which a run starts on this machine" in run.output
    assert "not set" not in run.output
    assert len(entries) == 8
    assert not (tmp_path / "reports").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("easymo-")]


@pytest.mark.parametrize(
    ("arguments", "variables"), [(("--target", "production"), {}), ((), {"EASYMO_DATABASE_URL": ""})]
)
def test_listing_without_addresses_names_them(tmp_path, arguments, variables):
    """A run would end with a usage error; the list shows which variables to set."""
    entries, run = listed(tmp_path, "-m", "immediate", *arguments, **variables)
    assert run.status == 0, run.output
    assert "EASYMO_DATABASE_URL not set" in "".join(entries["Check 1"])
    assert "0 of 8 checks have all the variables they need" in run.output


def test_empty_variables_are_named(tmp_path):
    """A CI system sets the variable of an undefined secret to the empty string."""
    entries, run = listed(tmp_path, "-m", "immediate", WA_VERIFY_TOKEN="", **DATABASE)
    assert "WA_VERIFY_TOKEN not set" in "".join(entries["Check 4"])
    assert "set but empty, so treated as not set: WA_VERIFY_TOKEN" in run.output


def test_details_name_the_evidence(tmp_path):
    """``-v`` names the kinds of evidence that a check judges."""
    entries, _ = listed(tmp_path, "-v", "-k", "cron_job")
    assert [line.split("evidence: ")[1] for line in entries["Check 2"] if "evidence: " in line] == [
        "catalogue",
        "cron",
    ]


def test_selections_work_as_in_a_run(tmp_path):
    """A marker narrows the list; an empty selection is reported; a misspelt marker is a usage error."""
    entries, _ = listed(tmp_path, "-m", "deploy")
    assert {label.split()[0] for label in entries} == {"Step"}
    entries, run = listed(tmp_path, "-m", "immediate and not immediate")
    assert (entries, run.status) == ({}, 0)
    assert "no check is selected by immediate and not immediate" in run.output
    _, run = listed(tmp_path, "-m", "immediat")
    assert run.status == 4
    assert "immediat" in run.output
    _, run = listed(tmp_path, "tests/operations")
    assert run.status == 4
    assert "--checks lists only the folder checks" in run.output
