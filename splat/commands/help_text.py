"""Help for 80 columns, made from the dataclasses; needs neither torch nor Hydra."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from splat import __version__
from splat.commands import SUMMARIES, keys
from splat.commands.app import Command
from splat.commands.conf import group_defaults
from splat.errors import SplatError
from splat.shipped import conf_folder

WIDTH = 80
COLUMN = 30


def overview() -> str:
    """What `splat --help` prints."""
    commands = "\n".join(f"  {name:<10} {summary}" for name, summary in SUMMARIES.items())
    return f"""splat {__version__}: photos to 3D Gaussian scenes, with or without a GPU

Usage: splat COMMAND [WORDS] [key=value ...]

Commands:
{commands}

Examples:
  splat train photos/                       a scene from a folder of photos
  splat train data/demo preset=fast         less time, less detail
  splat render runs/demo/default path=orbit a video around the scene
  splat export runs/demo/default output=scene.splat

`splat COMMAND --help` lists the keys of a command with meaning and default.
`splat doctor` says what works on this machine. SPLAT_DEBUG=1 shows tracebacks."""


def command(command: Command, words: Sequence[str] = ()) -> str:
    """What `splat COMMAND [WORDS] --help` prints; a `group=choice` among the words shows the keys of that choice.

    Raises:
        SplatError: when there is no such choice.
    """
    defaults = group_defaults(command.name)
    chosen = {**defaults, **{name: choice for name, _, choice in (word.partition("=") for word in words)}}
    plain = " ".join(word.rstrip("*").upper() + (" ..." if word.endswith("*") else "") for word in command.words)
    usage = " ".join(part for part in ("splat", command.name, plain, "[key=value ...]") if part)
    parts = [f"splat {command.name}: {command.summary}", f"Usage: {usage}"]
    if command.examples:
        parts.append("Examples:\n" + "\n".join(f"  {example}" for example in command.examples))
    config = command.config if command.help_config is None else command.help_config(words)
    listed = list(keys.keys_of(config))
    groups = command.groups()
    parts.append("Keys:\n" + _rows([key for key in listed if not key.section and key.name not in groups]))
    if groups:
        parts.append(
            "Groups (group=choice):\n" + "\n".join(_group(name, command, defaults.get(name)) for name in groups)
        )
    for section, title in keys.section_titles(config).items():
        rows = [key for key in listed if key.section == section]
        if rows:
            parts.append(textwrap.fill(f"{section}: {title}", WIDTH) + "\n" + _rows(rows))
    for group, options in command.schemas.items():
        if chosen[group] not in options:
            raise SplatError(keys.wrong_choice(group, chosen[group], options))
        parts.append(_schema(group, chosen[group], options[chosen[group]]))
        parts.append(f"Keys of another {group}: splat {command.name} {group}=CHOICE --help")
    parts.append(_habits(command))
    return "\n\n".join(parts)


def _habits(command: Command) -> str:
    sweep = "\n  --multirun key=1,2,3        one job for each value" if command.sweeps else ""
    return f"""Also (Hydra's habits):
  --cfg job                   print the configuration instead of running{sweep}
  --config-dir DIR            groups and choices of your own
  eval "$(splat -sc install=bash)"   completion with the Tab key"""


def _schema(group: str, name: str, schema: type) -> str:
    rows = list(keys.keys_of(schema, f"{group}."))
    summary = (schema.__doc__ or "").strip().splitlines()[0]
    title = textwrap.fill(f"{group}={name}: {summary}", WIDTH)
    return title + ("\n" + _rows(rows) if rows else "")


def _group(group: str, command: Command, default: str | None) -> str:
    sign = "+" if group in command.added_groups else ""
    lines = []
    for option in command.groups()[group]:
        text = (conf_folder() / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
        comment = next((line[2:] for line in text if line.startswith("# ") and "@package" not in line), "")
        mark = "(default) " if option == default else ""
        lines.append(_row(f"{sign}{group}={option}", mark + comment))
    return "\n".join(lines)


def _rows(listed: list[keys.Key]) -> str:
    return "\n".join(_row(f"{key.name}={_value(key.default)}", _meaning(key)) for key in listed)


def _meaning(key: keys.Key) -> str:
    choices = f"; one of {', '.join(key.choices)}" if key.choices else ""
    allowed = f"; {key.range}" if str(key.range) else ""
    return key.help + choices + allowed


def _row(left: str, right: str) -> str:
    wrapped = textwrap.wrap(right, WIDTH - COLUMN, break_long_words=False, break_on_hyphens=False)
    head = f"  {left}"
    if len(head) >= COLUMN:
        wrapped.insert(0, "")
    lines = [head.ljust(COLUMN) + (wrapped[0] if wrapped else "")]
    lines += [" " * COLUMN + line for line in wrapped[1:]]
    return "\n".join(line.rstrip() for line in lines)


def _value(default: Any) -> str:
    if default is None:
        return "null"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:g}" if isinstance(default, float) else str(default)
