"""Immediate checks, for the first hour after a deployment (checklist: checks 1 to 8)."""

from __future__ import annotations

import pytest

from checks.checklist import check
from checks.judge import Judge
from checks.rules import alerts as alert_rules
from checks.rules import alerts_state as alert_state
from checks.rules import catalogue as catalogue_rules
from checks.rules import cron as cron_rules
from checks.rules import dashboard_panels, endpoints, forgeries, handshake, job_calls, logs, protection
from checks.rules import dashboards as dashboard_rules
from checks.rules import dlq_passes as dlq_passes_rules
from checks.rules import forgery_trace as forgery_trace_rules
from checks.rules import success_rate as success_rate_rules
from fixtures.alerting.model import Alerting
from fixtures.dashboards.model import Dashboards
from fixtures.database.alert_measurements import AlertMeasurements
from fixtures.database.catalogue import Catalogue
from fixtures.database.connection import DatabaseConnection
from fixtures.database.cron import CronSchedule
from fixtures.database.dlq_passes import DlqPasses
from fixtures.database.forgery_trace import ForgeryTrace
from fixtures.database.success_rate import SuccessRate
from fixtures.logs.model import ApplicationLogs
from fixtures.outcome import Gap
from fixtures.settings.model import Settings
from fixtures.webhooks.model import EndpointContacts, Handshakes, ProcessorProbes, WebhookProbes

pytestmark = pytest.mark.immediate

tables_exist = check(1, "DLQ tables exist and accessible", criterion="must", area="database")


@tables_exist
def test_database_is_reached(database_connection: DatabaseConnection, judge: Judge) -> None:
    judge.expects("The deployment's database answers.")
    judge.finds(database_connection.in_words)
    judge.requires(bool(database_connection.server_version), "the database reported no version")


@tables_exist
def test_dlq_table_exists_and_is_accessible(
    dlq_table: str, catalogue: Catalogue, settings: Settings, judge: Judge
) -> None:
    judge.expects(f"Table {dlq_table} exists with its columns, serves the functions, and is closed to the public.")
    table = catalogue_rules.exists(judge, catalogue, dlq_table, settings)
    if table is not None:
        catalogue_rules.has_its_columns(judge, table, settings)
        catalogue_rules.report_what_may_be_left_out(judge, table)
        catalogue_rules.is_readable(judge, catalogue, table)
        catalogue_rules.serves_the_functions(judge, catalogue, table)
        protection.is_closed_to_the_public(judge, catalogue, table)


@tables_exist
def test_customer_table_is_protected(
    customer_table: str, catalogue: Catalogue, settings: Settings, judge: Judge
) -> None:
    judge.expects(f"Table {customer_table} exists with its columns, and nothing opens it to the public.")
    table = catalogue_rules.exists(judge, catalogue, customer_table, settings)
    for relation in (table, protection.successor_of(catalogue, customer_table, settings.names.schema)):
        if relation is not None:
            catalogue_rules.has_its_columns(judge, relation, settings)
            catalogue_rules.report_what_may_be_left_out(judge, relation)
            if protection.was_read(judge, relation):
                protection.is_closed_to_the_public(judge, catalogue, relation)


@tables_exist
def test_no_other_table_is_open(catalogue: Catalogue, settings: Settings, judge: Judge) -> None:
    judge.expects("No other table or view shows customers' data to anon or authenticated.")
    protection.no_other_table_is_open(judge, catalogue, settings)


@check(2, "Cron jobs are active", criterion="must", area="reliability")
def test_cron_job_is_active(
    cron_job: str, cron: CronSchedule, catalogue: Catalogue, settings: Settings, judge: Judge
) -> None:
    expected = settings.job(cron_job)
    judge.expects(f"Job {cron_job} is active on {expected.schedule}, calls {expected.target}, and runs.")
    cron_rules.scheduler_is_alive(judge, cron, catalogue)
    found = cron_rules.is_scheduled_once(judge, cron, expected, catalogue, settings)
    if found is not None:
        job = cron_rules.Scheduled(expected, found, cron, catalogue, settings)
        cron_rules.is_active_and_right(judge, job)
        job_calls.calls_its_function(judge, job)
        cron_rules.runs_when_due(judge, job)


@check(3, "First DLQ processing ran successfully", criterion="must", area="reliability")
def test_first_dlq_processing_ran(
    dlq_passes: DlqPasses, catalogue: Catalogue, settings: Settings, judge: Judge
) -> None:
    judge.expects("A pass of the DLQ processor completed since the deployment, and within the last 15 minutes.")
    now = catalogue.read_at
    rows = dlq_passes_rules.nothing_is_dated_in_the_future(judge, dlq_passes, now, settings)
    dlq_passes_rules.completed_in_time(judge, rows, dlq_passes, now, settings)


signatures_are_verified = check(4, "Webhook signature verification working", criterion="must", area="security")


@signatures_are_verified
def test_endpoint_answers(edge_function: str, endpoint_contacts: EndpointContacts, judge: Judge) -> None:
    endpoints.answers(judge, endpoint_contacts, edge_function)


@signatures_are_verified
def test_forgery_is_refused(
    webhook: str, forgery: str, endpoint_contacts: EndpointContacts, webhook_probes: WebhookProbes, judge: Judge
) -> None:
    endpoint_contacts.need(webhook)
    forgeries.refuses_the_forgery(judge, webhook_probes, webhook, forgery)


@signatures_are_verified
def test_signed_request_is_accepted(
    webhook: str, control: str, endpoint_contacts: EndpointContacts, webhook_probes: WebhookProbes, judge: Judge
) -> None:
    endpoint_contacts.need(webhook)
    forgeries.accepts_what_is_signed(judge, webhook_probes, webhook, control)


@signatures_are_verified
def test_handshake_is_answered(
    webhook: str, greeting: str, endpoint_contacts: EndpointContacts, handshakes: Handshakes, judge: Judge
) -> None:
    endpoint_contacts.need(webhook)
    handshake.answers_the_handshake(judge, handshakes, webhook, greeting)


@signatures_are_verified
def test_dlq_processor_is_closed(
    bearer: str, endpoint_contacts: EndpointContacts, dlq_processor_probes: ProcessorProbes, judge: Judge
) -> None:
    endpoint_contacts.need(dlq_processor_probes.function)
    handshake.is_closed_to(judge, dlq_processor_probes, bearer)


@signatures_are_verified
def test_closed_dlq_processor_processed_nothing(
    endpoint_contacts: EndpointContacts,
    dlq_processor_probes: ProcessorProbes,
    dlq_passes: DlqPasses,
    database_connection: DatabaseConnection,
    judge: Judge,
) -> None:
    endpoint_contacts.need(dlq_processor_probes.function)
    forgery_trace_rules.processed_nothing(judge, dlq_processor_probes, dlq_passes, database_connection)


@signatures_are_verified
def test_forgeries_left_no_trace(
    endpoint_contacts: EndpointContacts,
    webhook_probes: WebhookProbes,
    forgery_trace: ForgeryTrace,
    database_connection: DatabaseConnection,
    settings: Settings,
    *,
    judge: Judge,
) -> None:
    endpoint_contacts.need_any(settings.names.webhooks)
    forgery_trace_rules.left_no_trace(
        judge, forgery_trace, webhook_probes, database_connection, settings.names.schema
    )


@check(5, "Webhook processing success rate > 99%", criterion="should", area="reliability")
def test_success_rate(success_rate: SuccessRate, settings: Settings, judge: Judge) -> None:
    judge.expects(
        f"More than {settings.thresholds.success_rate_percent:g} % of the last hour's messages succeeded."
    )
    success_rate_rules.clock_is_right(judge, success_rate, settings)
    success_rate_rules.failures_can_be_seen(judge, success_rate, settings)
    success_rate_rules.rate_is_above_threshold(judge, success_rate, settings)
    judge.shows(
        "Messages by outcome",
        [
            {
                "service": c.service,
                "only in the DLQ": c.only_in_dlq,
                "succeeded": c.succeeded,
                "messages": c.count,
            }
            for c in success_rate.counts
        ],
    )


no_errors_logged = check(6, "No errors in application logs", criterion="must", area="observability")


@no_errors_logged
def test_functions_logged_no_error(
    application_log: str, application_logs: ApplicationLogs, settings: Settings, judge: Judge
) -> None:
    judge.expects("The log has entries since the deployment, all of them readable and none of them an error.")
    found = application_logs.of(application_log)
    logs.say_something(judge, found, settings)
    logs.are_not_ahead(judge, found, settings)
    logs.tell_of_no_error(judge, found, settings, application_logs)
    logs.report_what_is_not_covered(judge, settings)


@no_errors_logged
def test_cron_run_did_not_fail(run_log: str, cron: CronSchedule, catalogue: Catalogue, judge: Judge) -> None:
    judge.expects(f"The scheduled jobs ran since the deployment, and none of the {run_log} failed.")
    cron_rules.no_run_failed(judge, cron, catalogue)


@check(7, "Monitoring dashboards showing data", criterion="should", area="observability")
def test_dashboard_shows_data(dashboard: str, dashboards: Dashboards, settings: Settings, judge: Judge) -> None:
    judge.expects(f"Dashboard {dashboard} exists, and every query of its panels returns data up to now.")
    found = dashboard_rules.exists(judge, dashboards, dashboard, settings)
    if found is not None and dashboard_rules.has_panels(judge, found):
        dashboard_rules.data_sources_exist(judge, found)
        dashboard_panels.show_data(judge, dashboards, found, settings.dashboard(dashboard))


@check(8, "Alerts are triggering correctly", criterion="should", area="observability")
def test_alert_triggers(
    alert: str,
    alerting: Alerting,
    alert_measurements_or_gap: AlertMeasurements | Gap,
    database_connection_or_gap: DatabaseConnection | Gap,
    settings: Settings,
    *,
    judge: Judge,
) -> None:
    expected = settings.alert(alert)
    judge.expects(
        f"Alert rule {expected.rule} is right and evaluated, reaches somebody, and fires if the database says so."
    )
    judge.shows("Alert rules", alert_rules.as_rows(expected, alerting))
    gap = alert_rules.triggers(judge, expected, alerting, settings)
    measured = alert_measurements_or_gap, database_connection_or_gap
    alert_state.agrees(judge, expected, alerting, *measured, settings=settings)
    alert_rules.was_looked_at(judge, gap)
