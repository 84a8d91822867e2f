"""Metashape's cameras.xml against cameras that are known."""

import numpy as np
import pytest
from capture_scenes import H, W, turn
from known_cameras import CX, CY, POINT, F, assert_sees, camera_to_world, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

# From the chunk to the world: 2 R x + t
ROTATION, SHIFT, SCALE = turn(0.4, -0.7), np.array([5.0, -3.0, 2.0]), 2.0


def text(values):
    return " ".join(f"{value:.17g}" for value in np.ravel(values))


def camera(number, pose, component="0", sensor="0", label=None, attributes=""):
    """A camera whose matrix goes from it, with OpenCV's axes, to the chunk."""
    matrix = camera_to_world(pose)
    matrix[:3, :3] = ROTATION.T @ matrix[:3, :3]
    matrix[:3, 3] = ROTATION.T @ (matrix[:3, 3] - SHIFT) / SCALE
    name = label or f"IMG_{number}"
    place = f"<transform>{text(matrix)}</transform>" if pose is not None else ""
    head = f'<camera id="{number}" sensor_id="{sensor}" component_id="{component}" label="{name}" {attributes}>'
    return f"{head}{place}<orientation>1</orientation></camera>"


def calibration(kind="frame", group="adjusted", **values):
    values = {"f": F, "cx": CX - W / 2, "cy": CY - H / 2, **values}
    inside = "".join(f"<{name}>{value:.17g}</{name}>" for name, value in values.items())
    size = f'<resolution width="{W}" height="{H}"/>'
    return f'<calibration type="{kind}" class="{group}">{size}{inside}</calibration>'


def document(cameras, calibrations=None, sensor_type="frame"):
    lens = calibration() if calibrations is None else calibrations
    place = f"<rotation>{text(ROTATION)}</rotation><translation>{text(SHIFT)}</translation><scale>{SCALE}</scale>"
    return (
        '<?xml version="1.0" encoding="UTF-8"?><document version="1.5.0"><chunk label="Chunk 1" enabled="true">'
        f'<sensors><sensor id="0" label="x" type="{sensor_type}"><resolution width="{W}" height="{H}"/>'
        f"{lens}</sensor></sensors>"
        f'<components><component id="0"><transform>{place}</transform></component></components>'
        f"<cameras>{cameras}</cameras></chunk></document>"
    )


def write(root, content=None, count=3):
    write_photos(root / "images", [f"IMG_{number}.jpg" for number in range(count)])
    if content is None:
        content = document("".join(camera(number, pose) for number, pose in enumerate(poses(count))))
    (root / "cameras.xml").write_text(content)
    return root


def test_utf_16(tmp_path):
    content = document("".join(camera(number, pose) for number, pose in enumerate(poses()))).replace("UTF-8", "UTF-16")
    write(tmp_path)
    (tmp_path / "cameras.xml").write_text(content, encoding="utf-16")
    capture = load_capture(tmp_path, points="none")
    assert capture.kind == "metashape" and len(capture.frames) == 3


def seen(capture):
    """[2] where the lens of the first photo, before undistortion, sees the point."""
    frame, lens = capture.frames[0], capture.images.plans[0].lens
    return lens.colmap().img_from_cam((frame.camera.viewmat.numpy() @ [*POINT, 1.0])[None, :3])[0]


def test_cameras_in_the_world(tmp_path):
    capture = load_capture(write(tmp_path), points="none")
    assert capture.kind == "metashape"
    assert_sees(capture, poses())
    assert_sees(load_capture(tmp_path / "cameras.xml", points="none"), poses())


def test_groups_disabled_unaligned_and_further_components(tmp_path, capsys):
    inside = "".join(camera(number, pose) for number, pose in enumerate(poses(3)))
    cameras = (
        f'<group id="0" label="flight">{inside}</group>'
        + camera(3, poses(4)[3], attributes='enabled="false"')
        + camera(4, poses(5)[4], component="1")
        + '<camera id="5" sensor_id="0" label="IMG_5"/>'
    )
    capture = load_capture(write(tmp_path, document(cameras), 6), points="none")
    assert_sees(capture, poses(3))
    said = capsys.readouterr().err
    for part in ("1 photo disabled in Metashape", "1 photo of another component", "1 photo without a pose"):
        assert part in said
    assert any("2 components" in note for note in capture.notes)


def test_the_tangential_terms_are_in_agisofts_order(tmp_path):
    lens = calibration(k1=-0.1, k2=0.02, p1=0.01, p2=-0.004)
    capture = load_capture(write(tmp_path, document(camera(0, poses()[0]), lens), 1), points="none", test_every=0)
    x, y, z = poses()[0][:3, :3] @ POINT + poses()[0][:3, 3]
    x, y = x / z, y / z
    r2 = x * x + y * y
    factor = 1 - 0.1 * r2 + 0.02 * r2**2
    expected = [
        F * (x * factor + 0.01 * (r2 + 2 * x * x) + 2 * -0.004 * x * y) + CX,
        F * (y * factor + -0.004 * (r2 + 2 * y * y) + 2 * 0.01 * x * y) + CY,
    ]
    np.testing.assert_allclose(seen(capture), expected, atol=1e-9)


@pytest.mark.parametrize("more", [{}, {"p1": 0.003, "p2": -0.002}, {"b1": 4.0}])
def test_a_fisheye_has_the_polynomial_of_the_angle(tmp_path, more):
    lens = calibration("equidistant_fisheye", k1=0.05, k2=-0.01, k3=0.002, k4=-0.001, **more)
    capture = load_capture(write(tmp_path, document(camera(0, poses()[0]), lens), 1), points="none", test_every=0)
    x, y, z = 0.9, -0.7, 1.0  # far enough from the axis that all terms count
    found = capture.images.plans[0].lens.colmap().img_from_cam(np.array([[x, y, z]]))[0]
    angle = np.arctan2(np.hypot(x, y), z)
    x, y = np.array([x, y]) / np.hypot(x, y) * angle
    factor = 1 + 0.05 * angle**2 - 0.01 * angle**4 + 0.002 * angle**6 - 0.001 * angle**8
    p1, p2 = more.get("p1", 0.0), more.get("p2", 0.0)
    expected = [
        (F + more.get("b1", 0.0)) * (x * factor + p1 * (angle**2 + 2 * x * x) + 2 * p2 * x * y) + CX,
        F * (y * factor + p2 * (angle**2 + 2 * y * y) + 2 * p1 * x * y) + CY,
    ]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("order", [1, -1])
def test_the_adjusted_calibration_counts_and_without_one_it_is_said(tmp_path, capsys, order):
    both = "".join([calibration(group="initial", f=F / 2), calibration()][::order])
    inside = "".join(camera(number, pose) for number, pose in enumerate(poses()))
    assert_sees(load_capture(write(tmp_path, document(inside, both)), points="none"), poses())
    assert "no adjusted calibration" not in capsys.readouterr().err
    only = document(inside, calibration(group="initial"))
    assert_sees(load_capture(write(tmp_path, only), points="none"), poses())
    assert "has no adjusted calibration; its initial one is used" in " ".join(capsys.readouterr().err.split())


def test_p3_and_p4_are_not_passed_over(tmp_path):
    lens = calibration(p1=0.001, p2=0.002, p3=0.1, p4=0.1)
    capture = load_capture(write(tmp_path / "a", document(camera(0, poses()[0]), lens), 1), points="none", test_every=0)
    assert any("1 calibration of" in note and "p3 or p4" in note for note in capture.notes)
    lens = calibration(p1=0.1, p2=0.2, p3=10.0)
    with pytest.raises(SplatError, match="has p3, and no lens model"):
        load_capture(write(tmp_path / "b", document(camera(0, poses()[0]), lens), 1), points="none")


def test_b1_and_k4(tmp_path):
    lens = calibration(b1=4.0, k1=-0.05, k4=0.003)
    capture = load_capture(write(tmp_path, document(camera(0, poses()[0]), lens), 1), points="none", test_every=0)
    x, y, z = poses()[0][:3, :3] @ POINT + poses()[0][:3, 3]
    r2 = (x * x + y * y) / z**2
    factor = 1 - 0.05 * r2 + 0.003 * r2**4
    np.testing.assert_allclose(seen(capture), [(F + 4.0) * factor * x / z + CX, F * factor * y / z + CY], atol=2e-3)
    assert any("1 calibration of" in note and "px off" in note for note in capture.notes)


ONE = camera(0, poses()[0])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (document(ONE)[:600], "no valid XML"),
        (document(ONE).replace("<document", '<!DOCTYPE x [<!ENTITY a "aa">]><document', 1), "document type"),
        (document(""), "places no photo: it lists none"),
        (document(ONE.replace("<transform>", "<transform>x ")), "16 numbers"),
        (document(ONE.replace("<transform>", "<transform>nan ", 1).replace(" 0 0 0 1<", " 0 0 0<")), "without a pose"),
        (document(ONE, calibration(f=0)), "impossible intrinsics"),
        (document(ONE, ""), "of a sensor without calibration"),
        (document(ONE, calibration("spherical")), "1 photo of a spherical camera"),
        (document(ONE, calibration(b2=60.0)), "has skew, and no lens"),
        (document(ONE, calibration()).replace(f'width="{W}"', 'width="999999999999"'), "pixels large"),
        ("<document><chunk></chunk></document>", "places no photo"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, content, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, content), points="none")
    assert "\n" not in str(error.value) and "cameras.xml" in str(error.value)
