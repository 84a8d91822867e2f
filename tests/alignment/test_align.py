"""`splat align` on small runs: only frame.json is written, and what uses it agrees with what is known."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

import splat
from splat.alignment.align import place_by_gps
from splat.alignment.other_run import between, shared
from splat.capture.gps import Place
from splat.cli import main
from splat.errors import SplatError
from splat.exporting import aligned_frame, export_mesh
from splat.files import read_json, write_json
from splat.formats import read_scene, read_scene_file
from splat.frame import SceneFrame, Similarity, read_frame
from splat.gaussians import Gaussians
from splat.poses.gauge import move_cameras
from splat.render.scene import SceneRenderer
from splat.run import open_run
from tests.alignment.places import exif_of, place_of, run_with_photos
from tests.edit.scenes import camera, three_balls, write_run
from tests.train.blobs import ring_camera, write_blob_capture

TRUTH = Similarity(
    9.0,
    # the scenes of these tests have y down; a turn of 30 degrees about the vertical besides
    Rotation.from_euler("z", 30, degrees=True).as_matrix() @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    np.array([4.0, -7.0, 2.0]),
)


def align(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> tuple[SceneFrame, str]:
    """The frame, and what was said."""
    assert main(["align", str(run), "backend=cpu", *words]) == 0
    said = capsys.readouterr()
    assert Path(said.out.strip()) == run / "frame.json"
    frame = read_frame(run)
    assert frame is not None
    return frame, " ".join(said.err.split())


def refused(capsys: pytest.CaptureFixture[str], run: Path, *words: str) -> str:
    assert main(["align", str(run), *words]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in said
    return said


def digests(run: Path) -> dict[str, str]:
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "frame.json"]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def colored() -> Gaussians:
    """The balls, with colours that differ by direction."""
    scene = three_balls()
    return scene.replace(shN=0.3 * torch.randn(scene.shN.shape, generator=torch.Generator().manual_seed(5)))


def places(truth: Similarity) -> dict[str, Place]:
    cameras = [camera(45 * index, f"photos/{index}.png") for index in range(8)]
    return {one.name: place_of(truth.apply(one.position.numpy())) for one in cameras}


def test_gps_gives_scale_up_north_and_origin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Place | None] = {**places(TRUTH)}
    third = known["photos/3.png"]
    assert third is not None
    known["photos/3.png"] = dataclasses.replace(third, latitude=0.01)  # a kilometre off
    run = run_with_photos(tmp_path / "run", known)
    before = digests(run)
    frame, said = align(capsys, run, "accuracy=0.5", "origin=0,10,50")
    assert digests(run) == before
    assert frame.similarity.scale == pytest.approx(9, rel=1e-4) and frame.scale_from == "gps"
    assert np.allclose(frame.similarity.matrix, TRUTH.matrix, atol=0.01)
    assert frame.fit is not None and (frame.fit.inliers, frame.fit.left_out) == (7, ("photos/3.png",))
    assert frame.geodetic is not None and frame.geodetic.longitude == 10
    assert "left out as gross errors: 1 of 8 photos (photos/3.png)" in said and "7 of 8 photos fit" in said
    again, said = align(capsys, run, "accuracy=0.5")  # the origin is now the median of the positions
    assert "was: 1 unit is 9 m" in said and again.geodetic is not None
    assert again.geodetic.altitude == pytest.approx(52, abs=0.1)
    middle = np.median([place.latitude for place in known.values() if place is not None])  # where one is far off
    assert again.geodetic.latitude == pytest.approx(middle, abs=1e-7)
    assert "no GPS" not in said and main(["info", str(run)]) == 0
    assert "frame: 1 unit is 9 m (from gps)" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("with_altitude", [0, 3, 6])
def test_positions_may_lack_altitudes(tmp_path: Path, capsys: pytest.CaptureFixture[str], with_altitude: int) -> None:
    """Where too few have one, the vertical is the cameras', and heights count from the cameras' own."""
    known: dict[str, Place | None] = {**places(TRUTH)}
    for name in list(known)[: 8 - with_altitude]:
        place = known[name]
        assert place is not None
        known[name] = dataclasses.replace(place, altitude=None)
    run = run_with_photos(tmp_path / "run", known)
    frame, said = align(capsys, run, "accuracy=0.5", "origin=0,10,50")
    assert frame.metres == pytest.approx(9, rel=1e-3) and frame.fit is not None
    moved = np.stack([frame.similarity.apply(one.position.numpy()) for one in open_run(run).cameras()])
    there = np.stack([TRUTH.apply(one.position.numpy()) for one in open_run(run).cameras()])
    assert np.allclose(moved[:, :2], there[:, :2], atol=0.02)
    if with_altitude == 6:
        assert frame.fit.count == 6 and "2 positions without an altitude not used" in said
        assert np.allclose(frame.similarity.matrix, TRUTH.matrix, atol=0.02) and frame.up_from == "gps"
    else:
        assert frame.fit.count == 8 and "too few positions have an altitude" in said and frame.up_from == "cameras"


def test_cameras_help_where_heights_scatter_unless_up_is_to_come_from_gps_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = places(TRUTH)
    run = run_with_photos(tmp_path / "good", {**known})
    frame, _ = align(capsys, run, "gps=exif", "up=gps", "accuracy=0.5", "origin=0,10,50")
    assert frame.up_from == "gps" and np.allclose(frame.similarity.matrix, TRUTH.matrix, atol=0.01)
    scattered = {
        name: dataclasses.replace(place, altitude=float(place.altitude or 0) + 8 * (-1) ** int(name[7]))
        for name, place in known.items()
    }
    run = run_with_photos(tmp_path / "scattered", {**scattered})
    frame, said = align(capsys, run, "accuracy=2")
    assert frame.up_from == "gps and cameras" and "too little of the vertical; up is from cameras, too" in said
    assert "the positions say too little of the vertical" in refused(capsys, run, "gps=exif", "up=gps", "accuracy=2")


def test_a_table_of_places_does_as_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    rows = [f"{name.split('/')[1][:1]},{p.latitude},{p.longitude},{p.altitude}" for name, p in places(TRUTH).items()]
    table = tmp_path / "places.csv"
    table.write_text("\n".join(["name,lat,lon,alt", *rows[:7], "stranger,1,1,1"]))
    frame, said = align(capsys, run, f"gps={table}", "accuracy=0.5", "origin=0,10,50")
    assert np.allclose(frame.similarity.matrix, TRUTH.matrix, atol=0.01)
    assert "1 name in" in said and "stranger" in said and "1 photo of 8 not in" in said
    assert "too near for an accuracy of 50 m" in refused(capsys, run, f"gps={table}", "accuracy=50")


def test_photos_without_gps_say_what_else_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = run_with_photos(tmp_path / "run", {})
    said = refused(capsys, run)
    assert "none of the 8 photos has a GPS position in its EXIF; give gps=FILE.csv" in said
    assert not (run / "frame.json").exists()


def test_known_points_land_at_their_coordinates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run", colored())
    before = digests(run)
    means = read_scene(run / "scene.ply").means.double().numpy()[[0, 250, 450, 800, 899]]
    known = TRUTH.apply(means) + np.array([448_012.0, 5_411_007.0, 300.0])
    table = tmp_path / "points.csv"
    table.write_text(
        "x,y,z,X,Y,Z\n" + "\n".join(",".join(map(repr, [*a.tolist(), *b.tolist()])) for a, b in zip(means, known))
    )
    frame, said = align(capsys, run, f"points={table}")
    assert frame.origin == (448_000.0, 5_411_000.0, 300.0) and "the farthest from where it should be is line" in said
    output = tmp_path / "aligned.ply"
    assert main(["export", str(run), "frame=aligned", f"output={output}"]) == 0
    written = read_scene_file(output)
    moved = written.gaussians.means.double().numpy()[[0, 250, 450, 800, 899]] + written.notes.origin
    assert np.abs(moved - known).max() < 1e-4
    assert digests(run) == before
    for words, name in ((["frame=aligned"], "scene-aligned.ply"), ([], "scene.ply")):  # neither is in the other's way
        assert main(["export", str(run), *words]) == 0 and (run / "exports" / name).is_file()


def test_an_aligned_scene_looks_the_same_from_cameras_moved_along(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run", colored())
    frame, _ = align(capsys, run, "distance=3.5", "between=-0.6,0,0 0.6,0,0", "up=0.3,-1,0.2")
    output = tmp_path / "aligned.ply"
    assert main(["export", str(run), "frame=aligned", f"output={output}"]) == 0
    opened = open_run(run)
    here, scene = opened.renderer("cpu"), read_scene(output)
    matrix = torch.from_numpy(frame.similarity.matrix)
    options = dataclasses.replace(here.options, near_plane=here.options.near_plane * frame.similarity.scale)
    there = SceneRenderer(scene, options, here.background, move_cameras(here.cameras, matrix))
    for one, moved in zip(here.cameras[:3], there.cameras[:3]):
        expected, found = here.image(one), there.image(moved)
        assert expected.std() > 0.1 and (expected - found).abs().max() < 1e-3
        unturned = there.of(scene.replace(shN=here.scene.shN)).image(moved)
        assert (unturned - expected).abs().max() > 0.02  # it is the colours' turn that makes them the same


def test_a_length_and_a_ground_put_the_scene_on_its_feet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    frame, _ = align(capsys, run, "distance=2.4", "between=-0.6,0,0; 0.6,0,0", "ground=1,0.4,0 -1,0.4,1 0,0.4,-2")
    assert frame.metres == pytest.approx(2.0) and (frame.scale_from, frame.up_from) == ("distance", "ground")
    assert frame.up == pytest.approx([0, -1, 0])
    assert frame.similarity.apply(np.array([[5, 0.4, 7], [0, -0.6, 0]]))[:, 2] == pytest.approx([0, 2])
    assert frame.similarity.apply(np.array([0, 0.4, -1 / 3])) == pytest.approx([0, 0, 0])
    assert "on a line" in refused(capsys, run, "ground=0,0,0 1,1,1 2,2,2")


def test_points_are_named_by_pixels_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    seen = open_run(run).cameras()[0]
    pixels = seen.project(torch.tensor([[-0.6, 0, 0], [0.6, 0, 0]], dtype=torch.float64))[0].tolist()
    words = " ".join(f"0:{x:.1f},{y:.1f}" for x, y in pixels)
    frame, _ = align(capsys, run, "distance=1", f"between={words}")
    assert frame.metres == pytest.approx(1 / 1.08, rel=0.03)  # their fronts, which lie nearer than the centres
    assert frame.up_from == "cameras" and frame.up == pytest.approx([0, -1, 0], abs=1e-6)
    assert "there is nothing under the click" in refused(capsys, run, "distance=1", "between=0:1,1 0:48,36")
    assert "no view 77" in refused(capsys, run, "distance=1", "between=77:1,1 0:48,36")


def test_another_run_of_the_same_photos(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, other = write_run(tmp_path / "a" / "run"), write_run(tmp_path / "b" / "run")
    turn = Similarity(0.3, Rotation.random(random_state=3).as_matrix(), np.array([1.0, 2, 3]))
    matrix = torch.from_numpy(turn.matrix)
    record = read_json(other / "cameras.json")
    moved = move_cameras(open_run(other).cameras(), matrix)
    for frame, one in zip(record["frames"], moved):
        frame["viewmat"] = one.viewmat.tolist()
    record["frames"][2]["viewmat"][0][3] += 5.0  # one that stands elsewhere
    write_json(other / "cameras.json", record)
    found, _ = align(capsys, run, f"to={other}")
    assert np.allclose(found.similarity.matrix, turn.matrix, atol=1e-6) and found.metres is None and found.up is None
    assert found.fit is not None and found.fit.left_out == ("photos/2.png",)
    align(capsys, other, "distance=6", "between=1,2,3 1,2,5", "up=0,0,1")
    found, _ = align(capsys, run, f"to={other}")
    assert (found.scale_from, found.up_from) == ("run", "run") and found.metres == pytest.approx(0.9)
    assert np.allclose(found.similarity.matrix, (Similarity(3, np.eye(3), np.zeros(3)).after(turn)).matrix, atol=1e-5)


def test_cameras_on_a_line_tell_a_similarity_by_where_they_look() -> None:
    cameras = [dataclasses.replace(camera(10 * i), viewmat=camera(10 * i).viewmat.clone()) for i in range(4)]
    for index, one in enumerate(cameras):
        one.viewmat[:3, 3] = -one.viewmat[:3, :3] @ torch.tensor([index, 2.0 * index, 0], dtype=torch.float64)
    moved = move_cameras(cameras, torch.from_numpy(TRUTH.matrix))
    similarity, agrees, _ = between(list(zip(cameras, moved)))
    assert np.allclose(similarity.matrix, TRUTH.matrix, atol=1e-9) and agrees.all()


def test_a_median_distance_from_another_run_is_in_its_metres(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = write_run(tmp_path / "a" / "run"), write_run(tmp_path / "b" / "run")
    record = read_json(other / "cameras.json")
    for frame, one in zip(record["frames"], open_run(other).cameras()):
        turn = 1 if int(one.name[7]) % 2 else -1  # photos/3.png: up and down by turns, which no similarity undoes
        frame["viewmat"][1][3] += 0.02 * turn
    record["origin"] = [100.0, 200.0, 0.0]
    write_json(other / "cameras.json", record)
    found, _ = align(capsys, run, f"to={other}")
    assert found.fit is not None and found.fit.median == pytest.approx(0.02, rel=0.05)
    assert found.origin == (100.0, 200.0, 0.0) and (found.scale_from, found.up_from) == ("", "")
    align(capsys, other, "distance=3", "between=0,0,0 1,0,0")
    found, _ = align(capsys, run, f"to={other}")
    assert found.fit is not None and found.fit.median == pytest.approx(0.06, rel=0.05)


def test_runs_whose_photos_stand_or_look_otherwise_are_refused() -> None:
    here = [camera(45 * index) for index in range(8)]
    assert between(list(zip(here, here)))[1].all()
    order = [3, 6, 1, 4, 7, 2, 0, 5]
    swapped = [dataclasses.replace(one, viewmat=one.viewmat.clone()) for one in here]
    for one, place in zip(swapped, order):
        one.viewmat[:3, 3] = -one.viewmat[:3, :3] @ here[place].position
    zigzag = [dataclasses.replace(one, viewmat=one.viewmat.clone()) for one in here]
    for index, one in enumerate(zigzag):
        one.viewmat[1, 3] += 0.5 * float(one.position.norm()) * (-1) ** index
    for there in (swapped, zigzag):
        with pytest.raises(SplatError, match="stand otherwise in the two runs"):
            between(list(zip(here, there)))
    with pytest.raises(SplatError, match="look in other directions in the two runs"):
        between(list(zip(here, [here[place] for place in order])))


def test_photos_of_the_same_bare_name_in_several_folders_are_not_mixed_up() -> None:
    here = [camera(0, "a/1.png"), camera(10, "b/1.png"), camera(20, "2.png"), camera(30, "c/3.png")]
    there = [camera(0, "x/1.png"), camera(20, "x/2.jpg"), camera(30, "d/3.png"), camera(40, "e/3.png")]
    assert [(one.name, other.name) for one, other in shared(here, there)] == [("2.png", "x/2.jpg")]
    both = [camera(0, "x/1.png"), camera(10, "b/1.png")]
    assert [(one.name, other.name) for one, other in shared(here, both)] == [("b/1.png", "b/1.png")]


def test_weather_takes_up_and_scale_from_the_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    align(capsys, run, "distance=2.4", "between=-0.6,0,0 0.6,0,0", "up=0,0,-1")
    words = ["weather", str(run), "effect=fog", "visibility=5", "video=false", "backend=cpu"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "a unit of the scene is 2 m, as frame.json has it (from distance)" in " ".join(said.err.split())
    record = read_json(Path(said.out.strip()) / "weather.json")
    assert record["up"] == pytest.approx([0, 0, -1]) and record["metres_per_unit"] == pytest.approx(2)
    assert main([*words, "metres_per_unit=7", "up=0,-1,0"]) == 0  # what is said goes before it
    record = read_json(Path(capsys.readouterr().out.strip()) / "weather.json")
    assert record["up"] == [0, -1, 0] and record["metres_per_unit"] == 7


def test_a_mesh_is_exported_in_metres(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    open3d = pytest.importorskip("open3d")
    run = write_run(tmp_path / "run")
    align(capsys, run, "distance=12", "between=-0.6,0,0 0.6,0,0")
    opened = open_run(run)
    export_mesh(opened, tmp_path / "own.ply")
    export_mesh(opened, tmp_path / "aligned.ply", frame=aligned_frame(opened))
    own, aligned = (open3d.io.read_triangle_mesh(str(tmp_path / f"{name}.ply")) for name in ("own", "aligned"))
    frame = opened.frame()
    assert frame is not None
    vertices = frame.similarity.apply(np.asarray(own.vertices))
    distances, same = cKDTree(np.asarray(aligned.vertices)).query(vertices)  # their order is another each time
    assert len(aligned.vertices) == len(vertices) > 1000 and distances.max() < 1e-3
    turned = np.asarray(own.vertex_normals) @ frame.similarity.rotation.T
    assert np.median((turned * np.asarray(aligned.vertex_normals)[same]).sum(axis=1)) > 0.999


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gps=exif", "to=x"], "gps= and to= each give the scale; leave all but one out"),
        (["distance=2"], "distance= and between= go together"),
        (["up=cameras", "ground=0,0,0 1,0,0 0,1,0"], "up= and ground= both say where up is"),
        (["to=x", "up=cameras"], "up= is not for to=, which brings its own"),
        (["up=gps"], "up=gps goes with gps="),
        (["up=0,0,0"], "three numbers that are not all 0"),
        (["up=sideways"], "up=sideways: must be numbers"),
        (["distance=1", "between=0,0,0"], "must be 2 points"),
        (["distance=1", "between=1,1,1 1,1,1"], "are the same"),
        (["distance=-1", "between=0,0,0 1,1,1"], "distance=-1.0: must be above 0"),
        (["points=nowhere.csv"], "cannot read nowhere.csv"),
        (["markers=0.1", "dictionary=DICT_4X4_5"], "there is no such choice; did you mean DICT_4X4_50?"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    run = write_run(tmp_path / "run")
    assert message in refused(capsys, run, *words)
    assert not (run / "frame.json").exists()


def test_points_on_a_line_and_too_few_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, table = write_run(tmp_path / "run"), tmp_path / "points.csv"
    table.write_text("0,0,0,0,0,0\n1,0,0,2,0,0\n")
    assert "has 2 points; three or more" in refused(capsys, run, f"points={table}")
    table.write_text("0,0,0,0,0,0\n1,0,0,2,0,0\n2,0,0,4,0,0\n")
    assert "lie on a line, so the turn about it is free" in refused(capsys, run, f"points={table}")
    frame, _ = align(capsys, run, f"points={table}", "up=0,-1,0")
    assert frame.metres == pytest.approx(2) and frame.up_from == "given"
    table.write_text("0,0,0,0,0,0\n1,0,0,2,0\n")
    assert "line 2: must be x,y,z,X,Y,Z" in refused(capsys, run, f"points={table}")
    table.write_text("1,0,0,1,1,1\n1,0,0,1,1,1\n1,0,0,1,1,1\n")
    assert "x,y,z of the points in" in refused(capsys, run, f"points={table}")
    table.write_text("1,0,0,1,1,1\n0,1,0,1,1,1\n0,0,1,1,1,1\n")
    assert "X,Y,Z of the points in" in refused(capsys, run, f"points={table}", "up=0,-1,0")


def test_points_with_north_before_east_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, table = write_run(tmp_path / "run"), tmp_path / "points.csv"
    source = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    for columns, mirrored in (((0, 1, 2), False), ((1, 0, 2), True), ((1, 2, 0), False)):
        rows = np.hstack([source, TRUTH.apply(source)[:, columns]])
        table.write_text("".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in rows))
        if mirrored:
            assert "are two columns swapped, or is Z down?" in refused(capsys, run, f"points={table}")
        else:
            assert align(capsys, run, f"points={table}")[0].metres == pytest.approx(9.0)
    flat = source[[0, 1, 3]]  # a vertical that is wrong by 10 degrees makes them miss, but they are not mirrored
    rows = np.hstack([flat, TRUTH.apply(flat)])
    table.write_text("".join(",".join(f"{value:.9g}" for value in row) + "\n" for row in rows))
    assert align(capsys, run, f"points={table}", "up=0.17,-1,0")[0].metres == pytest.approx(9.0, rel=0.02)


def test_without_a_frame_nothing_is_exported_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run")
    assert main(["export", str(run), "frame=aligned"]) == 2
    assert "has no frame yet; find it first: splat align" in " ".join(capsys.readouterr().err.split())
    assert main(["export", str(run / "scene.ply"), "frame=aligned", f"output={tmp_path / 'a.ply'}"]) == 2
    assert "frame=aligned is for a run folder" in capsys.readouterr().err


def test_the_library_aligns_and_exports_as_the_command_does(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    frame = splat.align(run, distance=2.4, between="-0.6,0,0 0.6,0,0")
    assert frame.metres == pytest.approx(2) and open_run(run).frame() is not None
    moved = read_scene(splat.export(run, tmp_path / "a.ply", frame="aligned")).means.double().numpy()
    assert np.allclose(moved, frame.similarity.apply(read_scene(run / "scene.ply").means.double().numpy()), atol=1e-5)
    with pytest.raises(SplatError, match="did you mean distance"):
        splat.align(run, distanc=2.4)
    with pytest.raises(SplatError, match="only a run has a frame"):
        splat.export(run / "scene.ply", tmp_path / "b.ply", frame="aligned")
    with pytest.raises(SplatError, match="did you mean aligned"):
        splat.export(run, tmp_path / "b.ply", frame="alined")


def test_a_training_ends_with_the_frame_of_its_photos(tmp_path: Path) -> None:
    capture = tmp_path / "blobs"
    write_blob_capture(capture, views=8)
    truth = dataclasses.replace(TRUTH, rotation=np.eye(3))  # z is up there
    for index in range(8):
        camera_there = ring_camera(2 * np.pi * index / 8, f"{index:03d}.png")
        path = capture / "images" / camera_there.name
        with Image.open(path) as photo:
            photo.load()
        photo.save(path, exif=exif_of(place_of(truth.apply(camera_there.position.numpy()))))
    options = {"initial.seeds": 50, "data_factor": 1.0}
    run = splat.train(capture, out=tmp_path / "run", max_steps=5, cap_max=100, options=options)
    frame = run.frame()
    assert frame is not None and (frame.scale_from, frame.up_from) == ("gps", "gps")
    assert frame.metres == pytest.approx(9, rel=1e-3) and frame.up == pytest.approx([0, 0, 1], abs=1e-3)


def test_training_places_photos_that_have_gps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places_known = run_with_photos(tmp_path / "known", {**places(TRUTH)})
    place_by_gps(open_run(places_known))
    assert "too near for an accuracy of 5 m" not in capsys.readouterr().err and (places_known / "frame.json").exists()
    align(capsys, places_known, "distance=1", "between=0,0,0 1,0,0")
    place_by_gps(open_run(places_known))  # what somebody has aligned stays
    stays = read_frame(places_known)
    assert stays is not None and stays.scale_from == "distance"
    small = run_with_photos(tmp_path / "small", {**places(dataclasses.replace(TRUTH, scale=0.5))})
    place_by_gps(open_run(small))
    said = " ".join(capsys.readouterr().err.split())
    assert "GPS in the photos does not place the scene: the positions lie within" in said
    bare = run_with_photos(tmp_path / "bare", {})
    place_by_gps(open_run(bare))
    place_by_gps(open_run(write_run(tmp_path / "gone")))
    assert capsys.readouterr().err == ""
    assert not any((run / "frame.json").exists() for run in (small, bare))
