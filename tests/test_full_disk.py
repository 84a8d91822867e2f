"""Every kind of file that splat writes: what a full disk does not take is noticed and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pycolmap
import pytest
import torch
from PIL import Image

from splat import disk
from splat.capture.photo import photo_header
from splat.capture.sfm.colmap_workspace import stage_mask, stage_photo
from splat.capture.sfm.solve import write_model
from splat.edit.select.selection import Selection, save_selection
from splat.errors import SplatError
from splat.files import atomic_path, save_image, write_json
from splat.formats import write_scene
from splat.gaussians import Gaussians
from splat.images import write_image
from splat.render.video import open_video
from splat.train.history import History
from splat.weather.clean.folder import write_photo
from splat.weather.clean.source import SourcePhoto
from tests.conftest import REPOSITORY
from tests.limits import files_of_at_most

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 255, (60, 80, 3), dtype=np.uint8)  # does not shrink, so every file is some kilobytes long
SCENE = Gaussians(
    *(torch.from_numpy(RNG.random((300, *rest), np.float32)) for rest in ((3,), (4,), (3,), (), (1, 3), (15, 3)))
)


def video(path: Path) -> None:
    with open_video(path, 30) as film:
        for _ in range(5):
            film.add(NOISE)


def archive(path: Path) -> None:
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, xyz=SCENE.means.numpy())


def table(path: Path) -> None:
    with History(path, 0) as rows:
        for step in range(50):
            rows.add(step, 1.0, 0.1, None, None, 3)


def answer(path: Path) -> None:
    with atomic_path(path) as temporary:
        save_image(temporary, Image.fromarray(NOISE), quality=92)


def staged(path: Path) -> None:
    original = path.with_name("turned.jpg")
    if not original.exists():
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(NOISE).save(original, exif=exif)
    stage_photo(original, path, 6, 4000)


def restored(path: Path) -> None:
    original = path.with_name("original").with_suffix(path.suffix)
    if not original.exists():
        Image.fromarray(NOISE).save(original)
    write_photo(SourcePhoto(path.name, original, path.name, photo_header(original)), NOISE, path.parent, 95)


def masked(path: Path) -> None:
    if not path.with_name("photo.png").exists():
        Image.fromarray(NOISE).save(path.with_name("photo.png"))
    stage_mask(NOISE[:, :, 0], path, path.with_name("photo.png"))


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "picture": ("a.png", lambda path: write_image(path, NOISE)),
    "photo": ("a.jpg", lambda path: write_image(path, NOISE)),
    "depth": ("a.tiff", lambda path: write_image(path, NOISE[:, :, 0].astype(np.float32))),
    "picture of an answer": ("a.jpg", answer),
    "staged photo": ("a.jpg", staged),
    "staged mask": ("a.png", masked),
    "restored JPEG": ("a.jpg", restored),
    "restored PNG": ("a.png", restored),
    "restored TIFF": ("a.tiff", restored),
    "restored WebP": ("a.webp", restored),
    "video": ("a.mp4", video),
    "ply": ("a.ply", lambda path: write_scene(path, SCENE)),
    "splat": ("a.splat", lambda path: write_scene(path, SCENE)),
    "spz": ("a.spz", lambda path: write_scene(path, SCENE)),
    "compressed PLY": ("a.compressed.ply", lambda path: write_scene(path, SCENE)),
    "selection": ("a.safetensors", lambda path: save_selection(path, Selection(torch.rand(500)))),
    "json": ("a.json", lambda path: write_json(path, list(range(500)))),
    "archive": ("a.npz", archive),
    "table": ("a.csv", table),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_is_noticed(tmp_path: Path, kind: str) -> None:
    name, write = WRITERS[kind]
    path = tmp_path / name
    write(path)
    size = path.stat().st_size
    assert size > 1000
    for limit in (0, 1, size // 2, size - 1):
        with files_of_at_most(limit), pytest.raises((SplatError, OSError)) as refused:
            write(path)
        assert isinstance(refused.value, SplatError) or disk.refusal(refused.value) == "File too large"
    with files_of_at_most(size):
        write(path)
    assert path.stat().st_size == size


@pytest.mark.parametrize("short", ["cameras.bin", "images.bin", "points3D.bin"])
def test_a_model_of_colmap_that_is_cut_is_noticed(tmp_path: Path, short: str) -> None:
    model = pycolmap.Reconstruction(str(REPOSITORY / "data" / "demo" / "sparse" / "0"))
    write_model(model, tmp_path / "whole")
    size = (tmp_path / "whole" / short).stat().st_size
    for limit in (0, size // 2, size - 1):
        with files_of_at_most(limit), pytest.raises(SplatError, match="the disk is full; free some space"):
            write_model(model, tmp_path / f"{limit}")
