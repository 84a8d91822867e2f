"""Where the files lie that come with splat: weights, configuration, the demo capture."""

from __future__ import annotations

from pathlib import Path

from splat.errors import SplatError

PACKAGE = Path(__file__).resolve().parent


def weights_folder(name: str) -> Path:
    """The folder of one of our own small models, `teacher` or `restorer`; part of the package."""
    return PACKAGE / "weights" / name


def conf_folder(package: Path = PACKAGE) -> Path:
    """The configuration files: in the package where a wheel was installed, beside it in a checkout.

    Raises:
        SplatError: when they are in neither place.
    """
    return _shipped(package, Path("conf"), "train.yaml")


def demo_folder(package: Path = PACKAGE) -> Path:
    """The demo capture: in the package where a wheel was installed, beside it in a checkout.

    Raises:
        SplatError: when it is in neither place.
    """
    return _shipped(package, Path("data") / "demo", "images")


def _shipped(package: Path, place: Path, part: str) -> Path:
    for root in (package, package.parent):
        if (root / place / part).exists():
            return root / place
    raise SplatError(f"{place} is missing in {package} and beside it; install splat again")
