"""Damaged and hostile scene files: a scene that can be drawn or one clear line, and no memory for what is not there."""

import gzip
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from splat.errors import SplatError
from splat.formats import read_scene
from splat.formats.ply import property_names
from splat.gaussians import Gaussians
from tests.fuzz import damaged, survives
from tests.scene_files import FEW, check_drawable, scene_files, spz_contents, spz_header, spz_v4

RandomScene = Callable[..., Gaussians]


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    """The block takes no more memory than that; numpy's and Python's is counted, touched or not."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < megabytes * 1e6


@pytest.fixture
def whole_files() -> dict[str, bytes]:
    return scene_files()


def test_damaged_files_are_scenes_or_one_line(tmp_path: Path, whole_files: dict[str, bytes]) -> None:
    for name, data in whole_files.items():
        path = tmp_path / f"bad.{name}"
        path.write_bytes(data)
        assert len(read_scene(path)) == FEW, name  # what is damaged below was whole
        outcomes = set()
        for piece in damaged(data, seed=1, count=60):
            path.write_bytes(piece)
            outcomes.add(survives(lambda path=path: check_drawable(read_scene(path)), piece))
        assert False in outcomes, name


@pytest.mark.parametrize("bits", [65, 255])
def test_an_spz_whose_positions_would_all_be_zero_is_refused(tmp_path: Path, bits: int) -> None:
    data = bytearray(spz_header(3, FEW) + b"".join(spz_contents(FEW)))
    data[13] = bits
    (tmp_path / "x.spz").write_bytes(data)
    with pytest.raises(SplatError, match=f"announces {bits} fractional bits"):
        read_scene(tmp_path / "x.spz")


def test_an_spz_that_announces_more_than_it_holds_takes_no_memory(tmp_path: Path) -> None:
    count = 2_000_000
    zeros = [bytes(count * width) for width in (9, 1, 3, 3, 4)] + [b""]
    bombs = {
        "v4": spz_v4(count, zeros),
        "gz": gzip.compress(spz_header(3, count) + b"".join(zeros), 9),
        "empty v4": spz_v4(4_000_000_000, [b""] * 6, [4_000_000_000 * width for width in (9, 1, 3, 3, 4, 0)]),
        "raw": spz_header(3, 4_000_000_000) + bytes(100),
    }
    del zeros
    for name, data in bombs.items():
        (tmp_path / "bomb.spz").write_bytes(data)
        with at_most(5), pytest.raises(SplatError, match="announces"):
            read_scene(tmp_path / "bomb.spz")
        assert len(data) < 100_000, name


def test_a_frame_that_unpacks_to_more_than_its_table_says_is_refused(tmp_path: Path) -> None:
    contents = spz_contents(FEW)
    contents[2] = bytes(100_000_000)
    (tmp_path / "bomb.spz").write_bytes(spz_v4(FEW, contents, [FEW * width for width in (9, 1, 3, 3, 4, 0)]))
    with at_most(10), pytest.raises(SplatError, match="attribute 2 has more than 18 bytes"):
        read_scene(tmp_path / "bomb.spz")


def test_more_behind_the_attributes_of_an_spz_is_not_unpacked(tmp_path: Path) -> None:
    from splat.formats import read_scene_file

    data = spz_header(3, FEW) + b"".join(spz_contents(FEW)) + bytes(20_000_000)
    (tmp_path / "bomb.spz").write_bytes(gzip.compress(data))
    del data
    with at_most(10):
        found = read_scene_file(tmp_path / "bomb.spz")
    assert len(found.gaussians) == FEW and found.unused == ("bytes behind the last attribute",)


def test_extensions_that_announce_more_than_they_hold_are_left_aside(tmp_path: Path) -> None:
    from splat.formats import read_scene_file

    data = bytearray(spz_v4(FEW, spz_contents(FEW)))
    huge = struct.pack("<II", 0x12340001, 0xFFFFFFFF) + bytes(24)
    data[14], data[16:20] = 2, struct.pack("<I", 32 + len(huge))
    (tmp_path / "a.spz").write_bytes(bytes(data[:32]) + huge + bytes(data[32:]))
    many = struct.pack("<II", 0x12340001, 0) * 1000
    data[16:20] = struct.pack("<I", 32 + len(many))
    (tmp_path / "b.spz").write_bytes(bytes(data[:32]) + many + bytes(data[32:]))
    plain = bytearray(spz_header(3, FEW) + b"".join(spz_contents(FEW)) + many[:8] + bytes(20_000_000))
    plain[14] = 2
    (tmp_path / "c.spz").write_bytes(gzip.compress(bytes(plain)))
    del plain
    with at_most(5):
        unused = [read_scene_file(tmp_path / f"{name}.spz").unused for name in "abc"]
    assert unused[0] == ("extensions (32 bytes)",) and unused[1] == ("1,000 extensions (0x12340001)",)
    assert unused[2] == ("1 extension (0x12340001)", "extensions (65,528 bytes)", "bytes behind the last attribute")


@pytest.mark.parametrize("table", [0, 16, 31])
def test_a_table_within_the_header_is_refused(tmp_path: Path, table: int) -> None:
    data = bytearray(spz_v4(FEW, spz_contents(FEW)))
    data[16:20] = struct.pack("<I", table)
    (tmp_path / "a.spz").write_bytes(data)
    with pytest.raises(SplatError, match=f"begins at byte {table}, within the header"):
        read_scene(tmp_path / "a.spz")


def test_a_scene_of_equal_gaussians_is_no_bomb(tmp_path: Path) -> None:
    count = 200_000
    contents = [bytes(count * width) for width in (9, 1, 3, 3, 4)] + [b""]
    (tmp_path / "flat.spz").write_bytes(spz_v4(count, contents))
    assert len(read_scene(tmp_path / "flat.spz")) == count


def test_a_changed_byte_of_a_gzip_does_not_pass(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(spz_header(3, FEW) + b"".join(spz_contents(FEW)), 0))  # stored, not deflated
    data[60] ^= 4
    (tmp_path / "bad.spz").write_bytes(data)
    with pytest.raises(SplatError, match="damaged"):
        read_scene(tmp_path / "bad.spz")


@pytest.mark.parametrize("count", [100, 10**9, 10**14])
@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_a_ply_that_announces_more_than_it_holds_takes_no_memory(tmp_path: Path, kind: str, count: int) -> None:
    lines = ["ply", f"format {kind} 1.0", f"element vertex {count}"]
    lines += [f"property double {name}" for name in property_names(3)]
    (tmp_path / "bomb.ply").write_text("\n".join([*lines, "end_header"]) + "\n" + "0 " * 62 + "\n")
    with at_most(5), pytest.raises(SplatError, match=f"announces vertex {count:,}"):
        read_scene(tmp_path / "bomb.ply")


def test_elements_beside_the_vertices_announce_no_more_than_there_is(
    tmp_path: Path, whole_files: dict[str, bytes]
) -> None:
    scene = whole_files["scene.ply"]
    for element in ("nothing 100000000000", "face 3000000000\nproperty list uchar int vertex_indices"):
        bomb = scene.replace(b"end_header", f"element {element}\nend_header".encode())
        (tmp_path / "bomb.ply").write_bytes(bomb)
        with at_most(5), pytest.raises(SplatError, match="announces vertex 6, "):
            read_scene(tmp_path / "bomb.ply")
    bomb = whole_files["scene.compressed.ply"].replace(b"chunk 1\n", b"chunk 1000000000\n")
    (tmp_path / "bomb.ply").write_bytes(bomb)
    with at_most(5), pytest.raises(SplatError, match="announces chunk 1,000,000,000"):
        read_scene(tmp_path / "bomb.ply")


@pytest.mark.parametrize("count", ["1\u00b2", "-5", "1_0", "ten", "9" * 30, "9" * 5000, "3 4"])
def test_counts_that_are_none(tmp_path: Path, whole_files: dict[str, bytes], count: str) -> None:
    damaged = whole_files["scene.ply"].replace(b"vertex 6", f"vertex {count}".encode("latin-1"))
    (tmp_path / "bad.ply").write_bytes(damaged)
    with pytest.raises(SplatError, match="has no count"):
        read_scene(tmp_path / "bad.ply")
