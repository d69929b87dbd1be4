"""``--what-if``: names, units, and one sentence for a wrong one."""

from __future__ import annotations

import pytest

from checks.test_weekly import test_threshold_fits as check_18
from fixtures.evidence.document import load
from fixtures.settings.monitoring import WhatIf
from fixtures.thresholds.options import parse
from tests.outcomes import judge
from tests.running import environment, run_suite

RIGHT = {
    "dlq_pending=250": WhatIf("dlq_pending", 250),
    "dlq_pending=0": WhatIf("dlq_pending", 0),
    "dlq_silent=1200": WhatIf("dlq_silence", 1200),
    "dlq_silent=20m": WhatIf("dlq_silence", 1200),
    "dlq_silence=1h30m": WhatIf("dlq_silence", 5400),
    "dlq_silent_seconds=90.5": WhatIf("dlq_silence", 90.5),
    "error_rate=10": WhatIf("webhook_error_rate", 10),
    "error_rate = 2.5 %": WhatIf("webhook_error_rate", 2.5),
    "error_rate_alert_percent=7": WhatIf("webhook_error_rate", 7),
    "webhook_error_rate=7": WhatIf("webhook_error_rate", 7),
}

WRONG = {
    "dlq_pending": "'dlq_pending' has no value; expected NAME=VALUE, such as dlq_pending=250",
    "dlq_pendin=250": "'dlq_pendin' is not a threshold; the nearest valid name is dlq_pending",
    "queue=250": "'queue' is not a threshold; valid names are dlq_pending, dlq_silent, error_rate",
    "=5": "'' is not a threshold; valid names are dlq_pending, dlq_silent, error_rate",
    "dlq_pending=": "dlq_pending: '' is no such value; expected a whole number of entries from 0 to 1000000000",
    "dlq_pending=2.5": "dlq_pending: '2.5' is no such value",
    "dlq_pending=-1": "dlq_pending: '-1' is no such value",
    "dlq_pending=1e3": "dlq_pending: '1e3' is no such value",
    "dlq_pending=99999999999": "dlq_pending: '99999999999' is no such value",
    "dlq_pending=²": "dlq_pending: '²' is no such value",
    "dlq_silent=0": "'0' is no such value; expected seconds, or a duration such as 20m, at most a year",
    "dlq_silent=20 parsecs": "dlq_silent: '20 parsecs' is no such value",
    "dlq_silent=400d": "dlq_silent: '400d' is no such value",
    "error_rate=0": "error_rate: '0' is no such value; expected a percentage above 0 and below 100",
    "error_rate=100": "error_rate: '100' is no such value",
    "error_rate=nan": "error_rate: 'nan' is no such value",
    "error_rate=inf": "error_rate: 'inf' is no such value",
}


@pytest.mark.parametrize("text", RIGHT)
def test_right_value(text):
    """In the unit of the setting, or as a duration."""
    assert parse(text) == RIGHT[text]


@pytest.mark.parametrize("text", WRONG)
def test_wrong_value_is_one_sentence(text):
    """It names what was given and what was expected."""
    with pytest.raises(ValueError, match=" ") as raised:
        parse(text)
    assert WRONG[text] in str(raised.value)


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_wrong_value_ends_the_run(tmp_path, workers):
    """A usage error with exit status 4, before anything is read."""
    run = run_suite(tmp_path, "-m", "weekly", "--what-if", "dlq_silnet=20m", *workers, environ=environment())
    assert run.status == 4
    assert "ERROR: --what-if 'dlq_silnet' is not a threshold; the nearest valid name is dlq_silent\n" in run.output
    assert "Traceback" not in run.output


def test_what_if_is_shown_and_replayed(any_deployment, tmp_path):
    """It decides nothing; a replay shows the recorded one, or another one, also with workers."""
    selection = ("-m", "weekly", "-k", "dlq_pending or error_rate")
    own = ("--what-if", "dlq_pending=0", "--what-if", "error_rate=1")
    run = run_suite(tmp_path / "one", *selection, *own, environ=environment(any_deployment.access))
    assert run.status == 0, run.output
    file = run.folder / "evidence.json"
    assert shown(file) == {"with 0 entries", "with 1 %"}
    replay = (f"--replay={file}", "-n", "2", "--what-if", "dlq_pending=7")
    other = run_suite(tmp_path / "two", *selection, *replay)
    assert other.status == 0, other.output
    assert shown(other.folder / "evidence.json") == {"with 7 entries"}
    results = (other.folder / "allure-results").iterdir()
    assert any("with 7 entries it would have fired" in path.read_text(errors="replace") for path in results)


def test_unused_what_if_is_reported(any_deployment, tmp_path):
    """A run without check 18 has nothing to try it on."""
    environ = environment(any_deployment.access)
    run = run_suite(tmp_path, "-m", "immediate", "-k", "cron_job", "--what-if", "dlq_pending=7", environ=environ)
    assert run.status == 0, run.output
    assert "--what-if: no threshold is tried, because check 18 is not selected" in run.output


def shown(file):
    """Return the values of one's own that a judgement of recorded evidence reports."""
    evidence = load(file)
    cases = ("dlq_pending", "webhook_error_rate")
    judges = [judge(check_18, evidence, threshold=case).judge for case in cases]
    findings = [finding for one in judges for finding in one.findings]
    return {one.partition(" it would have fired ")[0] for one in findings if " it would have fired " in one}
