"""One clear line for every way in which the words of a command line can be wrong."""

from __future__ import annotations

import re

from splat.commands.keys import Vocabulary, keys_of, suggest_key, wrong_choice


def explain(error: Exception, vocabulary: Vocabulary, overrides: list[str]) -> str:
    """What is wrong with the words, and the nearest right ones.

    Args:
        error: what Hydra or OmegaConf raised while it composed the configuration.
        vocabulary: what the command that was asked for knows.
        overrides: its key=value words.
    """
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import ValidationError

    causes = _chain(error)
    for cause in causes:
        if isinstance(cause, OverrideParseException):
            return _unreadable(cause.override)
        if isinstance(cause, MissingConfigException):
            return _wrong_option(cause.missing_cfg_file or "", list(cause.options or []))
        if isinstance(cause, ValidationError):
            return _wrong_value(cause, vocabulary, overrides)
    keys = vocabulary.keys
    known = {key.name for key in keys} | {key.section for key in keys} | set(vocabulary.groups)
    for override in overrides:
        name = override.partition("=")[0].lstrip("+~").split("@")[0]
        if name not in known and not name.startswith("hydra") and "/" not in name and not override.startswith("+"):
            return wrong_key(name, vocabulary)
        owners = _other_options(name, vocabulary, str(causes[-1]))
        if owners:
            return f"{name} is a key of {' and '.join(owners)}; add that, or leave the key out"
    match = re.search(r"Ambiguous value for argument '([^']*)'", str(error))
    if match:
        name, _, value = match[1].partition("=")
        return f"{match[1]}: several values need --multirun; one value with commas needs quotes: \"{name}='{value}'\""
    lines = str(causes[-1]).strip().splitlines()
    return lines[0] if lines else f"the settings cannot be read ({type(causes[-1]).__name__})"


def _chain(error: BaseException | None) -> list[BaseException]:
    causes: list[BaseException] = []
    while error is not None and error not in causes:
        causes.append(error)
        error = error.__cause__ or error.__context__
    return causes


def _unreadable(override: str) -> str:
    name, equals, value = override.partition("=")
    if not equals:
        return f"{override!r} is not understood; keys are set as key=value"
    return f"{override}: the value is not understood; put it in quotes: \"{name}='{value}'\""


def _wrong_option(missing: str, options: list[str]) -> str:
    group, _, option = missing.removeprefix("/").rpartition("/")
    option = option.removesuffix(".yaml")
    if not group:
        return f"there is no configuration {option!r}"
    return wrong_choice(group, option, options)


def _wrong_value(error: BaseException, vocabulary: Vocabulary, overrides: list[str]) -> str:
    name = getattr(error, "full_key", None) or ""
    given = next((o for o in reversed(overrides) if o.partition("=")[0].lstrip("+") == name), None)
    key = next((key for key in vocabulary.keys if key.name == name), None)
    if given is None or key is None:
        return f"{name}: {str(error).splitlines()[0]}" if name else str(error).splitlines()[0]
    return f"{given}: the value must be {key.expected} ({key.help})"


def _other_options(name: str, vocabulary: Vocabulary, message: str) -> list[str]:
    """The group options that have a key which the chosen option lacks."""
    group, _, leaf = name.partition(".")
    if f"'{leaf}' not in" not in message:
        return []
    options = vocabulary.schemas.get(group, {})
    return [f"{group}={o}" for o, schema in options.items() if leaf in {key.name for key in keys_of(schema)}]


def wrong_key(name: str, vocabulary: Vocabulary) -> str:
    """There is no such key, and which one was most likely meant."""
    near = suggest_key(name, vocabulary.keys, vocabulary.groups)
    hint = f"did you mean {near}?" if near else f"`splat {vocabulary.command} --help` lists them"
    return f"there is no key {name}; {hint}"
