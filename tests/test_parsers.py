"""Whatever bytes a file of a capture or a scene file holds: it is read, or refused in one line; nothing is written."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import ODD_BYTES, survives
from tests.parser import Parser, prepared
from tests.parsers import PARSERS

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
MOST_MEMORY = 200_000_000  # bytes; OpenCV's and Pillow's tables among them


@st.composite
def damages(draw: st.DrawFn, parser: Parser) -> bytes:
    """A whole file with a few places changed, cut, doubled or overwritten, or any bytes at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(parser.seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from((0, 1, 4, 8, 200))))))
        odd = st.one_of(st.binary(max_size=9), st.sampled_from((*parser.words, *ODD_BYTES)))
        data[start:end] = draw(odd)
    if draw(st.booleans()) and draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # numpy's and Pillow's, about the damage
@pytest.mark.parametrize("name", PARSERS)
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, name):
    parser = PARSERS[name]
    file = prepared(parser, tmp_path)
    for seed in parser.seeds:
        file.write_bytes(seed)
        assert survives(lambda: parser.read(tmp_path, file), seed)
    there = _listing(tmp_path)

    @settings(
        max_examples=40, deadline=20_000, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(content=damages(parser))
    def check(content: bytes) -> None:
        file.write_bytes(content)
        survives(lambda: parser.read(tmp_path, file), content)

    tracemalloc.start()
    try:
        check()
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert _listing(tmp_path) == there


def _listing(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
