"""Rules of steps 4.1 and 4.2, which check 7 begins with: the dashboards exist, and so do their data sources."""

from __future__ import annotations

from datetime import timedelta

from checks.judge import Judge
from checks.rules.dashboard_places import by_cause, where
from fixtures.dashboards.model import Answered, Dashboards, GrafanaDashboard
from fixtures.outcome import NotApplicable
from fixtures.settings.model import Settings
from fixtures.wording import counted, duration, in_toml

CLOCK_SECONDS = 60.0
"""A difference of clocks that is worth a mention."""

WHY = "in an incident nobody sees on it what happens"
IMPORT = (
    "import its JSON in Grafana; the suite's own dashboards are in fixtures/local/monitoring/dashboards. "
    "If it has another title, set title or uid in [[dashboards]] in deployment.toml. If its folder is closed to "
    "the service account of EASYMO_GRAFANA_TOKEN, let it view the folder"
)
CHOOSE = "open the panel in Grafana with Edit, and choose the data source that has its figures"


def exists(judge: Judge, dashboards: Dashboards, name: str, settings: Settings) -> GrafanaDashboard | None:
    """Require that Grafana has the dashboard; return it, or None if it was not found.

    Raises:
        Unproven, CouldNotLook: Grafana does not show it to the suite, or could not be read.
    """
    expected, found = settings.dashboard(name), dashboards.of(name)
    wanted = f"with uid {expected.uid}" if expected.uid else f"with the title {in_toml(expected.title or '')}"
    if found.gap is not None:
        found.gap.raise_as_outcome()
    if found.matches:
        judge.cannot_tell(
            f"several dashboards have {in_toml(expected.title or '')} in their title: {'; '.join(found.matches)}",
            f"set uid to that of the one that is meant, in the entry {name} of [[dashboards]] in deployment.toml",
        )
        return None
    if not found.title and not found.visible:
        judge.cannot_tell(
            f"Grafana shows the token no dashboards: it has none, or the token may see none, so the one {wanted} "
            "was not found",
            "the role Viewer for the service account of EASYMO_GRAFANA_TOKEN, in the dashboards' organisation",
        )
        return None
    near = f"; the nearest: {'; '.join(found.nearest)}" if found.nearest else ""
    shown = f"{counted(found.visible, 'dashboard')} that the token may see"
    if not judge.requires(
        bool(found.title),
        f"Grafana has no dashboard {wanted} among {shown}{near}",
        expected=f"a dashboard {wanted}",
        why=WHY,
        advice=IMPORT,
    ):
        return None
    folder = f" in folder {found.folder}" if found.folder else ""
    judge.finds(
        f"dashboard {found.title} (uid {found.uid}){folder}, range {found.time_range}: {dashboards.source}"
    )
    _report_clock(judge, dashboards)
    return found


def _report_clock(judge: Judge, dashboards: Dashboards) -> None:
    ahead = dashboards.clock_difference_seconds
    if abs(ahead) > CLOCK_SECONDS:
        side = "ahead of" if ahead > 0 else "behind"
        length = duration(timedelta(seconds=abs(ahead)))
        judge.finds(f"this machine's clock is {length} {side} Grafana's; ranges end now by Grafana's clock")


def has_panels(judge: Judge, found: GrafanaDashboard) -> bool:
    """Require a panel with queries."""
    others = f" ({counted(found.other_panels, 'panel')} of texts and lists)" if found.other_panels else ""
    return judge.requires(
        any(
            panel.queries or panel.shows_panel or panel.gap or panel.hidden or panel.blank
            for panel in found.panels
        ),
        f"dashboard {found.title} has no panel with a query{others}",
        expected="panels with queries",
        why=WHY,
        advice="import the dashboard's JSON again, or add queries to its panels",
    )


def is_imported(judge: Judge, dashboards: Dashboards, position: int, settings: Settings) -> None:
    """Require the dashboard of a deployment step: it exists, with panels whose data sources exist.

    Raises:
        NotApplicable: the settings name fewer dashboards.
    """
    if position >= len(settings.dashboards):
        raise NotApplicable(f"the settings name only {counted(len(settings.dashboards), 'dashboard')}")
    name = settings.dashboards[position].name
    judge.expects(f"Dashboard {name} is in Grafana, and its panels have queries to data sources that exist.")
    found = exists(judge, dashboards, name, settings)
    if found is not None and has_panels(judge, found):
        data_sources_exist(judge, found)
        queries = sum(len(panel.queries) for panel in found.panels)
        judge.finds(f"{counted(len(found.panels), 'panel')} with {counted(queries, 'query', 'queries')}")


def data_sources_exist(judge: Judge, found: GrafanaDashboard) -> None:
    """Require each query's data source to exist."""
    for text, places in by_cause(found, Answered.NO_SOURCE):
        judge.fails(
            f"{where(found, places)}: {text}",
            expected="a data source that exists",
            why="the panel shows an error and no data",
            advice=CHOOSE,
        )
