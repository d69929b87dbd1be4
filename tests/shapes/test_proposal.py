"""``pytest --propose-settings``: prints a file of settings for what is there, and nothing else."""

from __future__ import annotations

import pytest

from fixtures.outcome import Status
from fixtures.settings.load import load_settings
from fixtures.settings.model import Settings
from tests.outcomes import judge_all, read
from tests.running import environment, run_suite
from tests.shapes import grow, settings_of
from tests.shapes.test_healthy import CHECKS

ASKED = "--propose-settings"


@pytest.fixture
def proposed(any_deployment, tmp_path):
    """Runs the option on the deployment; gives its output and the settings in it."""

    def proposing():
        run = run_suite(tmp_path, ASKED, environ=environment(any_deployment.access))
        assert run.status == 0, run.output
        file = tmp_path / "proposed.toml"
        file.write_text(run.output, encoding="utf-8")
        return run.output, load_settings(file, None, {}, tmp_path)[0]

    return proposing


def test_contract_needs_no_settings(proposed):
    """On a deployment as in the contract the output says so, and is a valid file without settings."""
    output, settings = proposed()
    assert "All that was found is called as in the contract" in output
    assert "Read each line and correct it" in output
    assert settings == Settings()


@pytest.mark.parametrize("shape", ["renamed", "rows_mean_done"])
def test_proposed_settings_fit(any_deployment, proposed, shape):
    """With what is proposed every database check passes."""
    grow(any_deployment, shape, settings_of(shape))
    output, settings = proposed()
    assert settings.names.tables == settings_of(shape).names.tables, output
    outcomes = judge_all(CHECKS, read(any_deployment.access, CHECKS, settings))
    assert {case: one.reason for case, one in outcomes.items() if one.status is not Status.PASSED} == {}, output


def test_second_queue_is_proposed(any_deployment, proposed):
    """Its columns and all words of its enumerated type, and a remark on each column that nothing is like."""
    wanted = settings_of("two_queues").dead_letters[1]
    grow(any_deployment, "two_queues", settings_of("two_queues"))
    output, settings = proposed()
    assert [one.table for one in settings.dead_letters] == ["webhook_dlq", "template_retries"]
    found = settings.dead_letters[1]
    unlike = {"id": "ticket", "reprocessed_at": "sent_at"}
    assert found.columns | unlike == wanted.columns
    for column in unlike:
        assert f"# {column}: nothing in template_retries is like it" in output
    assert {status: {*words} for status, words in found.statuses.items()} == {
        status: {*words} for status, words in wanted.statuses.items()
    }


def test_personal_values_never_appear(any_deployment, proposed):
    """A status column that holds names, numbers or sentences proposes none of them."""
    any_deployment.superuser_execute(
        "ALTER TABLE webhook_dlq DROP CONSTRAINT webhook_dlq_status_check;"
        "INSERT INTO webhook_dlq (service, payload, status) VALUES ('wa-webhook', '{}', '+250788123456'), "
        "('wa-webhook', '{}', 'Jane Doe'), ('wa-webhook', '{}', 'jane@example.org'), "
        "('wa-webhook', '{}', 'queued'), ('wa-webhook', '{}', 'limbo')"
    )
    output, settings = proposed()
    for value in ("250788123456", "Jane", "jane", "example.org"):
        assert value not in output
    assert settings.dead_letters[0].statuses == {"pending": ("pending", "queued")}
    assert "# Statuses of webhook_dlq whose meaning is not known: limbo" in output


def test_hidden_table_proposes_no_words(any_deployment, proposed):
    """A table that the role may not read is named by the catalogue; its words are said to be unread."""
    any_deployment.superuser_execute("REVOKE SELECT ON webhook_dlq FROM easymo_verifier")
    output, settings = proposed()
    assert "# The statuses in webhook_dlq could not be read." in output
    assert settings == Settings()


def test_credentials_of_a_job_stay_in_it(any_deployment, proposed):
    """Of a job's command only the name of what it calls is printed."""
    any_deployment.superuser_execute(
        "UPDATE cron.job SET command = $$SELECT net.http_post('https://x.supabase.co/functions/v1/dlq-processor', "
        "headers := '{\"Authorization\": \"Bearer very-secret-4711\"}')$$ WHERE jobname = 'process-dlq-entries'"
    )
    output, settings = proposed()
    assert "very-secret" not in output
    assert settings.jobs[0].edge_function == "dlq-processor"


def test_database_is_required(tmp_path):
    """Without a database the usage is one sentence."""
    run = run_suite(tmp_path, ASKED, environ={"EASYMO_BASE_URL": "https://x.example"})
    assert run.status == 4
    assert "--propose-settings reads a database; expected EASYMO_DATABASE_URL" in run.output


def test_absent_database_is_one_sentence(tmp_path):
    """A refused connection ends with the reason, without a traceback."""
    run = run_suite(tmp_path, ASKED, environ={"EASYMO_DATABASE_URL": "postgresql://a:secret@127.0.0.1:1/x"})
    assert run.status == 4
    assert "--propose-settings: the database at 127.0.0.1:1" in run.output
    assert "secret" not in run.output
    assert "Traceback" not in run.output


def test_stranger_in_a_schema_of_its_own_is_proposed(any_deployment, proposed):
    """Each table stands for the right one of the contract, though none has most of its columns."""
    wanted = settings_of("hand_grown")
    grow(any_deployment, "hand_grown", wanted)
    output, settings = proposed()
    assert settings.names.schema == "whatsapp"
    assert settings.names.tables == wanted.names.tables, output
    assert {one.table for one in settings.dead_letters} == {one.table for one in wanted.dead_letters}
    assert settings.columns.wa_events == wanted.columns.wa_events
