"""Routes, matchers and inhibitions of Alertmanager, compared with what amtool says of the same configuration."""

from __future__ import annotations

import random
import shutil
import subprocess

import pytest
import yaml

from fixtures.alerting.matchers import LabelMatcher, MatcherError, of_silence, parsed
from fixtures.alerting.model import Obstacle
from fixtures.alerting.routes import configuration, inhibitions_of, receivers_of, timings_of

needs_amtool = pytest.mark.skipif(
    not shutil.which("amtool"), reason="amtool is not installed (Debian package prometheus-alertmanager)"
)

RECEIVERS = ["root", "a", "b", "c", "d"]
LABELS = {"severity": ["critical", "warning", "info", ""], "team": ["web", "db", ""], "job": ["easymo", "x y"]}


def reached(document, labels):
    """Names of the receivers."""
    return [one.name for one in receivers_of(document, labels)]


def by_amtool(folder, document, labels):
    """The receivers that amtool names."""
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(document))
    words = [f"{name}={value}" for name, value in labels.items() if value]
    done = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={file}", *words],
        capture_output=True,
        text=True,
        check=True,
    )
    return list(dict.fromkeys(done.stdout.strip().split(",")))


def with_routes(*routes, **root):
    """A configuration."""
    return {
        "route": {"receiver": "root", "routes": list(routes), **root},
        "receivers": [{"name": name} for name in RECEIVERS],
    }


TREES = {
    "no routes": with_routes(),
    "match": with_routes({"match": {"severity": "critical"}, "receiver": "a"}),
    "match_re": with_routes({"match_re": {"severity": "crit.*|warn.*"}, "receiver": "a"}),
    "a pattern matches the whole value": with_routes({"match_re": {"severity": "crit"}, "receiver": "a"}),
    "matchers": with_routes({"matchers": ['severity="critical"', "team=~web|db"], "receiver": "a"}),
    "matchers without quotes": with_routes({"matchers": ["severity = critical"], "receiver": "a"}),
    "several in one text": with_routes({"matchers": ['{severity!="info", team="web"}'], "receiver": "a"}),
    "a label that is missing": with_routes({"matchers": ['team=""'], "receiver": "a"}),
    "not": with_routes({"matchers": ['team!~"w.*"'], "receiver": "a"}),
    "a comma in the value": with_routes({"matchers": ['job=~"x y|a,b"'], "receiver": "a"}),
    "the first one wins": with_routes(
        {"matchers": ["team=web"], "receiver": "a"}, {"matchers": ["severity=critical"], "receiver": "b"}
    ),
    "continue": with_routes(
        {"matchers": ["team=web"], "receiver": "a", "continue": True},
        {"matchers": ["severity=critical"], "receiver": "b"},
    ),
    "continue, and nothing else": with_routes({"matchers": ["team=web"], "receiver": "a", "continue": True}),
    "nested": with_routes(
        {
            "matchers": ["severity=~critical|warning"],
            "receiver": "a",
            "routes": [{"matchers": ["team=web"], "receiver": "b"}, {"matchers": ["team=db"]}],
        }
    ),
    "inherited receiver": with_routes(
        {"matchers": ["severity=critical"], "routes": [{"matchers": ["team=web"], "receiver": "c"}]}
    ),
    "nested with continue": with_routes(
        {
            "receiver": "a",
            "continue": True,
            "routes": [
                {"matchers": ["severity=critical"], "receiver": "b", "continue": True},
                {"matchers": ["team=db"], "receiver": "c"},
            ],
        },
        {"receiver": "d"},
    ),
}


@needs_amtool
@pytest.mark.parametrize("tree", TREES)
def test_routes_are_those_of_amtool(tree, tmp_path):
    """For labels that take different ways."""
    document = TREES[tree]
    for labels in (
        {"severity": "critical", "team": "web", "job": "x y"},
        {"severity": "warning", "team": "db", "job": "easymo"},
        {"severity": "info"},
    ):
        assert reached(document, labels) == by_amtool(tmp_path, document, labels), labels


def drawn_route(draw, depth):
    """A random route."""
    label = draw.choice(list(LABELS))
    value = draw.choice(LABELS[label])
    other = draw.choice(LABELS[label])
    matchers = [
        {"match": {label: value}},
        {"match_re": {label: f"{value}|{other}"}},
        {"matchers": [f'{label}{draw.choice(("=", "!=", "=~", "!~"))}"{value}"']},
    ]
    route = {"receiver": draw.choice(RECEIVERS), "continue": draw.random() < 0.4, **draw.choice(matchers)}
    if depth < 3:
        route["routes"] = [drawn_route(draw, depth + 1) for _ in range(draw.randint(0, 3))]
    return route


@needs_amtool
@pytest.mark.parametrize("seed", range(12))
def test_random_routes_are_those_of_amtool(seed, tmp_path):
    """Trees of routes with every kind of matcher."""
    draw = random.Random(seed)
    document = with_routes(*(drawn_route(draw, 1) for _ in range(4)))
    for _ in range(4):
        labels = {name: draw.choice(values) for name, values in LABELS.items()}
        assert reached(document, labels) == by_amtool(tmp_path, document, labels), labels


MATCHERS = {
    'a="b"': [LabelMatcher("a", "b")],
    "a=b": [LabelMatcher("a", "b")],
    " a = b ": [LabelMatcher("a", "b")],
    'a!="b"': [LabelMatcher("a", "b", is_equal=False)],
    'a=~"b|c"': [LabelMatcher("a", "b|c", is_regex=True)],
    "a!~b.*": [LabelMatcher("a", "b.*", is_regex=True, is_equal=False)],
    '{a="b", c=~"d",}': [LabelMatcher("a", "b"), LabelMatcher("c", "d", is_regex=True)],
    'a="b,c",d=e': [LabelMatcher("a", "b,c"), LabelMatcher("d", "e")],
    r'a="say \"b\" \\ c"': [LabelMatcher("a", r'say "b" \ c')],
    '"my.label"="b"': [LabelMatcher("my.label", "b")],
    'a=""': [LabelMatcher("a", "")],
    "a=": [LabelMatcher("a", "")],
    "{}": [],
}


@pytest.mark.parametrize("text", MATCHERS)
def test_matchers_of_both_syntaxes(text):
    """With and without quotes and braces."""
    assert parsed(text) == MATCHERS[text]


@pytest.mark.parametrize("text", ["a", "=b", "a ~ b", 'a="b" c="d"', "a=b\nroute"])
def test_other_matchers_are_not_understood(text):
    """Except that a line break may stand in a value without quotes."""
    if "\n" in text:
        assert parsed(text) == [LabelMatcher("a", "b\nroute")]
    else:
        with pytest.raises(MatcherError):
            parsed(text)


def test_patterns_that_cannot_be_followed():
    """A wrong pattern, and a very long one, are errors and no match."""
    for value in ("(", "a" * 5000):
        with pytest.raises(MatcherError):
            LabelMatcher("a", value, is_regex=True).matches({"a": "b"})


@pytest.mark.parametrize("text", ["", "[]", "route: []", "{", "global: {}", "route: !!python/object:os.system {}"])
def test_other_configurations_are_not_understood(text):
    """Among them those with tags of Python."""
    with pytest.raises(MatcherError):
        configuration(text)


@pytest.mark.parametrize(
    "route",
    [{"matchers": "severity=critical"}, {"match": ["a"]}, {"routes": ["a"]}],
    ids=["text", "list", "no route"],
)
def test_routes_of_another_form_are_not_understood(route):
    """So that no receiver is claimed."""
    with pytest.raises(MatcherError):
        receivers_of(with_routes(route), {"severity": "critical"})


def test_too_many_levels_are_not_followed():
    """A tree of a thousand routes."""
    route = {"receiver": "a"}
    for _ in range(1000):
        route = {"routes": [route]}
    with pytest.raises(MatcherError):
        receivers_of(with_routes(route), {})


def test_integrations_are_counted():
    """One for each entry; an empty list is none."""
    document = with_routes(receiver="a")
    document["receivers"] = [
        {"name": "a", "slack_configs": [{}, {}], "webhook_configs": [{}], "email_configs": []}
    ]
    assert receivers_of(document, {})[0].integrations == ("slack", "slack", "webhook")


def test_time_intervals_are_those_of_the_route_that_ends_the_way():
    """They are not inherited."""
    inner = {"matchers": ["team=web"], "active_time_intervals": ["office"]}
    document = with_routes({"mute_time_intervals": ["nights"], "receiver": "a", "routes": [inner]})
    assert timings_of(document, {"team": "web"}) == (Obstacle("mute timing", "office"),)
    assert timings_of(document, {"team": "db"}) == (Obstacle("mute timing", "nights"),)


OLD = {"source_match": {"severity": "critical"}, "target_match_re": {"severity": "warn.*"}, "equal": ["job"]}
NEW = {"source_matchers": ["severity=critical"], "target_matchers": ['severity="warning"'], "equal": ["job"]}
SOURCE = {"alertname": "Down", "severity": "critical", "job": "easymo"}
TARGET = {"alertname": "Pending", "severity": "warning", "job": "easymo"}

INHIBITIONS = {
    "old matchers": (OLD, [SOURCE], ["Down"]),
    "matchers": (NEW, [SOURCE], ["Down"]),
    "no source": (NEW, [], []),
    "another job": (NEW, [SOURCE | {"job": "other"}], []),
    "the label is missing on both": (NEW | {"equal": ["site"]}, [SOURCE], ["Down"]),
    "not a target": ({**NEW, "target_matchers": ["severity=info"]}, [SOURCE], []),
    "itself": ({"source_matchers": [], "target_matchers": [], "equal": []}, [TARGET], []),
    "both are both": ({"source_matchers": ["job=easymo"], "target_matchers": ["job=easymo"]}, [SOURCE], []),
}


@pytest.mark.parametrize("case", INHIBITIONS)
def test_inhibitions(case):
    """By alerts that fire now."""
    rule, active, expected = INHIBITIONS[case]
    document = with_routes() | {"inhibit_rules": [rule]}
    assert [one.name for one in inhibitions_of(document, TARGET, active)] == expected


def test_silences_of_old_versions_have_no_is_equal():
    """Then a matcher is one of equality."""
    silence = {
        "matchers": [{"name": "a", "value": "b", "isRegex": False}, {"name": "c", "value": "d", "isEqual": False}]
    }
    assert of_silence(silence) == [LabelMatcher("a", "b"), LabelMatcher("c", "d", is_equal=False)]
