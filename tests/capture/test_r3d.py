"""Record3D's archives: unpacked into the cache, read as the export, damaged ones refused."""

import json
import zipfile

import pytest
from known_cameras import assert_sees, poses
from test_record3d import COUNT, by_number, export

from splat.capture import load_capture
from splat.capture.config import CaptureOptions
from splat.capture.load import capture_root
from splat.capture.recorded import capture_record, recorded_capture
from splat.errors import SplatError
from tests.fuzz import damaged, survives


def archive(root, extra=None):
    """As the app writes it: metadata, rgbd/0.jpg, rgbd/0.depth, …"""
    export(root / "made")
    file = root / "door.r3d"
    with zipfile.ZipFile(file, "w") as written:
        written.write(root / "made" / "metadata.json", "metadata")
        for index in range(COUNT):
            written.write(root / "made" / "rgb" / f"{index}.jpg", f"rgbd/{index}.jpg")
            written.writestr(f"rgbd/{index}.depth", b"bvx2")
        for name, content in (extra or {}).items():
            written.writestr(name, content, zipfile.ZIP_DEFLATED)
    return file


def test_photos_and_cameras(tmp_path):
    capture = load_capture(archive(tmp_path), points="none")
    assert (capture.kind, capture.name, capture.root) == ("r3d", "door", tmp_path / "door.r3d")
    assert capture_root(tmp_path / "door.r3d") == tmp_path / "door.r3d"
    assert any("11 depth maps of door.r3d not read" in note for note in capture.notes)
    assert_sees(by_number(capture), poses(COUNT))


def test_a_run_finds_the_photos_again_when_the_cache_was_emptied(tmp_path, monkeypatch):
    capture = load_capture(archive(tmp_path), points="none")
    record = json.loads(json.dumps(capture_record(capture)))
    monkeypatch.setenv("SPLAT_CACHE", str(tmp_path / "another"))
    again = recorded_capture(record, tmp_path / "door.r3d", CaptureOptions(), None)
    assert [frame.camera.name for frame in again.frames] == [frame.camera.name for frame in capture.frames]
    assert (again.images.image(0) == capture.images.image(0)).all()
    assert tmp_path / "another" in again.frames[0].path.parents


def test_names_that_lead_out_and_archives_that_explode_write_nothing(tmp_path):
    file = archive(tmp_path, {"rgbd/../../../out.jpg": b"x", "/out.jpg": b"x", "rgbd/x.jpg": b"x"})
    before = set(tmp_path.rglob("*"))
    assert len(load_capture(file, points="none").frames) == COUNT
    assert set(tmp_path.rglob("*")) == before
    with pytest.raises(SplatError, match="would unpack to 200 MB"):
        load_capture(archive(tmp_path / "b", {"rgbd/999.jpg": bytes(200_000_000)}), points="none")


def test_damaged_archives_are_refused_in_one_line(tmp_path):
    file = archive(tmp_path)
    data = file.read_bytes()
    ends = [data[:size] for size in (0, 10, len(data) // 2, len(data) - 30)]
    for content in (*ends, *damaged(data, 3, 60)):
        file.write_bytes(content)
        survives(lambda: load_capture(file, points="none"), content[:100])
        if content in ends:
            with pytest.raises(SplatError, match="damaged archive"):
                load_capture(file, points="none")
    file.write_bytes(data)
    assert len(load_capture(file, points="none").frames) == COUNT


def test_errors_name_the_archive_and_not_the_cache(tmp_path):
    with zipfile.ZipFile(tmp_path / "door.r3d", "w") as written:
        written.writestr("metadata", '{"K": 5}')
        written.writestr("rgbd/0.jpg", b"no photo")
    with pytest.raises(SplatError) as refused:
        load_capture(tmp_path / "door.r3d", points="none")
    assert str(tmp_path / "door.r3d") in str(refused.value) and "unpacked" not in str(refused.value)
