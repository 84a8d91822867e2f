"""How to train a run again, and how to go on with it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from splat.evaluate.page import text
from splat.records import yaml_record


def shown_path(folder: Path) -> str:
    """A folder as it can be typed here, quoted for the shell: relative where it lies below the present folder."""
    here, there = Path.cwd(), folder.absolute()
    return shlex.quote(os.path.relpath(there, here) if here in (there, *there.parents) else str(there))


def viewer_line(folder: Path) -> str:
    """How to walk through the scene."""
    return f"<p>Walk through the scene in a browser: <code>splat view {text(shown_path(folder))}</code></p>"


def repeat_section(folder: Path) -> list[str]:
    """The command that trained the run, and the versions that it ran with.

    Raises:
        SplatError: when config.yaml is damaged.
    """
    if not (folder / "config.yaml").is_file():
        return []
    config = yaml_record(folder / "config.yaml")
    if not config.has("command"):
        return []
    body = [f"<pre>{text(config.text('command'))}</pre>"]
    train, plan = config.part("train"), config.part("plan")
    if train.has("max_seconds") and plan.has("max_steps"):
        steps = f"max_steps={plan.whole('max_steps')}"
        body.append(f'<p class="note">Its length followed the clock; {steps} in its place repeats it anywhere.</p>')
    facts = [f"{name} {version}" for name, version in config.part("versions").values.items()]
    if config.has("git_commit"):
        facts.append(f"commit {config.text('git_commit')}")
    if config.has("seed"):
        facts.append(f"seed {config.whole('seed')}")
    return [*body, f'<p class="note">{text(", ".join(facts))}</p>'] if facts else body
