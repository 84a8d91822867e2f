"""Completion with the Tab key: `eval "$(splat -sc install=bash)"`, then Hydra completes keys and choices."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence

from splat.commands import SUMMARIES

SHELLS = ("bash", "zsh", "fish")


def complete(words: Sequence[str]) -> int:
    """Install, uninstall or answer completion, as the shell asks: `-sc install=bash`, `-sc query=bash`.

    The shell asks `splat` itself; what it has typed so far stands in COMP_LINE. While the command's name is being
    typed, the names are the answer; after it the question goes on to the command, without its name and plain words.
    """
    from splat.commands.app import load, run_hydra, top_level_names

    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "100000"))]
    typed = _split(line)[1:]
    if any(word.startswith("query=") for word in words) and len(typed) <= 1:
        print("\n".join(name for name in SUMMARIES if name.startswith(typed[0] if typed else "")))
        return 0
    name = typed[0] if typed and typed[0] in SUMMARIES else "info"
    command = load(name)
    known = top_level_names(command)
    *before, last = typed[1:] or [""]
    overrides = [word for word in before if "=" in word and re.split(r"[./@=]", word.lstrip("+"))[0] in known]
    left = " ".join(["splat", *overrides, last])
    os.environ.update(COMP_LINE=left, COMP_POINT=str(len(left)))
    asked = [word for word in words if not word.startswith("-")]
    run_hydra(command, ["--shell-completion", *asked], [])
    return 0


def _split(line: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError:  # an open quote
        words = line.split()
    return [*words, ""] if line.endswith(" ") else words
