"""``python -m reports``: renders the reports of a run as ``report.html``, one file to open or to mail."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, NoReturn

from fixtures.settings.problems import nearest
from reports import directory
from reports.html.generate import ALLURE, NoReport, identity, render

REPORTS = Path("reports/latest")
HISTORIES = Path("reports/history")
WRITTEN, NOT_WRITTEN, USAGE = 0, 1, 4
"""Exit statuses; the last is pytest's own for a usage error."""

DESCRIPTION = "Renders the reports of a run as report.html, one file to open or to mail."
OPTIONS = ("--report-dir", "--history", "--help")


class Parser(argparse.ArgumentParser):
    """Reports a usage error in one sentence, with pytest's exit status."""

    def error(self, message: str) -> NoReturn:
        """Print the error, with the nearest valid name if an option is misspelt, and exit."""
        unknown = next((word for word in message.split() if word.startswith("--")), "")
        near = nearest(unknown.partition("=")[0], OPTIONS) if "unrecognized" in message else None
        self.exit(USAGE, f"{self.prog}: {message}{f'; the nearest valid name is {near}' if near else ''}\n")


def main(arguments: list[str] | None = None) -> int:
    """Write the report, and print its path or why there is none; returns the exit status."""
    parser = Parser("python -m reports", description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument(
        "--report-dir",
        metavar="DIR",
        type=Path,
        default=REPORTS,
        help="the folder of a run's reports (default: %(default)s)",
    )
    parser.add_argument(
        "--history",
        metavar="DIR",
        type=Path,
        default=HISTORIES,
        help="the folder of the histories, one file for each target and selection (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    verdict = _verdict(parser, options.report_dir)
    try:
        rendered = render(options.report_dir, verdict, options.history)
    except NoReport as error:
        sys.stderr.write(f"no report.html: {error}; {options.report_dir / directory.PAGE} has the same facts\n")
        return NOT_WRITTEN
    except OSError as error:
        sys.stderr.write(f"no report.html: {error.filename or options.report_dir}: {error.strerror}\n")
        return NOT_WRITTEN
    if rendered.unreadable:
        sys.stderr.write(f"skipped lines of the history that could not be parsed: {rendered.unreadable}\n")
    runs = "1 run" if rendered.runs == 1 else f"{rendered.runs} runs"
    sys.stdout.write(f"{rendered.path} (Allure {ALLURE}, trends over {runs})\n")
    return WRITTEN


def _verdict(parser: Parser, folder: Path) -> dict[str, Any]:
    """The content of the folder's ``verdict.json``; a usage error if it is missing or invalid."""
    file = folder / directory.VERDICT
    try:
        verdict = json.loads(file.read_text(encoding="utf-8"))
        identity(verdict)
        verdict["verdict"]
    except FileNotFoundError:
        parser.error(
            f"--report-dir: {folder} has no {directory.VERDICT}; expected the reports of a finished run, "
            "as pytest -m immediate writes them"
        )
    except OSError as error:
        parser.error(f"--report-dir: {file} cannot be read ({error.strerror})")
    except (ValueError, KeyError, TypeError):
        parser.error(f"--report-dir: {file} is not a verdict of this suite")
    if not (folder / directory.ALLURE).is_dir():
        parser.error(f"--report-dir: {folder} has no {directory.ALLURE}, which the report is made from")
    assert isinstance(verdict, dict)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
