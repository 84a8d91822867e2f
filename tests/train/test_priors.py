"""Depth priors: the demo's own maps, the scene's, and models of transformers through their public door."""

from pathlib import Path

import numpy as np
import pytest
import torch
from demo_depth import demo_with_depth, training_views
from half_planes import SIZE, wall_access, wall_camera, wall_params, wall_pixels

from splat.errors import SplatError
from splat.render.config import RenderOptions
from splat.train.normalize import Normalization
from splat.train.priors import depth_normals, fit_line, make_prior, sample_depth, visible_points
from splat.train.strategies import STRATEGIES
from splat.train.strategies.context import StrategyContext


def test_depth_of_the_demo_is_that_of_its_points(tmp_path: Path) -> None:
    views = training_views(demo_with_depth(tmp_path))
    capture, normalization = views.capture, Normalization.from_cameras(views.capture.cameras("train"))
    assert capture.points is not None
    points = normalization.points(torch.from_numpy(capture.points.xyz)).float()
    access = StrategyContext(views, points, RenderOptions(backend="cpu"))
    prior = make_prior("capture", access)
    assert prior is not None
    camera = views.cameras[3]
    depth = prior.depth(3, {})
    assert depth is not None
    pixels, depths = visible_points(access, 3)
    ratio = depths / sample_depth(depth, pixels, (camera.width, camera.height)) / normalization.scale * 1000
    in_front = ratio < 1.2  # points do not know what hides them
    assert in_front.float().mean() > 0.5
    assert (ratio[in_front].median() - 1).abs() < 0.005  # millimetres


def test_a_capture_without_depth_says_so() -> None:
    with pytest.raises(SplatError, match="no depth maps"):
        make_prior("capture", wall_access())
    assert make_prior("none", wall_access()) is None


def test_depth_of_the_scene_is_that_of_the_wall() -> None:
    camera = wall_camera(0.1, 0.2)
    access = wall_access([camera])
    prior = make_prior("scene", access)
    assert prior is not None
    depth = prior.depth(0, wall_params(side=40, size=0.04))
    assert depth is not None
    truth = torch.from_numpy(wall_pixels(camera)).float()
    expected = camera.project(truth.reshape(-1, 3))[1].view(SIZE, SIZE)
    inner = truth[..., :2].abs().amax(-1) < 0.8
    assert (depth[inner] / expected[inner] - 1).abs().max() < 0.02


def test_plane_is_sampled_exactly_and_has_its_normal() -> None:
    camera = wall_camera(0.1, 0.3)
    world = torch.from_numpy(wall_pixels(camera)).float()
    viewmat, K = camera.viewmat.float(), camera.K.float()
    depth = 7 * camera.project(world.reshape(-1, 3))[1].view(SIZE, SIZE)
    pixels = torch.rand(500, 2, generator=torch.Generator().manual_seed(0)) * 60 + 2
    rays = torch.cat([pixels, torch.ones(500, 1)], 1) @ torch.linalg.inv(K).T
    centre, turn = camera.position.float(), viewmat[:3, :3]
    expected = -centre[2] / (rays @ turn)[:, 2] * 7
    assert torch.allclose(sample_depth(depth, pixels, (SIZE, SIZE)), expected, rtol=1e-4)
    assert sample_depth(depth, torch.tensor([[-1.0, 3.0], [64.5, 3.0]]), (SIZE, SIZE)).tolist() == [0, 0]
    normals = depth_normals(depth, viewmat, K, (SIZE, SIZE))[1:-1, 1:-1]
    assert torch.allclose(normals, torch.tensor([0.0, 0, -1]).expand_as(normals), atol=2e-3)


def test_depth_is_not_mixed_across_steps_and_holes() -> None:
    depth = torch.full((8, 8), 1.0)
    depth[:, 4:] = 3.0
    depth[0] = 0.0
    found = sample_depth(depth, torch.tensor([[3.9, 4.0], [4.1, 4.0], [2.0, 0.4]]), (8, 8))
    assert found.tolist() == [1.0, 3.0, 0.0]
    normals = depth_normals(depth, torch.eye(4), torch.eye(3), (8, 8))
    assert normals[4, 3].abs().max() == normals[1, 2].abs().max() == 0 < normals[4, 6].abs().max()


def test_line_through_most_points() -> None:
    rng = np.random.default_rng(5)
    x = rng.random(200)
    y = 0.7 * x + 0.2
    y[:80] = rng.random(80)
    line = fit_line(x, y)
    assert line == pytest.approx((0.7, 0.2), abs=0.01)
    assert fit_line(x, 1 - x) is None
    assert fit_line(np.ones(30), x[:30]) is None


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Depth Anything with random weights, as transformers saves one."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(1)
    backbone = transformers.Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14, mlp_ratio=2,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, patch_size=14, neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8, head_hidden_size=8,
    )  # fmt: skip
    model = transformers.DepthAnythingForDepthEstimation(config)
    with torch.no_grad():
        for parameter in model.parameters():  # the usual start is so small that every pixel gets the same depth
            parameter.mul_(6.0)
        model.head.conv3.bias.fill_(5.0)  # its output passes a ReLU
    folder = tmp_path_factory.mktemp("depth") / "tiny-depth"
    model.save_pretrained(folder)
    size = {"height": 56, "width": 56}
    transformers.DPTImageProcessor(size=size, keep_aspect_ratio=False).save_pretrained(folder)
    return folder


def test_a_model_of_depth_gives_what_transformers_gives(model_folder: Path) -> None:
    prior = make_prior(str(model_folder), wall_access(), kind="depth")
    assert prior is not None
    depth = prior.depth(1, {})
    assert depth is not None and depth.shape == (SIZE, SIZE)
    assert depth.std() > 1e-3 * depth.mean() > 0
    from PIL import Image
    from transformers import pipeline

    photo = (wall_access().photo(1) * 255).round().to(torch.uint8).numpy()
    direct = pipeline("depth-estimation", model=str(model_folder))(Image.fromarray(photo))["predicted_depth"]
    assert torch.allclose(depth, direct.squeeze(), rtol=1e-5)


def test_disparity_is_fitted_to_the_known_points(model_folder: Path) -> None:
    """Points are put where 1/z = 0.3 d + 0.1 of the model's own output d, a third of them somewhere behind."""
    camera = wall_camera(0.0)
    raw = make_prior(str(model_folder), wall_access([camera]), kind="depth").depth(0, {})  # type: ignore[union-attr]
    assert raw is not None
    truth = 1 / (0.3 * raw + 0.1)
    g = torch.Generator().manual_seed(0)
    x, y = torch.randint(0, SIZE, (2, 90), generator=g)
    depths = truth[y, x].clone()
    depths[::3] *= 1.1 + torch.rand(30, generator=g)
    rays = torch.stack([(x + 0.5 - SIZE / 2) / 64, (y + 0.5 - SIZE / 2) / 64, torch.ones(90)], 1).double()
    points = (rays * depths[:, None] + camera.position).numpy()
    prior = make_prior(str(model_folder), wall_access([camera], points))
    assert prior is not None
    depth = prior.depth(0, {})
    assert depth is not None
    known = depth > 0
    assert known.float().mean() > 0.9
    assert torch.allclose(depth[known], truth[known], rtol=0.01)
    with pytest.raises(SplatError, match="depth=scene"):
        make_prior(str(model_folder), wall_access([camera]))


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match=r"neither a folder nor a hub name.*depth=scene need no model") as error:
        make_prior(str(tmp_path / "nothing"), wall_access())
    assert "\n" not in str(error.value)
    with pytest.raises(SplatError, match="did you mean capture"):
        make_prior("captures", wall_access())


def test_a_depth_model_obeys_the_rules_of_all_models(model_folder: Path, tmp_path: Path) -> None:
    """Nothing is downloaded when that is not wanted, and no pickle is read."""
    with pytest.raises(SplatError, match=r"depth=someone/depth is not in .*\(offline=true\)"):
        make_prior("someone/depth", wall_access(), offline=True)
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((model_folder / name).read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(SplatError, match="pickled weights are not read"):
        make_prior(str(tmp_path), wall_access())


def test_the_strategy_hands_its_offline_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    strategy = STRATEGIES["geotex"](depth="someone/depth", offline=True)
    with pytest.raises(SplatError, match=r"\(offline=true\)"):
        strategy.attach(wall_access())
