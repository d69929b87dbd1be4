"""The page about the shapes says what the tests hold."""

from tests.shapes.page import FILE, render


def test_page_is_made_from_the_stories():
    """A story that changed without its page would be told wrongly."""
    assert FILE.read_text(encoding="utf-8") == render(), "run tox run -e docs"
