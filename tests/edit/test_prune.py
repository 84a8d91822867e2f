"""Pruning: what floats is found and a wall is not, a count is kept to, colours are fitted, and PSNR is told."""

from __future__ import annotations

import math

import pytest
import torch

from splat.cameras import Camera
from splat.edit.operations.prune import Prune
from splat.edit.photos import RunPhotos, TrueView
from splat.edit.prune import filters
from splat.edit.prune.evidence import gather_evidence, missed_by
from splat.edit.prune.options import PruneOptions, RefitOptions
from splat.edit.prune.refit import refit
from splat.edit.select.geometry import everything, sphere
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.gaussians import Gaussians
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.sh import rgb_to_sh0
from splat.train.losses import psnr
from tests.edit.scenes import RED, ball, camera, join, renderer_of, three_balls


def specks(means: list[tuple[float, float, float]], opacity: float, size: float = 0.03) -> Gaussians:
    """White Gaussians that stand alone."""
    count = len(means)
    return Gaussians(
        means=torch.tensor(means),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.full((count, 3), math.log(size)),
        opacities=torch.logit(torch.full((count,), opacity)),
        sh0=rgb_to_sh0(torch.ones(count, 1, 3)),
        shN=torch.zeros(count, 15, 3),
    )


def wall() -> Gaussians:
    """A flat wall behind the origin (z = 0.5)."""
    y, x = torch.meshgrid(torch.linspace(-1.6, 1.6, 33), torch.linspace(-2, 2, 41), indexing="ij")
    count = x.numel()
    return Gaussians(
        means=torch.stack([x.ravel(), y.ravel(), torch.full((count,), 0.5)], dim=1),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        scales=torch.tensor([[-2.6, -2.6, -5.0]]).repeat(count, 1),
        opacities=torch.full((count,), 5.0),
        sh0=rgb_to_sh0(torch.tensor((0.3, 0.6, 0.5))).expand(count, 1, 3).clone(),
        shN=torch.zeros(count, 15, 3),
    )


def front(scene: Gaussians) -> SceneRenderer:
    cameras = [camera(degrees, f"{index}.png") for index, degrees in enumerate((-24, -12, 0, 12, 24))]
    return SceneRenderer(scene, RenderOptions(backend="cpu", num_threads=1), cameras=cameras)


AWAY = [(0.3, 0.2, -1.4), (-0.5, -0.3, -0.9), (0.0, 0.4, -2.0), (0.6, -0.4, -1.2)]


def photos_like(made: SceneRenderer) -> list[TrueView]:
    def view(one: Camera) -> TrueView:
        return TrueView(one, lambda: (made.image(one).clamp(0, 1), None))

    return [view(one) for one in made.cameras]


@pytest.mark.parametrize("opacity", [0.1, 0.5, 0.9])
def test_what_stands_free_before_a_wall_goes_and_the_wall_stays(opacity: float) -> None:
    scene = join(wall(), specks(AWAY, opacity))
    made = front(scene)
    found = filters.free_and_apart(scene, gather_evidence(made, list(made.cameras)))
    assert found.nonzero()[:, 0].tolist() == list(range(len(scene) - 4, len(scene)))


def test_an_object_before_a_wall_is_no_floater() -> None:
    scene = join(wall(), ball((0.1, 0, -0.6), 0.3, RED))
    made = front(scene)
    assert not filters.floating(made, gather_evidence(made, list(made.cameras)), photos_like(made)).any()


def test_what_photos_plainly_refuse_goes_from_among_others_too() -> None:
    clean = wall()
    cloud = torch.randn(12, 3, generator=torch.Generator().manual_seed(1)) * 0.04 + torch.tensor([0.2, 0.1, -1.2])
    scene = join(clean, specks([tuple(place) for place in cloud.tolist()], 0.12, size=0.05))
    made = front(scene)
    evidence = gather_evidence(made, list(made.cameras))
    assert not filters.free_and_apart(scene, evidence).any()  # each stands among the others
    found = filters.floating(made, evidence, photos_like(front(clean)))
    assert found[len(clean) :].float().mean() > 0.9 and not found[: len(clean)].any()
    assert not filters.floating(made, evidence, photos_like(made)).any()  # of mist in the photos nothing goes


def test_photos_miss_what_they_show_and_no_speck_before_it() -> None:
    clean = wall()
    scene = join(clean, specks(AWAY, 0.5))
    made = front(scene)
    gone = (scene.means[:, 0] > 1) & (scene.means[:, 1] > 0.8)  # a corner of the wall, behind no speck
    gone[-4:] = True
    missed = missed_by(made, gone, photos_like(front(clean)))
    assert not missed[~gone].any()
    assert (missed[-4:] < 0).all() and (missed[gone][:-4] > filters.VISIBLE).float().mean() > 0.9
    one = made.cameras[2]
    mask = torch.zeros(one.height, one.width, dtype=torch.bool)
    nothing = [TrueView(one, lambda: (torch.zeros(one.height, one.width, 3), mask))]
    assert not missed_by(made, gone, nothing).any()  # what does not count says nothing


def test_floaters_need_photos_to_go(capsys: pytest.CaptureFixture[str]) -> None:
    clean = wall()
    scene = join(clean, specks(AWAY, 0.5))
    made = front(scene)
    operation = Prune(PruneOptions(min_views=0))
    with pytest.raises(SplatError, match="finds nothing"):
        operation.narrowed(made, everything(scene))
    assert "floaters are not looked for" in capsys.readouterr().err
    for truth, expected in ((clean, [len(clean) + index for index in range(4)]), (scene, [])):
        operation = Prune(PruneOptions(min_views=0))
        operation.photos = RunPhotos(photos_like(front(truth)))
        if expected:
            assert operation.narrowed(made, everything(scene)).indices.tolist() == expected
        else:  # the photos show the specks: they are things
            with pytest.raises(SplatError, match="floaters 0"):
                operation.narrowed(made, everything(scene))


def test_what_the_views_show() -> None:
    scene = join(wall(), specks([(0.0, 0.0, 2.0), (0.0, 0.0, -9.0), (0.3, 0.2, -1.4)], 0.5))
    made = front(scene)
    evidence = gather_evidence(made, list(made.cameras))
    hidden, behind, seen = evidence.shown[-3:].tolist()
    assert (hidden, behind, seen) == (0, 0, 5)  # behind the wall, behind the cameras, before all of them
    assert filters.unseen(evidence, 1).nonzero()[:, 0].tolist()[-2:] == [len(scene) - 3, len(scene) - 2]
    assert evidence.free_share[-1] == 1
    opacity = sum(float(made.render(one).alpha.sum()) for one in made.cameras)
    assert float(evidence.weight.sum()) == pytest.approx(opacity, rel=1e-3)  # every pixel's, shared out


def test_filters_by_hand() -> None:
    scene = specks([(0.1 * index, 0, 0) for index in range(20)] + [(9, 9, 9)], 0.5)
    scene.opacities[3] = torch.logit(torch.tensor(0.004))
    scene.scales[5, 1] = math.log(0.03 * 21)
    assert filters.faint(scene, 0.005).nonzero()[:, 0].tolist() == [3]
    assert filters.large(scene, 20).nonzero()[:, 0].tolist() == [5] and not filters.large(scene, 22).any()
    assert filters.outside(scene, [0.05, -1, -1], [1.85, 1, 1]).nonzero()[:, 0].tolist() == [0, 19, 20]
    assert filters.alone(scene, 6).nonzero()[:, 0].tolist() == [20]
    assert not filters.alone(scene[:5], 6).any()  # too few to say
    importance = torch.tensor([3.0, 1.0, 2.0, 1.0])
    among = torch.tensor([True, True, True, False])
    assert filters.least_important(importance, among, 2).tolist() == [False, True, True, False]


def test_mass_is_opacity_times_the_largest_area() -> None:
    scene = specks([(0, 0, 0)], 0.5)
    scene.scales = torch.tensor([[2.0, 5.0, 3.0]]).log()
    assert float(filters.mass(scene)) == pytest.approx(0.5 * 15)


def pruned(made: SceneRenderer, chosen: Selection | None = None, force: bool = True, **options: object) -> Gaussians:
    operation = Prune(PruneOptions(**options), force)  # type: ignore[arg-type]
    chosen = operation.narrowed(made, everything(made.scene) if chosen is None else chosen)
    return operation.edited(made, chosen, chosen).scene


@pytest.mark.parametrize("wanted", [1, 137, 500])
def test_a_count_is_kept_to(wanted: int) -> None:
    made = renderer_of()
    assert len(pruned(made, count=wanted, refit=RefitOptions(steps=2))) == wanted


def test_what_the_views_show_most_of_stays() -> None:
    scene = three_balls()
    scene.scales[300:600] -= 2.0  # the green ball's are so small that they cover nothing
    kept = pruned(renderer_of(scene), count=300, min_views=0, floaters=False, refit=RefitOptions(steps=0))
    green = (kept.means - torch.tensor([0.6, 0, 0])).norm(dim=1) < 0.5
    assert int(green.sum()) < 30


def test_only_what_is_selected_goes() -> None:
    made = renderer_of()
    red = sphere(made.scene, [-0.6, 0, 0], 0.5)
    kept = pruned(made, red, count=700, floaters=False, min_views=0, refit=RefitOptions(steps=0))
    assert len(kept) == 700 and torch.equal(kept.means[-600:], made.scene.means[300:])
    with pytest.raises(SplatError, match="count=500: 600 Gaussians are not selected and stay"):
        pruned(made, red, count=500, floaters=False, min_views=0)


def test_colours_fitted_anew_bring_the_pictures_back() -> None:
    scene = three_balls()
    generator = torch.Generator().manual_seed(3)
    scene.sh0 += 0.5 * torch.randn(scene.sh0.shape, generator=generator)  # neighbours differ, so that dropping shows
    scene.shN += 0.1 * torch.randn(scene.shN.shape, generator=generator)
    made = renderer_of(scene)
    half = scene[torch.arange(len(scene)) % 2 == 0]
    between = camera(22.5)  # a view that is not fitted

    def kept(one: Gaussians) -> float:
        return float(psnr(made.of(one).image(between), made.image(between)))

    fitted = {
        shape: refit(made, half, list(made.cameras), RefitOptions(steps=120, views=8, shape=shape))
        for shape in (False, True)
    }
    assert kept(fitted[True]) > kept(fitted[False]) > kept(half) + 1.0
    for name in ("means", "quats"):
        assert torch.equal(getattr(fitted[True], name), getattr(half, name))
    for name in ("means", "quats", "scales", "opacities"):
        assert torch.equal(getattr(fitted[False], name), getattr(half, name))
    assert torch.equal(refit(made, half, list(made.cameras), RefitOptions(steps=0)).sh0, half.sh0)


def test_fitting_repeats_itself() -> None:
    made = renderer_of()
    half = made.scene[::2]
    first, second = (refit(made, half, list(made.cameras), RefitOptions(steps=5)) for _ in range(2))
    assert torch.equal(first.sh0, second.sh0) and torch.equal(first.shN, second.shN)


def test_nothing_to_prune_is_said() -> None:
    made = front(wall())
    with pytest.raises(SplatError, match=r"finds nothing that should go \(faint 0, floaters 0\)"):
        pruned(made, min_views=0)
    with pytest.raises(SplatError, match="every filter is off"):
        pruned(made, min_views=0, floaters=False, min_opacity=0.0)
    with pytest.raises(SplatError, match="keep_box is six numbers"):
        pruned(made, keep_box="1,0,0,0,1,1")
