"""What people read: outcomes, verdict, the redaction gate, Allure results, summary, terminal."""
