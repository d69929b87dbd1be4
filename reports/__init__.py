"""Reports of a run: verdict, redaction, terminal, summary, pages, Allure results, notifications."""
