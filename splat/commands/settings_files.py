"""Settings files of users set keys and nothing else: Hydra's own settings can name code that it would run.

Hydra instantiates whatever `hydra.callbacks` or a `_target_` names while it composes, so a file is looked at when it is
read, wherever it comes from: --config-dir, --config-path or hydra.searchpath. The check belongs to the source of files,
which Hydra hands to the workers of a --multirun too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from splat.errors import SplatError
from splat.records import read_yaml
from splat.shipped import conf_folder

HARMLESS = ("mode", "run", "output_subdir", "sweep", "sweeper.params", "sweeper.max_batch_size")  # of hydra.*
RUNS_CODE = ("callbacks", "job_logging", "hydra_logging")  # of hydra.*, refused on the command line too
TARGET = "_target_"


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's source of files, under its name, which the registry goes by."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Read one file.

        Raises:
            SplatError: when it is no YAML of settings, or holds what a user's file may not.
        """
        file = Path(self.path, self._normalize_file_name(config_path))
        if file.resolve().is_relative_to(conf_folder().resolve()) or not file.is_file():
            return super().load_config(config_path)
        read_yaml(file)  # OmegaConf would write out all aliases, however many
        try:
            found = super().load_config(config_path)
        except RecursionError as error:
            raise SplatError(f"cannot read {file}: it is nested too deeply") from error
        except ConfigLoadError:
            raise
        except (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, OSError) as error:
            raise SplatError(f"cannot read {file}: {' '.join(str(error).split())[:200]}") from error
        if not isinstance(found.config, DictConfig):
            raise SplatError(f"{file} holds no settings: it must be a YAML mapping, key: value")
        refuse_code(file, package_of(config_path, found.header.get("package")), found.config)
        return found


def watch_files() -> None:
    """Make Hydra read files through this module."""
    Plugins.instance()  # registers Hydra's own source
    SourcesRegistry.instance().types[FileConfigSource.scheme()] = FileConfigSource


def package_of(config_path: str, header: str | None) -> str:
    """Where the content of a file is put: a name with dots, empty for the top.

    Args:
        config_path: of the file, below the folder that was given.
        header: what its line `# @package` says.
    """
    group, _, name = config_path.rpartition("/")
    package = (header or "_group_").replace("_group_", group.replace("/", ".")).replace("_name_", name)
    return ".".join(part for part in package.split(".") if part not in ("", "_global_"))


def refuse_code(file: Path, package: str, config: DictConfig) -> None:
    """Refuse settings that can run code.

    Raises:
        SplatError: naming the file and the key.
    """
    content = OmegaConf.to_container(config, resolve=False)
    assert isinstance(content, dict)
    for entry in _choices(content.pop("defaults", None)):
        if any(map(_is_hydras, re.split("[@:]", entry)[1:])):
            raise _refused(file, entry)
    for path, value in _leaves(content, tuple(package.split(".")) if package else ()):
        if path[:1] == ("hydra",) and not _is_harmless(".".join(path[1:]), value):
            raise _refused(file, ".".join(path[:2]))
        if TARGET in path:
            raise _refused(file, ".".join(path))


def refuse_words(overrides: Sequence[str]) -> None:
    """Refuse words of the command line that make Hydra run code, such as a copied `+hydra.callbacks...`.

    Raises:
        SplatError: naming the word.
    """
    for override in overrides:
        name, _, value = override.partition("=")
        key, *packages = re.split("[@:]", name.lstrip("+~"))
        parts = set(re.split("[./]", key))
        if key.startswith("hydra/") and not packages and "callbacks" not in parts:
            continue  # hydra/launcher=joblib: what is installed may be chosen, files of users cannot bring another
        code = key == "hydra" or TARGET in parts or TARGET in value or not parts.isdisjoint(RUNS_CODE)
        if any(map(_is_hydras, packages)) or (_is_hydras(key) and code):
            raise SplatError(f"{override}: splat takes no callbacks, loggers or {TARGET} through Hydra; leave it out")


def _is_hydras(name: str) -> bool:
    parts = [part for part in re.split("[./]", name) if part not in ("", "_global_")]
    return parts[:1] == ["hydra"]


def _is_harmless(key: str, value: Any) -> bool:
    """Whether a file may set hydra.KEY."""
    for allowed in HARMLESS:
        if key == "sweeper.params":
            return value == {}  # else a text, which may stand for anything
        if key == allowed or key.startswith(f"{allowed}."):
            swept = key.removeprefix("sweeper.params.").lstrip("+~") if allowed == "sweeper.params" else ""
            return not swept.startswith("hydra") and TARGET not in swept
    return False


def _choices(defaults: Any) -> Iterator[str]:
    """The entries of a defaults list, without what they choose."""
    for entry in defaults if isinstance(defaults, list) else []:
        yield from map(str, entry) if isinstance(entry, dict) else [str(entry)]


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value that holds no others, with the keys that lead to it."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not members:
        yield path, value
    for key, member in members:
        yield from _leaves(member, (*path, str(key)))


def _refused(file: Path, key: str) -> SplatError:
    return SplatError(f"{file}: {key} could run code, which no settings file may; remove it (docs/configuration.md)")
