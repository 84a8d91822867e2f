"""The parsers of other programs' captures."""

from __future__ import annotations

import io
import json

import numpy as np

from tests.parser import BIN_WORDS, JSON_WORDS, NAMES, POSE, TEXT_WORDS, H, Parser, W, load, photos, picture

SIZE = f'<resolution width="{W}" height="{H}"/>'
TERMS = "<f>20</f><k1>0.01</k1><p1>0.001</p1>"
CALIBRATION = f'<calibration class="adjusted" type="frame">{SIZE}{TERMS}</calibration>'
XML_WORDS = (
    *TEXT_WORDS,
    b"<",
    b"/>",
    b"<!DOCTYPE a>",
    b"&a;",
    b"<cameras>",
    b"<group>",
    b'class="initial"',
    b"<k4>1</k4>",
)


def _poses_bounds() -> bytes:
    rows = np.zeros((len(NAMES), 17))
    rows[:, :15] = np.concatenate([np.array(POSE)[:3], [[H], [W], [20.0]]], axis=1).ravel()
    rows[:, 15:] = 1.0, 5.0
    file = io.BytesIO()
    np.save(file, rows)
    return file.getvalue()


def _record3d() -> bytes:
    poses = [[0.0, 0.0, 0.0, 1.0, 0.1 * number, 0.0, 0.0] for number in range(len(NAMES))]
    K = [20.0, 0.0, 0.0, 0.0, 20.0, 0.0, 12.0, 9.0, 1.0]
    return json.dumps({"w": W, "h": H, "K": K, "poses": poses}).encode()


def _polycam() -> bytes:
    pose = {f"t_{row}{column}": POSE[row][column] for row in range(3) for column in range(4)}
    return json.dumps({"fx": 20.0, "fy": 20.0, "cx": 12.0, "cy": 9.0, "width": W, "height": H, **pose}).encode()


def _metashape() -> bytes:
    matrix = " ".join(str(value) for row in POSE for value in row)
    cameras = "".join(
        f'<camera id="{number}" sensor_id="0" component_id="0" label="{name}"><transform>{matrix}</transform></camera>'
        for number, name in enumerate(NAMES)
    )
    return (
        '<?xml version="1.0"?><document version="1.5.0"><chunk label="c" enabled="true"><sensors>'
        f'<sensor id="0" label="x" type="frame"><resolution width="{W}" height="{H}"/>{CALIBRATION}</sensor></sensors>'
        '<components><component id="0"><transform><rotation>1 0 0 0 1 0 0 0 1</rotation>'
        "<translation>1 2 3</translation><scale>2</scale></transform></component></components>"
        f"<cameras>{cameras}</cameras></chunk></document>"
    ).encode()


def _opensfm() -> bytes:
    camera = {
        "projection_type": "brown",
        "width": W,
        "height": H,
        "focal_x": 0.9,
        "focal_y": 0.9,
        "c_x": 0.0,
        "c_y": 0.01,
    }
    shots = {
        f"{name}.png": {"camera": "x", "rotation": [0.1, 0.0, 0.0], "translation": [0.1 * number, 0.0, 0.0]}
        for number, name in enumerate(NAMES)
    }
    points = {"7": {"coordinates": [0.0, 0.0, 4.0], "color": [10.0, 20.0, 255.0]}}
    return json.dumps([{"cameras": {"x": camera}, "shots": shots, "points": points}]).encode()


def _bundler() -> bytes:
    cameras = "".join(f"20 0.01 0\n1 0 0\n0 -1 0\n0 0 -1\n{0.1 * number} 0 0\n" for number in range(len(NAMES)))
    return f"# Bundle file v0.3\n{len(NAMES)} 1\n{cameras}0 0 4\n10 20 255\n2 0 5 1.5 -2.5 1 9 3 4\n".encode()


def _reality() -> bytes:
    header = "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2\n"
    return (
        header
        + "".join(f"{name}.png,1,2,{number},10,20,30,36,0,0,0.01,0,0,0,0,0\n" for number, name in enumerate(NAMES))
    ).encode()


def _trajectories() -> bytes:
    lines = "".join(f"{number}, cam, 1, 0, 0, 0, {0.1 * number}, 0, 0\n" for number in range(len(NAMES)))
    return f"# kapture format: 1.1\n{lines}".encode()


def _beside_trajectories() -> dict[str, bytes]:
    head = "# kapture format: 1.1\n"
    files = {
        "sensors": f"{head}cam, left, camera, PINHOLE, {W}, {H}, 20, 20, 12, 9\n",
        "records_camera": head + "".join(f"{number}, cam, cam/{name}.png\n" for number, name in enumerate(NAMES)),
    }
    texts = {f"sensors/{name}.txt": text.encode() for name, text in files.items()}
    return texts | {f"sensors/records_data/cam/{name}.png": picture("PNG") for name in NAMES}


PROGRAMS = (
    Parser("llff", "poses_bounds.npy", (_poses_bounds(),), load, photos, (*BIN_WORDS, b"'<f8'", b"'|O'")),
    Parser(
        "record3d",
        "metadata.json",
        (_record3d(),),
        load,
        lambda: {f"rgb/{index}.jpg": picture("JPEG") for index in range(len(NAMES))},
        JSON_WORDS,
    ),
    Parser(
        "polycam",
        "keyframes/cameras/1.json",
        (_polycam(),),
        load,
        lambda: {
            "keyframes/images/1.jpg": picture("JPEG"),
            "keyframes/images/2.jpg": picture("JPEG") + b"\0",
            "keyframes/cameras/2.json": _polycam(),
        },
        JSON_WORDS,
    ),
    Parser("metashape", "cameras.xml", (_metashape(),), load, photos, XML_WORDS),
    Parser("reality", "cameras.csv", (_reality(),), load, photos, (*TEXT_WORDS, b",")),
    Parser("opensfm", "reconstruction.json", (_opensfm(),), load, photos, JSON_WORDS),
    Parser(
        "bundler",
        "bundle.out",
        (_bundler(),),
        load,
        lambda: photos() | {"list.txt": b"a.png\nb.png\nc.png\n"},
        TEXT_WORDS,
    ),
    Parser("kapture", "sensors/trajectories.txt", (_trajectories(),), load, _beside_trajectories, TEXT_WORDS),
)
