"""Ground truth for language fields: the demo's, LERF-OVS's and 3D-OVS's folders, read as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from splat.errors import SplatError
from splat.files import read_json

LEAST = 30  # pixels: of less than this nobody can say what it is


@dataclass
class TruthView:
    """What one photo shows."""

    name: str  # the photo's stem, or its number in the capture for 3D-OVS
    masks: dict[str, np.ndarray]  # text -> [h, w] bool
    boxes: dict[str, list[tuple[float, float, float, float]]] = field(default_factory=dict)  # left, top, right, bottom


def read_truth(folder: Path, queries: dict[str, list[int]] | None = None) -> list[TruthView]:
    """The photos of a truth folder, whichever layout it has.

    demo      objects.json and labels/NAME.png; every object is asked for by its name, or as `queries` or a file
              queries.json {text: [ids]} in the folder say
    LERF-OVS  frame_*.json with info and objects of category, bbox and segmentation (label/SCENE)
    3D-OVS    classes.txt and NUMBER/CLASS.png (SCENE/segmentations)

    Raises:
        SplatError: when it is none of these.
    """
    if (folder / "labels").is_dir():
        return _label_maps(folder, queries)
    if any(folder.glob("*.json")) and not (folder / "classes.txt").exists():
        found = [_lerf(path) for path in sorted(folder.glob("*.json"))]
        return [view for view in found if view.masks]
    if (folder / "classes.txt").is_file():
        return _classes(folder)
    if (folder / "segmentations").is_dir():
        return _classes(folder / "segmentations")
    raise SplatError(
        f"{folder} holds no truth that splat knows: objects.json with labels/, frame_*.json (LERF-OVS), or classes.txt "
        "with a folder a photo (3D-OVS)"
    )


def _label_maps(folder: Path, queries: dict[str, list[int]] | None) -> list[TruthView]:
    if queries is None and (folder / "queries.json").is_file():
        queries = read_json(folder / "queries.json")
    if queries is None:
        queries = {entry["name"]: [entry["id"]] for entry in read_json(folder / "objects.json")}
    views = []
    for path in sorted((folder / "labels").glob("*.png")):
        labels = _grey(path)
        masks = {text: np.isin(labels, ids) for text, ids in queries.items()}
        views.append(TruthView(path.stem, {text: mask for text, mask in masks.items() if mask.sum() >= LEAST}))
    return views


def _lerf(path: Path) -> TruthView:
    content: dict[str, Any] = read_json(path)
    if "info" not in content or "objects" not in content:
        raise SplatError(f"{path} is not a LERF-OVS label file (no info, no objects)")
    height, width = int(content["info"]["height"]), int(content["info"]["width"])
    view = TruthView(Path(content["info"].get("name") or path.stem).stem, {})
    for entry in content["objects"]:
        polygons = entry["segmentation"]
        if polygons and not isinstance(polygons[0][0], (list, tuple)):
            polygons = [polygons]
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(np.asarray(p, np.float64).reshape(-1, 2)).astype(np.int32) for p in polygons], 1)
        text = str(entry["category"])
        view.masks[text] = view.masks.get(text, np.zeros(mask.shape, bool)) | mask.astype(bool)
        left, top, right, bottom = (float(v) for v in np.ravel(entry["bbox"])[:4])
        view.boxes.setdefault(text, []).append((left, top, right, bottom))
    return view


def _classes(folder: Path) -> list[TruthView]:
    names = [line.strip() for line in (folder / "classes.txt").read_text(encoding="utf-8").splitlines() if line.strip()]
    views = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        masks = {}
        for text in names:
            found = next((p for p in (place / f"{text}.png", place / f"{text}.jpg") if p.is_file()), None)
            if found is not None:
                masks[text] = _grey(found) > 127
        if masks:
            views.append(TruthView(place.name, masks))
    return views


def _grey(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        array = np.asarray(image)
    return array if array.ndim == 2 else array[..., 0]
