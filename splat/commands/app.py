"""What every command is: a typed configuration, a function that takes it, and Hydra between the two."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splat import console
from splat.commands import SUMMARIES, argv
from splat.commands import keys as key_tools
from splat.commands.conf import group_defaults, shared_primary
from splat.commands.errors import explain, wrong_key
from splat.errors import Interrupted, SplatError
from splat.options import check
from splat.shipped import conf_folder

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class Command:
    """One command of `splat`. Calling it with a composed configuration runs it, here or in a launcher's worker."""

    name: str
    summary: str  # one line
    config: type  # a dataclass made with `splat.options.option`; no torch behind it
    run: Callable[[Any], int | None]  # takes an instance of `config`, returns the exit code (None: 0)
    words: tuple[str, ...] = ()  # keys that stand for the plain words, "runs*" for all that follow
    examples: tuple[str, ...] = ()
    schemas: Mapping[str, Mapping[str, type]] = field(default_factory=dict)  # group → option → dataclass
    added_groups: tuple[str, ...] = ()  # groups that are only there as +group=option
    sweeps: bool = True  # whether --multirun makes sense
    help_config: Callable[[Sequence[str]], type] | None = None  # which keys help shows, by the words
    folder_per_job: bool = False  # whether `out` and `name` tell several jobs of one --multirun apart

    def __call__(self, cfg: DictConfig) -> None:
        console.quiet_libraries()
        try:
            refuse_added_keys(cfg, self)
            config = to_config(cfg, self.config)
            check(config)
            if self.folder_per_job:
                name_job(config)
            code = self.run(config)
        except Exception as failure:
            if is_multirun() and not isinstance(failure, Interrupted):
                raise  # Hydra says which of the jobs it was
            raise Failed(failure) from failure
        if code:
            raise SystemExit(code)

    def all_keys(self) -> list[key_tools.Key]:
        """All keys, those of group options included."""
        found = list(key_tools.keys_of(self.config))
        for group, options in self.schemas.items():
            for schema in options.values():
                found += [key for key in key_tools.keys_of(schema, f"{group}.") if key not in found]
        return found

    def groups(self) -> dict[str, list[str]]:
        """Config groups and their options, as far as they come with splat."""
        folder = conf_folder()
        return {
            group: sorted(path.stem for path in (folder / group).glob("*.yaml"))
            for group in [*group_defaults(self.name), *self.added_groups]
        }

    def vocabulary(self) -> key_tools.Vocabulary:
        """All that can be set, for messages."""
        return key_tools.Vocabulary(self.name, self.all_keys(), self.groups(), self.schemas)


class Failed(BaseException):
    """Carries an exception past Hydra, which would print the overrides of a single job as well."""

    def __init__(self, failure: Exception) -> None:
        self.failure = failure


def load(name: str) -> Command:
    """The command of that name.

    Raises:
        SplatError: naming the nearest command, when there is none of that name.
    """
    if name in SUMMARIES:
        command: Command = importlib.import_module(f"splat.commands.{name}").COMMAND
        return command
    near = key_tools.nearest(name, SUMMARIES)
    hint = f"did you mean `splat {near}`?" if near else "`splat --help` lists them"
    raise SplatError(f"there is no command {name!r}; {hint}")


def launch(command: Command, arguments: Sequence[str]) -> None:
    """Compose the configuration from `arguments` and run the command once, or once for each job of a --multirun.

    Raises:
        SplatError: for any mistake in the words, and whatever the command itself raises.
        SystemExit: when the command ends with an exit code of its own.
    """
    taken = argv.take_apart(arguments, top_level_names(command), command.all_keys())
    overrides = argv.positional_overrides(taken.plain, command.words)
    argv.say_repeated(overrides, taken.overrides)
    overrides += [
        "+" + override if override.startswith("experiment=") else override
        for override in argv.quote_values(taken.overrides, command.all_keys(), taken.multirun)
    ]
    settings = multirun_settings(overrides) if taken.multirun else []
    overrides, values = take_plain_keys(command, overrides)
    run_hydra(command, [*taken.flags, *settings, *overrides], overrides, values)


def take_plain_keys(command: Command, overrides: list[str]) -> tuple[list[str], dict[str, Any]]:
    """Overrides of keys that share their name with a config group of another command, taken out, and their values.

    Hydra would look such a word up in that group.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    groups = {path.name for path in conf_folder().iterdir() if path.is_dir()} - set(command.groups())
    plain = {field.name for field in dataclasses.fields(command.config)} & groups
    rest, values = [], {}
    for override in overrides:
        name, equals, _ = override.partition("=")
        try:
            if equals and name in plain:
                values[name] = OverridesParser.create().parse_override(override).value()
                continue
        except HydraException:  # Hydra meets it again and complains
            pass
        rest.append(override)
    return rest, values


def run_hydra(
    command: Command, words: list[str], overrides: list[str], values: Mapping[str, Any] | None = None
) -> None:
    """Hand the words over to Hydra, and turn its complaints about them into one line."""
    import hydra

    from splat.commands.settings_files import refuse_words, watch_files

    refuse_words(overrides)
    watch_files()
    before = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    # With it Hydra lets exceptions through instead of printing them and ending the process.
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = ["splat", *words], "1"
    try:
        register(command, values)
        shown = io.StringIO() if any(word.startswith("--cfg") for word in words) else None  # which runs nothing
        with contextlib.nullcontext() if shown is None else contextlib.redirect_stdout(shown):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=command.name)(command)()
        if shown is not None:
            print(argv.unmarked(shown.getvalue()), end="")
    except Failed as failed:
        raise failed.failure from failed.failure.__cause__
    except Exception as error:
        if not _is_hydras(error):
            raise
        raise SplatError(argv.unmarked(explain(error, command.vocabulary(), overrides))) from error
    finally:
        sys.argv = before[0]
        if before[1] is None:
            os.environ.pop("HYDRA_FULL_ERROR", None)
        else:
            os.environ["HYDRA_FULL_ERROR"] = before[1]


def _is_hydras(error: Exception) -> bool:
    """Whether Hydra complains about words or settings files, and not the command; some of its errors are plain ones."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__"))
    return module.partition(".")[0] in ("hydra", "omegaconf")


def register(command: Command, values: Mapping[str, Any] | None = None) -> None:
    """Store the command's dataclasses where Hydra finds them, schema/NAME and schema/GROUP/OPTION, with some values;
    and what stands for the file of a command that has none.
    """
    from hydra.core.config_store import ConfigStore
    from omegaconf import MISSING, OmegaConf

    store = ConfigStore.instance()
    node = OmegaConf.structured(command.config)
    for key, value in (values or {}).items():
        node[key] = value.text if hasattr(value, "text") else value  # a quoted string
    for group in command.schemas:
        node[group] = MISSING  # the chosen option fills it; merged into a default it would keep the default's keys
    if primary := shared_primary(command.name):
        store.store(name=command.name, node=primary, provider="splat")
    store.store(group="schema", name=command.name, node=node, package="_global_", provider="splat")
    for group, options in command.schemas.items():
        for name, schema in options.items():
            store.store(group=f"schema/{group}", name=name, node=schema, package=group, provider="splat")


def top_level_names(command: Command) -> set[str]:
    """Every word that may stand before the first dot of a key."""
    return {key.name.split(".")[0] for key in command.all_keys()} | set(command.groups()) | {"hydra"}


def to_config(cfg: DictConfig, config: type) -> Any:
    """A plain instance of the dataclass `config` from what Hydra composed.

    Raises:
        SplatError: for a key that stands for another one that is not there, or for no value.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

    try:
        value = _plain(OmegaConf.to_object(cfg))
    except MissingMandatoryValue as error:
        raise SplatError(f"{error.full_key}=???: a value is missing; give one, or leave the key out") from error
    except OmegaConfBaseException as error:
        raise SplatError(f"{error.full_key}: {str(error).strip().splitlines()[0]}") from error
    if not isinstance(value, config):
        raise SplatError(f"the configuration is not a {config.__name__}; does its defaults list begin with schema/…?")
    return value


def _plain(value: Any) -> Any:
    """A configuration with all of its texts as the user wrote them."""
    if isinstance(value, str):
        return argv.unmarked(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value):
        for item in dataclasses.fields(value):
            setattr(value, item.name, _plain(getattr(value, item.name)))
    return value


def refuse_added_keys(cfg: DictConfig, command: Command) -> None:
    """`+key=value` makes Hydra add keys; one that no dataclass knows would be ignored without a word.

    Raises:
        SplatError: naming the nearest key that there is.
    """
    from omegaconf import DictConfig, OmegaConf

    nodes = [("", cfg)]
    while nodes:
        prefix, node = nodes.pop()
        schema = OmegaConf.get_type(node)
        for name in map(str, node):
            child = node._get_node(name)
            if dataclasses.is_dataclass(schema) and name not in {field.name for field in dataclasses.fields(schema)}:
                raise SplatError(wrong_key(f"{prefix}{name}", command.vocabulary()))
            if isinstance(child, DictConfig) and not child._is_none():
                nodes.append((f"{prefix}{name}.", child))


def multirun_settings(overrides: list[str]) -> list[str]:
    """Make Hydra name each job by the keys that differ between the jobs."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    fixed = ["data", "name", "out"]  # these tell the folders apart already
    for override in overrides:
        try:
            parsed = OverridesParser.create().parse_override(override)
        except HydraException:  # Hydra meets it again and complains
            return []
        if not parsed.is_sweep_override():
            fixed.append(argv.quote(parsed.get_key_element()))
        elif parsed.key_or_group == "data" and parsed.is_choice_sweep():
            captures = [user_path(str(getattr(item, "text", item))).resolve() for item in parsed.sweep_iterator()]
            if len({path.stem if path.is_file() else path.name for path in captures}) < len(captures):
                fixed.remove("data")  # captures of one name
    return [f"hydra.job.config.override_dirname.exclude_keys=[{','.join(fixed)}]"]


def user_path(text: str) -> Path:
    """A path as typed; the shell does not expand the tilde in `key=~/folder`."""
    return Path(text).expanduser() if text == "~" or text.startswith("~/") else Path(text)


def shown(path: Path) -> Path:
    """A path below the working folder as it is typed there, another one as it is."""
    here = Path.cwd().resolve()
    return path.relative_to(here) if path.is_relative_to(here) else path


def is_multirun() -> bool:
    """Whether this is one of several jobs of a --multirun."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def name_job(config: Any) -> None:
    """Give each job of a --multirun a run folder of its own: what differs becomes part of its name."""
    from hydra.core.hydra_config import HydraConfig

    if not is_multirun():
        return
    job = HydraConfig.get().job
    words = re.sub("[+'\"]", "", argv.unmarked(job.override_dirname))
    words = re.sub(r"\\(?=[^\w\\])", "", words)  # Hydra puts one before blanks
    suffix = re.sub(r"[/\\]", "_", re.sub(r"[/\\]+(?=,|$)", "", words))  # folders may end with a slash
    if not suffix:
        return
    given = [override.split("=")[0] for override in HydraConfig.get().overrides.task]
    if config.out:
        config.out = str(Path(config.out) / suffix)
    else:
        config.name = f"{config.name},{suffix}" if "name" in given else suffix
    console.info(f"job {job.num}: {suffix}")
