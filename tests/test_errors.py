"""Messages are one line, whatever names they hold."""

from __future__ import annotations

import pytest

from splat import console
from splat.errors import Interrupted, SplatError, harmless


@pytest.mark.parametrize("kind", [SplatError, Interrupted])
def test_an_error_is_one_line(kind: type[SplatError]) -> None:
    failure = kind("shot b.p\ng\r\nof\x0bfile\u2028is \x1b[31mred\x85 é 日本")
    assert str(failure) == "shot b.p g of file is \\x1b[31mred  é 日本"
    assert len(str(failure).splitlines()) == 1
    assert str(kind(OSError(2, "gone"))) == "[Errno 2] gone"
    assert str(kind()) == ""


def test_a_terminal_is_not_told_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    console.info("read \x1b]0;title\x07 and\r\x9b2J\ttabs\nand lines stay")
    assert capsys.readouterr().err == "read \\x1b]0;title\\x07 and\\x0d\\x9b2J\ttabs\nand lines stay\n"
    assert harmless("usual – text") == "usual – text"
