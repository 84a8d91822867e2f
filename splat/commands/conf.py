"""The primary configuration of each command: a file of `conf/`, or what all commands without one share."""

from __future__ import annotations

from typing import Any

from splat.shipped import conf_folder

__all__ = ["conf_folder", "group_defaults", "shared_primary"]


def shared_primary(name: str) -> dict[str, Any] | None:
    """The primary configuration of a command without a file of its own, for Hydra; None where there is one.

    Every key's default stands in the command's dataclass, so there is nothing to say but where that is found.
    """
    if (conf_folder() / f"{name}.yaml").is_file():
        return None
    logging = [{f"override hydra/{part}_logging": "none"} for part in ("job", "hydra")]
    return {"defaults": [f"schema/{name}", "settings", *logging, "_self_"]}


def group_defaults(name: str) -> dict[str, str]:
    """The config groups that a command names in its defaults list, and what it chooses from each."""
    primary = conf_folder() / f"{name}.yaml"
    if not primary.is_file():
        return {}
    chosen = {}
    for line in primary.read_text(encoding="utf-8").splitlines():
        entry, colon, choice = line.strip().removeprefix("- ").partition(":")
        if line.strip().startswith("- ") and colon and not entry.startswith(("override", "/", "schema")):
            chosen[entry.removeprefix("optional ").strip()] = choice.strip()
    return chosen
