"""PlayCanvas's splat-transform reads what is written here, and what it writes is read here, equal within each format.

It runs where the program is found: $SPLAT_TRANSFORM (a command, or a folder in which `npm install
@playcanvas/splat-transform` was run), else `splat-transform` on the PATH. It needs Node 22.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from splat.formats import FORMATS, read_scene, read_scene_file, write_scene
from splat.formats.scene_file import Notes
from splat.gaussians import Gaussians, quat_multiply
from splat.sh import sh0_to_rgb

RandomScene = Callable[..., Gaussians]
Program = Callable[..., None]

TESTED_WITH = "3.7.0"
PACKAGE = "@playcanvas/splat-transform"
COUNT = 200
SAME = 2e-6  # two programs that read the same bytes


@dataclass(frozen=True)
class Row:
    """A format that both programs know, and by how much it may change a scene.

    Limits are of whole steps, because splat-transform cuts off where we round. The scene's positions are within 12
    units, its scales within 4 of exp(-3), its colours in 0..1.
    """

    format: str
    suffix: str
    degree: int
    means: float
    scales: float  # logarithms
    opacities: float  # in 0..1
    colors: float  # in 0..1
    quats: float  # of a component, of unit length
    shN: float
    turn: tuple[int, int, int] = (1, 1, 1)  # signs of the axes: by how much the two programs' scenes lie turned
    agree: float = 12 * SAME  # two readings of one file
    they_read: bool = True
    they_write: bool = True

    def turned(self, scene: Gaussians) -> Gaussians:
        """The scene of one program as the other has it."""
        return scene if self.turn == (1, 1, 1) else scene.transformed(torch.diag(torch.tensor([*self.turn, 1.0])))


ROWS = (
    Row("ply", ".ply", 3, 0, 0, 1e-7, 1e-7, SAME, 0),
    # it takes the bytes of rotations as b / 127.5 - 1; the viewer that made the format takes (b - 128) / 128
    Row("splat", ".splat", 0, 0, SAME, 1 / 255, 1 / 255, 2 / 128, 0, agree=0.01, they_write=False),
    # a hundredth of the median Gaussian's size; numbers of 16 bits
    Row("ksplat", ".ksplat", 2, 5e-4, 5e-4, 1 / 255, 1 / 255, 5e-4, 1e-3, they_write=False),
    # 16 bits of a logarithm; codebooks; 8 bits over sqrt 2; what 128 sets make of 200 has no bound
    Row("sog", ".sog", 3, 1.3e-3, 0.25, 1 / 255, 0.06, 0.015, float("inf")),
    # 24 bits; sixteenths; 8 bits; 10 bits over sqrt 2; 5 and 4 bits. The library of SPZ turns scenes so that y is up,
    # and we do; splat-transform takes the numbers as they are.
    Row("spz", ".spz", 3, 1 / 4096, 1 / 16, 1 / 255, 0.0075, 0.007, 16 / 128, turn=(1, -1, -1)),
    # 10 or 11 bits of the extent of a chunk; 8 bits of -4 to 4
    Row("compressed-ply", ".compressed.ply", 3, 24 / 1023, 8 / 1023, 1 / 255, 1 / 255, 0.007, 8 / 255),
    # y up by half a turn about z there, about x here: both stand upright, and look opposite ways
    Row("glb", ".glb", 3, SAME * 12, SAME, SAME, SAME, SAME, SAME, turn=(-1, 1, -1), they_read=False),
)


def command() -> list[str]:
    """How the program is called; skips the test, saying why, where it is not."""
    named = os.environ.get("SPLAT_TRANSFORM")
    found = shutil.which("splat-transform" if named is None else named)
    if named is not None and Path(named).is_dir():
        found = shutil.which("splat-transform", path=str(Path(named) / "node_modules" / ".bin"))
    if found is None:
        reason = f"splat-transform is not there: npm install --global {PACKAGE}@{TESTED_WITH}"
        if named is not None:
            pytest.fail(f"$SPLAT_TRANSFORM is {named}, but {reason}")
        pytest.skip(f"{reason}, or name its folder in $SPLAT_TRANSFORM")
    return [found, "--quiet", "--overwrite", "--gpu", "cpu"]


@pytest.fixture(scope="module")
def program() -> Program:
    """`program(source, target)` converts a file."""
    call = command()
    beside = os.pathsep.join((str(Path(call[0]).parent), os.environ.get("PATH", "")))  # node may be a package, too

    def convert(source: Path, target: Path) -> None:
        done = subprocess.run(
            [*call, str(source), str(target)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PATH": beside},
        )
        assert done.returncode == 0 and target.exists(), done.stdout + done.stderr

    return convert


def scene_for(random_scene: RandomScene, row: Row) -> Gaussians:
    scene = random_scene(COUNT, row.degree)
    scene.sh0.clamp_(-1.7, 1.7)
    scene.shN.clamp_(-0.9, 0.9)
    return scene


def assert_close(scene: Gaussians, found: Gaussians, row: Row) -> None:
    """Whether the found Gaussians are those of the scene, in any order, up to what the format cuts off."""
    from scipy.spatial import cKDTree

    assert found.sh_degree == scene.sh_degree
    places = [torch.cat([each.means, each.scales], dim=1).double().numpy() for each in (scene, found)]
    order = torch.from_numpy(cKDTree(places[0]).query(places[1])[1])
    assert len(order.unique()) == len(scene) == len(found)
    errors = differences(scene[order], found)
    limits = {name: getattr(row, name) for name in errors}
    assert {name: error for name, error in errors.items() if not error <= limits[name] * 1.001 + 1e-7} == {}, limits


def differences(a: Gaussians, b: Gaussians) -> dict[str, float]:
    """The largest differences between Gaussians in the same order."""
    quats = [torch.nn.functional.normalize(each.quats.double()) for each in (a, b)]
    # half a turn about an axis of its own leaves a Gaussian as it is: its four rotations, the one that fits taken
    equal = torch.stack([quat_multiply(quats[0], half_turn) for half_turn in torch.eye(4, dtype=torch.float64)])
    likeness = (equal * quats[1]).sum(2)
    best = likeness.abs().argmax(0)
    rows = torch.arange(len(best))
    aligned = equal[best, rows] * likeness[best, rows].sign()[:, None]
    pairs = {
        "means": (a.means, b.means),
        "scales": (a.scales, b.scales),
        "opacities": (torch.sigmoid(a.opacities), torch.sigmoid(b.opacities)),
        "colors": (sh0_to_rgb(a.sh0), sh0_to_rgb(b.sh0)),
        "quats": (aligned, quats[1]),
        "shN": (a.shN, b.shN),
    }
    return {name: float((x - y).abs().max()) if x.numel() else 0.0 for name, (x, y) in pairs.items()}


@pytest.mark.parametrize("row", ROWS, ids=[row.format for row in ROWS])
def test_it_reads_what_is_written_here(program: Program, tmp_path: Path, random_scene: RandomScene, row: Row) -> None:
    if not row.they_read:
        pytest.skip(f"splat-transform {TESTED_WITH} does not read {row.suffix}")
    if not FORMATS[row.format].writable:
        pytest.skip(f"{row.format} files are not written here")
    scene, file, theirs = scene_for(random_scene, row), tmp_path / f"ours{row.suffix}", tmp_path / "theirs.ply"
    write_scene(file, scene)
    program(file, theirs)
    found = read_scene(theirs)
    assert_close(row.turned(scene), found, row)
    assert max(differences(row.turned(read_scene(file)), found).values()) <= row.agree


@pytest.mark.parametrize("row", ROWS, ids=[row.format for row in ROWS])
def test_what_it_writes_is_read_here(program: Program, tmp_path: Path, random_scene: RandomScene, row: Row) -> None:
    if not row.they_write:
        pytest.skip(f"splat-transform {TESTED_WITH} does not write {row.suffix}")
    scene, source, file = scene_for(random_scene, row), tmp_path / "scene.ply", tmp_path / f"theirs{row.suffix}"
    write_scene(source, scene)
    program(source, file)
    found = read_scene_file(file)
    assert_close(row.turned(scene), found.gaussians, row)
    assert found.remarks == ()
    if row.they_read:
        program(file, tmp_path / "again.ply")
        again = row.turned(read_scene(tmp_path / "again.ply"))
        assert max(differences(again, found.gaussians).values()) <= row.agree


@pytest.mark.parametrize("suffix", [".sog", ".spz"])
def test_antialiased_travels(program: Program, tmp_path: Path, random_scene: RandomScene, suffix: str) -> None:
    scene = random_scene(20, 0)
    write_scene(tmp_path / "a.ply", scene, notes=Notes(True))
    program(tmp_path / "a.ply", tmp_path / f"b{suffix}")
    assert read_scene_file(tmp_path / f"b{suffix}").notes.antialiased
    if not FORMATS[suffix[1:]].writable:
        pytest.skip(f"{suffix} files are not written here")
    write_scene(tmp_path / f"c{suffix}", scene, notes=Notes(True))
    program(tmp_path / f"c{suffix}", tmp_path / "d.ply")
    assert read_scene_file(tmp_path / "d.ply").notes.antialiased


def test_a_folder_of_sog_is_read_here(program: Program, tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(60, 0)
    write_scene(tmp_path / "a.ply", scene)
    (tmp_path / "folder").mkdir()
    program(tmp_path / "a.ply", tmp_path / "folder" / "meta.json")
    found = read_scene_file(tmp_path / "folder")
    assert found.unused == found.remarks == ()
    assert_close(scene, found.gaussians, next(row for row in ROWS if row.format == "sog"))
