"""What a scene file holds, at a glance: for `splat info`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splat.formats.common import drop_unusable
from splat.formats.registry import detect_format

_QUANTILES = {"min": 0.0, "1%": 0.01, "25%": 0.25, "50%": 0.5, "75%": 0.75, "99%": 0.99, "max": 1.0}


def _quantiles(values: Tensor) -> dict[str, float]:
    array = values.detach().cpu().double().numpy().ravel()  # torch.quantile refuses more than 16 million values
    return {name: float(value) for name, value in zip(_QUANTILES, np.quantile(array, list(_QUANTILES.values())))}


def _size(path: Path) -> int:
    """Bytes of a file, or of the files of a scene folder, which its JSON file stands for."""
    folder = path.parent if path.suffix.lower() == ".json" else path
    return (
        sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
        if folder.is_dir()
        else path.stat().st_size
    )


def scene_info(path: str | Path) -> dict[str, Any]:
    """Facts about a scene file, ready for JSON.

    Returns:
        file, format, bytes, count (Gaussians in the file), sh_degree, nonfinite_share (in [0, 1]; such rows are left
        out of what follows), antialiased (a bool, or "not said"), origin (adding it to coordinates gives those of the
        source), not_used and remarks (lists of texts), bounding_box {min, max} of the centres (without the origin) and
        bounding_box_98 (1 % to 99 % along each axis: without the outliers), quantiles of opacity (in [0, 1]) and of
        scale (standard deviations, world units, all axes together); boxes and quantiles are None for a scene without
        usable Gaussians.

    Raises:
        SplatError: as `read_scene`.
    """
    path = Path(path)
    entry = detect_format(path)
    found = entry.read(path)
    raw = found.gaussians
    gaussians, dropped = drop_unusable(raw)
    info: dict[str, Any] = {
        "file": str(path),
        "format": entry.name,
        "bytes": _size(path),
        "count": len(raw),
        "sh_degree": raw.sh_degree,
        "nonfinite_share": dropped / max(len(raw), 1),
        "antialiased": "not said" if found.notes.antialiased is None else found.notes.antialiased,
        "origin": list(found.notes.origin),
        "not_used": list(found.unused),
        "remarks": list(found.remarks),
        "bounding_box": None,
        "bounding_box_98": None,
        "opacity": None,
        "scale": None,
    }
    if len(gaussians):
        axes = [_quantiles(gaussians.means[:, axis]) for axis in range(3)]
        info["bounding_box"] = {end: [axis[end] for axis in axes] for end in ("min", "max")}
        info["bounding_box_98"] = {"min": [axis["1%"] for axis in axes], "max": [axis["99%"] for axis in axes]}
        info["opacity"] = _quantiles(torch.sigmoid(gaussians.opacities))
        # the largest float32 keeps absurd scales (outliers of other programs) writable as JSON
        info["scale"] = _quantiles(torch.exp(gaussians.scales.double()).clamp(max=3.4e38))
    return info
