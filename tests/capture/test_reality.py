"""RealityCapture's and RealityScan's CSV files against cameras that are known."""

import numpy as np
import pytest
from capture_scenes import H, W
from known_cameras import CX, CY, OPENGL, POINT, F, assert_sees, camera_to_world, poses, write_photos

from splat.capture import load_capture
from splat.errors import SplatError

OLD = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2"
NEW = "#name,x,y,alt,yaw,pitch,roll,f_35mm,px_norm,py_norm,k1,k2,k3,k4,t1,t2"
MATRIX = "#name,tx,ty,tz,R00,R01,R02,R10,R11,R12,R20,R21,R22,f_pix,px_pix,py_pix,k1,k2,t2,t1,k3,k4"
NAMES = ["a.jpg", "b.jpg", "c.jpg"]


def angles(matrix):
    """heading, pitch, roll in degrees of a camera-to-world rotation with OpenGL's axes: Rz(-h) Rx(p) Ry(r)."""
    pitch = np.arcsin(matrix[2, 1])
    heading = np.arctan2(matrix[0, 1], matrix[1, 1])
    roll = np.arctan2(-matrix[2, 0], matrix[2, 2])
    return np.degrees([heading, pitch, roll])


def row(name, pose, lens=(0, 0, 0, 0, 0, 0)):
    matrix = camera_to_world(pose, OPENGL)
    calibration = [F * 36 / W, (CX - W / 2) / W, (CY - H / 2) / W]
    return ",".join([name, *(f"{value:.17g}" for value in [*matrix[:3, 3], *angles(matrix), *calibration, *lens])])


def matrix_row(name, pose, lens=(0, 0, 0, 0, 0, 0)):
    values = [*pose[:3, 3], *pose[:3, :3].ravel(), F, CX, CY, *lens]
    return ",".join([name, *(f"{value:.17g}" for value in values)])


def write(root, lines, name="cameras.csv"):
    write_photos(root / "images", NAMES)
    (root / name).write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize("header", [OLD, NEW, "#cameras 3\n" + OLD, "\ufeff" + NEW])
def test_angles(tmp_path, header):
    lines = [header, *(row(name, pose) for name, pose in zip(NAMES, poses()))]
    capture = load_capture(write(tmp_path, lines), points="none")
    assert capture.kind == "realitycapture"
    assert_sees(capture, poses())
    assert_sees(load_capture(tmp_path / "cameras.csv", points="none"), poses())


@pytest.mark.parametrize(
    ("separator", "point", "encoding"), [(";", ".", "utf-8"), (";", ",", "utf-16"), ("\t", ",", "utf-8-sig")]
)
def test_a_file_that_a_spreadsheet_saved(tmp_path, separator, point, encoding):
    lines = [OLD.replace("name", "Name"), *(row(f"{name}", pose) for name, pose in zip(NAMES, poses()))]
    text = "\n".join(lines).replace(",", separator).replace(".", point)
    text = text.replace(f"{point}jpg", ".jpg")
    write(tmp_path, [])
    (tmp_path / "cameras.csv").write_text(text, encoding=encoding)
    capture = load_capture(tmp_path, points="none")
    assert capture.kind == "realitycapture"
    assert_sees(capture, poses())


def test_a_camera_without_angles_looks_down_with_its_top_to_the_north(tmp_path):
    lines = [OLD, "a.jpg,10,20,100,0,0,0,36,0,0,0,0,0,0,0,0", "b.jpg,10,20,100,90,0,0,36,0,0,0,0,0,0,0,0"]
    north, east = (frame.camera.viewmat.numpy() for frame in load_capture(write(tmp_path, lines), points="none").frames)
    np.testing.assert_allclose(north[:3, :3] @ [0, 1, 0], [0, -1, 0], atol=1e-12)  # north is up in the photo
    np.testing.assert_allclose(north[:3, :3] @ [0, 0, -1], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(east[:3, :3] @ [1, 0, 0], [0, -1, 0], atol=1e-12)  # a heading of 90 degrees is east


def test_matrices(tmp_path):
    lines = [MATRIX, *(matrix_row(name, pose) for name, pose in zip(NAMES, poses()))]
    assert_sees(load_capture(write(tmp_path, lines), points="none"), poses())


def test_both_files_have_the_same_lens(tmp_path):
    k1, k2, k3, t1, t2 = -0.1, 0.03, -0.01, 0.004, -0.007
    files = {OLD: row("a.jpg", poses()[0], (k1, k2, k3, 0, t1, t2))}
    files[MATRIX] = matrix_row("a.jpg", poses()[0], (k1, k2, t2, t1, k3, 0))
    x, y, z = poses()[0][:3, :3] @ POINT + poses()[0][:3, 3]
    x, y = x / z, y / z
    r2 = x * x + y * y
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    p1, p2 = t2, t1  # OpenCV's order, in which the second file lists them: k1, k2, p1, p2, k3
    expected = [
        F * (x * factor + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + CX,
        F * (y * factor + 2 * p2 * x * y + p1 * (r2 + 2 * y * y)) + CY,
    ]
    for number, (header, line) in enumerate(files.items()):
        capture = load_capture(write(tmp_path / str(number), [header, line]), points="none", test_every=0)
        lens = capture.images.plans[0].lens
        np.testing.assert_allclose(lens.colmap().img_from_cam(np.array([[x, y, 1.0]]))[0], expected, atol=1e-8)


def test_k4_is_fitted_and_said(tmp_path):
    lines = [OLD, *(row(name, pose, (-0.05, 0, 0, 0.002, 0, 0)) for name, pose in zip(NAMES, poses()))]
    notes = load_capture(write(tmp_path, lines), points="none").notes
    assert sum("3 calibrations of" in note and "px off" in note for note in notes) == 1


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([OLD], "places no photo"),
        ([OLD, row("a.jpg", poses()[0])[:60]], "16 columns, but a row of"),
        ([OLD, row("a.jpg", poses()[0]).replace("a.jpg,", "a.jpg,x", 1)], "x='x"),
        ([OLD, "a.jpg,nan" + ",1" * 14], "x='nan'"),
        ([OLD, "a.jpg" + ",0" * 15], "impossible intrinsics"),
        ([MATRIX, "a.jpg" + ",0" * 21], "1 photo without a pose"),
    ],
)
def test_bad_files_are_refused_in_one_line(tmp_path, lines, says):
    with pytest.raises(SplatError, match=says) as error:
        load_capture(write(tmp_path, lines), points="none")
    assert "\n" not in str(error.value)


def test_other_tables_are_no_cameras(tmp_path):
    write(tmp_path, ["name,lat,lon,alt", "a.jpg,1,2,3"], "gps.csv")
    with pytest.raises(SplatError, match="holds no camera parameters"):
        load_capture(tmp_path, format="realitycapture")
    with pytest.raises(SplatError, match="no line of columns"):
        load_capture(tmp_path / "gps.csv")


def test_longitude_and_latitude_are_noticed(tmp_path, capsys):
    rows = [f"{name},19.04{number},47.49{number},10{number},0,0,0,36" + ",0" * 8 for number, name in enumerate(NAMES)]
    load_capture(write(tmp_path, [NEW, *rows]), points="none")
    assert "look like longitude and latitude" in capsys.readouterr().err
    small = [f"{name},0.5{number},0.2{number},10{number},0,0,0,36" + ",0" * 8 for number, name in enumerate(NAMES)]
    notes = load_capture(write(tmp_path, [NEW, *small]), points="none").notes  # a thing on a table, in metres
    assert not any("longitude" in note for note in notes)
    assert_sees(
        load_capture(write(tmp_path, [OLD, *(row(n, p) for n, p in zip(NAMES, poses()))]), points="none"), poses()
    )
    assert "longitude" not in capsys.readouterr().err


@pytest.mark.parametrize(("cx", "cy"), [(CX - W / 2, CY - H / 2), (CX, 0.9 * H), (0.9 * W, CY), (0.1 * W, CY)])
def test_a_principal_point_that_is_none_is_refused(tmp_path, cx, cy):
    line = matrix_row("a.jpg", poses()[0]).replace(f",{CX:.17g},{CY:.17g},", f",{cx:.17g},{cy:.17g},")
    with pytest.raises(SplatError, match=r"px_pix, py_pix of a\.jpg .* not in the middle of 320x240"):
        load_capture(write(tmp_path, [MATRIX, line]), points="none")
