"""RealityCapture's XMP files against cameras that are known."""

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, POINT, F, assert_sees, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

SPACES = (
    'xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    ' xmlns:xcr="http://www.capturingreality.com/ns/xcr/1.1#"'
)


def text(values):
    return " ".join(f"{value:.17g}" for value in np.ravel(values))


def sidecar(pose, elements, **changes):
    """As the program writes it; `elements`: rotation, place and distortion as elements instead of attributes."""
    values = {
        "Version": "3", "PosePrior": "initial", "DistortionModel": "brown3", "FocalLength35mm": text([F * 36 / W]),
        "Skew": "0", "AspectRatio": "1", "PrincipalPointU": text([(CX - W / 2) / W]),
        "PrincipalPointV": text([(CY - H / 2) / W]), "DistortionCoeficients": "0 0 0 0 0 0",
    }  # fmt: skip
    if pose is not None:
        values |= {"Rotation": text(pose[:3, :3]), "Position": text(-pose[:3, :3].T @ pose[:3, 3])}
    values |= changes
    inside = {
        key: values.pop(key) for key in ("Rotation", "Position", "DistortionCoeficients") if elements and key in values
    }
    attributes = " ".join(f'xcr:{key}="{value}"' for key, value in values.items())
    children = "".join(f"<xcr:{key}>{value}</xcr:{key}>" for key, value in inside.items())
    return (
        f"<x:xmpmeta {SPACES}><rdf:RDF><rdf:Description {attributes}>{children}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )


def write(root, elements=True, folder="images", **changes):
    write_photos(root / folder, [f"{number}.jpg" for number in range(4)])
    for number, pose in enumerate([*poses(3), None]):
        (root / folder / f"{number}.xmp").write_text(sidecar(pose, elements, **changes))
    (root / folder / "2.dng.xmp").write_text('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')  # of a raw developer
    return root


@pytest.mark.parametrize("elements", [True, False])
@pytest.mark.parametrize("folder", ["images", "."])
def test_cameras(tmp_path, elements, folder, capsys):
    capture = load_capture(write(tmp_path, elements, folder), points="none")
    assert capture.kind == "realitycapture"
    assert_sees(capture, poses())
    assert "1 photo without a pose" in capsys.readouterr().err


def test_poses_are_found_behind_many_photos_that_were_not_placed(tmp_path, capsys):
    write(tmp_path)
    for number in range(25):
        (tmp_path / "images" / f"+{number}.xmp").write_text(sidecar(None, False))
    capture = load_capture(tmp_path, points="none")
    assert_sees(capture, poses())
    assert "26 photos without a pose" in capsys.readouterr().err


def test_the_distortion_is_that_of_the_csv_file(tmp_path):
    changes = {"DistortionModel": "brown3t2", "DistortionCoeficients": "-0.1 0.03 -0.01 0 0.004 -0.007"}
    capture = load_capture(write(tmp_path, **changes), points="none", test_every=0)
    x, y, z = poses()[0][:3, :3] @ POINT + poses()[0][:3, 3]
    x, y = x / z, y / z
    r2 = x * x + y * y
    factor = 1 - 0.1 * r2 + 0.03 * r2**2 - 0.01 * r2**3
    p1, p2 = -0.007, 0.004
    expected = [
        F * (x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + CX,
        F * (y * factor + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)) + CY,
    ]
    lens = capture.images.plans[0].lens
    np.testing.assert_allclose(lens.colmap().img_from_cam(np.array([[x, y, 1.0]]))[0], expected, atol=1e-8)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"DistortionModel": "division"}, "3 photos with a lens of the model division"),
        ({"Skew": "0.1"}, "3 photos with skew or an aspect ratio"),
        ({"AspectRatio": "1.1"}, "3 photos with skew or an aspect ratio"),
        ({"Rotation": "1 0 0"}, "Rotation of .* must be 9 numbers"),
        ({"Rotation": "0 0 0 0 0 0 0 0 0"}, "4 photos without a pose"),
        ({"Position": "nan 0 0", "Rotation": "1 0 0 0 1 0 0 0 1"}, "4 photos without a pose"),
        ({"FocalLength35mm": "inf"}, "FocalLength35mm='inf'"),
        ({"DistortionCoeficients": "1 2"}, "must be 6 numbers"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, changes, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, **changes), points="none")
    assert "\n" not in str(error.value)


def test_files_without_poses_are_no_capture_of_it(tmp_path):
    write_photos(tmp_path, ["a.jpg"])
    (tmp_path / "a.xmp").write_text(sidecar(None, True))
    from splat.capture.readers.registry import capture_format

    assert capture_format(tmp_path) == "photos"
    with pytest.raises(SplatError, match="holds no camera parameters"):
        load_capture(tmp_path, format="realitycapture")
