"""SPZ by hand: its bytes, its rounding, its versions and its extensions."""

import gzip
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.formats import Notes, read_scene, read_scene_file, write_scene
from splat.formats.losses import losses
from splat.formats.spz.decoding import first_three, smallest_three
from splat.formats.spz.encoding import LARGEST_INTEGER, fractional_bits
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh_basis

RandomScene = Callable[..., Gaussians]
VERSIONS = (2, 3, 4)


def spz_v3(tmp_path: Path, quats: list[int], sh: bytes = b"", count: int = 1, sh_degree: int = 0) -> Path:
    """One or more Gaussians at SPZ (1, 2, -0.5) by hand."""
    positions = b"".join(int(value * 4096).to_bytes(3, "little", signed=True) for value in (1, 2, -0.5)) * count
    body = positions + bytes([128] * count) + bytes([255, 0, 102] * count) + bytes([160, 144, 128] * count)
    body += struct.pack(f"<{count}I", *quats) + sh
    path = tmp_path / "hand.spz"
    path.write_bytes(gzip.compress(struct.pack("<4sIIBBBB", b"NGSP", 3, count, sh_degree, 12, 0, 0) + body))
    return path


def test_spz_values_by_hand(tmp_path: Path) -> None:
    # largest is w (index 3); x = 511/511 / sqrt 2, y = z = 0: a quarter turn about x
    scene = read_scene(spz_v3(tmp_path, [(3 << 30) | (511 << 20)]))
    assert scene.means.tolist() == [[1, -2, 0.5]]  # y up to y down: a half turn about x
    assert float(torch.sigmoid(scene.opacities)) == pytest.approx(128 / 255)
    assert scene.sh0[0, 0].tolist() == pytest.approx([0.5 / 0.15, -0.5 / 0.15, -0.1 / 0.15])
    assert scene.scales[0].tolist() == pytest.approx([0, -1, -2])
    # R' = X R X^-1 with X the half turn: for a turn about x itself nothing changes
    quarter = quat_to_matrix(torch.tensor([[0.5, 0.5, 0.0, 0.0]]).double().sqrt())[0]
    assert torch.allclose(quat_to_matrix(scene.quats.double())[0], quarter, atol=1e-5)


def test_spz_directional_color_turns_with_the_axes(tmp_path: Path) -> None:
    sh = bytes(range(100, 145))  # degree 3: 15 coefficients, colour channel fastest
    scene = read_scene(spz_v3(tmp_path, [3 << 30], sh, sh_degree=3))
    stored = ((torch.arange(100, 145) - 128) / 128).reshape(15, 3).double()
    direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.7, 0.5]).double(), dim=0)
    in_spz_axes = direction * torch.tensor([1, -1, -1])
    expected = sh_basis(in_spz_axes, 3)[1:] @ stored
    assert torch.allclose(sh_basis(direction, 3)[1:] @ scene.shN[0].double(), expected, atol=1e-6)


@pytest.mark.parametrize("largest", [0, 1, 2, 3])
def test_spz_smallest_three(largest: int) -> None:
    rng = np.random.default_rng(largest)
    xyzw = rng.normal(size=(200, 4))
    xyzw[:, largest] = np.abs(xyzw).max(axis=1) + 0.1
    xyzw /= np.linalg.norm(xyzw, axis=1, keepdims=True)
    words = np.full(200, largest, np.uint64)
    for index in range(4):
        if index != largest:
            magnitude = np.rint(np.abs(xyzw[:, index]) * 511 * np.sqrt(2)).astype(np.uint64)
            words = (words << np.uint64(10)) | ((xyzw[:, index] < 0).astype(np.uint64) << np.uint64(9)) | magnitude
    decoded = smallest_three(words.astype("<u4").tobytes())
    assert np.abs(decoded - xyzw[:, [3, 0, 1, 2]]).max() < 3e-3


def test_spz_version_2_has_x_y_z_in_bytes() -> None:
    found = first_three(bytes([204, 51, 153, 0, 255, 255]))
    assert found[0].tolist() == pytest.approx([0.24**0.5, 0.6, -0.6, 0.2], abs=1e-12)
    assert found[1].tolist() == [0, -1, 1, 1]  # w is what is left of length 1, and never less than nothing


def test_flags_and_extensions_of_spz(tmp_path: Path) -> None:
    data = bytearray(gzip.decompress(spz_v3(tmp_path, [3 << 30]).read_bytes()))
    for flags, antialiased, unused in ((0, False, ()), (1, True, ()), (3, True, ("extensions (4 bytes)",))):
        data[14] = flags
        (tmp_path / "flags.spz").write_bytes(gzip.compress(bytes(data) + b"more" * (flags == 3)))
        found = read_scene_file(tmp_path / "flags.spz")
        assert (found.notes.antialiased, found.unused) == (antialiased, unused)


def test_extensions_of_spz_v4_are_counted(shared_data, tmp_path: Path) -> None:
    pytest.importorskip("zstandard")
    data = bytearray(shared_data("splats/minimal-v4.spz").read_bytes())
    assert read_scene_file(shared_data("splats/minimal-v4.spz")).unused == ()
    data[14], data[16:20] = 2, struct.pack("<I", 32 + 24)  # the table comes 24 bytes later
    (tmp_path / "extended.spz").write_bytes(data[:32] + bytes(24) + data[32:] + b"tail")
    found = read_scene_file(tmp_path / "extended.spz")
    assert found.unused == ("extensions (24 bytes)", "4 bytes behind the last attribute")
    assert len(found.gaussians) == 4


def test_spz_refusals(tmp_path: Path) -> None:
    good = gzip.decompress(spz_v3(tmp_path, [3 << 30]).read_bytes())
    cases = {
        "cut short": good[:-1],
        "version 0": good[:4] + struct.pack("<I", 0) + good[8:],
        "version 9": good[:4] + struct.pack("<I", 9) + good[8:],
        "SH degree 5": good[:12] + b"\5" + good[13:],
        "announces 4294967295": good[:8] + b"\xff" * 4 + good[12:],
    }
    for message, data in cases.items():
        (tmp_path / "bad.spz").write_bytes(gzip.compress(data))
        with pytest.raises(SplatError, match=message):
            read_scene(tmp_path / "bad.spz")
    (tmp_path / "bad.spz").write_bytes(gzip.compress(good)[:-12])
    with pytest.raises(SplatError, match="damaged"):
        read_scene(tmp_path / "bad.spz")


def test_minimal_spz_v2_packed_and_raw(shared_data) -> None:
    packed, raw = (read_scene(shared_data(f"splats/minimal-{name}.spz")) for name in ("v2", "raw"))
    assert len(packed) == 4
    for name, tensor in packed.as_dict().items():
        assert torch.equal(tensor, raw.as_dict()[name])


def test_spz_v4_agrees_with_v3(shared_data) -> None:
    pytest.importorskip("zstandard")
    v3, v4 = (read_scene(shared_data(f"splats/minimal-{name}.spz")) for name in ("v3", "v4"))
    assert torch.equal(v3.means, v4.means)
    assert torch.equal(v3.sh0, v4.sh0)


def test_spz_v4_without_zstd_says_so(shared_data, monkeypatch: pytest.MonkeyPatch) -> None:
    path = shared_data("splats/minimal-v4.spz")
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression", None)
    with pytest.raises(SplatError, match="pip install zstandard"):
        read_scene(path)


def test_version_1_has_half_floats(tmp_path: Path) -> None:
    body = np.array([1.5, -2.25, 1000.0], "<f2").tobytes() + bytes([128, 255, 0, 102, 160, 144, 128, 204, 51, 153])
    header = struct.pack("<4sIIBBBB", b"NGSP", 1, 1, 0, 0, 0, 0)
    (tmp_path / "v1.spz").write_bytes(gzip.compress(header + body))
    scene = read_scene(tmp_path / "v1.spz")
    assert scene.means.tolist() == [[1.5, 2.25, -1000.0]]
    assert scene.scales.tolist() == [[0, -1, -2]]
    assert scene.quats[0].tolist() == pytest.approx([0.24**0.5, 0.6, 0.6, -0.2], abs=1e-6)  # rotations of version 2


def test_degree_4_is_cut_to_3_with_a_remark(tmp_path: Path) -> None:
    sh = bytes(range(100, 172))
    found = read_scene_file(spz_v3(tmp_path, [3 << 30], sh, sh_degree=4))
    assert found.gaussians.sh_degree == 3
    assert found.remarks == ("directional colour of SH degree 4 is cut to degree 3",)
    three = read_scene_file(spz_v3(tmp_path, [3 << 30], sh[:45], sh_degree=3))
    assert torch.equal(found.gaussians.shN, three.gaussians.shN) and three.remarks == ()


def test_version_4_in_one_gzip_stream_is_read_as_the_library_does(tmp_path: Path) -> None:
    path = spz_v3(tmp_path, [(3 << 30) | (511 << 20)])
    expected, data = read_scene(path), bytearray(gzip.decompress(path.read_bytes()))
    data[4] = 4
    path.write_bytes(gzip.compress(bytes(data)))
    assert torch.equal(read_scene(path).quats, expected.quats)


# --- extensions


def record(kind: int, content: bytes) -> bytes:
    return struct.pack("<II", kind, len(content)) + content


def with_extensions(path: Path, extensions: bytes) -> Path:
    """A scene of any version with extensions put into it."""
    data = path.read_bytes()
    if data[:4] == b"NGSP":
        changed = data[:14] + b"\2" + data[15:16] + struct.pack("<I", 32 + len(extensions)) + data[20:32]
        path.write_bytes(changed + extensions + data[32:])
    else:
        plain = gzip.decompress(data)
        path.write_bytes(gzip.compress(plain[:14] + b"\2" + plain[15:] + extensions))
    return path


@pytest.mark.parametrize("version", VERSIONS)
def test_vendor_extensions_are_counted_by_name(tmp_path: Path, random_scene: RandomScene, version: int) -> None:
    write_scene(tmp_path / "a.spz", random_scene(9, 1), version=version)
    orbit = record(0xADBE0002, struct.pack("<3f", -0.5, 0.5, 1))
    with_extensions(tmp_path / "a.spz", orbit + record(0x12340001, b"abc") + record(0x12340001, b"") + b"odd")
    found = read_scene_file(tmp_path / "a.spz")
    assert found.unused == ("3 extensions (SPZ_ADOBE_safe_orbit_camera, 0x12340001)", "extensions (3 bytes)")
    assert found.remarks == () and len(found.gaussians) == 9


def library_axes(number: int, point: torch.Tensor) -> torch.Tensor:
    """Where the SPZ library puts a point of a file whose axes have that number, right down front being its number 6."""
    bits, ours = number - 1, 6 - 1
    signs = [1 if (bits >> axis) & 1 == (ours >> axis) & 1 else -1 for axis in range(3)]
    x, y, z = (point * torch.tensor(signs)).tolist()
    return torch.tensor([x, z, -y] if bits >> 3 else [x, y, z])


@pytest.mark.parametrize("number", range(1, 17))
def test_axes_of_an_extension_are_honoured(tmp_path: Path, random_scene: RandomScene, number: int) -> None:
    scene = random_scene(5, 1)
    write_scene(tmp_path / "a.spz", scene)
    stored = read_scene(tmp_path / "a.spz").means * torch.tensor([1, -1, -1])
    with_extensions(tmp_path / "a.spz", record(0xADBE0003, struct.pack("<I", number)))
    found = read_scene_file(tmp_path / "a.spz")
    expected = torch.stack([library_axes(number, point) for point in stored])
    assert torch.allclose(found.gaussians.means, expected, atol=1e-6)
    assert found.unused == ()
    assert bool(found.remarks) == (number in (9, 10, 15, 16))  # where the library does not do what it says


def test_axes_that_are_not_known_are_said(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "a.spz", random_scene(5, 1))
    usual = read_scene(tmp_path / "a.spz")
    data = (tmp_path / "a.spz").read_bytes()
    for content in (struct.pack("<I", 17), b"", b"\6"):
        (tmp_path / "b.spz").write_bytes(data)
        with_extensions(tmp_path / "b.spz", record(0xADBE0003, content))
        found = read_scene_file(tmp_path / "b.spz")
        assert len(found.remarks) == 1 and "not known" in found.remarks[0]
        assert torch.equal(found.gaussians.means, usual.means)
    with_extensions(tmp_path / "a.spz", record(0xADBE0003, bytes(4)))  # not specified
    assert read_scene_file(tmp_path / "a.spz").remarks == ()


# --- writing


def attributes(path: Path) -> tuple[bytes, list[bytes]]:
    """The 16 bytes of the header and the attributes of what was written."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        plain = gzip.decompress(data)
        version, count, degree = (*struct.unpack_from("<II", plain, 4), plain[12])
        widths = (9, 1, 3, 3, 3 if version == 2 else 4, 3 * ((degree + 1) ** 2 - 1))
        ends = np.cumsum([16, *(count * width for width in widths)])
        assert ends[-1] == len(plain)
        return plain[:16], [plain[a:b] for a, b in itertools.pairwise(ends)]
    zstandard = pytest.importorskip("zstandard")
    streams, table = struct.unpack_from("<BI", data, 15)
    assert table == 32 and data[20:32] == bytes(12)
    start, found = table + 16 * streams, []
    for index in range(streams):
        packed, size = struct.unpack_from("<QQ", data, table + 16 * index)
        found.append(zstandard.ZstdDecompressor().decompress(data[start : start + packed]))
        assert len(found[-1]) == size
        start += packed
    assert start == len(data)
    return data[:16], found


def one(**values: list[float]) -> Gaussians:
    usual: dict[str, list] = {"means": [1, 2, -0.5], "quats": [1, 0, 0, 0], "scales": [0, -1, -2], "opacities": [0]}
    usual |= {"sh0": [0, 0, 0], **values}
    tensors = {name: torch.tensor([value], dtype=torch.float32) for name, value in usual.items()}
    shN = torch.tensor([values.get("shN", [])], dtype=torch.float32).reshape(1, -1, 3)
    tensors |= {"opacities": tensors["opacities"][0], "sh0": tensors["sh0"][:, None], "shN": shN}
    return Gaussians(**tensors)


def test_written_bytes_by_hand(tmp_path: Path) -> None:
    # the axes turn by half about x; 0.1 / 4096ths = 409.6 is 410, -0.0001220703125 = half of one goes away from zero
    scene = one(
        means=[0.1, 0.0001220703125, 2047.5],
        quats=[-1, 1, 0, 0],
        scales=[-20, -2.03125, 7],  # cut off; -2.03125 is half way between two bytes
        opacities=[0],
        sh0=[1, -3.4, 0],
        shN=[*(0.5, -0.5, 0.03), *(0.04, 1.2, -1.2), *([0.0] * 3), *(0.07, 0.05, -0.05), *([0.0] * 12)],
    )
    write_scene(tmp_path / "a.spz", scene, notes=Notes(antialiased=True), version=3)
    header, (positions, alphas, colors, scales, rotations, directional) = attributes(tmp_path / "a.spz")
    assert header == b"NGSP" + struct.pack("<II4B", 3, 1, 2, 12, 1, 0)
    expected = b"".join(value.to_bytes(3, "little", signed=True) for value in (410, -1, -2047 * 4096 - 2048))
    assert positions == expected
    assert (alphas, colors, scales) == (b"\x80", bytes([166, 0, 128]), bytes([0, 128, 255]))
    # w and x are equally large, x comes first: it is left out and made positive, so w is -511, y and z are 0
    assert struct.unpack("<I", rotations) == ((0 << 30) | (1 << 9) | 511,)
    # degree 1 in bins of 8: y and z change sign; degree 2 in bins of 16, xy changes sign
    assert directional[:9] == bytes([64, 192, 128, 120, 0, 255, 128, 128, 128])
    assert directional[9:12] == bytes([112, 128, 128])
    write_scene(tmp_path / "b.spz", scene, version=2)
    header, (*_, rotations, _) = attributes(tmp_path / "b.spz")
    assert header[14] == 0 and rotations == bytes([37, 128, 128])  # of q with w positive: 127.5 - 127.5 / sqrt 2 = 37.3


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_round_trip_stays_within_the_steps(
    tmp_path: Path, random_scene: RandomScene, version: int, degree: int
) -> None:
    scene = random_scene(400, degree)
    scene.shN.clamp_(-1, 1)
    write_scene(tmp_path / "a.spz", scene, notes=Notes(antialiased=degree == 1), version=version)
    found = read_scene_file(tmp_path / "a.spz")
    back = found.gaussians
    assert found.notes == Notes(degree == 1) and found.unused == found.remarks == ()
    assert back.sh_degree == degree and struct.unpack_from("<I", attributes(tmp_path / "a.spz")[0], 4) == (version,)
    assert (back.means - scene.means).abs().max() <= 0.5 / 4096
    assert (back.scales - scene.scales).abs().max() <= 0.5 / 16 + 1e-6
    assert (torch.sigmoid(back.opacities) - torch.sigmoid(scene.opacities)).abs().max() <= 0.5 / 255 + 1e-6
    assert (back.sh0 - scene.sh0.clamp(-0.5 / 0.15, 0.5 / 0.15)).abs().max() <= 0.5 / 255 / 0.15 + 1e-6
    if degree:
        error = (back.shN - scene.shN).abs().amax(dim=(0, 2))  # bytes end one below +1, bins are 8 and 16 wide
        assert error[:3].max() <= 4.5 / 128 and (degree == 1 or 4.5 / 128 < error[3:].max() <= 8.5 / 128)
    turned = (quat_to_matrix(back.quats.double()) - quat_to_matrix(scene.quats.double())).abs().max()
    # version 2 has w = sqrt(1 - |xyz|^2): near zero an error of e in x y z becomes one of sqrt(2 sqrt(3) e), here 0.12
    assert turned < (0.24 if version == 2 else 0.006)


@pytest.mark.parametrize("version", VERSIONS)
def test_writing_again_changes_nothing_but_rotations(tmp_path: Path, random_scene: RandomScene, version: int) -> None:
    write_scene(tmp_path / "a.spz", random_scene(500, 3), version=version)
    write_scene(tmp_path / "b.spz", read_scene(tmp_path / "a.spz"), version=version)
    (head_a, a), (head_b, b) = (attributes(tmp_path / f"{name}.spz") for name in "ab")
    assert head_a == head_b and a[:4] == b[:4] and a[5] == b[5]
    width = 3 if version == 2 else 4
    changed = (np.frombuffer(a[4], np.uint8) != np.frombuffer(b[4], np.uint8)).reshape(-1, width).any(axis=1)
    assert changed.mean() < (0.05 if version == 2 else 0.01)  # where two components are the largest within a step


def test_the_usual_version_is_4_and_files_do_not_depend_on_the_clock(
    tmp_path: Path, random_scene: RandomScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = random_scene(9, 1)
    write_scene(tmp_path / "a.spz", scene)
    assert attributes(tmp_path / "a.spz")[0][4] == 4
    write_scene(tmp_path / "b.spz", scene, version=3)
    monkeypatch.setattr("time.time", lambda: 1e9)
    write_scene(tmp_path / "c.spz", scene, version=3)
    assert (tmp_path / "b.spz").read_bytes() == (tmp_path / "c.spz").read_bytes()


def test_a_version_that_a_format_has_not(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 0)
    for version in (0, 1, 5):
        with pytest.raises(SplatError, match=rf"spz version {version} is not written; choose one of 2, 3, 4"):
            write_scene(tmp_path / "a.spz", scene, version=version)
    with pytest.raises(SplatError, match=r"ply files have no versions to choose from; version= is for spz \(2, 3, 4\)"):
        write_scene(tmp_path / "a.ply", scene, version=4)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("largest", "bits"),
    [(0.0, 12), (2047.9998, 12), (2048.0, 11), (4096, 10), (1e6, 3), (LARGEST_INTEGER, 0), (LARGEST_INTEGER + 1, None)],
)
def test_bits_behind_the_point(largest: float, bits: int | None) -> None:
    assert fractional_bits(largest) == bits


def test_a_wide_scene_gets_coarser_steps_and_a_line(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(200, 0)
    assert losses("spz", scene, Notes()) == []
    scene.means[:3] = torch.tensor([5000.3, -4321.1, 12.0])
    write_scene(tmp_path / "a.spz", scene)
    assert attributes(tmp_path / "a.spz")[0][13] == 10
    assert 0.5 / 4096 < (read_scene(tmp_path / "a.spz").means - scene.means).abs().max() <= 0.5 / 1024
    (line,) = losses("spz", scene, Notes())
    assert "3 of 200" in line and "beyond 2048" in line and "1/1024 of a unit instead of 1/4096" in line
    scene.means[0, 0] = 1e7
    with pytest.raises(SplatError, match=r"coordinates reach 1e\+07"):
        write_scene(tmp_path / "b.spz", scene)
    assert losses("spz", scene, Notes()) == []  # and no failure


def test_what_bytes_do_not_hold_is_said(random_scene: RandomScene) -> None:
    scene = random_scene(200, 1)
    scene.shN.clamp_(-1, 1)
    scene.sh0[:4, 0, 1] = 3.4
    scene.shN[:5, 2, 1] = -1.5
    scene.scales[:6] = -11
    scene.scales[7] = 6.5
    said = losses("spz", scene, Notes(antialiased=True, origin=(632600.0, 0.0, 0.0)))
    assert "the file says so" in said[0] and "cannot name it" in said[1] and "632600" in said[1]
    assert [line.split(" of ")[0] for line in said[2:]] == ["6", "6", "1", "4", "5"]
    words = ("smaller than the steps", "smaller than e^-10", "larger than e^5.9", "colours beyond", "directional")
    assert [word in line for word, line in zip(words, said[2:])] == [True] * 5


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_scene_and_values_that_are_not_finite(tmp_path: Path, random_scene: RandomScene, version: int) -> None:
    write_scene(tmp_path / "none.spz", random_scene(0, 2), version=version)
    assert len(read_scene(tmp_path / "none.spz")) == 0 and losses("spz", random_scene(0, 2), Notes()) == []
    scene = random_scene(5, 0)
    scene.opacities[:2] = torch.tensor([torch.inf, -torch.inf])
    scene.scales[2] = -torch.inf
    scene.quats[3] = 0
    write_scene(tmp_path / "a.spz", scene, version=version)
    back = read_scene(tmp_path / "a.spz")
    assert torch.sigmoid(back.opacities[:2]).tolist() == pytest.approx([1, 0], abs=1e-5)
    assert back.scales[2].tolist() == [-10] * 3
    scene.means[4, 1] = torch.nan
    write_scene(tmp_path / "b.spz", scene, version=version)
    assert torch.equal(read_scene(tmp_path / "b.spz").means, back.means[:4])
    assert losses("spz", scene, Notes())[0] == "1 Gaussian with NaN or infinite values left out"


def test_writing_version_4_without_zstd_names_version_3(
    tmp_path: Path, random_scene: RandomScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression", None)
    with pytest.raises(SplatError, match=r"pip install zstandard.*version=3"):
        write_scene(tmp_path / "a.spz", random_scene(3, 0))
    write_scene(tmp_path / "b.spz", random_scene(3, 0), version=3)
    assert [path.name for path in tmp_path.iterdir()] == ["b.spz"]


def test_a_scene_with_z_up_is_turned_upright(tmp_path: Path) -> None:
    scene = one(means=[1, 2, 3], scales=[-1, -2, -3])
    write_scene(tmp_path / "a.spz", scene, notes=Notes(up="z"))
    _, (positions, _, _, scales, rotations) = attributes(tmp_path / "a.spz")
    expected = b"".join((value * 4096).to_bytes(3, "little", signed=True) for value in (1, 3, -2))  # right, up, back
    assert positions == expected
    assert scales == bytes([144, 128, 112])  # along its own axes, which have turned by a quarter about x
    turned = quat_to_matrix(torch.from_numpy(smallest_three(rotations)))[0]
    assert torch.allclose(turned, torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]).double(), atol=4e-3)
