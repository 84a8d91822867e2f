"""What is written is what was trained: a scene read back renders the very same image and scores the same."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from splat.cameras import Camera
from splat.capture.types import Capture
from splat.commands.tables import metrics_table
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.evaluate import evaluate_views
from splat.evaluate.metrics import psnr
from splat.evaluate.run_evaluation import evaluate_scene
from splat.formats import read_scene, write_scene
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.run_records import train_rules
from splat.train.normalize import Normalization

MakeCapture = Callable[..., Capture]


def scene_before_camera(count: int = 300, sh_degree: int = 3) -> Gaussians:
    """Coloured blobs that fill the view of a camera at the origin."""
    generator = torch.Generator().manual_seed(4)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Gaussians(
        means=normal(count, 3) * torch.tensor([1.0, 0.8, 0.5]) + torch.tensor([0.0, 0.0, 4.0]),
        quats=normal(count, 4),
        scales=normal(count, 3) * 0.4 - 2.0,
        opacities=normal(count) + 1,
        sh0=normal(count, 1, 3),
        shN=normal(count, (sh_degree + 1) ** 2 - 1, 3) * 0.2,
    )


def photographed(scene: Gaussians, make_capture: MakeCapture, views: int = 4) -> Capture:
    """A capture whose photos are 8-bit renders of the scene."""
    import numpy as np

    empty = make_capture([np.zeros((70, 90, 3), np.uint8)] * views)
    render = SceneRenderer(scene, RenderOptions(backend="cpu")).image
    return make_capture([to_bytes(render(camera)) for camera in empty.cameras()])


def test_a_scene_read_back_renders_the_same_image(memory_capture: MakeCapture, tmp_path: Path) -> None:
    scene = scene_before_camera()
    write_scene(tmp_path / "scene.ply", scene)
    capture = photographed(scene, memory_capture)
    images = []
    for each in (scene, read_scene(tmp_path / "scene.ply")):
        render = SceneRenderer(each, RenderOptions(backend="cpu"), torch.tensor([0.1, 0.2, 0.3])).image
        images.append(torch.stack([render(camera) for camera in capture.cameras()]))
    assert images[0].std() > 0.1  # there is something to see
    assert torch.equal(images[0], images[1])


def test_leaving_the_frame_of_training_changes_no_score(memory_capture: MakeCapture, tmp_path: Path) -> None:
    """Training's own frame is another place and scale; the file stands in the capture's."""
    exact = scene_before_camera()
    capture = photographed(exact, memory_capture)
    wrong = Gaussians(**{**exact.as_dict(), "sh0": exact.sh0 + 0.1})  # so that there is an error to reproduce
    frame = Normalization(center=torch.tensor([3.0, -20.0, 7.0]).double(), scale=0.03)
    to_training = torch.eye(4).double()
    to_training[:3, :3] *= frame.scale
    to_training[:3, 3] = -frame.center * frame.scale
    trained = wrong.transformed(to_training)
    write_scene(tmp_path / "scene.ply", frame.to_capture(trained))
    settings = {"options": RenderOptions(backend="cpu"), "lpips_net": "none"}
    scores = [evaluate_views(each, capture, [0, 1], **settings) for each in (wrong, read_scene(tmp_path / "scene.ply"))]
    assert scores[0].psnr is not None
    assert 20 < scores[0].psnr < 40
    assert scores[1].psnr == pytest.approx(scores[0].psnr, abs=0.01)
    # and training saw the same picture
    camera = capture.frames[0].camera
    options = RenderOptions(backend="cpu")
    inside = SceneRenderer(trained, options).image
    outside = SceneRenderer(wrong, options.scaled(1 / frame.scale)).image
    assert (inside(frame.camera(camera)) - outside(camera)).abs().max() < 1e-3


def test_a_scene_scores_as_its_own_photos(memory_capture: MakeCapture) -> None:
    scene = scene_before_camera()
    capture = photographed(scene, memory_capture)
    options = RenderOptions(backend="cpu")
    exact = evaluate_views(scene, capture, [0, 1], protocol="3dgs", options=options, lpips_net="none")
    assert exact.psnr == 100.0  # both sides are rounded to the same bytes
    assert exact.ssim == pytest.approx(1.0, abs=1e-12)
    rounded = evaluate_views(scene, capture, [0, 1], protocol="gsplat", options=options, lpips_net="none")
    # errors of rounding to bytes are uniform, their variance is a twelfth of a level squared; dark pixels have less
    assert rounded.psnr is not None
    assert 58.9 - 0.2 < rounded.psnr < 64
    changed = Gaussians(**{**scene.as_dict(), "sh0": scene.sh0 + 0.3})
    worse = evaluate_views(changed, capture, [0, 1], options=options, lpips_net="none")
    assert worse.psnr is not None
    assert worse.psnr < 30


def test_evaluation_writes_the_run_folder(
    memory_capture: MakeCapture, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    scene = scene_before_camera()
    capture = photographed(scene, memory_capture)
    config = EvaluateConfig(protocol="3dgs", lpips_net="none", train_views=1)
    content = evaluate_scene(scene, capture, tmp_path, config, options=RenderOptions(backend="cpu"))
    assert content["psnr"] == 100.0
    assert (content["train"]["views"], content["num_gaussians"], content["backend"]) == (1, 300, "cpu")
    assert len(content["per_view"]) == 2
    for file in ("metrics.json", "report.html", *(view["image"] for view in content["per_view"])):
        assert (tmp_path / file).is_file()
    again = evaluate_scene(
        scene, capture, tmp_path, EvaluateConfig(split="train", lpips_net="none"), options=RenderOptions(backend="cpu")
    )
    assert again["train"]["views"] == 2
    assert again["per_view"] == content["per_view"]
    assert again["protocol"]["name"] == "3dgs"
    said = "training views (protocol gsplat, background 0.0 0.0 0.0) do not compare with those of held-out views"
    assert train_rules(content) is None and said in str(train_rules(again))
    assert said in metrics_table({"a": again}) and said in (tmp_path / "report.html").read_text()
    white = EvaluateConfig(protocol="3dgs", split="train", lpips_net="none", background="white", train_views=1)
    again = evaluate_scene(scene, capture, tmp_path, white, options=RenderOptions(backend="cpu"))
    assert "(protocol 3dgs, background 1.0 1.0 1.0)" in str(train_rules(again)) and again["train"]["views"] == 2
    assert "train_views=1 is not used" in capfd.readouterr().err


def test_without_held_out_views_the_protocol_is_that_of_the_last_scores(
    memory_capture: MakeCapture, tmp_path: Path
) -> None:
    scene = scene_before_camera()
    capture = photographed(scene, memory_capture)
    frames = [dataclasses.replace(frame, split="train") for frame in capture.frames]
    capture = dataclasses.replace(capture, frames=frames)
    for name in ("gsplat", "3dgs", "gsplat"):
        config = EvaluateConfig(protocol=name, lpips_net="none", flip=False, save_images=False)
        content = evaluate_scene(scene, capture, tmp_path, config, options=RenderOptions(backend="cpu"))
        assert content["psnr"] is None and content["train"]["psnr"] > 50
        assert content["protocol"]["name"] == content["train"]["protocol"] == name


def test_other_programs_files_of_one_scene_look_the_same(shared_data, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")  # the SPZ of this scene is version 4
    scenes = [read_scene(shared_data(f"splats/biker.{suffix}")) for suffix in ("compressed.ply", "spz")]
    write_scene(tmp_path / "biker.splat", scenes[0])
    scenes.append(read_scene(tmp_path / "biker.splat"))
    low, high = (scenes[0].means.double().quantile(q, dim=0) for q in (0.05, 0.95))
    viewmat = torch.eye(4).double()
    viewmat[:3, 3] = -(low + high) / 2 + torch.tensor([0.0, 0.0, 1.0]) * (high - low).norm()
    K = torch.tensor([[120.0, 0, 60], [0, 120, 70], [0, 0, 1]]).double()
    camera = Camera(viewmat, K, 120, 140)
    images = []
    for scene in scenes:
        render = SceneRenderer(scene, RenderOptions(backend="cpu"), torch.full((3,), 0.3)).image
        images.append(render(camera))
    assert images[0].std() > 0.05  # a man in black before grey
    assert psnr(images[1], images[0]) > 45
    assert psnr(images[2], images[0]) > 45
