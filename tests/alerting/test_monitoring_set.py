"""The rules, routes and queries that docs/monitoring.md offers, with the programs that they are for."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.request

import pytest
import yaml

from fixtures.local.monitoring_stack import FILES, MonitoringStack, missing_programs
from fixtures.settings.model import Settings
from tests.docs.pages import page, snippet

PASSWORD = "exporter-of-the-tests-4711"

METRICS = {
    "dlq_pending",
    "dlq_by_status_entries",
    "dlq_oldest_pending_age_seconds",
    "dlq_processor_last_success_timestamp_seconds",
    "webhook_requests_total",
}

COMMANDS = [
    *("promtool test rules rules_test.yml", "promtool check config prometheus.yml"),
    *(
        "amtool check-config alertmanager.yml",
        "amtool config routes test --config.file=alertmanager.yml severity=critical",
    ),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_documented_command_succeeds(command):
    """As the page has it, in the folder with the files."""
    program, *words = command.split()
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    assert command in page("monitoring.md")
    done = subprocess.run([program, *words], cwd=FILES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_tests_of_the_rules_can_fail(tmp_path):
    """With another threshold they do."""
    for name in ("rules.yml", "rules_test.yml"):
        shutil.copy(FILES / name, tmp_path)
    rules = (FILES / "rules.yml").read_text()
    for wrong in (
        rules.replace("> 900", "> 960"),
        rules.replace("> 100", "> 99"),
        rules.replace("> 0.05", "> 0.04"),
    ):
        assert wrong != rules
        (tmp_path / "rules.yml").write_text(wrong)
        words = ["promtool", "test", "rules", "rules_test.yml"]
        assert subprocess.run(words, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_rules_are_those_of_the_settings():
    """Every alert of the settings, with its severity; each with annotations, and in the page's table."""
    rules = {
        rule["alert"]: rule for rule in yaml.safe_load((FILES / "rules.yml").read_text())["groups"][0]["rules"]
    }
    for alert in Settings().alerts:
        assert rules[alert.rule]["labels"] == {"severity": alert.severity}
    for name, rule in rules.items():
        assert rule["annotations"].keys() == {"summary", "description"}
        assert f"| `{name}` |" in page("monitoring.md")


def test_secrets_stand_in_files():
    """Alertmanager expands no variables: neither example has any, nor a key."""
    for name in ("alertmanager.yml", "prometheus.yml"):
        assert "${" not in (FILES / name).read_text()
    keys = re.findall(r"\b(routing_key\w*|service_key\w*|api_url\w*)", (FILES / "alertmanager.yml").read_text())
    assert keys
    assert all(key.endswith("_file") for key in keys)


def metrics_of(stack):
    """Metric → labels → value, as the exporter gives them."""
    with urllib.request.urlopen(f"{stack.exporter_url}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    values = {}
    for name, labels, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        own = re.sub(r'server="[^"]*",?', "", labels).rstrip(",")
        values.setdefault(name, {})[own] = float(value)
    return types, values


@pytest.mark.skipif(bool(missing_programs()), reason="the programs of the monitoring are not installed")
def test_exporter_with_the_documented_role(any_deployment, tmp_path):
    """The role of the page is enough for every metric, and sees no personal data."""
    any_deployment.owner_execute(snippet("monitoring.md", "exporter-role"))
    any_deployment.superuser_execute(f"ALTER ROLE easymo_exporter PASSWORD '{PASSWORD}'")
    place = any_deployment.superuser_url.reveal().rpartition("@")[2]
    url = f"postgresql://easymo_exporter:{PASSWORD}@{place}"
    try:
        with MonitoringStack(tmp_path, url) as stack:
            types, values = metrics_of(stack)
    finally:
        any_deployment.superuser_execute("DROP OWNED BY easymo_exporter; DROP ROLE easymo_exporter")
    own = {name for name in types if name.startswith(("dlq_", "webhook_"))}
    assert own == METRICS
    assert {name: types[name] for name in own if types[name] != "gauge"} == {"webhook_requests_total": "counter"}
    [(_, pending)] = values["dlq_pending"].items()
    by_status = values["dlq_by_status_entries"]
    assert pending == by_status['status="pending"'] == 4
    assert by_status.keys() == {
        f'status="{one}"' for one in ("pending", "processing", "reprocessed", "failed", "discarded")
    }
    assert values["webhook_requests_total"].keys() == {'outcome="error"', 'outcome="success"'}
    counted = any_deployment.superuser_execute(
        "SELECT count(*)::int FROM processed_webhook_messages "
        "WHERE processed AND created_at >= date_trunc('day', now(), 'UTC')"
    )
    assert values["webhook_requests_total"]['outcome="success"'] == counted[0][0]
    assert not any(name.startswith(("pg_stat", "pg_settings")) for name in types)


@pytest.mark.skipif(bool(missing_programs()), reason="the programs of the monitoring are not installed")
def test_empty_deployment_has_every_metric(any_deployment, tmp_path):
    """Without rows they are 0, so that the rules have their metrics; and no pass ever lets the alert fire."""
    any_deployment.superuser_execute("TRUNCATE webhook_dlq, dlq_processing_log, processed_webhook_messages")
    with MonitoringStack(tmp_path, any_deployment.superuser_url.reveal()) as stack:
        _, values = metrics_of(stack)
    assert {name for name in values if name in METRICS} == METRICS
    assert {value for name in METRICS for value in values[name].values()} == {0}


def test_stack_says_what_is_missing(monkeypatch, tmp_path):
    """By the names of Debian's packages."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_programs() == ["prometheus", "alertmanager", "exporter"]
    with pytest.raises(Exception, match="not installed for the monitoring: prometheus, prometheus-alertmanager"):
        MonitoringStack(tmp_path, "postgresql://a@b/c").start()


@pytest.mark.skipif(bool(missing_programs()), reason="the programs of the monitoring are not installed")
def test_stack_that_does_not_start_is_stopped(tmp_path):
    """Its message has the last line of the program's log, and no password."""
    stack = MonitoringStack(tmp_path, "postgresql://a:secret-word@127.0.0.1:1/c", alertmanager="route: {}")
    with pytest.raises(Exception, match="alertmanager of the local monitoring did not start") as raised:
        stack.start()
    assert "secret-word" not in str(raised.value)
    assert stack._processes == {}
