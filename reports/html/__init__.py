"""The report as pages: the suite's own ``index.html``, and Allure's single file, safe to open from a mail."""
