"""Ground truth in the layouts that are read as they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.cameras import Camera
from splat.capture.types import Frame
from splat.errors import SplatError
from splat.files import write_json
from splat.language.evaluate import box_of, iou, matching, resized
from splat.language.truth import TruthView, read_truth


def test_lerf_ovs(tmp_path: Path) -> None:
    square = [[10, 5], [29, 5], [29, 24], [10, 24]]
    entry = {"category": "old camera", "bbox": [10, 5, 29, 24], "segmentation": square}
    other = {**entry, "bbox": [40, 5, 49, 9], "segmentation": [[40, 5], [49, 5], [49, 9], [40, 9]]}
    info = {"name": "frame_00041.jpg", "width": 60, "height": 40}
    write_json(tmp_path / "frame_00041.json", {"info": info, "objects": [entry, other]})
    (view,) = read_truth(tmp_path)
    mask = view.masks["old camera"]
    assert view.name == "frame_00041" and mask.shape == (40, 60) and mask.sum() == 20 * 20 + 10 * 5
    assert view.boxes["old camera"] == [(10, 5, 29, 24), (40, 5, 49, 9)]


def test_3d_ovs(tmp_path: Path) -> None:
    (tmp_path / "segmentations" / "04").mkdir(parents=True)
    (tmp_path / "segmentations" / "classes.txt").write_text("red bag\nwood\n")
    mask = np.zeros((8, 6), np.uint8)
    mask[2:4] = 255
    Image.fromarray(mask).save(tmp_path / "segmentations" / "04" / "red bag.png")
    (view,) = read_truth(tmp_path)
    assert view.name == "04" and list(view.masks) == ["red bag"] and view.masks["red bag"].sum() == 12


def test_the_demos_objects_and_what_is_too_small(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    labels = np.zeros((20, 20), np.uint8)
    labels[:5, :10], labels[10:12, :2] = 1, 2
    Image.fromarray(labels).save(tmp_path / "labels" / "0003.png")
    write_json(tmp_path / "objects.json", [{"id": 1, "name": "rug"}, {"id": 2, "name": "mug"}])
    (view,) = read_truth(tmp_path)
    assert view.name == "0003" and list(view.masks) == ["rug"] and box_of(view.masks["rug"]) == (0, 0, 10, 5)
    (both,) = read_truth(tmp_path, {"things": [1, 2]})
    assert both.masks["things"].sum() == 54
    with pytest.raises(SplatError, match="no truth that splat knows"):
        read_truth(tmp_path / "labels")


def test_iou_and_sizes() -> None:
    a, b = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    a[:2], b[1:3] = True, True
    assert iou(a, b) == pytest.approx(1 / 3) and iou(a & b & False, a & False) == 1
    assert resized(a, (8, 2)).tolist() == [[True] * 2] * 4 + [[False] * 2] * 4


def test_views_are_matched_by_name_and_by_number_only_where_no_name_fits() -> None:
    camera = Camera(torch.eye(4).double(), torch.eye(3).double(), 8, 6)
    mask = {"mug": np.ones((6, 8), bool)}
    frames = [Frame(camera, "test", Path(f"{name}.jpg")) for name in ("0003", "0005", "0009")]
    truth = [TruthView(name, mask) for name in ("0001", "0002", "0005")]
    assert [view.name for _, view in matching(truth, frames, "all")] == ["0005"]  # not photo 1 and 2 of the rest
    counted = [Frame(camera, "test", Path(f"IMG_{k}.jpg")) for k in range(3)]
    assert [view.name for _, view in matching([TruthView("02", mask)], counted, "all")] == ["02"]
    with pytest.raises(SplatError, match="none of the 1 views"):
        matching([TruthView("7", mask)], counted, "all")


def test_photos_of_one_name_are_told_apart_by_their_split() -> None:
    mask = {"mug": np.ones((6, 8), bool)}
    frames = []
    for number, split in enumerate(("test", "train")):
        viewmat = torch.eye(4, dtype=torch.float64)
        viewmat[0, 3] = number
        frames.append(
            Frame(Camera(viewmat, torch.eye(3).double(), 8, 6, f"{split}/r_0"), split, Path(f"{split}/r_0.png"))
        )  # type: ignore[arg-type]
    for number, split in enumerate(("test", "train")):
        ((camera, _),) = matching([TruthView("r_0", mask)], frames, split)
        assert float(camera.viewmat[0, 3]) == number
    with pytest.raises(SplatError, match="2 photos have that name, such as test/r_0 and train/r_0"):
        matching([TruthView("r_0", mask)], frames, "all")
    with pytest.raises(SplatError, match="none of the 1 views"):
        matching([TruthView("r_0", {})], frames, "test")  # nothing to be asked for
