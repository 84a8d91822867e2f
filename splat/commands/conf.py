"""The configuration files that come with splat."""

from __future__ import annotations

from pathlib import Path

import splat
from splat.errors import SplatError


def conf_folder() -> Path:
    """Where the configuration lies: in the package when it was installed, beside it in a checkout.

    Raises:
        SplatError: when it is in neither place.
    """
    package = Path(splat.__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise SplatError(f"the configuration folder of splat is missing beside {package}; install splat again")


def group_defaults(primary: Path) -> dict[str, str]:
    """The config groups that a primary configuration names in its defaults list, and what it chooses from each."""
    chosen = {}
    for line in primary.read_text(encoding="utf-8").splitlines():
        entry, colon, choice = line.strip().removeprefix("- ").partition(":")
        if line.strip().startswith("- ") and colon and not entry.startswith(("override", "/", "schema")):
            chosen[entry.removeprefix("optional ").strip()] = choice.strip()
    return chosen
