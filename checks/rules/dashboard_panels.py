"""Rules of check 7: every query of a dashboard's panels runs, and returns data up to now."""

from __future__ import annotations

from datetime import datetime, timedelta

from checks.judge import Cell, Judge
from checks.rules.dashboard_places import Place, by_cause, places, where, where_panels
from checks.rules.dashboards import CHOOSE
from fixtures.advice import Help, in_turn
from fixtures.dashboards.model import Answered, DashboardPanel, Dashboards, GrafanaDashboard, PanelQuery
from fixtures.outcome import CouldNotLook, Status
from fixtures.settings.monitoring import Dashboard
from fixtures.wording import ago, clock, counted, duration, listed

STEPS = 3
"""Steps of a series that may be missing at its end."""

REPAIR = "open the panel in Grafana with Edit, and correct the query that it names"
IF_EMPTY = (
    "open the panel in Grafana with Edit; if the query asks for the wrong metric or column, correct it; if "
    "nothing writes these figures, start what does; if no data can be the right answer, name the panel in "
    "may_be_empty of [[dashboards]] in deployment.toml"
)
ADD_QUERY = "give the panel a query in Grafana, or remove it"
STOPPED = "start what writes these figures, or the job that collects them, again"
IN_GRAFANA = "open the dashboard in Grafana and look at these panels"


def show_data(judge: Judge, dashboards: Dashboards, found: GrafanaDashboard, expected: Dashboard) -> None:
    """Require every query of every panel to return data up to the end of its time range.

    Raises:
        CouldNotLook: nothing is wrong with what was seen, and a query could not be run.
    """
    _range_moves_on(judge, dashboards, found, expected)
    _panels_have_queries(judge, found)
    _queries_run(judge, found)
    _queries_return_data(judge, found, expected)
    _data_does_not_stop(judge, found, expected)
    _report_figures(judge, dashboards, found, expected)
    _report_what_was_not_run(judge, found)
    _report_what_could_not_be_read(judge, found)


def _range_moves_on(judge: Judge, dashboards: Dashboards, found: GrafanaDashboard, expected: Dashboard) -> None:
    end, now = found.fixed_end, dashboards.read_at
    judge.requires(
        end is None or now - end <= timedelta(seconds=expected.stale_seconds),
        lambda: f"the time range of dashboard {found.title} was saved with dates: {found.time_range}",
        expected="a range that ends now, such as now-6h to now",
        why="who opens it sees what was then, not what happens now",
        advice="choose a range such as Last 6 hours in Grafana, and save the dashboard with it",
    )


def _panels_have_queries(judge: Judge, found: GrafanaDashboard) -> None:
    """Require queries in each panel that shows data, and what library panels refer to."""
    causes: dict[tuple[str, Help], list[DashboardPanel]] = {}
    for panel in found.panels:
        if panel.gap is not None:
            if panel.gap.status is Status.FAILED:
                causes.setdefault((panel.gap.reason, panel.gap.advice), []).append(panel)
        elif not panel.queries and not panel.shows_panel:
            causes.setdefault((_without_queries(panel), ADD_QUERY), []).append(panel)
    for (cause, advice), panels in causes.items():
        judge.fails(
            f"{where_panels(found, panels)}: {cause}",
            expected="a panel with a query",
            why="the panel is always empty",
            advice=advice,
        )


def _without_queries(panel: DashboardPanel) -> str:
    if panel.hidden:
        return "all its queries are switched off" if panel.hidden > 1 else "its query is switched off"
    return "its query has no text" if panel.blank else "it has no query"


def _queries_run(judge: Judge, found: GrafanaDashboard) -> None:
    for text, faulty in by_cause(found, Answered.FAULT):
        judge.fails(
            f"{where(found, faulty)}: {text}",
            expected="a query that runs",
            why="the panel shows an error and no data",
            advice=REPAIR,
        )
    for _, skipped in by_cause(found, Answered.SKIPPED):
        judge.fails(
            f"{where(found, skipped)}: Grafana skips it, its answer has no entry for the query",
            expected="a result for each query",
            why="the panel is empty, without any error",
            advice="open the panel in Grafana with Edit, and save the query with its text",
        )
    for text, made_up in by_cause(found, Answered.MADE_UP):
        judge.fails(
            f"{where(found, made_up)}: {text}",
            expected="data of the deployment",
            why="what it shows says nothing about the deployment",
            advice=CHOOSE,
        )


def _queries_return_data(judge: Judge, found: GrafanaDashboard, expected: Dashboard) -> None:
    """Require at least one value, except where the settings say that there may be none."""
    empty = places(found, Answered.EMPTY)
    wanting = [place for place in empty if not _may_be_empty(place[0], expected)]
    without = [place for place in wanting if not place[1].not_numbers]
    only_nan = [place for place in wanting if place[1].not_numbers]
    for these, cause in (
        (without, "no data in its time range"),
        (only_nan, "only NaN or infinite values, as a division by zero gives, for example a rate without traffic"),
    ):
        judge.requires(
            not these,
            f"{where(found, these)}: {cause}",
            expected="at least one value in the panel's time range",
            why="the panel is empty: nobody sees on it what happens",
            advice=IF_EMPTY,
        )
    allowed = dict.fromkeys(panel.title for panel, _ in empty if _may_be_empty(panel, expected))
    if allowed:
        judge.finds(f"without data, as may_be_empty allows: {listed(allowed, 5, ', ')}")
    for name in expected.may_be_empty:
        if not any(_has_title(panel, name) for panel in found.panels):
            judge.finds(f"may_be_empty names {name}, and dashboard {found.title} has no such panel")


def _may_be_empty(panel: DashboardPanel, expected: Dashboard) -> bool:
    return any(_has_title(panel, name) for name in expected.may_be_empty)


def _has_title(panel: DashboardPanel, name: str) -> bool:
    """Whether it is the panel that the settings name; a repetition has the value of its variable in brackets."""
    title, wanted = panel.title.casefold(), " ".join(name.split()).casefold()
    return title == wanted or title.startswith(f"{wanted} [")


def _data_does_not_stop(judge: Judge, found: GrafanaDashboard, expected: Dashboard) -> None:
    """Require the newest value to be near the end of the range; values of the future show nothing."""
    answered = places(found, Answered.DATA)
    future = [(panel, query) for panel, query in answered if query.ahead and query.ahead >= query.points]
    judge.requires(
        not future,
        lambda: f"{where(found, future)}: all values are dated in the future",
        expected="values up to now",
        why="what is dated in the future does not show what happens now",
        advice="correct the clock, or the time zone, of what writes these figures",
    )
    stopped: dict[tuple[datetime, datetime], list[Place]] = {}
    for panel, query in answered:
        if not _may_be_empty(panel, expected) and _stopped(panel, query, query.newest, expected):
            assert query.newest is not None
            assert panel.ends_at is not None
            stopped.setdefault((query.newest.replace(microsecond=0), panel.ends_at), []).append((panel, query))
    for (newest, end), these in stopped.items():
        judge.fails(
            f"{where(found, these)}: the newest value is of {clock(newest)}, {duration(end - newest)} before the "
            "end of its time range",
            expected=f"values of the last {duration(timedelta(seconds=expected.stale_seconds))}",
            why="the data has stopped: the panel does not show what happens now",
            advice=STOPPED,
        )


def _stopped(panel: DashboardPanel, query: PanelQuery, at: datetime | None, expected: Dashboard) -> bool:
    """Whether a series that ends then has stopped; a single value, or a table, has no step to judge it by."""
    if at is None or panel.ends_at is None or query.step_seconds is None:
        return False
    allowed = max(expected.stale_seconds, STEPS * query.step_seconds)
    return (panel.ends_at - at).total_seconds() > allowed


def _report_figures(judge: Judge, dashboards: Dashboards, found: GrafanaDashboard, expected: Dashboard) -> None:
    """Report what was found, for a pass too: panels, queries, values, the newest of them."""
    queries = [query for panel in found.panels for query in panel.queries]
    newest = max((query.newest for query in queries if query.newest), default=None)
    last = f", the newest of {clock(newest)} ({ago(dashboards.read_at, newest)})" if newest else ""
    judge.finds(
        f"{counted(len(found.panels), 'panel')} with {counted(len(queries), 'query', 'queries')} returned "
        f"{counted(sum(query.points for query in queries), 'value')} in "
        f"{counted(sum(query.series for query in queries), 'series', 'series')}{last}"
    )
    for panel, query in places(found, Answered.DATA):
        if query.series > 1 and _stopped(panel, query, query.earliest_end, expected):
            ends = clock(query.earliest_end)
            judge.finds(f"{where(found, [(panel, query)])}: one of {query.series} series ends at {ends}")
    for panel in found.panels:
        if panel.shows_panel:
            judge.finds(f"panel {panel.title} shows the data of panel {panel.shows_panel}")
    warned = dict.fromkeys(
        f"{where(found, [(panel, query)])}: {query.source} warns: {query.warning}"
        for panel in found.panels
        for query in panel.queries
        if query.warning
    )
    for text in list(warned)[:5]:
        judge.finds(text)
    if found.repeats_beyond:
        judge.finds(f"{counted(found.repeats_beyond, 'further repetition')} of panels not looked at")
    judge.shows(f"Queries of dashboard {found.title}", _rows(dashboards, found), limit=40)


def _rows(dashboards: Dashboards, found: GrafanaDashboard) -> list[dict[str, Cell]]:
    """Each query, those without data first."""
    every = [(panel, query) for panel in found.panels for query in panel.queries]
    every.sort(key=lambda place: place[1].answered is Answered.DATA)
    return [
        {
            "panel": panel.title,
            "query": query.ref_id,
            "data source": query.source or None,
            "returned": query.answered.value,
            "values": query.points,
            "newest": ago(dashboards.read_at, query.newest) if query.newest else None,
        }
        for panel, query in every
    ]


def _report_what_was_not_run(judge: Judge, found: GrafanaDashboard) -> None:
    """Report as unproven what the suite may not run, or does not run."""
    for text, these in by_cause(found, Answered.NOT_RUN):
        judge.cannot_tell(f"{where(found, these)} was not run: {text}", these[0][1].advice or IN_GRAFANA)
    causes: dict[tuple[str, Help], list[DashboardPanel]] = {}
    for panel in found.panels:
        if panel.gap is not None and panel.gap.status is Status.UNPROVEN:
            causes.setdefault((panel.gap.reason, panel.gap.advice), []).append(panel)
    for (reason, advice), panels in causes.items():
        judge.cannot_tell(f"{where_panels(found, panels)}: {reason}", advice)
    if found.beyond:
        judge.cannot_tell(
            f"dashboard {found.title} has {counted(found.beyond, 'panel')} beyond those that were looked at",
            IN_GRAFANA,
        )


def _report_what_could_not_be_read(judge: Judge, found: GrafanaDashboard) -> None:
    """Raise the error, if nothing else is wrong; call it last.

    Raises:
        CouldNotLook: as the name says.
    """
    unread = [
        (f"{where(found, these)}: {text}", these[0][1].advice) for text, these in by_cause(found, Answered.UNREAD)
    ]
    unread += [
        (f"{where_panels(found, [panel])}: {panel.gap.reason}", str(panel.gap.advice))
        for panel in found.panels
        if panel.gap is not None and panel.gap.status is Status.ERROR
    ]
    if not unread:
        return
    if judge.violations:
        for text, _ in unread:
            judge.finds(text)
        return
    raise CouldNotLook(listed(text for text, _ in unread), in_turn(advice for _, advice in unread))
