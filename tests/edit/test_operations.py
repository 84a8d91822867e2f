"""Operations against known answers: rendered from where the change cannot be told, they give the same picture."""

from __future__ import annotations

import math
import pkgutil

import pytest
import torch
from torch import Tensor

from splat.cameras import Camera
from splat.colors import lab_to_rgb, parse_color, rgb_to_lab
from splat.edit.operations import OPERATIONS, remove, transform
from splat.edit.operations.recolor import recolor
from splat.edit.select.geometry import everything, sphere
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.sh import sh0_to_rgb, sh_basis
from splat.train.losses import psnr
from tests.edit.scenes import GREEN, RED, ball, camera, join, renderer_of, three_balls


def shiny(scene: Gaussians, degree: int = 3) -> Gaussians:
    """With strong colours that depend on the direction."""
    count = (degree + 1) ** 2 - 1
    shN = 0.25 * torch.randn(len(scene), count, 3, generator=torch.Generator().manual_seed(5))
    stretched = scene.scales + torch.tensor([0.5, 0.0, -0.7])
    return Gaussians.from_dict({**scene.as_dict(), "shN": shN, "scales": stretched})


def picture(scene: Gaussians, one: Camera) -> Tensor:
    made = renderer_of(scene)
    return made.image(one).clamp(0, 1)


def moved(one: Camera, matrix: Tensor) -> Camera:
    """The camera that sees the scene moved by a rotation and translation as `one` sees it unmoved."""
    return Camera(one.viewmat @ torch.linalg.inv(matrix), one.K, one.width, one.height, one.name)


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_rotated_object_looks_as_from_a_camera_turned_the_other_way(degree: int) -> None:
    scene = shiny(three_balls(), degree)
    axis, degrees, pivot = [0.3, 1.0, -0.4], 75.0, [0.1, 0.2, 0.0]
    rotated = transform.rotate(scene, everything(scene), axis, degrees, pivot).scene
    matrix = transform.similarity(torch.tensor(pivot, dtype=torch.float64), axis=axis, degrees=degrees)
    for angle in (0, 110):
        one = camera(angle)
        assert float(psnr(picture(rotated, moved(one, matrix)), picture(scene, one))) > 45
    wrong = Gaussians.from_dict({**rotated.as_dict(), "shN": scene.shN})  # not turning the bands is seen
    assert float(psnr(picture(wrong, moved(camera(0), matrix)), picture(scene, camera(0)))) < 35


def test_only_the_selected_object_turns() -> None:
    scene = shiny(three_balls())
    red = sphere(scene, [-0.6, 0, 0], 0.5)
    edited = transform.rotate(scene, red, [0, 0, 1], 90)
    rest = ~red.mask
    for name, value in scene.as_dict().items():
        assert torch.equal(getattr(edited.scene, name)[rest], value[rest])
    matrix = transform.similarity(torch.tensor([-0.6, 0, 0], dtype=torch.float64), axis=[0, 0, 1], degrees=90)
    seen, expected = picture(edited.scene[red.mask], moved(camera(20), matrix)), picture(scene[red.mask], camera(20))
    assert float(psnr(seen, expected)) > 40
    assert torch.equal(edited.origin, torch.arange(900))


def test_a_rotation_turns_right_handed_by_its_angle() -> None:
    matrix = transform.similarity(torch.tensor([1.0, 0, 0]).double(), axis=[0, 0, 2], degrees=90)
    assert torch.allclose(matrix @ torch.tensor([2.0, 0, 0, 1]).double(), torch.tensor([1.0, 1, 0, 1]).double())
    for wrong in ({"axis": [0, 0, 0]}, {"factor": 0}, {"axis": [1.0, 2.0]}):
        with pytest.raises(SplatError):
            transform.similarity(torch.zeros(3).double(), **wrong)


def test_moving_and_scaling_about_the_middle() -> None:
    scene = three_balls()
    red = sphere(scene, [-0.6, 0, 0], 0.5)
    there = transform.move(scene, red, [0.0, 0.5, 0.1]).scene
    assert torch.allclose(there.means[:300], scene.means[:300] + torch.tensor([0.0, 0.5, 0.1]), atol=1e-6)
    double = transform.scale(scene, red, 2.0).scene
    middle = torch.tensor([-0.6, 0, 0])
    assert torch.allclose(double.means[:300] - middle, 2 * (scene.means[:300] - middle), atol=0.02)
    assert torch.allclose(double.scales[:300], scene.scales[:300] + math.log(2))
    assert torch.equal(double.means[300:], scene.means[300:])


def test_removing_and_extracting_part_the_scene() -> None:
    scene = three_balls()
    green = sphere(scene, [0.6, 0, 0], 0.5)
    without, only = remove.remove(scene, green), remove.extract(scene, green)
    assert without.origin.tolist() == [*range(300), *range(600, 900)] and only.origin.tolist() == list(range(300, 600))
    assert torch.equal(without.scene.means, scene.means[without.origin]) and len(only.scene) == 300
    seen = picture(without.scene, camera(0))
    assert float(psnr(seen, picture(join(scene[:300], scene[600:]), camera(0)))) > 60


def test_a_crop_leaves_nothing_that_reaches_out() -> None:
    scene = three_balls()
    scene.scales[5] = torch.tensor([1.0, -6.0, -6.0])  # a needle through the whole scene
    red = sphere(scene, [-0.6, 0, 0], 0.5)
    kept = remove.crop(scene, red).origin.tolist()
    assert kept == [index for index in range(300) if index != 5]


def test_opacity_by_a_factor_and_by_soft_weights() -> None:
    scene = three_balls()
    weights = torch.zeros(900)
    weights[:300], weights[300:600] = 1.0, 0.5
    faded = remove.opacity(scene, Selection(weights), 0.2).scene
    before = float(torch.sigmoid(torch.tensor(4.0)))
    values = torch.sigmoid(faded.opacities)
    assert values[:300].unique().tolist() == pytest.approx([0.2 * before], abs=1e-5)
    assert values[300:600].unique().tolist() == pytest.approx([0.6 * before], abs=1e-5)
    assert torch.equal(faded.opacities[600:], scene.opacities[600:])


def test_a_duplicate_is_the_object_again_elsewhere() -> None:
    scene = shiny(three_balls())
    green = sphere(scene, [0.6, 0, 0], 0.5)
    matrix = transform.similarity(torch.zeros(3).double(), [0.0, 1.0, 0.0])
    twice = transform.duplicate(scene, green, matrix)
    assert len(twice.scene) == 1200 and twice.origin[900:].tolist() == list(range(300, 600))
    assert torch.equal(twice.scene.means[:900], scene.means)
    seen = picture(twice.scene[900:], moved(camera(0), matrix))
    assert float(psnr(seen, picture(scene[300:600], camera(0)))) > 50


def test_another_scenes_object_takes_the_place() -> None:
    scene = shiny(three_balls())
    green = sphere(scene, [0.6, 0, 0], 0.5)
    other = Gaussians.from_dict({**ball((5, 5, 5), 0.1, (1, 1, 1), 200).as_dict(), "shN": torch.zeros(200, 3, 3)})
    edited = transform.replace(scene, green, other)
    new = edited.scene[edited.origin < 0]
    assert len(new) == 200 and len(edited.scene) == 800 and edited.scene.sh_degree == 3
    assert torch.allclose(new.means.mean(dim=0), torch.tensor([0.6, 0, 0]), atol=0.03)
    assert float((new.means - torch.tensor([0.6, 0, 0])).norm(dim=1).mean()) == pytest.approx(0.4, rel=0.05)
    small = transform.replace(scene, green, other, factor=1.0, up=[0, -1, 0])
    bottom = small.scene.means[small.origin < 0][:, 1].max()  # y points down
    assert float(bottom) == pytest.approx(0.4, abs=0.02)
    with pytest.raises(SplatError, match="up: give three numbers that are not all 0"):
        transform.replace(scene, green, other, up=[0, 0, 0])


def test_lab_is_that_of_the_standard() -> None:
    rgb = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.02, 0.02, 0.02]], dtype=torch.float64)
    lab = rgb_to_lab(rgb)
    expected = [[100, 0, 0], [53.24, 80.09, 67.20], [87.74, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert torch.allclose(lab[:4], torch.tensor(expected, dtype=torch.float64), atol=0.02)  # Lindbloom's tables
    assert torch.allclose(lab_to_rgb(lab), rgb, atol=1e-9)
    assert parse_color("#ff8000").tolist() == pytest.approx([1, 128 / 255, 0])
    assert parse_color("255,0,51").tolist() == pytest.approx([1, 0, 0.2])
    assert parse_color("0.5, 0.25, 1").tolist() == pytest.approx([0.5, 0.25, 1])
    with pytest.raises(SplatError, match="give a name"):
        parse_color("reddish")


def lab_of(scene: Gaussians) -> Tensor:
    return rgb_to_lab(sh0_to_rgb(scene.sh0[:, 0]).double())


def test_what_changes_colours_is_known_to_outdate_words() -> None:
    classes = {name: pkgutil.resolve_name(row.place) for name, row in OPERATIONS.items()}
    repainting = {name for name, made in classes.items() if made.repaints}
    assert repainting == {"recolor", "restyle"}


def test_recoloring_takes_the_hue_and_keeps_the_shading() -> None:
    scene = three_balls()
    shade = torch.linspace(0.4, 1.1, 300)[:, None]
    scene.sh0[:300, 0] = (shade * torch.tensor(RED) - 0.5) / 0.28209479177387814
    red, target = sphere(scene, [-0.6, 0, 0], 0.5), torch.tensor([0.1, 0.2, 0.7])
    edited = recolor(scene, red, target).scene
    lab, before, wanted = lab_of(edited)[:300], lab_of(scene)[:300], rgb_to_lab(target.double())
    hue = torch.atan2(lab[:, 2], lab[:, 1]) - torch.atan2(wanted[2], wanted[1])
    assert float(torch.rad2deg(hue).abs().max()) < 2
    assert float(lab[:, 0].median()) == pytest.approx(float(wanted[0]), abs=1)
    ratio = lab[:, 0] / before[:, 0]
    assert float(ratio.max() / ratio.min()) < 1.01  # every Gaussian by the same factor
    assert torch.equal(edited.sh0[300:], scene.sh0[300:])
    half = Selection(0.5 * red.weights)
    midway = recolor(scene, half, target).scene.sh0[:300]
    assert torch.allclose(midway, (edited.sh0[:300] + scene.sh0[:300]) / 2, atol=1e-5)


def test_pale_spots_of_a_colored_object_stay_pale_unless_told() -> None:
    scene = three_balls()
    scene.sh0[:20] = 1.5  # a white print
    red = sphere(scene, [-0.6, 0, 0], 0.5)
    for keep_pale, limits in ((True, (0, 5)), (False, (60, 200))):
        lab = lab_of(recolor(scene, red, torch.tensor([0.1, 0.2, 0.7]), keep_pale=keep_pale).scene)
        assert limits[0] <= float(lab[:20, 1:].norm(dim=1).mean()) <= limits[1]


def test_turning_the_hue_keeps_lightness_and_chroma() -> None:
    scene = join(ball((0, 0, 0), 0.4, GREEN), ball((1, 0, 0), 0.4, (0.5, 0.4, 0.3)))
    before, after = lab_of(scene), lab_of(recolor(scene, everything(scene), hue=40.0).scene)
    assert torch.allclose(after[:, 0], before[:, 0], atol=0.01)
    turn = torch.atan2(after[:, 2], after[:, 1]) - torch.atan2(before[:, 2], before[:, 1])
    assert torch.allclose(torch.rad2deg(turn), torch.tensor(40.0).double(), atol=0.1)


def test_directional_color_changes_as_the_map_changes_small_differences() -> None:
    scene = shiny(three_balls()[:300])
    scene.shN *= 0.05  # small, so that the linear part is all there is
    target = torch.tensor([0.2, 0.3, 0.6])
    edited = recolor(scene, everything(scene), target, keep_pale=False).scene
    direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.5, 0.8]), dim=0)
    basis = sh_basis(direction, 3)[1:]

    def seen(one: Gaussians) -> Tensor:
        return sh0_to_rgb(one.sh0[:, 0]) + torch.einsum("k,nkc->nc", basis, one.shN)

    flat = Gaussians.from_dict(
        {**scene.as_dict(), "sh0": ((seen(scene) - 0.5) / 0.28209479177387814)[:, None], "shN": torch.zeros(300, 15, 3)}
    )  # what is seen from there, recoloured as a colour of its own
    expected = seen(recolor(flat, everything(flat), target, keep_pale=False).scene)
    change = (seen(edited) - sh0_to_rgb(edited.sh0[:, 0])).abs().mean()
    assert float((seen(edited) - expected).abs().mean()) < 0.15 * float(change)
