"""Lines from the end of a file, whatever their length and number."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.logs import tail
from fixtures.logs.tail import Tail


@settings(derandomize=True)
@given(
    st.binary(max_size=60) | st.lists(st.sampled_from([b"", b"a", b"bc" * 9])).map(b"\n".join), st.integers(1, 9)
)
def test_lines_are_the_file_backwards(content: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tail, "BLOCK", block)
        lines = list(Tail(io.BytesIO(content), 10_000))
    assert lines == (content.split(b"\n")[::-1] if content else [])


def test_line_limit_is_kept() -> None:
    some = Tail(io.BytesIO(b"1\n2\n3\n4\n"), 2)
    assert list(some) == [b"", b"4", b"3"]
    assert some.cut
    every = Tail(io.BytesIO(b"3\n4\n"), 2)
    assert list(every) == [b"", b"4", b"3"]
    assert not every.cut


def test_too_long_line_is_none_and_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "BLOCK", 4)
    monkeypatch.setattr(tail, "LONGEST_LINE", 6)
    assert list(Tail(io.BytesIO(b"ab\n" + b"x" * 50 + b"\ncd\n123456\n"), 10)) == [
        b"", b"123456", b"cd", None, b"ab",
    ]  # fmt: skip


def test_byte_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "BLOCK", 4)
    monkeypatch.setattr(tail, "MOST_BYTES", 8)
    lines = Tail(io.BytesIO(b"aaa\nbbb\nccc\n"), 10)
    assert list(lines) == [b"", b"ccc"]
    assert lines.cut


def test_a_file_that_becomes_shorter_is_an_error() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size)[:-1]

    with pytest.raises(OSError, match="it became shorter while it was read"):
        list(Tail(Shrinking(b"abc\n"), 10))
