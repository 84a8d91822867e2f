"""`splat weather` on a small run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splat.cameras import find_camera
from splat.cli import main
from splat.errors import SplatError
from splat.files import read_json
from splat.formats import read_scene
from splat.run import open_run
from tests.edit.scenes import write_run
from tests.weather.places import camera

BASIS = ("metres_per_unit=1", "backend=cpu", "particles=100000")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "balls")


def weather(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> list[Path]:
    assert main(["weather", str(run), *words, *BASIS]) == 0
    return [Path(line) for line in capsys.readouterr().out.splitlines()]


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_rain_snow_and_fog_along_paths(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "path=test", "video=false", "backend=cpu"]) == 0
    clear = pixels(Path(capsys.readouterr().out.splitlines()[0]) / "photos__0.png")
    (rain,) = weather(capsys, run, "effect=rain", "rate=100", "wind=2", "strength=20", "reach=2.5", "grade=0")
    assert rain == run / "weather" / "rain-100-mm"
    assert sorted(path.name for path in rain.iterdir()) == [
        "photos__0.png", "photos__4.png", "weather.json", "weather.mp4",
    ]  # fmt: skip
    rained = pixels(rain / "photos__0.png")
    assert rained.shape == clear.shape and (np.abs(rained - clear).max(axis=-1) > 10).mean() > 0.005
    record = read_json(rain / "weather.json")
    assert record["rate"] == 100 and record["wetness"] == 0.6 and np.isclose(np.linalg.norm(record["wind"]), 2)
    assert record["up"] == pytest.approx([0, -1, 0], abs=1e-6) and record["reach"] == 2.5
    (again,) = weather(capsys, run, "effect=rain", "rate=100", "wind=2", "strength=20", "reach=2.5", "grade=0")
    assert again.name == "rain-100-mm-2"  # nothing is overwritten, and the same words give the same drops
    assert np.array_equal(pixels(again / "photos__0.png"), rained)
    (fog,) = weather(capsys, run, "effect=fog", "visibility=3", "light=white", "video=false", "grade=0")
    assert fog.name == "fog-3-m" and not (fog / "weather.mp4").exists()
    foggy = pixels(fog / "photos__0.png")
    assert (foggy[2, 2] > 235).all()  # the black background is far away, and white now
    (snow,) = weather(capsys, run, "snow", "path=still", "view=1", "frames=3", "fps=10", "name=calm", "width=64")
    assert snow.name == "calm" and len(list(snow.glob("*.png"))) == 3
    first, second = (pixels(snow / f"000{i}.png") for i in (0, 1))
    assert first.shape == (48, 64, 3) and not np.array_equal(first, second)


def test_an_export_is_a_scene_with_its_weather(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, file = weather(capsys, run, "effect=snow", "export=true", "video=false", "time=2", "rate=5")
    scene, before = read_scene(file), open_run(run).scene()
    assert file == folder / "scene.ply" and len(scene) > len(before)
    assert (folder / "photos__0.png").exists()
    target = run / "exports" / "foggy.ply"
    (printed,) = weather(capsys, run, "effect=fog", f"export={target}", "video=false", "pictures=false")
    assert printed == target and len(read_scene(target)) > 1000
    assert len(list((run / "weather").iterdir())) == 1  # no folder for an export that lies elsewhere
    assert main(["weather", str(run), "effect=fog", f"export={target}", "video=false", "pictures=false"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_an_edit_has_weather_too(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", str(run), "remove", "select.sphere=0.6,0,0,0.5", "fill.views=0", "backend=cpu"]) == 0
    edit = Path(capsys.readouterr().out.splitlines()[-1])
    (folder,) = weather(capsys, edit, "effect=fog", "video=false")
    assert folder.resolve().parent.parent == edit.resolve() and len(list(folder.glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which weather"),
        (["effect=hail"], "which weather"),
        (["effect=fog", "rate=5"], "rate=5 belongs to rain and snow, not to fog"),
        (["effect=rain", "cover=0.5"], "cover=0.5 belongs to snow"),
        (["effect=fog", "wind=3"], "wind=3 belongs to rain and snow, not to fog"),
        (["effect=fog", "reach=5"], "reach=5.0 belongs to rain and snow, not to fog"),
        (["effect=rain", "wind=1,0,0", "direction=90"], "direction=90 goes with a wind given as a speed"),
        (["effect=rain", "rate=-1"], "0 to 300"),
        (["effect=rain", "ratee=1"], "did you mean rate"),
        (["effect=fog", "visibility=0"], "above 0"),
        (["effect=rain", "wind=1,2"], "a speed in m/s or x,y,z"),
        (["effect=rain", "wind=strong"], "wind=strong"),
        (["effect=rain", "up=0,0,0"], "not all 0"),
        (["effect=rain", "light=reddish"], "light=reddish"),
        (["effect=rain", "path=still", "view=77"], "no view 77"),
        (["effect=rain", "path=orbits"], "did you mean orbit"),
        (["effect=rain", "reach=100", "rate=100"], "lower reach or raise particles"),
        (["effect=rain", "video=false", "pictures=false"], "leave nothing to write"),
        (["effect=rain", "export=scene.xyz"], "scene.xyz"),
    ],
)
def test_mistakes_write_nothing(run: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    before = sorted(run.rglob("*"))
    assert main(["weather", str(run), *words]) == 2
    captured = capsys.readouterr()
    assert not captured.out and message in captured.err.splitlines()[-1]
    assert sorted(run.rglob("*")) == before


def test_keys_that_a_path_does_not_use_are_said(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["effect=fog", "video=false", "width=16", "backend=cpu"]
    assert main(["weather", str(run), *words, "frames=5", "view=1", "degrees=20"]) == 0
    said = capfd.readouterr().err
    for key in ("frames=5", "view=1", "degrees=20"):
        assert said.count(f"{key} is not used") == 1
    assert main(["weather", str(run), *words, "path=still", "frames=1", "view=1"]) == 0
    assert "is not used" not in capfd.readouterr().err


def test_an_own_folder_is_never_overwritten(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    assert main(["weather", str(run), "effect=fog", f"out={tmp_path / 'mine'}"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_photos_of_one_name_in_two_folders_are_told_apart() -> None:
    cameras = [dataclasses.replace(camera(), name=name) for name in ("left/01.jpg", "left/02.jpg", "right/01.jpg")]
    assert find_camera(cameras, "left/01.jpg").name == find_camera(cameras, "left/01").name == "left/01.jpg"
    assert find_camera(cameras, "right/01.jpg").name == "right/01.jpg"
    assert find_camera(cameras, "02").name == find_camera(cameras, "02.png").name == "left/02.jpg"
    dotted = [dataclasses.replace(camera(), name=f"IMG.2024.{number}.jpg") for number in range(2)]
    assert find_camera(dotted, "IMG.2024.1").name == find_camera(dotted, "IMG.2024.1.jpg").name == "IMG.2024.1.jpg"
    with pytest.raises(SplatError, match=r"2 views are called 01, such as left/01\.jpg and right/01\.jpg"):
        find_camera(cameras, "01")
    with pytest.raises(SplatError, match="there is no view middle"):
        find_camera(cameras, "middle/01.jpg")
