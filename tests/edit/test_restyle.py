"""Restyle toward pictures: what is selected follows them, the rest keeps its very bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from splat.edit.restyle.filters import filtered
from splat.edit.restyle.images import read_images
from splat.edit.restyle.loop import RestyleLoop, target_views
from splat.edit.restyle.options import FILTERS, GuideOptions
from splat.edit.restyle.regularize import WEIGHTS, anchor_loss
from splat.edit.restyle.trainable import TrainableSubset
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render.scene import SceneRenderer
from splat.sh import sh0_to_rgb
from tests.edit.scenes import SIZE, renderer_of, three_balls

GREEN_BALL = torch.arange(900) // 300 == 1


def picture() -> np.ndarray:
    """Smooth colours with an edge and some noise, [H, W, 3] uint8."""
    y, x = np.mgrid[:60, :80] / 80
    made = np.stack([0.2 + 0.6 * x, 0.3 + 0.4 * y, np.where(x > 0.5, 0.8, 0.2)], axis=-1)
    return ((made + np.random.default_rng(0).normal(0, 0.02, made.shape)).clip(0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_changes_a_picture_by_its_amount(name: str) -> None:
    before = picture()
    after = filtered(before, name, hue=90)
    assert after.shape == before.shape and after.dtype == np.float32 and 0 <= after.min() <= after.max() <= 1
    assert np.abs(after - before / 255).max() > 0.05
    half = filtered(before, name, amount=0.5, hue=90)
    assert np.allclose(half, (after + before / 255) / 2, atol=1e-5)
    assert np.array_equal(filtered(before, name, amount=0), (before / 255).astype(np.float32))


def test_filters_with_a_closed_form() -> None:
    before = picture()
    assert np.allclose(filtered(before, "invert"), 1 - before / 255, atol=1e-6)
    grey = filtered(before, "gray")
    assert (
        np.allclose(grey[..., 0], before @ [0.299, 0.587, 0.114] / 255, atol=1e-5) and np.ptp(grey, axis=-1).max() == 0
    )
    assert len(np.unique(filtered(before, "posterize"))) <= 4
    flat = np.full((20, 20, 3), (90, 120, 60), np.uint8)
    assert np.allclose(filtered(flat, "oil"), flat / 255, atol=1e-3)  # strokes of one colour are that colour
    assert np.allclose(filtered(flat, "hue", hue=360), flat / 255, atol=1e-4)
    with pytest.raises(SplatError, match="did you mean stylization"):
        filtered(flat, "stylisation")


def error(
    made: SceneRenderer, scene: Gaussians | None, target: list[Tensor], inside: list[Tensor], within: bool
) -> float:
    """Mean absolute difference to targets over the pixels inside or outside of regions [H, W] bool."""
    found = []
    for camera, wanted, mask in zip(made.cameras, target, inside):
        difference = ((made if scene is None else made.of(scene)).image(camera).clamp(0, 1) - wanted).abs().mean(dim=-1)
        found.append(difference[mask if within else ~mask])
    return float(torch.cat(found).mean())


@pytest.mark.parametrize("name", ["invert", "gray"])
def test_a_filter_changes_the_selected_ball_alone(name: str) -> None:
    made = renderer_of()
    chosen = Selection.from_mask(GREEN_BALL, "the green ball")
    options = GuideOptions(views=8)
    views = target_views(made, chosen, lambda shown: filtered(shown, name), options)
    edited = RestyleLoop(made, chosen.mask, views, options, 200).run()
    before = [made.image(camera).clamp(0, 1) for camera in made.cameras]
    covered = [made.features(camera, GREEN_BALL[:, None].float())[..., 0] for camera in made.cameras]
    wanted = [torch.from_numpy(filtered((one * 255).round().byte().numpy(), name)) for one in before]
    solid = [one > 0.95 for one in covered]
    assert error(made, None, wanted, solid, True) > 0.15
    assert error(made, edited.scene, wanted, solid, True) < 0.02  # it follows
    assert error(made, edited.scene, before, [one > 0.02 for one in covered], False) < 0.002  # beside it nothing shows
    keeps_bits(made, edited.scene, edited.origin, GREEN_BALL)
    assert torch.equal(edited.origin.unique(), torch.arange(900)) and len(edited.scene) > 900  # children too


def keeps_bits(made: SceneRenderer, scene: Gaussians, origin: Tensor, moved: Tensor) -> None:
    """What was not selected is there, once, in order, with the very bits it had; what was has changed."""
    rest = ~moved[origin]
    assert torch.equal(origin[rest], (~moved).nonzero()[:, 0])
    for name, value in made.scene.as_dict().items():
        assert torch.equal(getattr(scene, name)[rest], value[~moved])
    assert not torch.equal(scene.sh0[~rest][: int(moved.sum())], made.scene.sh0[moved])


def test_colors_alone_leave_shapes_as_they_are_and_a_seed_repeats_itself() -> None:
    made, options = renderer_of(), GuideOptions(views=4, shape=False, seed=3)
    chosen = Selection.from_mask(GREEN_BALL)
    results = []
    for seed in (3, 3, 4):
        options.seed = seed
        views = target_views(made, chosen, lambda shown: filtered(shown, "sepia"), options)
        results.append(RestyleLoop(made, chosen.mask, views, options, 25).run().scene)
    for name in ("means", "quats", "scales", "opacities"):
        assert torch.equal(getattr(results[0], name), getattr(made.scene, name))
    assert torch.equal(results[0].sh0, results[1].sh0) and not torch.equal(results[0].sh0, results[2].sh0)


def write_edited(folder: Path, made: SceneRenderer, views: range, scale: int = 1) -> None:
    """Pictures of some views with the green ball painted yellow."""
    folder.mkdir()
    for camera in made.cameras[views.start : views.stop : views.step]:
        shown, covered = made.image(camera), made.features(camera, GREEN_BALL[:, None].float())
        yellow = shown.new_tensor([0.9, 0.8, 0.1]) * covered + (1 - covered) * shown
        image = Image.fromarray((yellow.clamp(0, 1) * 255).round().byte().numpy())
        image = image.resize((image.width * scale, image.height * scale))
        image.save(folder / camera.name.replace("photos/", "photos__" if scale == 1 else ""))


@pytest.mark.parametrize("scale", [1, 2])
def test_pictures_of_the_user_are_followed(tmp_path: Path, scale: int, capsys: pytest.CaptureFixture[str]) -> None:
    made, options = renderer_of(), GuideOptions()
    write_edited(tmp_path / "mine", made, range(0, 8, 2), scale)
    (tmp_path / "mine" / "0_photo.png").write_bytes(b"")  # what splat render puts beside its pictures
    chosen = Selection.from_mask(GREEN_BALL)
    pictures = read_images(made, tmp_path / "mine")
    assert ("scaled" in capsys.readouterr().err) == (scale == 2) and len(pictures) == 4
    edited = RestyleLoop(made, chosen.mask, target_views(made, chosen, pictures, options), options, 200).run()
    other = made.cameras[3]  # no picture of this view was given
    solid = made.features(other, GREEN_BALL[:, None].float())[..., 0] > 0.95
    color = made.of(edited.scene).image(other)[solid].mean(dim=0)
    assert torch.allclose(color, torch.tensor([0.9, 0.8, 0.1]), atol=0.06)
    keeps_bits(made, edited.scene, edited.origin, GREEN_BALL)


def test_pictures_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    made = renderer_of()
    with pytest.raises(SplatError, match="no folder"):
        read_images(made, tmp_path / "gone")
    (tmp_path / "mine").mkdir()
    Image.new("RGB", SIZE).save(tmp_path / "mine" / "view.png")
    with pytest.raises(SplatError, match="no picture named as a training view, for example "):
        read_images(made, tmp_path / "mine")
    Image.new("RGB", (SIZE[0], SIZE[1] + 10)).save(tmp_path / "mine" / "1.png")
    with pytest.raises(SplatError, match="without cropping"):
        read_images(made, tmp_path / "mine")
    (tmp_path / "mine" / "1.png").write_bytes(b"no picture")
    with pytest.raises(SplatError, match="cannot read"):
        read_images(made, tmp_path / "mine")


def test_anchors_are_the_written_sum_and_count_live_ones_only() -> None:
    subset = TrainableSubset(three_balls(), GREEN_BALL, pull=0.5)
    assert float(anchor_loss(subset).detach()) == 0
    live = torch.arange(300) < 100
    subset.state["live"] = live
    subset.state["pull"][:50] = 2.0
    g = torch.Generator().manual_seed(0)
    moved = {name: 0.1 * torch.randn(value.shape, generator=g) for name, value in subset.params.items()}
    before = {name: value.detach().clone().double() for name, value in subset.params.items()}
    for name, value in subset.params.items():
        value.data += moved[name]
    now = {name: value.detach().double() for name, value in subset.params.items()}
    unit = torch.nn.functional.normalize
    parts = {
        "means": (now["means"] - before["means"]) / subset.unit,
        "quats": unit(now["quats"], dim=1) - unit(before["quats"], dim=1),
        "scales": now["scales"] - before["scales"],
        "opacities": (now["opacities"].sigmoid() - before["opacities"].sigmoid())[:, None],
        "sh0": sh0_to_rgb(now["sh0"]) - sh0_to_rgb(before["sh0"]),
        "shN": now["shN"] - before["shN"],
    }
    squares = sum(WEIGHTS[name] * part.square().flatten(1).sum(dim=1) for name, part in parts.items())
    expected = (subset.state["pull"].double() * squares)[live].sum() / 100
    assert float(anchor_loss(subset).detach()) == pytest.approx(float(expected), rel=1e-4)


def test_children_inherit_and_older_ones_are_held_more_firmly() -> None:
    subset = TrainableSubset(three_balls(), GREEN_BALL, pull=0.1)
    subset.state["label"] = torch.linspace(0, 1, 300)
    subset.state["live"] = torch.arange(300) >= 100
    subset.state["grad2d"], subset.state["count"] = torch.arange(300.0), torch.ones(300)
    subset.state["grad2d"][:100] = 1e6  # those that do not take part have no children
    subset.params["scales"].data[290:] += 1.0  # large: halved, the others cloned
    parents = subset.gaussians.detach()
    more = subset.densify(0.1, 100, growth=3.0, pull=0.1, generator=torch.Generator().manual_seed(0))
    assert more == 20 and len(subset) == 320
    origin, state = subset.state["origin"], subset.state
    counts = torch.bincount(origin - 300, minlength=300)
    assert torch.equal((counts == 2).nonzero()[:, 0], torch.arange(280, 300))  # the largest gradients of the live ones
    assert torch.allclose(state["label"], torch.linspace(0, 1, 300)[origin - 300])
    assert torch.equal(state["live"], origin - 300 >= 100)
    young = state["pull"] == 0.1
    assert int(young.sum()) == 10 + 2 * 10 and torch.allclose(state["pull"][~young], torch.tensor(0.3))
    halves = origin - 300 >= 290
    assert torch.allclose(subset.params["scales"][halves], parents.scales[origin[halves] - 300] - float(np.log(1.6)))
    for name, value in subset.params.items():
        assert torch.equal(state[f"anchor.{name}"], value.detach())
    assert subset.densify(0.5, 0, 3.0, 0.1, torch.Generator()) == 0  # no room


def test_what_the_edit_made_invisible_is_dropped() -> None:
    scene = three_balls()
    subset = TrainableSubset(scene, GREEN_BALL, pull=0.1)
    subset.params["opacities"].data[:5] = -9.0
    edited = subset.finished(scene)
    assert len(edited.scene) == 895 and torch.equal(edited.origin, torch.tensor([*range(300), *range(305, 900)]))


def test_scenes_without_directional_color_can_be_split_too() -> None:
    scene = three_balls()
    plain = Gaussians.from_dict({**scene.as_dict(), "shN": scene.shN[:, :0]})
    subset = TrainableSubset(plain, GREEN_BALL, pull=0.1)
    subset.state["grad2d"], subset.state["count"] = torch.ones(300), torch.ones(300)
    subset.params["scales"].data[:10] += 1.0
    assert subset.densify(1.0, 300, 2.0, 0.1, torch.Generator().manual_seed(0)) == 300
    edited = subset.finished(plain)
    assert edited.scene.shN.shape == (1200, 0, 3) and torch.equal(
        edited.origin.bincount()[300:600], torch.full((300,), 2)
    )
    assert float(anchor_loss(subset).detach()) == 0
