"""`splat render` and `splat export` on a small run folder with a scene whose pictures are known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
import yaml

from splat.appearance.learning import Corrections
from splat.appearance.record import write_looks
from splat.cameras import Camera
from splat.cli import main
from splat.commands.export import WRITABLE
from splat.files import read_json, write_json
from splat.formats import Notes, read_scene, read_scene_file, write_scene
from splat.frame import SceneFrame, Similarity, write_frame
from splat.gaussians import Gaussians
from splat.sh import rgb_to_sh0
from tests.edit.scenes import write_run

SIZE = (63, 47)  # odd on purpose


def ball(center: tuple[float, float, float], color: tuple[float, float, float]) -> Gaussians:
    """One solid ball."""
    return Gaussians(
        means=torch.tensor([center]),
        quats=torch.tensor([[1.0, 0, 0, 0]]),
        scales=torch.full((1, 3), -1.6),
        opacities=torch.tensor([8.0]),
        sh0=rgb_to_sh0(torch.tensor([[color]])),
        shN=torch.zeros(1, 15, 3),
    )


def camera(degrees: float, name: str) -> Camera:
    """Four units from the origin, on a level circle around the world's y axis (y down), looking at the origin."""
    angle = np.radians(degrees)
    position = 4 * np.array([np.sin(angle), 0, -np.cos(angle)])
    forward, down = -position / 4, np.array([0.0, 1, 0])
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([np.cross(down, forward), down, forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ position
    K = torch.tensor([[60.0, 0, SIZE[0] / 2], [0, 60, SIZE[1] / 2], [0, 0, 1]], dtype=torch.float64)
    return Camera(torch.from_numpy(viewmat), K, *SIZE, name)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of a red ball in the middle with a green one above it, with 8 cameras around it."""
    folder = tmp_path / "my runs" / "balls"
    folder.mkdir(parents=True)
    red, green = ball((0, 0, 0), (1, 0, 0)), ball((0, -0.7, 0), (0, 1, 0))
    scene = Gaussians(*(torch.cat([getattr(red, k), getattr(green, k)]) for k in red.as_dict()))
    write_scene(folder / "scene.ply", scene)
    frames = []
    for index in range(8):
        one = camera(45 * index, f"photos/{index}.png")
        frames.append(
            {
                "name": one.name,
                "split": "test" if index % 4 == 0 else "train",
                "width": one.width,
                "height": one.height,
                "K": one.K.tolist(),
                "viewmat": one.viewmat.tolist(),
            }
        )
    write_json(folder / "cameras.json", {"frames": frames})
    record = {"train": {"render": {"antialiased": False}}, "background": [0.0, 0.0, 1.0]}
    record["capture"] = {"data": str(tmp_path / "gone")}
    (folder / "config.yaml").write_text(yaml.safe_dump(record))
    return folder


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(file.streams.video[0])]


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1]


def check_balls(picture: np.ndarray) -> None:
    """Red in the middle, green above it, the run's blue background in the corners."""
    height, width = picture.shape[:2]
    assert picture[height // 2, width // 2].tolist() == pytest.approx([255, 0, 0], abs=12)
    assert picture[round(height * 0.27), width // 2].tolist() == pytest.approx([0, 255, 0], abs=30)
    assert picture[1, 1].tolist() == pytest.approx([0, 0, 255], abs=6)
    assert picture[height - 2, width // 2, 2] > 200


def test_orbit_writes_pictures_and_a_video(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "path=orbit", "frames=6"]) == 0
    pictures, video = map(Path, capsys.readouterr().out.splitlines())
    assert pictures == run / "videos" / "orbit" and video == run / "videos" / "orbit.mp4"
    files = sorted(pictures.iterdir())
    assert [file.name for file in files] == [f"{index:04d}.png" for index in range(6)]
    for file in files:
        assert read(file).shape == (SIZE[1], SIZE[0], 3)
        check_balls(read(file))
    frames = decoded(video)
    assert len(frames) == 6 and frames[0].shape == (48, 64, 3)
    assert np.abs(frames[3][:47, :63].astype(float) - read(files[3])).mean() < 12  # 4:2:0 blurs the edges of colours


def test_a_photos_own_look(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["render", str(run), "path=train", "video=false"]
    assert main([*words, "appearance=own"]) == 2
    assert "has learned no colours of single photos" in capsys.readouterr().err
    cameras = [camera(45 * index, f"photos/{index}.png") for index in range(8) if index % 4]
    gains = torch.zeros(6, 3)
    gains[0], gains[1] = math.log(0.5), -math.log(0.5)
    write_looks(run, Corrections("exposure", cameras, gains, torch.device("cpu")), [one.name for one in cameras])
    assert main([*words, "appearance=own"]) == 0
    own = Path(capsys.readouterr().out.splitlines()[0])
    assert main(words) == 0
    mean = Path(capsys.readouterr().out.splitlines()[0])
    for name, red in (("photos__1", 128), ("photos__2", 255), ("photos__3", 255)):
        assert int(read(own / f"{name}.png")[SIZE[1] // 2, SIZE[0] // 2, 0]) == pytest.approx(red, abs=6)
        assert int(read(mean / f"{name}.png")[SIZE[1] // 2, SIZE[0] // 2, 0]) == pytest.approx(255, abs=12)
    assert main(["render", str(run), "path=orbit", "appearance=own"]) == 2
    assert "appearance=own is for path=train" in capsys.readouterr().err


def test_a_camera_path_keeps_its_frame_rate(run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    opengl = np.linalg.inv(np.array(json.loads((run / "cameras.json").read_text())["frames"][0]["viewmat"]))
    entry = {"camera_to_world": (opengl @ np.diag([1.0, -1, -1, 1])).ravel().tolist(), "fov": 60}
    content = {"camera_path": [entry] * 12, "render_width": 32, "render_height": 24, "fps": 12, "seconds": 1}
    (tmp_path / "walk.json").write_text(json.dumps(content))
    for frames, rate, words in ((5, 12, []), (7, 6, ["fps=6"])):
        out = tmp_path / f"at{rate}"
        assert (
            main(["render", str(run), f"path={tmp_path / 'walk.json'}", f"out={out}", f"frames={frames}", *words]) == 0
        )
        assert f"frames={frames} is not used" in capfd.readouterr().err
        with av.open(str(out) + ".mp4") as file:
            assert file.streams.video[0].average_rate == rate and file.streams.video[0].frames == 12


def test_nothing_is_overwritten(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("orbit", "orbit-2"):
        assert main(["render", str(run), "path=orbit", "frames=1", "video=false"]) == 0
        assert capsys.readouterr().out.splitlines() == [str(run / "videos" / name)]
    assert main(["render", str(run), "path=orbit", f"out={run / 'videos' / 'orbit'}"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_test_views_without_their_photos(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "width=126", "depth=true"]) == 0
    captured = capsys.readouterr()
    assert "without photos beside them" in captured.err
    pictures, video = map(Path, captured.out.splitlines())
    names = sorted(file.name for file in pictures.iterdir())
    assert names == sorted(f"photos__{i}{kind}" for i in (0, 4) for kind in (".png", "_depth.png", "_depth.tiff"))
    check_balls(read(pictures / "photos__0.png"))
    depth = cv2.imread(str(pictures / "photos__0_depth.tiff"), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.float32 and depth.shape == (94, 126)
    assert depth[47, 63] == pytest.approx(4.0, abs=0.02) and depth[1, 1] == 0
    assert len(decoded(video)) == 2 and decoded(video)[0].shape[1] == 252  # picture and depth side by side


def test_cameras_from_a_file_render_the_same_picture(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), "path=test", "video=false"]) == 0
    assert main(["render", str(run), f"path={run / 'cameras.json'}", "video=false"]) == 0
    by_test, by_file = map(Path, capsys.readouterr().out.splitlines())
    assert by_file.name == "cameras" and len(list(by_file.iterdir())) == 8
    np.testing.assert_array_equal(read(by_test / "photos__4.png"), read(by_file / "photos__4.png"))


def test_the_near_plane_fits_captures_in_any_unit(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same scene in kilometres: the cameras stand 0.004 from the balls, nearer than near_plane=0.01."""
    small = torch.diag(torch.tensor([1e-3, 1e-3, 1e-3, 1.0], dtype=torch.float64))
    write_scene(run / "scene.ply", read_scene(run / "scene.ply").transformed(small))
    cameras = read_json(run / "cameras.json")
    for frame in cameras["frames"]:
        for row in range(3):
            frame["viewmat"][row][3] *= 1e-3
    write_json(run / "cameras.json", cameras)
    assert main(["render", str(run), "path=test", "video=false"]) == 0
    check_balls(read(Path(capsys.readouterr().out.strip()) / "photos__0.png"))


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("path=orbitt", "path=orbitt: there is no such path; did you mean orbit?"),
        ("path=/no/such.json", "it is one of test, train, orbit, spiral, interpolate or a JSON file"),
        ("frames=0", "frames=0: must be at least 1"),
        ("width=1", "width=1: must be 2 to 16,384"),
        ("fps=0", "fps=0.0: must be above 0 and at most 1,000"),
        ("backend=gpu", "backend=gpu: there is no such choice"),
    ],
)
def test_mistakes(run: Path, word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(run), word]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
    assert not list((run / "videos").glob("*")) if (run / "videos").exists() else True


def test_export_of_a_run_and_of_a_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "format=splat"]) == 0
    first = Path(capsys.readouterr().out.strip())
    assert first == run / "exports" / "scene.splat" and first.stat().st_size == 64
    back = tmp_path / "back, again.ply"
    assert main(["export", str(first), f"output={back}"]) == 0
    scene = read_scene(back)
    order = scene.means[:, 1].argsort(descending=True)
    torch.testing.assert_close(scene.means[order], torch.tensor([[0.0, 0, 0], [0, -0.7, 0]]))
    assert main(["export", str(run), "format=splat"]) == 2
    assert main(["export", str(run), "format=splat", "overwrite=true"]) == 0
    assert main(["export", str(run), "format=spalt"]) == 2
    assert main(["export", str(run), "format=splat", f"output={tmp_path / 'x.ply'}"]) == 2
    assert main(["export", str(run), f"output={tmp_path / 'x.obj'}"]) == 2
    errors = capsys.readouterr().err
    assert "a splat file ends in .splat" in errors and "x.obj has the name of a mesh; format=mesh" in errors
    assert (
        "exists already; overwrite=true" in errors
        and "format=spalt: there is no such choice; did you mean splat?" in errors
    )


def test_a_scene_file_is_rendered_from_around_it(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "alone.v1.ply"
    write_scene(file, read_scene(run / "scene.ply"))
    assert main(["render", str(file), "frames=4", "width=64"]) == 0
    said = capsys.readouterr()
    pictures, video = map(Path, said.out.splitlines())
    assert (pictures, video) == (tmp_path / "alone-orbit", tmp_path / "alone-orbit.mp4")
    assert "a scene file has no photos: path=orbit" in said.err
    assert len(decoded(video)) == 4
    for path in sorted(pictures.iterdir()):
        picture = read(path).astype(int)
        assert picture.shape == (48, 64, 3)
        red, green = ((picture[..., one] - picture[..., other]) > 100 for one, other in ((0, 1), (1, 0)))
        assert red.sum() > 50 and green.sum() > 50
        assert np.nonzero(green)[0].mean() < np.nonzero(red)[0].mean() - 5  # the green ball is above
    assert main(["render", str(file), "path=spiral", "frames=2", "width=64", "pictures=false"]) == 0
    assert main(["render", str(file), "path=train"]) == 2
    assert main(["render", str(file), "appearance=own"]) == 2
    errors = capsys.readouterr().err
    assert "path=train: a scene file has no photos; use path=orbit" in errors
    assert "appearance=own is for runs" in errors
    (tmp_path / "notes.txt").write_text("no scene")
    assert main(["render", str(tmp_path / "notes.txt")]) == 2


def test_export_in_a_version_of_a_format(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, start in (
        ([], b"NGSP\4"),
        (["version=4"], b"NGSP\4"),
        (["version=3"], b"\x1f\x8b"),
        (["version=2"], b"\x1f\x8b"),
    ):
        assert main(["export", str(run), "format=spz", "overwrite=true", *words]) == 0
        written = Path(capsys.readouterr().out.strip())
        assert written == run / "exports" / "scene.spz" and written.read_bytes().startswith(start)
    for words, message in (
        (["format=spz", "version=5"], "spz version 5 is not written; choose one of 2, 3, 4"),
        (["format=ply", "version=4"], "ply files have no versions to choose from; version= is for spz (2, 3, 4)"),
        (["format=mesh", "version=4"], "mesh files have no versions to choose from"),
    ):
        assert main(["export", str(run), *words, "overwrite=true"]) == 2
        assert message in capsys.readouterr().err
    assert main(["export", str(run), "format=compressed-ply"]) == 0
    compressed = Path(capsys.readouterr().out.strip())
    assert compressed == run / "exports" / "scene.compressed.ply" and len(read_scene(compressed)) == 2


def test_the_python_call_takes_a_version_too(run: Path, tmp_path: Path) -> None:
    import splat
    from splat.errors import SplatError

    splat.export(run, tmp_path / "a.spz", version=3)
    assert (tmp_path / "a.spz").read_bytes()[:2] == b"\x1f\x8b"
    for target, format in ((tmp_path / "b.ply", None), (tmp_path / "b.ply", "mesh")):
        with pytest.raises(SplatError, match="no versions to choose from"):
            splat.export(run, target, format=format, version=3)


def told(run: Path, **changes: object) -> None:
    """Change what RUN/config.yaml says about rendering."""
    record = yaml.safe_load((run / "config.yaml").read_text())
    record["train"]["render"] |= changes
    (run / "config.yaml").write_text(yaml.safe_dump(record))


def test_an_export_says_how_it_looks_and_lies_elsewhere(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), f"output={tmp_path / 'plain.ply'}"]) == 0
    said = capsys.readouterr().err
    assert "antialiased" not in said and "origin" not in said
    assert said.count("background (0, 0, 1)") == 1
    told(run, antialiased=True, eps2d=0.1)
    cameras = read_json(run / "cameras.json")
    write_json(run / "cameras.json", {**cameras, "origin": [632600.0, 4512300.0, 200.0]})
    for name in ("noted.ply", "noted.splat"):
        output = tmp_path / name
        assert main(["export", str(run), f"output={output}"]) == 0
        said = capsys.readouterr().err
        assert said.count("drawn antialiased") == 1 and said.count("(632600, 4512300, 200)") == 1
        assert said.count("render.eps2d=0.1") == 1
        assert ("SH degree 3" in said) == (name == "noted.splat")
    notes = read_scene_file(tmp_path / "noted.ply").notes
    assert notes == Notes(True, (632600.0, 4512300.0, 200.0))
    again = tmp_path / "again.ply"
    assert main(["export", str(tmp_path / "noted.ply"), f"output={again}"]) == 0
    assert again.read_bytes() == (tmp_path / "noted.ply").read_bytes()
    assert main(["info", str(run)]) == 0
    out = capsys.readouterr().out
    assert "origin:          632600, 4512300, 200" in out and "antialiased:     yes" in out


def test_a_mesh_needs_a_run_and_a_mesh_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "format=mesh", f"output={tmp_path / 'room.txt'}"]) == 2
    assert main(["export", str(run / "scene.ply"), "format=mesh"]) == 2
    assert main(["export", str(run), f"output={tmp_path / 'room.txt'}"]) == 2
    errors = capsys.readouterr().err
    assert "end it in .ply" in errors and "has no cameras" in errors
    endings = [suffix for entry in WRITABLE.values() if entry.content == "scene" for suffix in entry.suffixes]
    assert f"end it in {' or '.join(endings)}\n" in errors  # of a scene, every format that is written
    assert ".ply" in endings and ".glb" in endings and ".obj" not in endings


def test_info_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(run)]) == 0
    out = capsys.readouterr().out
    assert "kind:" in out and "train cameras: 6" in out and "count:" in out


def test_a_mesh_in_kilometres(tmp_path: Path) -> None:
    """The nearest plane, taken in the capture's units, lay behind all of it."""
    o3d = pytest.importorskip("open3d", exc_type=ImportError)
    sizes = []
    for unit in (1.0, 1e-3):
        folder = write_run(tmp_path / f"{unit}" / "balls")
        scale = torch.diag(torch.tensor([unit, unit, unit, 1.0], dtype=torch.float64))
        write_scene(folder / "scene.ply", read_scene(folder / "scene.ply").transformed(scale))
        cameras = read_json(folder / "cameras.json")
        for frame in cameras["frames"]:
            for row in frame["viewmat"][:3]:
                row[3] *= unit
        write_json(folder / "cameras.json", cameras)
        output = tmp_path / f"{unit}.ply"
        assert main(["export", str(folder), "format=mesh", f"output={output}"]) == 0
        sizes.append(np.ptp(np.asarray(o3d.io.read_triangle_mesh(str(output)).vertices), axis=0) / unit)
    np.testing.assert_allclose(sizes[1], sizes[0], rtol=1e-3)


def test_an_aligned_export_with_y_up_is_compared_as_it_stands(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    write_frame(run, SceneFrame(Similarity(2.0, turn, np.array([1.0, 2.0, 3.0])), scale_from="gps", up_from="gps"))
    assert main(["export", str(run), "frame=aligned", f"output={tmp_path / 'room.glb'}"]) == 0
    said = capsys.readouterr().err
    assert "drawn from 2 test views it looks the same" in said
