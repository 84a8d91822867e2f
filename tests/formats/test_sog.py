"""SOG: pixels by hand, what a round trip may change, a scene of another program, and bundles that lie."""

import json
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import splat
from splat.commands.info import describe
from splat.errors import SplatError
from splat.formats import FORMATS, detect_format, read_scene, read_scene_file, write_scene
from splat.formats.registry import is_run_folder, is_scene_folder, is_scene_meta
from splat.formats.scene_file import Notes
from splat.formats.sog.container import picture_size
from splat.formats.sog.palette import LEVELS, codebook, nearest_codes, palette
from splat.formats.sog.writing import palette_size
from splat.gaussians import Gaussians
from tests.formats.test_damaged import at_most
from tests.fuzz import odd_records, survives

RandomScene = Callable[..., Gaussians]
Pixels = list[tuple[int, ...]]
RAMP = [value / 255 for value in range(256)]


def picture(folder: Path, name: str, pixels: Pixels, width: int = 4) -> str:
    """A picture with these pixels, row after row, zeros behind them; its name."""
    height = -(-len(pixels) // width)
    table = np.zeros((height * width, 4), np.uint8)
    table[: len(pixels)] = pixels
    Image.fromarray(table.reshape(height, width, 4)).save(folder / name, lossless=True, exact=True)
    return name


def by_hand(folder: Path) -> dict[str, Any]:
    """Two Gaussians of version 2 with directional colour of degree 1; what `meta.json` says."""
    folder.mkdir(exist_ok=True)
    sets = [(0, 0, 0, 255)] * 3 * 63 + [(0, 85, 255, 255), (255, 0, 85, 255), (85, 255, 0, 255)]  # the 64th counts
    meta = {
        "version": 2,
        "count": 2,
        "asset": {"generator": "by hand"},
        "means": {
            "mins": [-1, 0, 2],
            "maxs": [1, 0, 4],
            "files": [
                picture(folder, "means_l.webp", [(0, 0, 255, 255), (255, 0, 0, 255)]),
                picture(folder, "means_u.webp", [(0, 0, 255, 255), (255, 0, 0, 255)]),
            ],
        },
        "scales": {
            "codebook": [-4, -3, -2],
            "files": [picture(folder, "scales.webp", [(0, 1, 2, 255), (2, 2, 0, 255)])],
        },
        "quats": {"files": [picture(folder, "quats.webp", [(255, 128, 127, 252), (0, 128, 127, 255)])]},
        "sh0": {"codebook": RAMP, "files": [picture(folder, "sh0.webp", [(0, 51, 255, 204), (1, 2, 3, 0)])]},
        "shN": {
            "count": 64,
            "bands": 1,
            "codebook": [3 * value for value in RAMP],
            "files": [
                picture(folder, "centroids.webp", sets, 3 * 64),
                picture(folder, "labels.webp", [(63, 0, 9, 255), (0, 0, 9, 255)]),
            ],
        },
    }
    (folder / "meta.json").write_text(json.dumps(meta))
    return meta


def test_version_2_by_hand(tmp_path: Path) -> None:
    by_hand(tmp_path / "scene")
    found = read_scene_file(tmp_path / "scene")
    scene = found.gaussians
    assert found.unused == found.remarks == () and found.notes == Notes(None)
    grown = float(np.expm1(1.0))
    assert torch.allclose(scene.means, torch.tensor([[-grown, 0, np.expm1(4.0)], [grown, 0, np.expm1(2.0)]]).float())
    assert scene.scales.tolist() == [[-4, -3, -2], [-2, -2, -4]]
    # w is the largest of the first, z of the second: x (or w) is 1/sqrt 2 or its opposite, the others almost nothing
    half, little = 0.5**0.5, 1 / 255 * 0.5**0.5
    assert scene.quats[0].tolist() == pytest.approx([half, half, little, -little], abs=1e-4)
    assert scene.quats[1].tolist() == pytest.approx([-half, little, -little, half], abs=1e-4)
    assert scene.sh0[0, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert torch.sigmoid(scene.opacities).tolist() == pytest.approx([0.8, 0], abs=2e-6)
    assert scene.shN[0].tolist() == [[0, 1, 3], [3, 0, 1], [1, 3, 0]]
    assert not scene.shN[1].any()


def test_version_1_by_hand(tmp_path: Path) -> None:
    meta = by_hand(tmp_path)
    del meta["version"], meta["count"]
    meta["means"]["shape"] = [2, 3]
    meta["scales"] |= {"mins": [-4, -6, -8], "maxs": [-2, -3, -4]}
    meta["sh0"] |= {"mins": [0, 1, -1, -2], "maxs": [1, 2, 1, 2]}
    meta["shN"] |= {"mins": -1, "maxs": 2}
    picture(tmp_path, "scales.webp", [(0, 255, 51, 255), (255, 0, 0, 255)])
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    scene = read_scene(tmp_path / "meta.json")
    assert scene.scales[0].tolist() == pytest.approx([-4, -3, -7.2])
    assert scene.sh0[0, 0].tolist() == pytest.approx([0, 1.2, 1])
    assert scene.opacities.tolist() == pytest.approx([1.2, -2])  # logits
    assert scene.shN[0].tolist() == [[-1, 0, 2], [2, -1, 0], [0, 2, -1]]


def test_a_scene_of_another_program(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Version 1. Its values are those that splat-transform 3.7.0 reads, bit for bit; some of them stand here."""
    folder = shared_data("splats/sog-logo")
    found = read_scene_file(folder)
    scene = found.gaussians
    assert len(scene) == 307128 and scene.sh_degree == 0 and found.unused == found.remarks == ()
    assert detect_format(folder) is detect_format(folder / "meta.json") is FORMATS["sog"]
    meta = json.loads((folder / "meta.json").read_text())
    for end, bounds in ((scene.means.min(0).values, "mins"), (scene.means.max(0).values, "maxs")):
        logs = torch.tensor(meta["means"][bounds], dtype=torch.float64)
        assert torch.allclose(end, (logs.sign() * torch.expm1(logs.abs())).float(), atol=1e-4)
    assert scene.scales.min() == pytest.approx(min(meta["scales"]["mins"]))
    assert torch.allclose(scene.quats.norm(dim=1), torch.ones(len(scene)))
    bundle = tmp_path / "logo.sog"
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in folder.iterdir():
            archive.write(file, file.name)
        archive.writestr("readme.txt", "hello")
    bundled = read_scene_file(bundle)
    assert bundled.unused == ("1 other files",)
    for other in (bundled.gaussians, read_scene(folder / "meta.json")):
        assert all(torch.equal(tensor, other.as_dict()[name]) for name, tensor in scene.as_dict().items())


def matched(scene: Gaussians, back: Gaussians) -> torch.Tensor:
    """[N] for each Gaussian that was read, which it was: the one nearest in place and size."""
    from scipy.spatial import cKDTree

    places = [torch.cat([each.means, each.scales], dim=1).double().numpy() for each in (scene, back)]
    order = torch.from_numpy(cKDTree(places[0]).query(places[1])[1])
    assert len(order.unique()) == len(scene)
    return order


@pytest.mark.parametrize("degree", [0, 1, 3])
def test_round_trip_within_what_the_bytes_hold(tmp_path: Path, random_scene: RandomScene, degree: int) -> None:
    scene = random_scene(1500, degree)
    write_scene(tmp_path / "scene.sog", scene, notes=Notes(True, (1e6, 0.1, -3)))
    found = read_scene_file(tmp_path / "scene.sog")
    back = found.gaussians
    assert found.notes == Notes(True, (1e6, 0.1, -3)) and found.unused == found.remarks == ()
    scene = scene[matched(scene, back)]
    logs = scene.means.double().sign() * torch.log1p(scene.means.double().abs())
    steps = (logs.max(0).values - logs.min(0).values) / 65535 * (1 + scene.means.double().abs())
    assert ((back.means - scene.means).abs() <= steps * 0.501 + 1e-6).all()
    unit = torch.nn.functional.normalize(scene.quats)
    unit *= (unit * back.quats).sum(1, keepdim=True).sign()
    dropped = unit.abs().argmax(1, keepdim=True)
    error = (back.quats - unit).abs().scatter(1, dropped, 0)
    assert error.max() <= 0.5 / 127.5 / 2**0.5 + 1e-6  # the largest follows from the others
    assert (torch.sigmoid(back.opacities) - torch.sigmoid(scene.opacities)).abs().max() <= 0.5 / 255 + 2e-6
    for name, limit in (("scales", 0.2), ("sh0", 0.2)):  # 256 levels for 4,500 values of a normal distribution
        changed = (getattr(back, name) - getattr(scene, name)).abs()
        assert changed.max() < limit and changed.median() < 0.01, name
    if degree:
        shared = 1 - palette_size(1500) / 1500  # of the Gaussians share a set of directional colour at least
        assert palette_size(1500) == 1024
        error = (back.shN - scene.shN).square().sum((1, 2)).mean() / scene.shN.square().sum((1, 2)).mean()
        assert error < shared


def test_the_same_scene_gives_the_same_bytes(tmp_path: Path, random_scene: RandomScene) -> None:
    for name in ("a", "b"):
        write_scene(tmp_path / f"{name}.sog", random_scene(300, 1))
    assert (tmp_path / "a.sog").read_bytes() == (tmp_path / "b.sog").read_bytes()


def test_writing_what_was_read_changes_no_picture(tmp_path: Path, random_scene: RandomScene) -> None:
    """Codebooks and palettes keep up to 256 values and as many sets as they have exactly."""
    write_scene(tmp_path / "a.sog", random_scene(700, 2))
    write_scene(tmp_path / "b.sog", read_scene(tmp_path / "a.sog"))
    a, b = (read_scene(tmp_path / f"{name}.sog") for name in "ab")
    order = matched(a, b)
    for name in ("scales", "sh0", "opacities", "shN"):
        assert torch.equal(getattr(a, name)[order], getattr(b, name)), name
    assert torch.allclose(a.means[order], b.means, rtol=1e-6)
    assert (a.quats[order] * b.quats).sum(1).abs().min() > 0.9999  # where two components are alike, another is left out


def test_what_the_bundle_says(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(100, 1)
    scene.means[:, 1] = 0.5  # flat
    write_scene(tmp_path / "scene.sog", scene)
    with zipfile.ZipFile(tmp_path / "scene.sog") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        meta = json.loads(archive.read("meta.json"))
        sizes = {name: Image.open(archive.open(name)).size for name in archive.namelist()[1:]}
    assert (meta["version"], meta["count"]) == (2, 100) and "model" not in meta and "extras" not in meta
    assert meta["means"]["mins"][1] == meta["means"]["maxs"][1] == pytest.approx(np.log(1.5))
    assert meta["shN"]["count"] == 64 and meta["shN"]["bands"] == 1
    assert [len(meta[name]["codebook"]) for name in ("scales", "sh0", "shN")] == [256] * 3
    assert sizes.pop("shN_centroids.webp") == (64 * 3, 1)
    assert set(sizes.values()) == {(12, 12)}
    assert torch.allclose(read_scene(tmp_path / "scene.sog").means[:, 1], torch.tensor(0.5))


def test_transparent_gaussians_keep_their_colours(tmp_path: Path, random_scene: RandomScene) -> None:
    """Packers of pictures like to drop colours that nobody sees."""
    scene = random_scene(64, 0)
    scene.opacities[:] = -20
    write_scene(tmp_path / "x.sog", scene)
    back = read_scene(tmp_path / "x.sog")
    assert torch.allclose(back.sh0, scene.sh0[matched(scene, back)])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_or_none(tmp_path: Path, random_scene: RandomScene, count: int) -> None:
    write_scene(tmp_path / "few.sog", random_scene(count, 3))
    back = read_scene(tmp_path / "few.sog")
    assert len(back) == count and back.sh_degree == 3


def test_what_is_lost_is_said(random_scene: RandomScene) -> None:
    lost = FORMATS["sog"].lost
    scene = random_scene(100, 3)
    scene.means[:, 1:] = 0
    scene.means[:, 0] = torch.linspace(0, float(np.expm1(1.0)), 100)
    scene.scales[:] = -2
    places, sets = lost(scene)
    assert "less than 1.4e-05, the farthest by up to 2.1e-05 (median Gaussian: 0.14)" in places  # 1.86 and e / 131070
    assert sets == "directional colour: 100 Gaussians share a palette of 64"
    assert len(lost(scene[:64])) == 1 and lost(scene[:0]) == []


# --- codebooks and palettes


def test_a_codebook_is_exact_for_few_values_and_good_for_many() -> None:
    few = np.array([[3.0, 1.0], [2.0, 1.0]], np.float32)
    assert codebook(few)[:4].tolist() == [1, 2, 3, 3]
    assert codebook(few)[nearest_codes(few, codebook(few))].tolist() == few.tolist()
    assert codebook(np.zeros(0, np.float32)).tolist() == [0] * LEVELS
    values = np.random.default_rng(0).normal(size=200_000).astype(np.float32)
    values[:3] = [40, 41, -60]
    codes = codebook(values)
    assert (np.diff(codes) >= 0).all()
    error = np.mean((codes[nearest_codes(values, codes)] - values)[3:].astype(np.float64) ** 2)
    # Panter and Dite 1951: no codebook of a normal distribution is better than sqrt(3) pi / 2 / levels^2
    assert error < 1.1 * 3**0.5 * np.pi / 2 / LEVELS**2
    assert np.abs(codes[nearest_codes(values[:3], codes)] - values[:3]).max() < 1


def test_a_palette_is_exact_for_few_vectors() -> None:
    sets = np.random.default_rng(0).normal(size=(50, 9)).astype(np.float32)
    points = sets[np.random.default_rng(1).integers(0, 50, 2000)]
    centres, labels = palette(points, 64)
    assert np.array_equal(centres[labels], points) and not centres[50:].any()


def test_a_palette_is_as_good_as_plain_k_means() -> None:
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(40, 9))
    points = (middles[rng.integers(0, 40, 2000)] + 0.3 * rng.normal(size=(2000, 9))).astype(np.float32)
    centres, labels = palette(points, 128)
    error = float(((points - centres[labels]) ** 2).sum(axis=1).mean())
    plain = points[rng.choice(2000, 128, replace=False)]
    for _ in range(8):
        nearest = ((points[:, None] - plain[None]) ** 2).sum(axis=2).argmin(axis=1)
        plain = np.stack([points[nearest == i].mean(axis=0) if (nearest == i).any() else plain[i] for i in range(128)])
    best = float(((points[:, None] - plain[None]) ** 2).sum(axis=2).min(axis=1).mean())
    assert error < 1.05 * best
    assert len(np.unique(labels)) > 120


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (1023, 512), (1024, 1024), (3000, 2048), (10**6, 65536)])
def test_size_of_a_palette(count: int, size: int) -> None:
    assert palette_size(count) == size == min(64, 2 ** np.floor(np.log2(count / 1024))) * 1024


# --- what is refused


def change(meta: dict[str, Any], place: str, value: Any) -> None:
    *folders, last = place.split(".")
    for name in folders:
        meta = meta[name]
    meta[last] = value


REFUSED: dict[str, tuple[str, Any]] = {
    "version 3": ("version", 3),
    "says nothing of means": ("means", 7),
    "flat Gaussians": ("model", "2dgs"),
    "misstates count": ("count", 2.0),
    "misstates  count": ("count", True),
    "misstates   count": ("count", -1),
    "misstates    count": ("count", 10**9),
    "announces 200,000,000 Gaussians": ("count", 200_000_000),
    "4 x 1 pixels, expected 5": ("count", 5),
    "misstates mins": ("means.mins", [0, 0]),
    "misstates  mins": ("means.mins", [0, 0, float("nan")]),
    "misstates   mins": ("means.mins", [0, 0, 10**400]),
    "misstates    mins": ("means.mins", "000"),
    "misstates codebook": ("scales.codebook", []),
    "values beyond its codebook": ("scales.codebook", [1.0, 2.0]),
    "centroids.webp has values beyond": ("shN.codebook", [1.0, 2.0]),
    "misstates 2 files": ("means.files", ["means_l.webp"]),
    "misstates 1 files": ("quats.files", "quats.webp"),
    "it has no|No such file": ("quats.files", ["other.webp"]),
    "is no name of a file": ("quats.files", ["../quats.webp"]),
    "is no  name of a file": ("quats.files", ["/etc/passwd"]),
    "is no   name of a file": ("quats.files", ["C:quats.webp"]),
    "is no    name of a file": ("quats.files", ["a\\quats.webp"]),
    "is no     name of a file": ("quats.files", [".."]),
    "is no      name of a file": ("quats.files", [None]),
    "is no       name of a file": ("quats.files", ["\ud800.webp"]),
    "no WebP or PNG": ("quats.files", ["meta.json"]),
    "is 192 pixels wide, not 960": ("shN.bands", 3),
    "misstates bands": ("shN.bands", 4),
    "misstates count of shN": ("shN.count", 65537),
    "lacks or misstates": ("scales", None),
}


@pytest.mark.parametrize("bundled", [False, True], ids=["folder", "bundle"])
@pytest.mark.parametrize("message", REFUSED)
def test_lies_of_meta_json(tmp_path: Path, message: str, bundled: bool) -> None:
    folder = tmp_path / "scene"
    meta = by_hand(folder)
    change(meta, *REFUSED[message])
    (folder / "meta.json").write_text(json.dumps(meta))
    path = bundle_of(folder) if bundled else folder
    with at_most(15), pytest.raises(SplatError, match=" ".join(message.split())):
        read_scene(path)


def bundle_of(folder: Path, packing: int = zipfile.ZIP_STORED) -> Path:
    path = folder.with_suffix(".sog")
    with zipfile.ZipFile(path, "w", packing) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


def test_odd_values_of_meta_json_are_a_scene_or_one_line(tmp_path: Path) -> None:
    meta = by_hand(tmp_path)
    outcomes = set()
    for odd in odd_records(meta, seed=3, count=100):
        (tmp_path / "meta.json").write_text(json.dumps(odd))
        outcomes.add(survives(lambda: FORMATS["sog"].read(tmp_path), odd))
    assert outcomes == {False, True}


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\ud800", '{"means": {"mins": ' + "9" * 5000 + "}}"])
def test_a_meta_json_that_is_none(tmp_path: Path, text: str) -> None:
    by_hand(tmp_path)
    (tmp_path / "meta.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SplatError, match=r"meta\.json|is empty|kind|folder"):
        FORMATS["sog"].read(tmp_path)


def test_unknown_models_and_extras_are_said(tmp_path: Path) -> None:
    meta = by_hand(tmp_path)
    meta |= {"model": "fog", "extras": {"author": "me", "origin": [1, "x", 2]}, "sky": 1}
    (tmp_path / "meta.json").write_text(json.dumps(meta))
    (tmp_path / "thumbnail.jpg").write_bytes(b"x")
    found = read_scene_file(tmp_path)
    assert found.notes == Notes(None)
    assert "its model 'fog' is not known" in found.remarks[0]
    assert found.unused == (
        "extras in meta.json (1 entries)",
        "origin in meta.json, which is no three numbers",
        "sky in meta.json",
        "1 other files",
    )


def test_a_folder_is_a_scene_wherever_scenes_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    by_hand(folder)
    assert is_scene_folder(folder) and not is_run_folder(folder) and is_run_folder(tmp_path)
    assert is_scene_meta(folder / "meta.json") and not is_scene_meta(tmp_path / "meta.json")
    size = sum(file.stat().st_size for file in folder.iterdir())
    for path in (folder, folder / "meta.json"):
        found = describe(path)
        assert (found["kind"], found["format"], found["count"], found["bytes"]) == ("scene", "sog", 2, size)
        assert len(splat.load_scene(path)) == 2
    written = splat.export(folder, tmp_path / "scene.splat")
    assert len(read_scene(written)) == 2


def test_marks_and_labels_beyond_are_counted(tmp_path: Path) -> None:
    by_hand(tmp_path)
    picture(tmp_path, "quats.webp", [(9, 9, 9, 251), (0, 128, 127, 255)])
    picture(tmp_path, "labels.webp", [(63, 0, 0, 255), (0, 1, 0, 255)])
    found = read_scene_file(tmp_path)
    assert [remark.split(" of ")[0] for remark in found.remarks] == ["1 rotations", "1"]
    assert found.gaussians.quats[0].tolist() == [1, 0, 0, 0]
    assert found.gaussians.shN[0].any() and not found.gaussians.shN[1].any()


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    by_hand(folder)
    shutil.move(folder / "quats.webp", tmp_path / "quats.webp")
    try:
        (folder / "quats.webp").symlink_to(tmp_path / "quats.webp")
    except OSError:
        pytest.skip("this system makes no links")
    with pytest.raises(SplatError, match=r"quats\.webp is no file of its folder"):
        read_scene(folder)


def test_chunks_in_levels_of_detail_are_refused(tmp_path: Path) -> None:
    (tmp_path / "lod-meta.json").write_text('{"lodLevels": 2, "tree": {}}')
    for path in (tmp_path, tmp_path / "lod-meta.json"):
        with pytest.raises(SplatError, match="streamed SOG scene"):
            read_scene(path)


def test_other_folders_and_json_files_are_no_scenes(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"title": "holiday"}')
    for path in (tmp_path, tmp_path / "meta.json"):
        with pytest.raises(SplatError, match=r"not a scene file|of a kind that is not known"):
            read_scene(path)


def test_pictures_are_measured_before_they_are_decoded(tmp_path: Path) -> None:
    by_hand(tmp_path)
    Image.new("RGBA", (1500, 1500)).save(tmp_path / "quats.webp", lossless=True)
    with at_most(5), pytest.raises(SplatError, match="1500 x 1500 pixels"):
        read_scene(tmp_path)
    Image.new("RGBA", (1500, 1500)).save(tmp_path / "quats.webp", "PNG")
    with at_most(5), pytest.raises(SplatError, match="1500 x 1500 pixels"):
        read_scene(tmp_path)


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (300, 2)])
def test_size_of_a_picture(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "x.webp"
    for options in ({"lossless": True}, {"lossless": False}, {"lossless": True, "exif": b"Exif\0\0"}):
        Image.new("RGB", size, (9, 8, 7)).save(path, **options)
        assert picture_size(path.read_bytes()) == size
    Image.new("RGB", size).save(path, "PNG")
    assert picture_size(path.read_bytes()) == size
    assert picture_size(b"GIF89a" + bytes(50)) is None


def test_a_picture_packed_with_loss_is_refused(tmp_path: Path) -> None:
    by_hand(tmp_path)
    Image.new("RGBA", (4, 1)).save(tmp_path / "scales.webp", lossless=False)
    with pytest.raises(SplatError, match=r"scales\.webp was packed with loss"):
        read_scene(tmp_path)


def test_an_entry_that_unpacks_to_much_takes_no_memory(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    by_hand(folder)
    (folder / "quats.webp").write_bytes(bytes(30_000_000))
    path = bundle_of(folder, zipfile.ZIP_DEFLATED)
    with at_most(10), pytest.raises(SplatError, match="30,000,000 bytes, expected at most"):
        read_scene(path)
    data = bytearray(path.read_bytes())
    place = data.rindex(b"quats.webp") - 46  # the entry of the directory lies about the size
    data[place + 24 : place + 28] = struct.pack("<I", 1000)
    path.write_bytes(data)
    with at_most(10), pytest.raises(SplatError, match=r"damaged SOG"):
        read_scene(path)


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    by_hand(folder)
    data = bytearray(bundle_of(folder).read_bytes())
    place = data.rindex(b"quats.webp") - 46
    data[place + 8] |= 1
    (tmp_path / "scene.sog").write_bytes(data)
    with pytest.raises(SplatError, match="encrypted"):
        read_scene(tmp_path / "scene.sog")


def test_an_entry_without_a_name_is_no_file(tmp_path: Path) -> None:
    by_hand(tmp_path / "scene")
    path = bundle_of(tmp_path / "scene")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("nothing", b"nothing")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"nothing") - 46
    data[place + 28 : place + 34] = struct.pack("<HHH", 0, 0, len("nothing"))  # its name becomes its comment
    path.write_bytes(data)
    assert [entry.filename for entry in zipfile.ZipFile(path).infolist()][-1] == ""
    assert len(read_scene(path)) > 0
