"""`splat edit RUN restyle`: from the command line to a folder of the history."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from splat.cli import main
from splat.edit.select.selection import load_selection
from splat.files import read_json
from splat.formats import read_scene
from splat.language.compress.none import Uncompressed
from splat.language.field import LanguageField, load_field, scene_digest
from splat.run import open_run
from tests.edit.scenes import write_run

GREEN = "select.sphere=0.6,0,0,0.5"
QUICK = ("guide.steps=8", "guide.views=3", "backend=cpu")
TINY = (
    *QUICK, "guide.resolution=24", "guide.inference_steps=2", "guide.refresh_every=2", "guide.relabel_every=3",
    "guide.label_views=2", "guide.densify_every=2", "guide.densify_share=0.1", "guide.coarse=0.5",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "balls")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    pytest.importorskip("diffusers", reason="needs the package diffusers")
    from tests.edit.tiny_diffusion import write_pipeline

    root = tmp_path_factory.mktemp("models")
    return {"describe": write_pipeline(root / "sd"), "instruct": write_pipeline(root / "ip2p", instructed=True)}


def restyle(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> Path:
    assert main(["edit", str(run), "restyle", *words]) == 0
    return Path(capsys.readouterr().out.splitlines()[-1])


def test_a_filter_makes_an_edit_that_can_be_undone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trained = (run / "scene.ply").read_bytes()
    folder = restyle(capsys, run, "filter=gray", GREEN, *QUICK)
    assert folder.name == "001-restyle-sphere-0-6-0-0-0-5" and (run / "scene.ply").read_bytes() == trained
    record = read_json(folder / "edit.json")
    assert record["operation"] == "restyle" and record["selected"] == 300
    assert record["options"] == {
        "filter": "gray", "sphere": "0.6,0,0,0.5", "guide.steps": 8, "guide.views": 3
    }  # fmt: skip
    before, after = read_scene(run / "scene.ply"), read_scene(folder / "scene.ply")
    rest = torch.ones(900, dtype=torch.bool)
    rest[300:600] = False
    for name, value in before.as_dict().items():
        assert torch.equal(getattr(after, name)[rest], value[rest])
    colors = after.sh0[300:600, 0]
    assert float((colors.amax(dim=1) - colors.amin(dim=1)).median()) < 0.3  # grey now
    assert main(["edit", str(run), "undo"]) == 0 and main(["edit", str(run), "redo"]) == 0
    assert capsys.readouterr().out.splitlines() == [str(run.resolve()), str(folder)]
    again = restyle(capsys, run, "filter=invert", "select.sphere=-0.6,0,0,0.5", *QUICK)
    assert read_json(again / "edit.json")["parent"] == folder.name


def test_the_language_field_follows_to_the_children(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compression = Uncompressed(4)
    number = torch.arange(900.0)  # a vector of its own for every Gaussian, exact in half precision
    codes = torch.stack([number, torch.ones(900), -number, torch.zeros(900)], dim=1)[:, None]
    facts = {"scene": scene_digest(run / "scene.ply")}
    field = LanguageField({"teacher": "demo"}, ("object",), compression, codes, torch.ones(900, 1), None, None, facts)
    field.save(run / "language" / "demo")
    folder = restyle(capsys, run, "filter=invert", GREEN, *QUICK, "guide.densify_every=2", "guide.densify_share=0.1")
    carried, scene = load_field(folder), read_scene(folder / "scene.ply")
    parents = carried.codes[:, 0, 0].long()
    assert len(scene) == len(parents) > 900 and torch.equal(parents.unique(), torch.arange(900))
    alike = (scene.means - read_scene(run / "scene.ply").means[parents]).norm(dim=1)
    assert float(alike.max()) < 0.2  # children stand beside the parents whose words they have


def test_pictures_that_the_user_painted(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "path=train", "video=false", "backend=cpu"]) == 0
    rendered = Path(capsys.readouterr().out.splitlines()[0])
    painted = tmp_path / "painted"
    painted.mkdir()
    for path in list(rendered.glob("*.png"))[:4]:
        values = np.asarray(Image.open(path)).copy()
        green = values[..., 1] > values[..., [0, 2]].max(axis=-1) + 30
        values[green] = (230, 200, 25)
        Image.fromarray(values).save(painted / path.name)
    folder = restyle(capsys, run, f"images={painted}", GREEN, "guide.steps=60", "backend=cpu")
    after = read_scene(folder / "scene.ply")
    assert float(after.sh0[300:600, 0, 0].median()) > 0.7  # the red channel, from 0.1 to 0.9


@pytest.mark.parametrize("name", ["describe", "instruct"])
def test_a_diffusion_model_runs_the_whole_loop(
    run: Path, models: dict[str, Path], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("make the ball golden", f"model={models[name]}", "force=true", "guide.threshold=0.35")
    folder = restyle(capsys, run, *words, "guide.threshold_end=0.3", *TINY)
    record = read_json(folder / "edit.json")
    assert folder.name == "001-restyle-make-the-ball-golden" and record["prompt"] == "make the ball golden"
    assert record["selection"] == "attention(make the ball golden)"
    opened = open_run(folder)
    scene = opened.scene()
    assert all(bool(torch.isfinite(value).all()) for value in scene.as_dict().values())
    assert len(scene) >= 900 and not torch.equal(scene.sh0[:300], read_scene(run / "scene.ply").sh0[:300])
    chosen = load_selection(folder / "selection.safetensors", 900)
    assert 0 < chosen.count == record["selected"]
    assert main(["render", str(folder), "path=test", "video=false", "backend=cpu"]) == 0
    again = restyle(capsys, write_run(run.with_name("twin")), *words, "guide.threshold_end=0.3", *TINY)
    assert torch.equal(read_scene(again / "scene.ply").means, scene.means)  # the seed decides


def test_a_model_keeps_to_the_selection(run: Path, models: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("golden", f"model={models['describe']}", GREEN, "guide.threshold=0.1", "guide.threshold_end=0.05")
    before = read_scene(run / "scene.ply")
    folder = restyle(capsys, run, *words, "without=blue", *TINY)
    after = read_scene(folder / "scene.ply")
    for name, value in before.as_dict().items():
        assert torch.equal(getattr(after, name)[:300], value[:300])
        assert torch.equal(getattr(after, name)[-300:], value[600:])
    shown = restyle(capsys, run, *words[:2], "guide.threshold=0.35", "guide.threshold_end=0.3", "preview=true", *TINY)
    assert shown.parent.name == "previews" and list(shown.glob("*.png"))
    assert not (run / "edits" / "002-restyle-golden").exists()


def test_attention_that_finds_nothing_says_so(
    run: Path, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["edit", str(run), "restyle", "golden", f"model={models['describe']}", *TINY, "guide.threshold=0.999"]
    assert main(words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "the model sees 'golden' nowhere" in line and "guide.threshold" in line
    assert not (run / "edits").exists()


def test_an_interrupted_edit_leaves_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from splat.edit.restyle.loop import RestyleLoop

    whole = RestyleLoop.before

    def stop(self: RestyleLoop, step: int) -> None:
        if step == 4:
            raise KeyboardInterrupt
        whole(self, step)

    monkeypatch.setattr(RestyleLoop, "before", stop)
    before = sorted(run.rglob("*"))
    assert main(["edit", str(run), "restyle", "filter=gray", GREEN, *QUICK]) not in (0, None)
    assert sorted(run.rglob("*")) == before and "Traceback" not in capsys.readouterr().err


def test_without_diffusers_the_way_to_install_it_is_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "diffusers" else found(name, *rest)
    )
    assert main(["edit", str(run), "restyle", "gold", "model=owner/model"]) == 2
    assert "pip install 'diffusers>=0.30'" in capsys.readouterr().err.splitlines()[-1]
