"""Searches everything that a run writes and shows for planted secrets and personal data."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.reports.nested import Run, project, run

SECRET = "s3cr3t/app+Value="
DSN = "postgresql://reader:Passw0rd%2Fof@db.nested.example:6543/postgres"
PHONE = "250788123456"
TEXT = "meet me at noon"

CHECKS = """
import base64, hashlib, json, warnings
from urllib.parse import quote

SECRET = os.environ["WHATSAPP_APP_SECRET"]
DSN = os.environ["EASYMO_DATABASE_URL"]
PLANTED = " ".join([
    SECRET, quote(SECRET, safe=""), base64.b64encode(SECRET.encode()).decode(), SECRET.encode().hex(),
    base64.b64encode(b"u:" + SECRET.encode()).decode(), hashlib.sha256(SECRET.encode()).hexdigest(),
    json.dumps(SECRET), DSN, "Passw0rd/of", "+250 788 123 456", "250788123456",
    "wamid." + base64.b64encode(b"xx250788123456yyyyyyyyyyyy").decode(),
    json.dumps({"text": {"body": "meet me at noon"}}), json.dumps(json.dumps({"body": "meet me at noon"})),
    "someone@example.com",
])

@pytest.fixture
def loud():
    logging.getLogger("httpx").info("HTTP Request: GET https://x/?a=%s", PLANTED)
    logging.getLogger("psycopg").debug(PLANTED)
    print(PLANTED)
    yield
    print(PLANTED)
    logging.getLogger("psycopg").error("closing", exc_info=ValueError(PLANTED))

@pytest.fixture
def broken():
    raise CouldNotLook(PLANTED, PLANTED)

@pytest.fixture
def untidy():
    yield
    raise OSError(PLANTED)

@check(1, "In a judge", criterion="must", area="database")
@pytest.mark.parametrize("which", [PLANTED, "plain"])
def test_judge(loud, judge, which):
    judge.expects(PLANTED)
    judge.finds(PLANTED)
    judge.shows(PLANTED, [{"a": PLANTED, "n": 5}])
    judge.cannot_tell(PLANTED, PLANTED)
    judge.requires(which == "plain", PLANTED, expected=PLANTED, why=PLANTED, advice=PLANTED)

@check(2, "In an exception", criterion="must", area="database")
def test_exception(loud):
    value = PLANTED
    raise RuntimeError(value) from ValueError(PLANTED)

@check(3, "In an assertion", criterion="must", area="database")
def test_assertion(loud):
    assert PLANTED == "", PLANTED

@check(4, "In setup", criterion="must", area="database")
def test_setup(broken):
    pass

@check(5, "In teardown", criterion="must", area="database")
def test_teardown(untidy, judge):
    judge.requires(True, "")

@check(6, "In a skip", criterion="must", area="database")
def test_skip():
    pytest.skip(PLANTED)

@check(7, "Not applicable", criterion="must", area="database")
def test_none():
    raise NotApplicable(PLANTED)

@check(8, "A warning", criterion="must", area="database")
def test_warning(judge):
    warnings.warn(PLANTED)

@check(9, "Passes", criterion="must", area="database")
def test_passes(loud, judge, record_property):
    record_property("evidence", PLANTED)
    judge.finds(PLANTED)
    judge.requires(True, "")
    import allure
    allure.attach(PLANTED, name=PLANTED)
    allure.attach(b"\\x89PNG\\xff" + SECRET.encode(), name="picture", attachment_type=allure.attachment_type.PNG)
    allure.dynamic.parameter("p", PLANTED)
    with allure.step(PLANTED):
        pass

def test_that_is_no_check(loud):
    assert PLANTED == ""
"""

FORBIDDEN = {
    "secret": SECRET,
    "secret in a URL": quote(SECRET, safe=""),
    "secret in base64": base64.b64encode(SECRET.encode()).decode().rstrip("="),
    "secret in base64 after u:": base64.b64encode(b"u:" + SECRET.encode()).decode()[3:-4],
    "secret in hex": SECRET.encode().hex(),
    "digest": hashlib.sha256(SECRET.encode()).hexdigest(),
    "part of the secret": "s3cr3t/app",
    "password": "Passw0rd",
    "phone number": PHONE,
    "spaced phone number": "788 123 456",
    "phone number in a message id": base64.b64encode(b"xx" + PHONE.encode() + b"yyyy").decode()[4:16],
    "message": TEXT,
    "e-mail": "someone@example.com",
}

VARIANTS = {
    "plain": (),
    "verbose": ("-vv", "-rA", "--show-capture=all"),
    "debug log": ("--log-cli-level=DEBUG", "--log-file=out/run.log", "--log-file-level=DEBUG"),
    "workers": ("-n", "2", "-v", "-o", "log_cli=true", "--log-level=DEBUG"),
    "locals": ("--showlocals", "--tb=long", "--full-trace"),
    "junit with output": ("-o", "junit_logging=all", "-W", "default"),
}


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = project(tmp_path_factory.mktemp("leaks"), CHECKS)
    variables = {
        "WHATSAPP_APP_SECRET": SECRET,
        "EASYMO_DATABASE_URL": DSN,
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(folder / "out" / "step.md"),
    }
    return run(folder, *VARIANTS[request.param], variables=variables)


def test_no_planted_secret_is_written_or_shown(finished: Run) -> None:
    assert (finished.status, finished.verdict["verdict"]) == (1, "no-go")
    assert len(finished.verdict["checks"]) == 8
    texts = {"output": finished.output} | {str(path): read(path) for path in finished.files}
    assert len(texts) > 12
    for what, planted in FORBIDDEN.items():
        leaks = [
            f"{source}: …{text[text.index(planted) - 80 :][:200]}…"
            for source, text in texts.items()
            if planted in text
        ]
        assert not leaks, what


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")
