"""Selections drawn in pictures, and pictures of selections."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.edit.preview import overlay, write_preview
from splat.edit.select.geometry import sphere
from splat.edit.select.images import clicked_points, clicks, from_masks, polygon, read_masks
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.render.scene import SceneRenderer
from tests.edit.scenes import SIZE, renderer_of


def pixel(world: tuple[float, float, float], made: object, view: int) -> list[float]:
    camera = made.cameras[view]  # type: ignore[attr-defined]
    x, y, z = camera.K @ (camera.viewmat[:3, :3] @ torch.tensor(world).double() + camera.viewmat[:3, 3])
    return [float(x / z), float(y / z)]


def test_masks_of_views_vote_for_the_ball_they_show(tmp_path: Path) -> None:
    made = renderer_of()
    red = Selection.from_mask(torch.arange(900) < 300)
    for camera in made.cameras:
        label = (made.features(camera, red.weights[:, None])[..., 0] > 0.5).numpy().astype(np.uint8) * 7
        Image.fromarray(label).save(tmp_path / f"{Path(camera.name).stem}.png")
    found = from_masks(made, read_masks(made, tmp_path, value=7))
    agree = (found.mask & red.mask).sum() / (found.mask | red.mask).sum()
    assert agree > 0.97
    assert from_masks(made, read_masks(made, tmp_path, value=8)).count == 0
    with pytest.raises(SplatError, match="no masks"):
        from_masks(made, {})
    with pytest.raises(SplatError, match="no folder"):
        read_masks(made, tmp_path / "gone")
    with pytest.raises(SplatError, match="there is no view x"):
        from_masks(made, {"x.png": np.ones((4, 4))})


def rig(names: list[str]) -> SceneRenderer:
    made = renderer_of(views=len(names))
    cameras = [dataclasses.replace(camera, name=name) for camera, name in zip(made.cameras, names)]
    return dataclasses.replace(made, cameras=cameras)


def write_mask(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((SIZE[1] // 2, SIZE[0] // 2), value, np.uint8)).save(path)


def test_masks_belong_to_views_by_their_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = rig(["cam0/1.png", "cam1/1.png", "cam1/2.png"])
    for name, value in (("cam0/1.png", 3), ("cam1/1.png", 5), ("cam1/9.png", 7)):
        write_mask(tmp_path / name, value)
    for value, name in ((3, "cam0/1.png"), (5, "cam1/1.png")):
        masks = read_masks(made, tmp_path, value=value)
        assert {view: bool(mask.all()) for view, mask in masks.items()} == {
            "cam0/1.png": name == "cam0/1.png", "cam1/1.png": name == "cam1/1.png"
        }  # fmt: skip
    assert f"1 mask in {tmp_path} named as no training view (first: cam1/9.png)" in capsys.readouterr().err


def test_masks_without_folders_need_names_that_tell(tmp_path: Path) -> None:
    write_mask(tmp_path / "1.png", 3)
    with pytest.raises(SplatError, match=r"several photos share \(such as cam0/1.png, cam1/1.png\)"):
        read_masks(rig(["cam0/1.png", "cam1/1.png"]), tmp_path)
    assert list(read_masks(rig(["cam0/1.jpg", "cam1/2.jpg"]), tmp_path)) == ["cam0/1.jpg"]


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_an_alpha_channel_marks_nothing(tmp_path: Path, mode: str) -> None:
    pixels = np.zeros((SIZE[1], SIZE[0], len(mode)), np.uint8)
    pixels[..., -1] = 255  # opaque, as painting programs save masks
    pixels[:3, :, :-1] = 200
    Image.fromarray(pixels).save(tmp_path / "1.png")
    for value, marked in ((None, True), (200, True), (255, False)):
        mask = read_masks(rig(["1.png"]), tmp_path, value)["1.png"]
        assert mask[:3].all() == marked and not mask[3:].any()


def test_a_mask_of_another_shape_is_an_error_that_names_it(tmp_path: Path) -> None:
    Image.new("L", (SIZE[1], SIZE[0]), 255).save(tmp_path / "1.png")
    with pytest.raises(SplatError, match=rf"1\.png is {SIZE[1]}x{SIZE[0]} but its view {SIZE[0]}x{SIZE[1]}"):
        read_masks(rig(["1.png"]), tmp_path)


def test_a_damaged_mask_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_mask(tmp_path / "1.png", 3)
    data = (tmp_path / "1.png").read_bytes()
    for size in range(0, len(data), 7):
        (tmp_path / "1.png").write_bytes(data[:size])
        try:
            read_masks(rig(["1.png"]), tmp_path)
        except SplatError as error:
            assert "1.png" in str(error) and "\n" not in str(error)


def test_the_vote_is_the_share_of_blending_weight() -> None:
    made = renderer_of()
    camera, mask = made.cameras[0], np.zeros((SIZE[1], SIZE[0]), bool)
    mask[:, : SIZE[0] // 3] = True
    vote = from_masks(made, {camera.name: mask}).weights
    for index in (10, 150, 290):  # one at a time: its own picture inside the mask over its whole picture
        one = torch.zeros(900, 1)
        one[index] = 1
        drawn = made.features(camera, one)[..., 0].numpy()
        if drawn.sum() > 0.1:
            assert float(vote[index]) == pytest.approx(drawn[mask].sum() / drawn.sum(), abs=1e-4)


def test_a_polygon_takes_the_surface_that_is_seen_and_nothing_behind_it() -> None:
    made = renderer_of()
    found = polygon(made, made.cameras[0], [0, 0, 47, 0, 47, 71, 0, 71])  # the left half: red before blue
    front = made.scene.means[:300, 2] < -0.2
    assert found.mask[:300][front].float().mean() > 0.9
    assert not found.mask[:300][made.scene.means[:300, 2] > 0.2].any()
    assert not found.mask[300:600].any() and found.mask[600:].float().mean() < 0.1
    with pytest.raises(SplatError, match="three corners"):
        polygon(made, made.cameras[0], [0, 0, 1, 1])


def test_a_click_takes_the_whole_ball_under_it() -> None:
    made = renderer_of()
    place = pixel((0.6, 0.0, -0.4), made, 0)
    point = clicked_points(made, made.cameras[0], place)[0]
    assert torch.allclose(point, torch.tensor([0.6, 0, -0.4]).double(), atol=0.1)
    assert clicks(made, made.cameras[0], place).indices.tolist() == list(range(300, 600))
    near = clicks(made, made.cameras[0], place, radius=0.2)
    assert torch.equal(near.mask, (made.scene.means - point).norm(dim=1) <= 0.2)
    both = clicks(made, made.cameras[0], [*place, *pixel((-0.6, 0, -0.4), made, 0)])
    assert both.indices.tolist() == list(range(600))
    with pytest.raises(SplatError, match="nothing under"):
        clicks(made, made.cameras[0], [1, 1])
    with pytest.raises(SplatError, match="which this run sees in 96x72 pixels"):
        clicks(made, made.cameras[0], [500, 1])
    with pytest.raises(SplatError, match="did you mean photos"):
        made.camera("photos/11.png")


def test_a_preview_shows_the_selection(tmp_path: Path) -> None:
    made = renderer_of()
    green = sphere(made.scene, [0.6, 0, 0], 0.5)
    picture, seen = overlay(made, made.cameras[0], green)
    x, y = (int(v) for v in pixel((0.6, 0, -0.4), made, 0))
    red_x, red_y = (int(v) for v in pixel((-0.6, 0, -0.4), made, 0))
    glow, grey = picture[y, x].astype(int), picture[red_y, red_x].astype(int)
    assert glow[2] > 80 and glow[0] > 100 and seen > 100  # a share of magenta over green
    assert grey[0] - grey[1] < 80  # red has lost most of its colour
    paths = write_preview(made, green, tmp_path, count=3)
    assert len(paths) == 3 and Image.open(paths[0]).size == SIZE
    nearest = made.best_views(green.weights, 1)[0]  # the ball is largest from its own side
    assert float((nearest.position - torch.tensor([0.6, 0, 0]).double()).norm()) < 3.6
