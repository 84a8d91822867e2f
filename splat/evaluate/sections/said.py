"""What training warned of and decided about the capture."""

from __future__ import annotations

from pathlib import Path

from splat.evaluate.page import left_out, text
from splat.run_records import read_training

MOST = 30  # lines of each kind


def said_section(folder: Path) -> list[str]:
    """Warnings of the training and notes on its capture, as RUN/training.json has them.

    Raises:
        SplatError: when it is damaged.
    """
    record = read_training(folder)
    body = [f'<p class="warn">{text(_sentence(line))}</p>' for line in record.warnings[:MOST]]
    body += left_out(len(record.warnings) - MOST, "warnings")
    body += [f'<p class="note">{text(_sentence(line))}</p>' for line in record.notes[:MOST]]
    return body + left_out(len(record.notes) - MOST, "notes")


def _sentence(line: str) -> str:
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "!", "?")) else ".")
