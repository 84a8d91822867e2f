"""A COLMAP model that is written is read back as it was."""

from pathlib import Path

import numpy as np
from capture_scenes import LENSES, H, W, viewmat

from splat.capture.colmap.files import read_model
from splat.capture.colmap.write import write_colmap
from splat.capture.lens import Lens
from splat.capture.reader_result import PosedPhoto
from splat.capture.types import Points


def test_round_trip(tmp_path):
    kinds = ["OPENCV", "THIN_PRISM_FISHEYE", "OPENCV"]
    lenses = [Lens(kind, LENSES[kind], W, H) for kind in kinds]
    photos = {
        f"left/{index} b.jpg": PosedPhoto("x", Path("x"), viewmat(index), lens) for index, lens in enumerate(lenses)
    }
    xyz, rgb = np.array([[0.1, 2.0, 3.0], [1e6, -5.0, 0.0]]), np.array([[1, 2, 255], [0, 9, 8]], np.uint8)
    write_colmap(tmp_path / "sparse" / "0", photos, Points(xyz, rgb))
    model = read_model(tmp_path / "sparse" / "0")
    assert len(model.cameras) == 2
    for image, (name, photo) in zip(sorted(model.images.values(), key=lambda image: image.name), photos.items()):
        assert (image.name, model.cameras[image.camera_id]) == (name, photo.lens)
        np.testing.assert_allclose(image.viewmat, photo.viewmat, atol=1e-12)
    assert model.points is not None
    order = np.argsort(model.points.xyz[:, 0])
    np.testing.assert_array_equal(model.points.xyz[order], xyz)
    np.testing.assert_array_equal(model.points.rgb[order], rgb)
