"""`import splat`: light until it is used, and a training, a question, an edit, a score and an export by functions."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import splat
from splat import api
from splat.errors import SplatError
from splat.run import Run
from splat.train.strategies import MCMCStrategy

REPOSITORY = Path(__file__).resolve().parents[1]
DEMO = REPOSITORY / "data" / "demo"
SMALL = {"data_factor": 6, "max_steps": 60, "cap_max": 3000, "options": {"initial.seeds": 500}}
NO_LPIPS = {"lpips_net": "none", "flip": False, "save_images": False, "report": False}


def test_importing_splat_loads_nothing_heavy() -> None:
    code = """
import sys, splat
from splat import train
import splat.train.config, splat.edit.operations, splat.evaluate.config
assert callable(train) and train is splat.train and callable(splat.edit) and callable(splat.evaluate)
assert "train" in dir(splat) and splat.train.config.TrainConfig().max_steps is None
loaded = {name.partition(".")[0] for name in sys.modules} & {"torch", "numpy", "hydra", "cv2", "scipy", "PIL"}
assert not loaded, loaded
assert splat.load_scene.__module__ == "splat.api" and "torch" in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_what_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'splat' has no attribute 'trian'"):
        splat.trian  # noqa: B018


def test_package_stub_and_module_agree_on_the_names() -> None:
    stub = (REPOSITORY / "splat" / "__init__.pyi").read_text()
    declared = re.findall(r"^from splat\.api import (\w+) as \1$", stub, re.MULTILINE)
    assert sorted(declared) == sorted(api.__all__) == sorted(set(splat.__all__) - {"__version__"})
    for name in api.__all__:
        assert inspect.signature(getattr(splat, name)) == inspect.signature(getattr(api, name))


def test_every_function_says_what_its_arguments_are() -> None:
    """One argument a line, as tools that make pages of docstrings read them."""
    for name in set(api.__all__) - {"load_capture", "rasterize"}:
        function = getattr(api, name)
        if function.__module__ != "splat.api":
            continue
        text = inspect.getdoc(function)
        assert text is not None
        for argument in inspect.signature(function).parameters:
            assert re.search(rf"^    {argument}: ", text, re.MULTILINE), f"{name}: {argument}"
        assert "Raises:" in text and "Returns:" in text


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return splat.train(DEMO, out=tmp_path_factory.mktemp("api") / "run", **SMALL)


def test_a_training_is_the_one_of_the_command(run: Run, tmp_path: Path) -> None:
    from splat.cli import main

    words = ["data_factor=6", "max_steps=60", "cap_max=3000", "initial.seeds=500"]
    assert main(["train", str(DEMO), f"out={tmp_path / 'run'}", *words]) == 0
    assert (tmp_path / "run" / "scene.ply").read_bytes() == run.scene_path.read_bytes()


def test_a_scene_is_read_exported_and_rendered(run: Run, tmp_path: Path) -> None:
    scene = splat.load_scene(run)
    assert 400 <= len(scene) <= 3000
    file = splat.export(run, tmp_path / "scene.splat")
    assert len(splat.load_scene(file)) == len(scene) == file.stat().st_size // 32
    copy = splat.export(scene, tmp_path / "copy.ply")
    assert torch.equal(splat.load_scene(str(copy)).means, scene.means)
    with pytest.raises(SplatError, match="exists already"):
        splat.export(run, copy)
    camera = run.cameras("test")[0]
    image, alpha, meta = splat.rasterize(
        scene.means, scene.quats, scene.scales.exp(), scene.opacities.sigmoid(), torch.cat([scene.sh0, scene.shN], 1),
        camera.viewmat[None].float(), camera.K[None].float(), camera.width, camera.height, sh_degree=scene.sh_degree,
    )  # fmt: skip
    assert image.shape == (1, camera.height, camera.width, 3) and alpha.mean() > 0.5 and meta["n_cameras"] == 1


def test_a_surface_needs_a_run_and_a_mesh_files_name(run: Run, tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="needs the cameras"):
        splat.export(splat.load_scene(run), tmp_path / "room.glb", format="mesh")
    with pytest.raises(SplatError, match=r"room\.splat is no mesh file"):
        splat.export(run, tmp_path / "room.splat", format="mesh")
    with pytest.raises(SplatError, match="no option trunc"):
        splat.export(run, tmp_path / "room.glb", format="mesh", mesh={"trunc": 1})
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"open3d does not load: {error}")
    assert splat.export(run, tmp_path / "room.ply", format="mesh").read_bytes().startswith(b"ply")


def test_a_run_and_the_same_scene_as_a_strange_file_score_the_same(run: Run, tmp_path: Path) -> None:
    own = splat.evaluate(run, options=NO_LPIPS)
    file = splat.export(run, tmp_path / "scene.ply")
    capture = splat.load_capture(DEMO, data_factor=6)
    strange = splat.evaluate(file, capture=capture, out=tmp_path / "scores", options=NO_LPIPS)
    assert own["psnr"] > 12 and own["psnr"] == pytest.approx(strange["psnr"], abs=1e-3)
    assert (tmp_path / "scores" / "metrics.json").is_file()
    with pytest.raises(SplatError, match="needs the photos"):
        splat.evaluate(file)
    with pytest.raises(SplatError, match="leave out capture="):
        splat.evaluate(run, capture=capture)


def test_words_find_and_edit(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    field = splat.distill(run, options={"max_size": 160, "lift.views": 8})
    assert field == run.path / "language" / "demo"
    found = splat.query(run, "red mug | floor", top=1)
    assert [answer["text"] for answer in found] == ["red mug", "floor"]
    named = next(answer for answer in found if answer["found"])
    edited = splat.edit(run, "recolor", select={"file": named["selection"]}, color="blue", force=True)
    assert edited.path.parent == run.path / "edits"
    assert f"words are still asked of what was there before: splat distill {edited.path}" in capsys.readouterr().err
    splat.edit(edited, "move", select={"where": "all"}, offset="0,0,0.1", force=True)
    assert "words are still" not in capsys.readouterr().err
    assert splat.edit(run, "undo").path == edited.path
    assert not torch.equal(edited.scene().sh0, run.scene().sh0)
    assert splat.edit(run, "undo").path == run.path
    assert splat.edit(run.path, "redo").path == edited.path


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: splat.train(DEMO, strategy="mcm"), "strategy=mcm: there is no such choice; did you mean mcmc"),
        (
            lambda run: splat.train(DEMO, options={"loss.ssim": 1}),
            r"no option loss\.ssim; did you mean loss\.ssim_",
        ),
        (lambda run: splat.train(DEMO, weather="hail"), "weather=hail: there is no such choice"),
        (lambda run: splat.train("nowhere"), "no such capture: nowhere"),
        (lambda run: splat.query(run, ""), "what is looked for"),
        (lambda run: splat.edit(run, "select"), "operation=select: there is no such choice"),
        (lambda run: splat.edit(run, "move", offest="0,0,1"), "no option offest; did you mean offset"),
        (lambda run: splat.load_scene("nowhere.ply"), "cannot read"),
    ],
)
def test_mistakes_are_one_sentence(run: Run, call: object, message: str) -> None:
    with pytest.raises(SplatError, match=message) as caught:
        call(run)  # type: ignore[operator]
    assert "\n" not in str(caught.value)


def test_a_strategy_may_be_an_instance(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    seen = []

    def pretend(config: object) -> Run:
        seen.append(config)
        return dataclasses.replace(run)  # has no folder: only what is trained with counts here

    monkeypatch.setattr(api, "train_scene", pretend)
    with pytest.raises(AttributeError):
        splat.train(DEMO, strategy=MCMCStrategy(noise_lr=1.0), preset="fast")
    assert isinstance(seen[0].strategy, MCMCStrategy) and seen[0].strategy.noise_lr == 1.0 and seen[0].max_steps == 1000


@pytest.mark.slow
def test_type_checkers_see_the_functions_where_packages_have_their_names(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text('import splat\n\nsplat.train(3)\nsplat.evaluate("run", protocl="3dgs")\n')
    examples = sorted(map(str, (REPOSITORY / "examples").glob("*.py")))
    for files, expected in (([str(wrong)], 2), *(([name], 0) for name in examples)):
        command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--no-error-summary", *files]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        lines = [line for line in done.stdout.splitlines() if ": error: " in line]
        assert len(lines) == expected, done.stdout
    assert len(examples) == 5
