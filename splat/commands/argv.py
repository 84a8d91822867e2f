"""From the words of a command line to flags and overrides that Hydra understands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splat.commands.keys import Key, nearest
from splat.console import warn
from splat.errors import SplatError

FLAGS = {"--multirun": "-m", "--run": "-r", "--resolve": "", "--hydra-help": "", "--shell-completion": "-sc"}
FLAGS_WITH_VALUE = {
    "--cfg": "-c",
    "--package": "-p",
    "--config-path": "-cp",
    "--config-name": "-cn",
    "--config-dir": "-cd",
}
ONE_OF = ("--multirun", "--run", "--cfg", "--info", "--shell-completion")  # what is done with the configuration
FLAGS_WITH_CHOICE = {"--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")}
MISSING, REFERENCE = "???", "${"  # what OmegaConf takes for no value, and for the beginning of another key's …
MARK = "\ue000"  # … so as texts they travel with a letter in them that no text has
KEY = re.compile(r"(?P<sign>\+\+|\+|~)?(?P<key>[A-Za-z_][\w./@:-]*)(?P<rest>=.*)?", re.DOTALL)


@dataclass
class CommandLine:
    """A command line taken apart."""

    flags: list[str] = field(default_factory=list)  # Hydra's own, such as --multirun
    overrides: list[str] = field(default_factory=list)  # key=value
    plain: list[str] = field(default_factory=list)  # the rest: what DATA, RUN, … stand for

    @property
    def multirun(self) -> bool:
        return "--multirun" in self.flags


def take_apart(words: Sequence[str], known: set[str], keys: Sequence[Key] = ()) -> CommandLine:
    """Sort words into flags, overrides and plain words.

    Args:
        words: what follows the command's name.
        known: names of the keys and groups at the top level; a word such as `a=b/photos` that names an existing file
            is a plain word unless `a` is one of them.
        keys: all keys, to say which one a flag that does not exist may have meant.

    Raises:
        SplatError: for a flag that does not exist, or flags that exclude each other.
    """
    result = CommandLine()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            result.plain += rest
            break
        if word.startswith("-") and len(word) > 1:
            result.flags += _flag(word, rest, keys)
        elif _is_override(word, known):
            result.overrides.append(word)
        else:
            result.plain.append(word)
    names = [flag.partition("=")[0] for flag in result.flags]
    if len(several := [name for name in names if name in ONE_OF]) > 1:
        raise SplatError(f"{' and '.join(several)} cannot be combined; give one of them")
    if "--resolve" in names and "--cfg" not in names:
        raise SplatError("--resolve goes with --cfg, for example --cfg job --resolve")
    return result


def positional_overrides(plain: Sequence[str], names: Sequence[str]) -> list[str]:
    """Turn plain words into overrides of the keys they stand for.

    Args:
        plain: words without a key.
        names: the keys, in order; a name that ends with `*` takes all the words that are left, as a list.

    Raises:
        SplatError: for more words than the command has places for.
    """
    left = list(plain)
    overrides = []
    for name in names:
        if name.endswith("*") and left:
            overrides.append(f"{name[:-1]}=[{','.join(quote(word) for word in left)}]")
            left = []
        elif left:
            overrides.append(f"{name}={quote(left.pop(0))}")
    if left:
        raise SplatError(f"{left[0]!r} is one word too many; everything else is set as key=value")
    return overrides


def say_repeated(positional: Sequence[str], overrides: Sequence[str]) -> None:
    """One line for each key that is given again with another value: the last one counts, as scripts expect of Hydra.

    Args:
        positional: the overrides that plain words stand for; theirs and a key's value cannot both be meant.

    Raises:
        SplatError: for a key that a plain word stands for already.
    """
    words = {override.partition("=")[0] for override in positional}
    given: dict[str, str] = {}
    for override in overrides:
        name, equals, value = override.partition("=")
        name = name.lstrip("+")
        if not equals or name.startswith("~"):
            continue
        if name in words:
            raise SplatError(f"{override} and a word without a key both say what `{name}` is; leave one of them out")
        if given.get(name, value) != value:
            warn(f"{name}={given[name]} is not used: {name}={value} comes later")
        given[name] = value


def quote(text: str) -> str:
    """A text in Hydra's override grammar, whatever characters it has; `unmarked` is taken of what Hydra makes of it.

    Backslashes are only special before a quote.
    """
    text = MARK + text if text == MISSING else text.replace(REFERENCE, f"${MARK}{{")
    text = re.sub(r"(\\*)'", lambda match: match[1] * 2 + "\\'", text)
    trailing = len(text) - len(text.rstrip("\\"))
    return f"'{text}{trailing * chr(92)}'"


def unmarked(text: str) -> str:
    """The text that a user wrote, see `MARK`."""
    return text.replace(f"${MARK}{{", REFERENCE).replace(MARK + MISSING, MISSING)


def quote_values(overrides: Sequence[str], keys: Sequence[Key], multirun: bool) -> list[str]:
    """Quote values of text keys that Hydra would not take as one plain text: `out=a b=c`, `name=[1]`, `name=${x}`.

    Args:
        overrides: key=value as the user typed them.
        keys: those of the command.
        multirun: a comma then means several jobs.
    """
    text_keys = {key.name: key for key in keys if key.kind is str}
    result = []
    for override in overrides:
        name, equals, value = override.partition("=")
        if equals and value and (key := text_keys.get(name.lstrip("+"))):
            override = f"{name}={_as_text(value, key, multirun)}"
        result.append(override)
    return result


def _as_text(value: str, key: Key, multirun: bool) -> str:
    """A value in Hydra's grammar that comes out as the text it is; or as several, where a comma parts jobs."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(f"key={value}")
    except HydraException:
        return quote(value)
    if parsed.is_sweep_override() and not multirun:
        return quote(value)
    if parsed.is_sweep_override():
        if parsed.is_choice_sweep() and not re.search(r"[\\'\"()\[\]{}]", value):
            return ",".join(_as_text(part.strip(), key, False) for part in value.split(","))
        texts = [str(getattr(item, "text", item)) for item in parsed.sweep_iterator()]
        special = any(text == MISSING or REFERENCE in text for text in texts)
        return ",".join(map(quote, texts)) if special and parsed.is_choice_sweep() else value
    found = parsed.value()
    if found is None and key.nullable:
        return value
    if not isinstance(found, str):
        return quote(value)  # 007 is no 7
    if REFERENCE not in value and found != MISSING:
        return value
    return quote(found if value[0] in "'\"" else value)  # in quotes that are meant for Hydra


def _flag(word: str, rest: list[str], keys: Sequence[Key]) -> list[str]:
    name, equals, value = word.partition("=")
    shorts = {short: long for long, short in {**FLAGS, **FLAGS_WITH_VALUE, "--info": "-i"}.items() if short}
    name = shorts.get(name, name)
    if name in FLAGS and not equals:
        return [name]
    if name in FLAGS_WITH_VALUE:
        if not equals:
            if not rest:
                raise SplatError(f"{word} needs a value")
            value = rest.pop(0)
        return [f"{name}={value}"]
    if name in FLAGS_WITH_CHOICE:
        if not equals:
            value = rest.pop(0) if rest and rest[0] in FLAGS_WITH_CHOICE[name] else "all"
        return [f"{name}={value}"]
    meant = _meant_key(name, value if equals else next(iter(rest), ""), keys)
    near = meant or nearest(name, [*FLAGS, *FLAGS_WITH_VALUE, *FLAGS_WITH_CHOICE, "--help", "--version"])
    hint = f"did you mean {near}?" if near else "--help lists what there is"
    path = "" if meant else f" (for a path that starts with a dash: ./{word})"
    raise SplatError(f"there is no option {name}; {hint}{path}")


def _meant_key(flag: str, value: str, keys: Sequence[Key]) -> str | None:
    """The key=value that was meant by a flag, as other programs have them: `--max-steps 100` for max_steps=100."""
    word = flag.lstrip("-").replace("-", "_")
    found = next((key for key in keys if word in (key.name, key.name.rsplit(".", 1)[-1])), None)
    if found is None:
        return None
    if found.kind is bool:
        return f"{found.name}={value if value in ('true', 'false') else 'true'}"
    return f"{found.name}={shlex.quote(value) if value and not value.startswith('-') and '=' not in value else '...'}"


def _is_override(word: str, known: set[str]) -> bool:
    match = KEY.fullmatch(word)
    if match is None:
        return False
    first = re.split(r"[./@:]", match["key"])[0]
    if match["rest"] is None:  # `~key` removes a key; anything else without `=` is a plain word
        return match["sign"] == "~" and first in known and not Path(word).exists()
    return first in known or not Path(word).exists()
