"""The report as pages: our own ``index.html``, and Allure's single file, made fit to be opened from a mail."""
