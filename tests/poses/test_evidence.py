"""Which poses ask to be refined: those of the demo do not, perturbed ones do, and so do those nobody has compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pycolmap
import pytest

from splat.capture import load_capture
from splat.capture.colmap.fit import model_fit
from splat.capture.types import PoseFit
from splat.poses.evidence import asks_for_refining, described, pose_fit
from tests.conftest import REPOSITORY, find_shared_data
from tools.perturb_poses import write_perturbed

DEMO = REPOSITORY / "data" / "demo"


def fit(capture: Path) -> PoseFit:
    found = pose_fit(load_capture(capture))
    assert found is not None
    return found


@pytest.mark.parametrize("suffix", [".bin", ".txt"])
def test_the_demo_fits_its_points_and_a_perturbed_one_does_not(tmp_path: Path, suffix: str) -> None:
    write_perturbed(DEMO, tmp_path / "wrong", degrees=0.5, share=0.01, seed=0)
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    shutil.copytree(DEMO / "sparse", right / "sparse")
    (right / "images").symlink_to(DEMO / "images")
    if suffix == ".txt":
        for folder in (right, wrong):
            model = pycolmap.Reconstruction(str(folder / "sparse" / "0"))
            shutil.rmtree(folder / "sparse" / "0")
            (folder / "sparse" / "0").mkdir()
            model.write_text(str(folder / "sparse" / "0"))
    good, bad = fit(right), fit(wrong)
    assert good.error < 0.8 and not asks_for_refining(good)
    assert bad.error > 2.5 and asks_for_refining(bad) and f"by {bad.error:.1f} px" in described(bad)
    assert good.views == bad.views > 3 and good.side == 480


def test_the_median_is_what_pycolmap_says_of_each_observation() -> None:
    model = pycolmap.Reconstruction(str(DEMO / "sparse" / "0"))
    train = {camera.name for camera in load_capture(DEMO).cameras("train")}
    errors = []
    for image in model.images.values():
        for seen in image.points2D if image.name in train else []:
            if seen.has_point3D():
                pixel = image.project_point(model.points3D[seen.point3D_id].xyz)
                errors.append(float(np.linalg.norm(pixel - seen.xy)))
    assert fit(DEMO).error == pytest.approx(float(np.median(errors)), rel=0.05)  # of a sample


def write_model(folder: Path, photos_a_point: int, off: float) -> None:
    """Two cameras side by side, 60 points, seen by one camera each or by both, `off` pixels too low."""
    rng = np.random.default_rng(0)
    xyz = rng.uniform([-1, -1, 4], [1, 1, 6], (60, 3))
    folder.mkdir(parents=True)
    (folder / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n")
    lines = []
    for number, x in ((1, 0.0), (2, -0.5)):
        local = xyz + np.array([x, 0, 0])
        pixels = 500 * local[:, :2] / local[:, 2:] + np.array([320, 240 + off])
        seen = [i for i in range(60) if photos_a_point == 2 or i % 2 == number - 1]
        lines.append(f"{number} 1 0 0 0 {x} 0 0 1 {number}.png")
        lines.append(" ".join(f"{pixels[i, 0]} {pixels[i, 1]} {i + 7} 5 5 -1" for i in seen))
    (folder / "images.txt").write_text("\n".join(lines) + "\n")
    rows = [f"{i + 7} {x} {y} {z} 9 9 9 0" for i, (x, y, z) in enumerate(xyz)]
    (folder / "points3D.txt").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize("off", [0.0, 3.0])
def test_the_error_is_that_of_the_poses_whatever_the_file_says(tmp_path: Path, off: float) -> None:
    write_model(tmp_path / "model", 2, off)
    found = model_fit(tmp_path / "model", {"1.png", "2.png"})
    assert found is not None and (found.side, found.views) == (640, 2.0)
    assert found.error == pytest.approx(off, abs=1e-9) and asks_for_refining(found) == (off > 2)
    assert model_fit(tmp_path / "model", {"other.png"}) is None


def test_points_of_one_photo_each_tell_that_nobody_compared_photos(tmp_path: Path) -> None:
    """As programs write that unproject predicted depth."""
    write_model(tmp_path / "model", 1, 0.0)
    found = model_fit(tmp_path / "model", {"1.png", "2.png"})
    assert found is not None and found.views == 1 and found.error < 1e-9
    assert asks_for_refining(found) and "no photos have been compared" in described(found)


def test_small_errors_count_only_where_pixels_show_them() -> None:
    assert not asks_for_refining(PoseFit(1.1, 480, 3.0)) and asks_for_refining(PoseFit(1.5, 480, 3.0))
    assert not asks_for_refining(PoseFit(3.0, 4000, 3.0)) and asks_for_refining(PoseFit(4.5, 4000, 3.0))
    assert not asks_for_refining(None)


@pytest.mark.slow
def test_poses_without_a_model_are_judged_by_matches(tmp_path: Path) -> None:
    fox = find_shared_data("fox")
    write_perturbed(fox, tmp_path / "wrong", degrees=0.5, share=0.01, seed=0)
    good, bad = fit(fox), fit(tmp_path / "wrong")
    assert not asks_for_refining(good) and asks_for_refining(bad) and bad.error > 2 * good.error
