"""The `meta.json` of a SOG scene, checked: numbers where numbers are due, and names of files beside it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from splat.errors import SplatError
from splat.formats.scene_file import NO_ORIGIN, Origin
from splat.formats.sog.container import plain_name

Floats = npt.NDArray[np.float64]

LEVELS = 256  # of a byte
MOST_SIDE = 16383  # of a WebP picture
MOST_PALETTE = 1 << 16
_LARGEST = 1e300  # numbers as long as one likes are JSON, too
COEFFICIENTS = (0, 3, 8, 15)  # of each SH degree, without the constant one
_PARTS = ("means", "scales", "quats", "sh0", "shN")
_KNOWN = {*_PARTS, "version", "count", "asset", "model", "extras"}
_MODELS = {"antialiased": True, "default": False}


@dataclass(frozen=True)
class Bytes:
    """What the bytes of a picture stand for: a table of 256 values for each of its channels [C, 256]."""

    files: tuple[str, ...]
    values: Floats


@dataclass(frozen=True)
class Palette:
    """Directional colour: a table of value sets, and for each Gaussian the number of one of them."""

    files: tuple[str, ...]  # the table and the numbers
    values: Floats  # [256] what a byte of the table stands for
    degree: int | None  # None: the width of the table tells
    count: int


@dataclass(frozen=True)
class Meta:
    """What `meta.json` says."""

    count: int
    mins: Floats  # [3] of sign(x) ln(1 + |x|)
    maxs: Floats
    means: tuple[str, ...]  # low and high bytes
    quats: tuple[str, ...]
    scales: Bytes  # C = 3, logarithms
    sh0: Bytes  # C = 4: three colours and the opacity, as a logit (version 1) or in [0, 1] (version 2)
    opacity_is_logit: bool
    shN: Palette | None
    antialiased: bool | None = None
    origin: Origin = NO_ORIGIN
    unused: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """All names of pictures."""
        return (*self.means, *self.scales.files, *self.quats, *self.sh0.files, *(self.shN.files if self.shN else ()))


def parse(path: Path, data: bytes) -> Meta:
    """
    Args:
        path: of the scene, for messages.
        data: of `meta.json`.

    Raises:
        SplatError: when it is damaged, of another version, or of flat Gaussians (2DGS).
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SplatError(f"{path} is a damaged SOG scene: its meta.json is no JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("means"), dict):
        raise SplatError(f"{path} is no SOG scene: its meta.json says nothing of means")
    version = found.get("version")
    if version not in (None, 1, 2):
        raise SplatError(f"{path} is SOG version {str(version)[:20]}; versions 1 and 2 are read")
    try:
        return _version_2(path, found) if version == 2 else _version_1(path, found)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise SplatError(f"{path} is a damaged SOG scene: its meta.json lacks or misstates {error}") from error


def _files(path: Path, part: dict[str, Any], count: int) -> tuple[str, ...]:
    names = part["files"]
    if not isinstance(names, list) or len(names) != count:
        raise ValueError(f"{count} files")
    return tuple(plain_name(path, name) for name in names)


def _numbers(part: dict[str, Any], key: str, least: int, most: int | None = None) -> Floats:
    """[least to most] finite numbers, or exactly `least`."""
    given = part[key]
    if not isinstance(given, list) or not least <= len(given) <= (most or least):
        raise ValueError(key)
    return np.array([_number(value, key) for value in given])


def _number(value: Any, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LARGEST < value < _LARGEST:
        raise ValueError(key)
    return float(value)


def _whole(value: Any, key: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(key)
    return value


def _between(low: Floats, high: Floats) -> Floats:
    """[C, 256] the values of bytes that divide what lies between two bounds."""
    return low[:, None] + (high - low)[:, None] * np.arange(LEVELS) / (LEVELS - 1)


def _version_2(path: Path, meta: dict[str, Any]) -> Meta:
    means, scales, quats, sh0 = (meta[name] for name in _PARTS[:4])
    antialiased, remarks = _model(path, meta.get("model"))
    origin, unused = _extras(meta.get("extras"))
    unused += [f"{name} in meta.json" for name in sorted(set(meta) - _KNOWN)][:9]
    colors, opacities = _codebook(sh0), np.arange(LEVELS) / (LEVELS - 1)
    shN = meta.get("shN")
    return Meta(
        count=_whole(meta["count"], "count", MOST_SIDE**2),
        mins=_numbers(means, "mins", 3),
        maxs=_numbers(means, "maxs", 3),
        means=_files(path, means, 2),
        quats=_files(path, quats, 1),
        scales=Bytes(_files(path, scales, 1), np.tile(_codebook(scales), (3, 1))),
        sh0=Bytes(_files(path, sh0, 1), np.stack([colors, colors, colors, opacities])),
        opacity_is_logit=False,
        shN=_palette(path, shN) if shN is not None else None,
        antialiased=antialiased,
        origin=origin,
        unused=tuple(unused),
        remarks=tuple(remarks),
    )


def _codebook(part: dict[str, Any]) -> Floats:
    """[256] values; NaN behind the end of a shorter one."""
    given = _numbers(part, "codebook", 1, LEVELS)
    return np.concatenate([given, np.full(LEVELS - len(given), np.nan)])


def _palette(path: Path, part: dict[str, Any]) -> Palette | None:
    degree = _whole(part["bands"], "bands", 3)
    count = _whole(part["count"], "count of shN", MOST_PALETTE)
    return Palette(_files(path, part, 2), _codebook(part), degree, count) if degree else None


def _model(path: Path, model: Any) -> tuple[bool | None, list[str]]:
    """Whether the scene is drawn antialiased, and remarks."""
    if model == "2dgs":
        raise SplatError(f"{path} holds flat Gaussians (2DGS), which are not read; export 3D Gaussians")
    if model is None or (isinstance(model, str) and model in _MODELS):
        return _MODELS.get(model), []  # type: ignore[arg-type]
    return None, [f"its model '{str(model)[:40]}' is not known; it is read as usual Gaussians"]


def _extras(extras: Any) -> tuple[Origin, list[str]]:
    """The origin that this program writes there, and what else there is."""
    if not isinstance(extras, dict):
        return NO_ORIGIN, [] if extras is None else ["extras in meta.json"]
    origin, others = extras.get("origin"), len(extras) - ("origin" in extras)
    unused = [f"extras in meta.json ({others} entries)"] if others else []
    try:
        x, y, z = (_number(value, "origin") for value in origin) if isinstance(origin, list) else NO_ORIGIN
    except (ValueError, OverflowError):
        return NO_ORIGIN, [*unused, "origin in meta.json, which is no three numbers"]
    return (x, y, z), unused


def _version_1(path: Path, meta: dict[str, Any]) -> Meta:
    means, scales, quats, sh0 = (meta[name] for name in _PARTS[:4])
    shN = meta.get("shN")
    palette = None
    if shN is not None:
        low, high = (np.array([_number(shN[key], f"{key} of shN")]) for key in ("mins", "maxs"))
        palette = Palette(_files(path, shN, 2), _between(low, high)[0], None, MOST_PALETTE)
    return Meta(
        count=_whole(means["shape"][0], "shape of means", MOST_SIDE**2),
        mins=_numbers(means, "mins", 3),
        maxs=_numbers(means, "maxs", 3),
        means=_files(path, means, 2),
        quats=_files(path, quats, 1),
        scales=Bytes(_files(path, scales, 1), _between(_numbers(scales, "mins", 3), _numbers(scales, "maxs", 3))),
        sh0=Bytes(_files(path, sh0, 1), _between(_numbers(sh0, "mins", 4), _numbers(sh0, "maxs", 4))),
        opacity_is_logit=True,
        shN=palette,
        unused=tuple(f"{name} in meta.json" for name in sorted(set(meta) - _KNOWN))[:9],
    )
