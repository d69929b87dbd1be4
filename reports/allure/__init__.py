"""Allure's results of a run."""
