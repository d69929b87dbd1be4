"""Makes Allure's single file safe to mail: it loads nothing from any host, and can be read on a phone."""

from __future__ import annotations

import re

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'unsafe-inline' data:",
        "style-src 'unsafe-inline' data:",
        *(f"{kind}-src data: blob:" for kind in ("img", "font", "media", "connect", "frame")),
        "form-action 'none'",
    )
)
"""What the page may load: only what is in the file. A browser refuses everything else."""

LOOKS = """<style>
/* Hidden: the percentage of passed cases, which is green beside a verdict of no-go; "flaky", Allure's word for a
   case that failed, passed and fails again; and parts that are empty in every run. */
[data-testid="base-layout"] article:has([data-chart-tooltip-trigger]),
[data-testid$="-flaky"], [data-testid="flaky-filter"], div:has(> svg > path[d^="m13.878 6.12 1.56"]),
[data-testid="retry-filter"], [data-testid="resolution-filter"],
[data-testid="test-result-tab-retries"], [data-testid="test-result-tab-environments"],
[data-testid="nav-tab-qualityGate"], [data-testid^="nav-tab-global"] { display: none; }
/* Without this, a phone cuts facts to three letters, and the footer takes a tenth of the window. */
@media (max-width: 40rem) {
  div:has(> [data-testid="metadata-item"]) { grid-template-columns: 100% !important; }
  [data-tr-scroll-container] > div > div:has(> .paragraphs-text-s) { flex-wrap: wrap; row-gap: .5rem; }
  [data-testid="metadata-item-key"], [data-testid="metadata-item-value"] * {
    white-space: normal !important; height: auto !important; overflow-wrap: anywhere;
  }
  [data-testid="metadata-item-value"] { flex-wrap: wrap !important; }
  div:has(> div > a[href="https://allurereport.org"]) { display: none; }
}
</style>"""

HEAD = (
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    '<meta name="referrer" content="no-referrer">'
)

WAIT = """<script>
// Allure's application reads its data from the file or, if they are not there yet, from a server. It starts before
// the browser has read the data, so on a busy machine it would find neither and stay empty.
window.allureReportDataReady = false;
window.allureReportData = {};
</script>"""

TOP = """<script>
// On opening, Allure scrolls to the first entry of its list; a reader begins at the verdict.
(() => {
  if (location.hash) return;
  const end = Date.now() + 3000;
  let touched = false;
  for (const kind of ["wheel", "keydown", "pointerdown", "touchstart"])
    addEventListener(kind, () => { touched = true; }, { capture: true, passive: true });
  const top = () => {
    if (touched || location.hash || Date.now() > end) return;
    document.querySelectorAll("[data-tree-scroll-container]").forEach(part => { part.scrollTop = 0; });
    requestAnimationFrame(top);
  };
  top();
})();
</script>"""

_CHARSET = '<meta charset="utf-8">'
_TRACKER = re.compile(
    r'\s*<script async src="https://www\.googletagmanager\.com/gtag/js\?id=[\w-]+"></script>'
    r"\s*<script>(?:(?!</script>).)*?\bgtag\(.*?</script>",
    re.DOTALL,
)
_LOADS = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]{0,200}?\b(?:src|href)=["']?(?:https?:)?//""")


class UnknownPage(Exception):
    """The generated page is not built as this version of Allure builds it."""


def self_contained(page: str) -> str:
    """Remove the analytics script from the page, and add a policy against loading anything.

    Raises:
        UnknownPage: the page does not have exactly one analytics script, or still loads something.
    """
    stripped, removed = _TRACKER.subn("", page)
    if removed != 1 or stripped.count(_CHARSET) != 1 or "</body>" not in stripped:
        raise UnknownPage("Allure's page is not built as expected, so its analytics script may still be in it")
    if _LOADS.search(stripped):
        raise UnknownPage("Allure's page loads something from another host")
    before, body_end, after = stripped.rpartition("</body>")
    return before.replace(_CHARSET, _CHARSET + HEAD + LOOKS + WAIT) + TOP + body_end + after
