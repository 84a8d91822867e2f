"""Metashape's cameras.xml (File > Export > Export Cameras)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from splat import console
from splat.capture.brown import Brown, brown_lens
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import UNPOSED, ListedPhoto, PhotoList, listed_capture, photo_places
from splat.capture.numbers import floats, number, sized_lens
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import nearest_rotation, viewmat_of_camera
from splat.capture.xml_file import read_xml
from splat.errors import SplatError
from splat.files import read_head

HEAD = 4096  # bytes in which it shows whose file it is
FISHEYES = ("fisheye", "equidistant_fisheye")
NAMES = ("f", "cx", "cy", "k1", "k2", "k3", "k4", "p1", "p2", "p3", "p4", "b1", "b2")  # zeros are left out of the file


@dataclass(frozen=True)
class _Similarity:
    """From a component's coordinates to those of the world: scale R x + t."""

    rotation: np.ndarray  # [3, 3]
    translation: np.ndarray  # [3]
    scale: float


def metashape_file(root: Path) -> Path | None:
    """The cameras.xml in a folder, whatever it is called, or None."""
    files = sorted(root.glob("*.xml"), key=lambda path: (path.name.lower() != "cameras.xml", path.name))
    return next((path for path in files if _is_metashape(path)), None)


def read_metashape(path: Path, options: CaptureOptions) -> ReaderResult:
    """Read a cameras.xml, or that of a folder; its world is the chunk's, at the chunk's scale.

    Raises:
        SplatError: no such file, a damaged one, a lens that no model here describes, or no aligned photo.
    """
    file = path if path.is_file() else metashape_file(path)
    if file is None:
        raise SplatError(f"{path} holds no cameras.xml of Metashape; export the cameras as XML")
    notes: list[str] = []
    chunk = _largest_chunk(read_xml(file), file, notes)
    cameras = _cameras(chunk)
    component = _largest_component(cameras, notes)
    world = _similarity(chunk, component, file)
    lenses: dict[str, tuple[Lens | None, str]] = {}
    off: dict[str, float] = {}
    sensors = {sensor.get("id", ""): sensor for sensor in chunk.iterfind("sensors//sensor")}
    photos = []
    for camera in cameras:
        where = f"camera {camera.get('label')} of {file}"
        reason = _unusable(camera, component)
        if reason:
            photos.append(ListedPhoto(camera.get("label", ""), None, None, reason))
            continue
        sensor_id = camera.get("sensor_id", "")
        if sensor_id not in lenses:
            lenses[sensor_id] = _lens(sensors.get(sensor_id), f"sensor {sensor_id} of {file}", notes, off)
        lens, reason = lenses[sensor_id]
        photos.append(ListedPhoto(camera.get("label", ""), _viewmat(camera, world, where), lens, reason or UNPOSED))
    root = file.parent
    listed = PhotoList("metashape", file, photos, photo_places(root, root.parent), notes=notes, off=off)
    return listed_capture(root, listed, options)


def _is_metashape(path: Path) -> bool:
    head = read_head(path, HEAD)
    return "<document" in head and "<chunk" in head


def _cameras(chunk: Element) -> list[Element]:
    """All cameras, those in groups too."""
    return list(chunk.iterfind("cameras//camera"))


def _is_placed(camera: Element) -> bool:
    return camera.find("transform") is not None


def _largest_chunk(document: Element, file: Path, notes: list[str]) -> Element:
    """The chunk with the most aligned cameras; others are noted."""
    chunks = document.findall("chunk") or list(document.iter("chunk"))
    if not chunks:
        raise SplatError(f"{file} has no chunk; it is no cameras.xml of Metashape")
    best = max(chunks, key=lambda chunk: sum(map(_is_placed, _cameras(chunk))))
    if len(chunks) > 1:
        notes.append(f"{file.name} holds {len(chunks)} chunks; {best.get('label')}, which has most photos, is used")
        console.warn(notes[-1])
    return best


def _largest_component(cameras: list[Element], notes: list[str]) -> str:
    """The component with the most aligned cameras: each has coordinates of its own."""
    sizes = Counter(camera.get("component_id", "") for camera in cameras if _is_placed(camera))
    best = max(sizes, key=lambda name: sizes[name], default="")
    if len(sizes) > 1:
        notes.append(f"the photos lie in {len(sizes)} components, which do not fit together; the largest is used")
    return best


def _unusable(camera: Element, component: str) -> str:
    """Why a camera cannot be used; empty where it can."""
    if camera.get("enabled", "true").lower() in ("false", "0"):
        return "disabled in Metashape"
    if not _is_placed(camera):
        return "of a rig's further cameras, which are not read," if camera.get("master_id") else UNPOSED
    return "" if camera.get("component_id", "") == component else "of another component"


def _similarity(chunk: Element, component: str, file: Path) -> _Similarity:
    """The component's place in the world, else the chunk's, else none."""
    own = next((found for found in chunk.iterfind("components/component") if found.get("id") == component), None)
    places = (own.find("transform") if own is not None else None, chunk.find("transform"))
    place = next((found for found in places if found is not None), None)
    if place is None:
        return _Similarity(np.eye(3), np.zeros(3), 1.0)
    where = f"the transform of {file}"
    rotation = floats(place.findtext("rotation") or "1 0 0 0 1 0 0 0 1", 9, where).reshape(3, 3)
    translation = floats(place.findtext("translation") or "0 0 0", 3, where)
    scale = number({"scale": place.findtext("scale")}, "scale", where, 1.0)
    turned = nearest_rotation(rotation)
    if turned is None or not np.isfinite(translation).all() or not scale > 0:
        raise SplatError(f"{where} is no similarity; fix the file or export it again")
    return _Similarity(turned, translation, scale)


def _viewmat(camera: Element, world: _Similarity, where: str) -> np.ndarray | None:
    """From a camera-to-chunk matrix with OpenCV's axes."""
    matrix = floats(camera.findtext("transform") or "", 16, f"the transform of {where}").reshape(4, 4)
    centre = world.scale * world.rotation @ matrix[:3, 3] + world.translation
    return viewmat_of_camera(world.rotation @ matrix[:3, :3], centre)


def _lens(sensor: Element | None, where: str, notes: list[str], off: dict[str, float]) -> tuple[Lens | None, str]:
    """The lens of a sensor; None and the reason where its photos cannot be used."""
    calibrations = [] if sensor is None else sensor.findall("calibration")
    best = next((found for found in calibrations if found.get("class") == "adjusted"), None)
    if best is None and calibrations:
        best = calibrations[0]
        notes.append(f"{where} has no adjusted calibration; its {best.get('class') or 'only'} one is used")
        console.warn(notes[-1])
    if sensor is None or best is None:
        return None, "of a sensor without calibration"
    kind = best.get("type") or sensor.get("type") or "frame"
    if kind != "frame" and kind not in FISHEYES:
        return None, f"of a {kind[:40]} camera, which cannot be read: export undistorted photos,"
    resolution = best.find("resolution")
    size = resolution if resolution is not None else sensor.find("resolution")
    if size is None:
        raise SplatError(f"{where} has no resolution; export it again")
    width, height = number(size.attrib, "width", where), number(size.attrib, "height", where)
    values = {name: number({name: best.findtext(name)}, name, where, None if name == "f" else 0.0) for name in NAMES}
    if kind == "frame":
        return brown_lens(_brown(values, width, height), where, off), ""
    return _fisheye(values, width, height, where), ""


def _brown(values: dict[str, float], width: float, height: float) -> Brown:
    f = values["f"]
    return Brown(
        width,
        height,
        fx=f + values["b1"],
        fy=f,
        cx=width / 2 + values["cx"],
        cy=height / 2 + values["cy"],
        k1=values["k1"],
        k2=values["k2"],
        k3=values["k3"],
        k4=values["k4"],
        p1=values["p2"],  # Metashape's P1 is OpenCV's p2
        p2=values["p1"],
        skew=values["b2"],
        p3=values["p3"],
        p4=values["p4"],
    )


def _fisheye(values: dict[str, float], width: float, height: float, where: str) -> Lens:
    """The equidistant model: the same polynomial of the angle instead of the radius."""
    if has := " and ".join(name for name in ("b2", "p3", "p4") if values[name]):
        raise SplatError(f"{where} is a fisheye with {has}, which no lens model has; calibrate without {has}")
    f = values["f"]
    K = (f + values["b1"], f, width / 2 + values["cx"], height / 2 + values["cy"])
    k1, k2, k3, k4 = (values[name] for name in ("k1", "k2", "k3", "k4"))
    if values["p1"] or values["p2"]:
        params = (*K, k1, k2, values["p2"], values["p1"], k3, k4, 0.0, 0.0)
        return sized_lens("THIN_PRISM_FISHEYE", params, width, height, where)
    return sized_lens("OPENCV_FISHEYE", (*K, k1, k2, k3, k4), width, height, where)
