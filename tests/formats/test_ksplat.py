"""KSPLAT: bytes by hand, what a round trip may change, the file of another program, and files that lie."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.formats import FORMATS, read_scene, read_scene_file, write_scene
from splat.formats import ksplat as module
from splat.gaussians import Gaussians
from splat.sh import sh0_to_rgb

RandomScene = Callable[..., Gaussians]


def header(sections: int, count: int, compression: int, bounds: tuple[float, float] = (0, 0)) -> bytes:
    found = bytearray(4096)
    struct.pack_into("<BBxxIIIIH", found, 0, 0, 1, sections, sections, count, count, compression)
    struct.pack_into("<ff", found, 36, *bounds)
    return bytes(found)


def section_header(
    count: int,
    degree: int = 0,
    capacity: int = 0,
    block: float = 0,
    steps: int = 0,
    full: int = 0,
    partial: int = 0,
) -> bytes:
    found = bytearray(1024)
    width = 12 if full + partial else 0
    struct.pack_into("<IIIIfHxxII", found, 0, count, count, capacity, full + partial, block, width, steps, 0)
    struct.pack_into("<IIH", found, 32, full, partial, degree)
    return bytes(found)


def half(*values: float) -> bytes:
    return np.array(values, "<f2").tobytes()


def test_uncompressed_by_hand_in_two_sections(tmp_path: Path) -> None:
    plain = struct.pack("<10f4B", 1, 2, 3, 0.5, 0.25, 2, 0, 1, 0, 0, 255, 0, 51, 204)
    directional = struct.pack("<9f", 1, 2, 3, 4, 5, 6, 7, 8, 9)  # three of red, three of green, three of blue
    data = header(2, 3, 0) + section_header(2) + section_header(1, 1) + plain * 2 + plain + directional
    (tmp_path / "x.ksplat").write_bytes(data)
    found = read_scene_file(tmp_path / "x.ksplat")
    scene = found.gaussians
    assert found.unused == found.remarks == () and found.notes.antialiased is None
    assert scene.means.tolist() == [[1, 2, 3]] * 3
    assert scene.scales.exp()[0].tolist() == pytest.approx([0.5, 0.25, 2])
    assert scene.quats.tolist() == [[0, 1, 0, 0]] * 3
    assert sh0_to_rgb(scene.sh0)[0, 0].tolist() == pytest.approx([1, 0, 0.2], abs=1e-6)
    assert torch.sigmoid(scene.opacities).tolist() == pytest.approx([0.8] * 3)
    assert scene.sh_degree == 1 and not scene.shN[:2].any()
    assert scene.shN[2].tolist() == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]


@pytest.mark.parametrize("compression", [1, 2])
def test_compressed_by_hand_with_full_and_other_buckets(tmp_path: Path, compression: int) -> None:
    count, coefficients = 5, range(24)
    buckets = struct.pack("<2I", 2, 1) + struct.pack("<9f", 10, 0, 0, 20, 0, 0, 30, 0, 0)
    rest = half(*coefficients) if compression == 1 else bytes(10 * value for value in coefficients)
    records = [
        struct.pack("<3H", 100 + place, 0, 200) + half(0.5, 0.25, 2, 0, 0, 1, 0) + bytes([255, 0, 51, 204]) + rest
        for place in range(count)
    ]
    head = section_header(count, 2, capacity=2, block=8, steps=100, full=1, partial=2)
    data = header(1, count, compression, (-1, 1.55)) + head + buckets + b"".join(records)
    (tmp_path / "x.ksplat").write_bytes(data + b"tail")
    found = read_scene_file(tmp_path / "x.ksplat")
    scene = found.gaussians
    assert found.unused == ("4 bytes behind the last section",)
    step = 8 / 2 / 100
    expected = [[centre + step * place, -4, 4] for place, centre in enumerate((10, 10, 20, 20, 30))]
    assert torch.allclose(scene.means, torch.tensor(expected))
    assert scene.scales.exp()[4].tolist() == pytest.approx([0.5, 0.25, 2])
    assert scene.quats[4].tolist() == [0, 0, 1, 0]
    value = (lambda i: i) if compression == 1 else (lambda i: -1 + 10 * i / 100)
    first, second = [0, 3, 6], [9, 14, 19]  # of red, green and blue in each band
    assert scene.shN[0, 0].tolist() == pytest.approx([value(i) for i in first], abs=1e-6)
    assert scene.shN[4, 7].tolist() == pytest.approx([value(i + 4) for i in second], abs=1e-6)


def test_a_file_of_the_viewer(shared_data: Callable[[str], Path]) -> None:
    ours, splat = (read_scene(shared_data(f"splats/minimal.{suffix}")) for suffix in ("ksplat", "splat"))
    for name in ("means", "scales", "opacities", "sh0"):
        assert torch.allclose(getattr(ours, name), getattr(splat, name), atol=1e-6), name
    assert torch.allclose(ours.quats, torch.nn.functional.normalize(splat.quats))


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_round_trip_within_what_the_numbers_hold(
    tmp_path: Path, random_scene: RandomScene, compression: int, degree: int
) -> None:
    scene = random_scene(2000, degree)
    scene.means[1000:] *= 0.01  # many in one block: full buckets
    path = tmp_path / "scene.ksplat"
    module.write(path, scene, compression=compression)
    found = module.read(path)
    back = found.gaussians
    assert found.unused == found.remarks == () and back.sh_degree == min(degree, 2)
    order = _matched(scene, back)
    scene, moved = scene[order], (back.means.double() - scene.means[order].double()).abs().max()
    half_a_step = float(scene.scales.double().median().exp()) / 100 / 2
    assert moved <= (half_a_step * 1.001 if compression else 0)
    relative = 2**-11 if compression else 1e-6  # of 16-bit numbers
    assert (back.scales - scene.scales).abs().max() <= relative * 1.001
    assert (back.quats - torch.nn.functional.normalize(scene.quats)).abs().max() <= relative
    assert (torch.sigmoid(back.opacities) - torch.sigmoid(scene.opacities)).abs().max() <= 0.5 / 255 + 1e-6
    assert (sh0_to_rgb(back.sh0) - sh0_to_rgb(scene.sh0).clamp(0, 1)).abs().max() <= 0.5 / 255 + 1e-6
    kept = scene.shN[:, : back.shN.shape[1]]
    if compression == 2 and degree:
        assert (back.shN - kept).abs().max() <= (kept.max() - kept.min()) / 255 / 2 * 1.001
    else:
        assert torch.allclose(back.shN, kept, rtol=relative, atol=1e-7)


def _matched(scene: Gaussians, back: Gaussians) -> torch.Tensor:
    """[N] for each Gaussian that was read, which it was: those nearest in place and size."""
    from scipy.spatial import cKDTree

    places = [torch.cat([each.means, each.scales], dim=1).double().numpy() for each in (scene, back)]
    order = torch.from_numpy(cKDTree(places[0]).query(places[1])[1])
    assert len(order.unique()) == len(scene)
    return order


def test_what_the_header_says(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(600, 1)
    scene.means *= 1e-3  # all in one block
    write_scene(tmp_path / "scene.ksplat", scene)
    data = (tmp_path / "scene.ksplat").read_bytes()
    assert struct.unpack_from("<BBxxIIIIH", data) == (0, 1, 1, 1, 600, 600, 1)
    assert struct.unpack_from("<ff", data, 36) == (scene.shN.min(), scene.shN.max())
    count, room, capacity, buckets, block, width, steps, size, full, partial, degree = struct.unpack_from(
        "<IIIIfHxxIIIIH", data, 4096
    )
    assert (count, room, capacity, buckets, width, steps) == (600, 600, 256, 3, 12, 32767)
    assert (full, partial, degree) == (2, 1, 1)
    assert size == len(data) - 4096 - 1024 == 4 + 3 * 12 + 600 * (24 + 2 * 9)
    assert struct.unpack_from("<I", data, 5120) == (600 - 2 * 256,)
    centre = scene.means.min(0).values.double() + block / 2
    assert struct.unpack_from("<3f", data, 5124) == pytest.approx(tuple(centre.tolist()))


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("compression", [0, 1, 2])
def test_few_or_none(tmp_path: Path, random_scene: RandomScene, count: int, compression: int) -> None:
    module.write(tmp_path / "few.ksplat", random_scene(count, 1), compression=compression)
    assert len(read_scene(tmp_path / "few.ksplat")) == count


@pytest.mark.parametrize("factor", [1e-12, 1e12])
def test_scenes_of_any_unit(tmp_path: Path, random_scene: RandomScene, factor: float) -> None:
    """A far outlier, and Gaussians that are tiny or huge beside their distances: indices of blocks do not overflow."""
    scene = random_scene(50, 0)
    scene.means[0] = factor
    write_scene(tmp_path / "x.ksplat", scene)
    back = read_scene(tmp_path / "x.ksplat")
    far = back.means[back.means.abs().sum(1).argmax()]
    assert torch.allclose(far, scene.means[scene.means.abs().sum(1).argmax()], rtol=1e-6, atol=1e-3)


def test_what_is_lost_is_said(tmp_path: Path, random_scene: RandomScene) -> None:
    lost = FORMATS["ksplat"].lost
    tame = random_scene(20, 2)
    tame.sh0.clamp_(-1, 1)
    assert lost(tame) == []
    rich = random_scene(20, 3)
    rich.sh0.clamp_(-1, 1)
    assert lost(rich) == ["directional colour of degree 3 is cut to degree 2: a KSPLAT file has no more"]
    tame.sh0[0], tame.scales[1, 0], tame.scales[2, 2] = 3, -12, 12
    assert [line.split(" of ")[0] for line in lost(tame)] == ["1", "1", "1"]
    write_scene(tmp_path / "x.ksplat", tame)
    back = read_scene(tmp_path / "x.ksplat")
    assert len(back) == 20 and float(back.scales.max().exp()) == pytest.approx(65504)


def put(data: bytes, place: int, form: str, *values: float) -> bytes:
    found = bytearray(data)
    struct.pack_into(form, found, place, *values)
    return bytes(found)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "fewer than a header": lambda data: data[:4000],
    "version 1.1": lambda data: put(data, 0, "B", 1),
    "version 0.0": lambda data: put(data, 1, "B", 0),
    "compression 3": lambda data: put(data, 20, "<H", 3),
    "announces 4,000,000,000 sections": lambda data: put(data, 4, "<I", 4_000_000_000),
    "a section announces 1,000,000,000": lambda data: put(data, 4096, "<II", 1_000_000_000, 1_000_000_000),
    "a section announces 301": lambda data: put(data, 4096, "<I", 301),
    "announces 299 Gaussians and has 300": lambda data: put(data, 16, "<I", 299),
    "SH degree 3": lambda data: put(data, 4096 + 40, "<H", 3),
    "4,000,000,000 buckets": lambda data: put(data, 4096 + 12, "<I", 4_000_000_000),
    "do not hold 300": lambda data: put(data, 4096 + 8, "<I", 4_000_000_000),
    "do not hold  300": lambda data: put(data, 5120, "<I", 4_000_000_000),
    "not 12": lambda data: put(data, 4096 + 20, "<H", 11),
    "is cut short": lambda data: data[:-1],
}


@pytest.mark.parametrize("message", DAMAGE)
def test_damage_is_named(tmp_path: Path, random_scene: RandomScene, message: str) -> None:
    scene = random_scene(300, 1)
    scene.means *= 1e-3
    write_scene(tmp_path / "x.ksplat", scene)
    (tmp_path / "x.ksplat").write_bytes(DAMAGE[message]((tmp_path / "x.ksplat").read_bytes()))
    with pytest.raises(SplatError, match=message.replace("  ", " ")):
        read_scene(tmp_path / "x.ksplat")


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_signalling_nan_is_no_warning_of_numpy(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(30, 0)
    scene.means *= 1e-3
    write_scene(tmp_path / "x.ksplat", scene)
    data = put((tmp_path / "x.ksplat").read_bytes(), 5120 + 4, "<I", 0x7F800001)  # in the only bucket's centre
    (tmp_path / "x.ksplat").write_bytes(data)
    assert not torch.isfinite(module.read(tmp_path / "x.ksplat").gaussians.means[:, 0]).any()


def test_gaussians_that_are_nowhere_are_dropped(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "x.ksplat", random_scene(30, 0))
    data = put((tmp_path / "x.ksplat").read_bytes(), 4096 + 16, "<f", float("nan"))  # the side of a block
    (tmp_path / "x.ksplat").write_bytes(data)
    assert len(read_scene(tmp_path / "x.ksplat")) == 0
