"""Scoring views: known errors give known decibels, masks and transparency count as they should, files are written."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from splat.cameras import Camera
from splat.capture.over import photo_over
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.evaluate.evaluate import EvaluationResult, background_color, score_views
from splat.evaluate.lpips_metric import LpipsChoice, choose_net
from splat.evaluate.pictures import unique_stems
from splat.evaluate.protocols import PROTOCOLS, get_protocol
from splat.evaluate.results import metrics_dict
from splat.evaluate.run_evaluation import spread
from splat.evaluate.weights import checkpoint_path
from splat.files import write_json

MakeCapture = Callable[..., Capture]
NO_LPIPS = LpipsChoice(None, "not here")


def grey(value: int, height: int = 24, width: int = 30) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def off_by(capture: Capture, *errors: float) -> Callable[[Camera], torch.Tensor]:
    """A renderer that misses the photo by a constant, which depends on the view."""

    def render(camera: Camera) -> torch.Tensor:
        index = [frame.camera.name for frame in capture.frames].index(camera.name)
        return photo_over(capture, index, torch.zeros(3))[0] + errors[index]

    return render


def score(render: Callable, capture: Capture, indices: list[int], protocol: str = "gsplat", **more) -> EvaluationResult:
    more = {"background": torch.zeros(3), "split": "test", "choice": NO_LPIPS, **more}
    return score_views(render, capture, indices, protocol=PROTOCOLS[protocol], **more)


def test_mean_of_views_in_decibels(memory_capture: MakeCapture) -> None:
    capture = memory_capture([grey(100), grey(60), grey(30)])
    result = score(off_by(capture, 0.1, 0.01, 0.1), capture, [0, 1])
    assert [view.psnr for view in result.views] == pytest.approx([20.0, 40.0], abs=1e-4)
    assert result.psnr == pytest.approx(30.0, abs=1e-4)  # the mean of decibels, not of errors
    assert (result.lpips, result.lpips_net, result.lpips_reason) == (None, None, "not here")
    assert result.protocol["resolution"] == [[30, 24]]
    assert result.protocol["views"] == 2


def test_renders_are_clamped(memory_capture: MakeCapture) -> None:
    capture = memory_capture([grey(255), grey(0)])
    result = score(off_by(capture, 0.5, -0.5), capture, [0, 1])
    assert result.psnr == 100.0


def test_3dgs_rounds_to_eight_bits_first(memory_capture: MakeCapture) -> None:
    capture = memory_capture([grey(100)])
    below_half_a_level = off_by(capture, 0.4 / 255)
    assert score(below_half_a_level, capture, [0], "3dgs").psnr == 100.0
    expected = -20 * np.log10(0.4 / 255)
    assert score(below_half_a_level, capture, [0], "gsplat").psnr == pytest.approx(expected, abs=1e-3)
    above = score(off_by(capture, 0.6 / 255), capture, [0], "3dgs")
    assert above.psnr == pytest.approx(-20 * np.log10(1 / 255), abs=1e-3)


def test_masked_pixels_count_on_neither_side(memory_capture: MakeCapture) -> None:
    mask = np.ones((24, 30), bool)
    mask[:, :15] = False
    capture = memory_capture([grey(100)], masks=[mask])

    def render(camera: Camera) -> torch.Tensor:
        image = photo_over(capture, 0, torch.zeros(3))[0] + 0.1
        image[:, :15] = 0.9  # a passer-by whom nobody scores
        return image

    result = score(render, capture, [0])
    assert result.psnr == pytest.approx(20.0, abs=1e-4)
    assert result.views[0].counted == 0.5
    assert result.protocol["masked"] is True


def test_a_mask_moves_no_metric_of_a_view_that_is_equally_wrong_everywhere(
    memory_capture: MakeCapture, own_weights: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PSNR, SSIM, LPIPS and FLIP are all means over what counts: neither what is hidden nor its size enters."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    checkpoint_path("alex").parent.mkdir(parents=True)
    checkpoint_path("alex").write_bytes(own_weights)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(160, 160, 3, generator=generator) * 0.2
    picture = cv2.GaussianBlur(torch.rand(160, 160, 3, generator=generator).numpy(), (0, 0), 5)
    image = (255 * (0.3 + 0.4 * (picture - picture.min()) / np.ptp(picture))).astype(np.uint8)
    mask = np.zeros((160, 160), bool)
    mask[:, :48] = True
    whole, masked = memory_capture([image]), memory_capture([image], masks=[mask])

    def render(hidden: float) -> Callable[[Camera], torch.Tensor]:
        wrong = photo_over(whole, 0, torch.zeros(3))[0] + noise
        wrong[:, 48:] += hidden
        return lambda camera: wrong

    choice = choose_net("alex", PROTOCOLS["gsplat"])
    views = [
        score(render(hidden), capture, [0], choice=choice).views[0]
        for hidden, capture in ((0.0, whole), (0.0, masked), (0.5, masked))
    ]
    for name, tolerance in (("psnr", 0.01), ("ssim", 0.03), ("lpips", 0.3), ("flip", 0.03)):
        everywhere, counted, despite = (getattr(view, name) for view in views)
        assert counted == pytest.approx(everywhere, rel=tolerance), name
        assert despite == counted, name


def test_a_view_without_counted_pixels_is_left_out_of_the_mean(memory_capture: MakeCapture) -> None:
    masks = [np.ones((24, 30), bool), np.zeros((24, 30), bool)]
    capture = memory_capture([grey(100), grey(100)], masks=masks)
    result = score(off_by(capture, 0.1, 0.5), capture, [0, 1])
    assert [view.psnr for view in result.views] == [pytest.approx(20.0, abs=1e-4), None]
    assert result.views[1].flip is None and result.flip == result.views[0].flip
    assert result.psnr == pytest.approx(20.0, abs=1e-4)


def test_transparent_photos_lie_on_white(memory_capture: MakeCapture) -> None:
    alpha = np.zeros((24, 30), np.uint8)
    alpha[:12] = 51
    capture = memory_capture([grey(0)], alphas=[alpha])
    assert background_color(capture) == (1, 1, 1)
    assert background_color(capture, "black") == (0, 0, 0)
    image, _ = photo_over(capture, 0, torch.ones(3))
    assert float(image[0, 0, 0]) == pytest.approx(0.8)
    assert float(image[20, 0, 0]) == 1.0
    assert background_color(memory_capture([grey(0)])) == (0, 0, 0)


def test_training_photos_alone_decide_what_scores_stand_on(memory_capture: MakeCapture) -> None:
    """As in training: the first is held out, the second not."""
    alpha = np.full((24, 30), 51, np.uint8)
    for alphas, color in (([alpha, None], (0, 0, 0)), ([None, alpha], (1, 1, 1))):
        capture = memory_capture([grey(0), grey(0)], alphas=alphas)
        assert [frame.split for frame in capture.frames] == ["test", "train"]
        assert background_color(capture) == color


def test_pictures_are_written_without_loss(memory_capture: MakeCapture, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (24, 30, 3), dtype=np.uint8)
    capture = memory_capture([noise, noise], names=["left/0001.jpg", "right/0001.jpg"])
    result = score(off_by(capture, 0.0, 0.0), capture, [0, 1], run_folder=tmp_path)
    assert [view.image for view in result.views] == ["renders/test/left__0001.png", "renders/test/right__0001.png"]
    for suffix in ("", "_photo"):
        picture = cv2.imread(str(tmp_path / f"renders/test/left__0001{suffix}.png"))[..., ::-1]
        assert np.array_equal(picture, noise)
    assert cv2.imread(str(tmp_path / "renders/test/left__0001_error.jpg")).max() < 10  # black: no error


def test_stems_never_collide() -> None:
    assert unique_stems(["a/b.png", "a/b.jpg", "../../etc/passwd", "x:y?.png"]) == [
        *("a__b", "a__b-2", "etc__passwd", "x_y_"),
    ]
    assert unique_stems(["a.jpg", "a.png", "a-2.jpg"]) == ["a", "a-2", "a-2-2"]
    assert unique_stems(["a.jpg", "a_photo.jpg", "A.jpg"]) == ["a", "a_photo-2", "A-2"]
    assert unique_stems(["a_error.jpg", "a_photo.jpg", "a.jpg"]) == ["a_error", "a_photo", "a-2"]


def test_metrics_file_layout(memory_capture: MakeCapture, tmp_path: Path) -> None:
    capture = memory_capture([grey(100), grey(60), grey(30), grey(20)])
    render = off_by(capture, 0.1, 0.01, 0.1, 0.01)
    test = score(render, capture, capture.indices("test"))
    train = score(render, capture, capture.indices("train"), split="train")
    facts = {"num_gaussians": 7, "max_steps": 3000, "backend": "cpu"}
    content = metrics_dict(test, train, facts=facts, before={"language": {"miou": 0.5}, "psnr": 1.0})
    write_json(tmp_path / "metrics.json", content)  # refuses NaN
    back = json.loads((tmp_path / "metrics.json").read_text())
    expected = (
        "psnr ssim lpips lpips_net lpips_reason flip flip_reason num_gaussians max_steps train_seconds "
        "steps_per_second backend protocol per_view"
    )
    assert set(expected.split()) <= set(back)
    assert back["psnr"] == pytest.approx(20.0, abs=1e-3)
    assert back["train"]["psnr"] == pytest.approx(40.0, abs=1e-3)
    assert (back["train"]["views"], back["num_gaussians"], back["train_seconds"]) == (2, 7, None)
    assert back["per_view"][0].keys() == {"name", "psnr", "cc_psnr", "ssim", "lpips", "flip"}
    assert back["language"] == {"miou": 0.5}
    assert back["protocol"]["name"] == "gsplat"


def test_scoring_again_keeps_what_training_knew(memory_capture: MakeCapture) -> None:
    capture = memory_capture([grey(100), grey(60)])
    before = metrics_dict(None, None, facts={"train_seconds": 12.5, "num_gaussians": 7})
    again = metrics_dict(
        score(off_by(capture, 0.1, 0.1), capture, [0], "3dgs"), facts={"num_gaussians": 7}, before=before
    )
    assert again["train_seconds"] == 12.5
    assert again["protocol"]["name"] == "3dgs"


def test_training_views_are_spread() -> None:
    assert spread(list(range(100)), 4) == [12, 37, 62, 87]
    assert spread([3, 5], 12) == [3, 5]
    assert spread([3, 5], 0) == []


def test_unknown_protocol() -> None:
    with pytest.raises(SplatError, match="gsplat, 3dgs"):
        get_protocol("nerf")
