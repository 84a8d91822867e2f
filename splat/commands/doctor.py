"""`splat doctor`: what works on this machine, and how to fix the rest."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splat import doctor
from splat.commands import SUMMARIES
from splat.commands.app import Command
from splat.options import option

if TYPE_CHECKING:
    from splat.doctor import Check

MARKS = {"good": ("good", "green"), "note": ("note", "yellow"), "bad": ("BAD", "bold red")}


@dataclass
class DoctorConfig:
    """`splat doctor`."""

    json: bool = option(False, "print JSON instead of a table")


def run(config: DoctorConfig) -> int:
    """Examine the machine; the exit code says whether training can work here."""
    checks = doctor.examine()
    works = doctor.can_train(checks)
    if config.json:
        print(json.dumps({"can_train": works, "checks": [dataclasses.asdict(check) for check in checks]}, indent=2))
    else:
        show(checks)
        print("Training works here." if works else "Training cannot work here before the lines marked BAD are fixed.")
    return 0 if works else 2


def show(checks: list[Check]) -> None:
    """Print the table, with what to do under each line that needs it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for check in checks:
        mark, style = MARKS[check.state]
        text = Text(check.text)
        if check.fix:
            text.append(f"\n→ {check.fix}", style="yellow")
        table.add_row(Text(mark, style=style), check.name, text)
    Console(highlight=False).print(table)


COMMAND = Command(
    name="doctor",
    summary=SUMMARIES["doctor"],
    config=DoctorConfig,
    run=run,
    sweeps=False,
    examples=("splat doctor", "splat doctor json=true"),
)
