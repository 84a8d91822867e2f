"""Every command on a GPU that is pretended: no tensor and no generator may be on the wrong device.

See `tests/pretended_cuda.py` for what that shows and what not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from splat.capture import load_capture
from splat.cli import main
from splat.render import rasterize, select_backend
from splat.train import strategies
from splat.train.strategies import MCMCStrategy, Strategy
from splat.training import HookedTrainConfig, train
from splat.weather.training.config import WeatherOptions
from tests.edit.scenes import write_run
from tests.language.test_distill_query import distill, write_three_balls
from tests.pretended_cuda import There, pretended
from tests.reference import random_scene
from tests.train.blobs import write_blob_capture
from tests.weather.training.test_hook import PARTS
from tools.gpu_reference import Reference

pytest.importorskip("gsplat")
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a real device")

BALL = "select.sphere=0.6,0,0,0.5"


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with pretended(monkeypatch):
        yield


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("capture") / "blobs"
    write_blob_capture(folder)
    return folder


def test_the_rules_of_two_devices(cuda: None) -> None:
    there, here = torch.ones(3, device="cuda"), torch.ones(3)
    assert there.is_cuda and (there * 2 + here.sum()).is_cuda and not there.cpu().is_cuda
    assert there[torch.tensor([0, 2])].is_cuda and torch.zeros_like(there).is_cuda and there.new_ones(2).is_cuda
    there[:2] = here[:2]  # copied
    for mistake in (
        lambda: there + here,
        lambda: torch.cat([there, here]),
        lambda: here[there.long()],
        lambda: there.numpy(),
        lambda: torch.where(there > 0, here, 0.0),
        lambda: there.index_add(0, torch.tensor([1]), here[:1]),
        lambda: torch.rand(3, device="cuda", generator=torch.Generator()),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            mistake()


def test_gsplat_draws_what_the_cpu_draws(cuda: None) -> None:
    scene = random_scene(C=2)
    colors, weights = torch.rand(250, 7), torch.randn(2, scene.height, scene.width, 7)
    found = []
    for name in ("cpu", "gsplat"):
        device = select_backend(name).device
        leaves = [tensor.clone().to(device).requires_grad_() for tensor in (*scene.tensors, colors)]
        views = scene.viewmats.to(device), scene.Ks.to(device), scene.width, scene.height
        image, _, meta = rasterize(*leaves, *views, backend=name)
        meta["means2d"].retain_grad()
        (image * weights.to(device)).sum().backward()
        assert meta["backend"] == name and isinstance(image, There) == (name == "gsplat")
        tensors = [image, meta["means2d"].grad, *(leaf.grad for leaf in leaves)]
        assert all(tensor.is_cuda == (name == "gsplat") for tensor in tensors)
        found.append([tensor.detach().cpu() for tensor in tensors])
    for one, other in zip(*found):
        assert torch.allclose(one, other, atol=1e-6 * float(one.abs().max()))


def answer(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["query", str(run), "a cup | toy", "without=dragon", "views=2", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    for summary in found:
        del summary["seconds"]
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["memory", "codebook"])
def test_a_query_is_answered_on_the_gpu_as_on_the_cpu(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_three_balls(tmp_path)
    assert distill(run, f"compress.kind={kind}") == 0
    for rule in ("noise", "otsu", "langsplat") if kind == "memory" else ("noise",):
        expected = answer(capsys, run, f"mask.rule={rule}", "backend=cpu")
        with monkeypatch.context() as patch, pretended(patch):
            assert answer(capsys, run, f"mask.rule={rule}", "backend=gsplat") == expected
            assert answer(capsys, run, f"mask.rule={rule}") == expected  # auto takes the GPU


def test_a_field_is_made_and_scored_on_the_gpu(cuda: None, tmp_path: Path) -> None:
    run = write_three_balls(tmp_path)
    assert distill(run, "lift.method=gradient", "lift.steps=3", f"truth={run.parent / 'files'}") == 0
    assert json.loads((run / "metrics.json").read_text())["language"]["miou"] > 0.7
    assert main(["edit", str(run), "recolor", "toy", "color=red"]) == 0


def config(capture: Path, out: Path, strategy: Strategy, steps: int, weather: WeatherOptions) -> HookedTrainConfig:
    made = HookedTrainConfig(
        data=str(capture), out=str(out), max_steps=steps, data_factor=1.0, cap_max=300, strategy=strategy
    )
    made.weather = weather
    made.initial.seeds = 150
    made.schedule.eval_every, made.schedule.save_every = 30, 0
    if isinstance(strategy, MCMCStrategy):
        made.loss.opacity_reg = made.loss.scale_reg = 0.01
    return made


@pytest.mark.parametrize("name", strategies.STRATEGIES)
def test_every_strategy_trains_on_the_gpu(cuda: None, capture: Path, tmp_path: Path, name: str) -> None:
    settings = config(capture, tmp_path / "run", strategies.STRATEGIES[name](), 60, WeatherOptions())
    settings.schedule.coarse_until = 0.2
    result = train(settings)
    assert result.backend == "gsplat" and len(result.gaussians) <= 300
    assert not result.gaussians.means.is_cuda and torch.isfinite(result.gaussians.means).all()


@pytest.mark.parametrize("name", PARTS)
def test_training_in_weather_on_the_gpu(cuda: None, capture: Path, tmp_path: Path, name: str) -> None:
    result = train(config(capture, tmp_path / "run", strategies.STRATEGIES["default"](), 100, PARTS[name]))
    assert result.backend == "gsplat" and (tmp_path / "run" / "weather.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("edit", "remove", BALL, "fill.steps=5"),
        ("edit", "duplicate", BALL, "offset=0,-1,0"),
        ("edit", "restyle", BALL, "filter=gray", "guide.steps=4", "guide.views=2"),
        ("render", "path=orbit", "frames=2", "depth=true", "video=false"),
        ("weather", "effect=snow", "path=test", "video=false"),
        ("weather", "effect=fog", "path=test", "video=false"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_commands_on_the_gpu(cuda: None, tmp_path: Path, words: tuple[str, ...]) -> None:
    balls = write_run(tmp_path / "runs" / "balls")
    assert main([words[0], str(balls), *words[1:]]) == 0


def test_evaluation_on_the_gpu(cuda: None, capture: Path, tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    assert main(["train", str(capture), f"out={run}", "max_steps=20", "cap_max=300", "initial.seeds=150"]) == 0
    for protocol in ("gsplat", "3dgs"):
        assert main(["evaluate", run, "lpips_net=none", f"protocol={protocol}"]) == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["backend"] == "gsplat"


def test_gsplats_own_loop_on_the_gpu(cuda: None, capture: Path) -> None:
    """What the benchmark compares with, with gsplat's own strategy."""
    reference = Reference(load_capture(capture), "default", 40, torch.device("cuda"))
    found = reference.run(evaluations=2)
    assert len(found["curve"]) == 2 and found["curve"][-1][1] > found["curve"][0][1] > 5
    assert all(param.is_cuda for param in reference.params.values())


def test_restyling_by_a_model_on_the_gpu(cuda: None, tmp_path: Path) -> None:
    pytest.importorskip("diffusers", reason="needs the package diffusers")
    from tests.commands.test_edit_restyle import TINY
    from tests.edit.tiny_diffusion import write_pipeline

    model = write_pipeline(tmp_path / "model", instructed=True)
    words = ["make the ball golden", f"model={model}", "force=true", "guide.threshold=0.35", "guide.threshold_end=0.3"]
    words += [word for word in TINY if not word.startswith("backend=")]
    assert main(["edit", str(write_run(tmp_path / "runs" / "balls")), "restyle", *words]) == 0
