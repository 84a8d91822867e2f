"""RealityCapture's and RealityScan's XMP files beside the photos: one for each, with its camera."""

from __future__ import annotations

import functools
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from splat.capture.brown import Brown, brown_lens
from splat.capture.config import CaptureOptions
from splat.capture.lens import Lens
from splat.capture.listed import UNPOSED, ListedPhoto, PhotoList, listed_capture, photo_places
from splat.capture.names import printable
from splat.capture.numbers import floats, number
from splat.capture.reader_result import ReaderResult
from splat.capture.rigid import viewmat_of_camera
from splat.capture.walk import files_in
from splat.capture.xml_file import read_xml
from splat.errors import SplatError

NAMESPACE = "http://www.capturingreality.com/ns/xcr/1.1#"
FILM = 36.0  # millimetres that the longer side of an image stands for
MODELS = ("perspective", "brown3", "brown4", "brown3t2", "brown4t2")


def xmp_folder(root: Path) -> Path | None:
    """The folder of photos, at or below `root`, beside which such files with poses lie, or None."""
    return next((folder for folder in photo_places(root) if any(map(_has_pose, _files(folder)))), None)


def read_reality_xmp(root: Path, options: CaptureOptions) -> ReaderResult:
    """Read the XMP files beside the photos of a folder.

    Raises:
        SplatError: there are none with a pose, or one is damaged.
    """
    folder = xmp_folder(root)
    if folder is None:
        raise SplatError(f"{root} holds no XMP files of RealityCapture with poses; export them from the alignment")
    files = [file for file in _files(folder) if _is_reality(file)]
    off: dict[str, float] = {}
    photos = [_photo(file, off) for file in files]
    notes = [f"cameras of {len(files)} XMP files beside the photos"]
    return listed_capture(root, PhotoList("realitycapture", folder, photos, [folder], notes=notes, off=off), options)


def _files(folder: Path) -> list[Path]:
    return files_in(folder, (".xmp",))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _is_reality(file: Path) -> bool:
    """Not one of a raw developer's, which lie beside photos too."""
    return NAMESPACE.encode() in _content(file)


def _has_pose(file: Path) -> bool:
    content = _content(file)
    return NAMESPACE.encode() in content and b"Rotation" in content


def _photo(file: Path, off: dict[str, float]) -> ListedPhoto:
    values = _values(read_xml(file))
    if "Rotation" not in values or "Position" not in values:
        return ListedPhoto(file.stem, None, None, UNPOSED)
    rotation = floats(values["Rotation"], 9, f"Rotation of {file}").reshape(3, 3)  # from the world, OpenCV's axes
    viewmat = viewmat_of_camera(rotation.T, floats(values["Position"], 3, f"Position of {file}"))
    model = values.get("DistortionModel", "brown3")
    if model not in MODELS:
        return ListedPhoto(
            file.stem, None, None, f"with a lens of the model {printable(model)[:40]}, which is not read,"
        )
    if number(values, "Skew", str(file), 0.0) or number(values, "AspectRatio", str(file), 1.0) != 1.0:
        return ListedPhoto(file.stem, None, None, "with skew or an aspect ratio, which are not read,")
    return ListedPhoto(file.stem, viewmat, functools.partial(_lens, values, str(file), off))


def _values(root: Element) -> dict[str, str]:
    """What the file says, by name: as attributes or as elements."""
    prefix = f"{{{NAMESPACE}}}"
    found: dict[str, str] = {}
    for element in root.iter():
        found |= {name[len(prefix) :]: text for name, text in element.attrib.items() if name.startswith(prefix)}
        if element.tag.startswith(prefix):
            found[element.tag[len(prefix) :]] = element.text or ""
    return found


def _lens(values: dict[str, str], where: str, off: dict[str, float], width: int, height: int) -> Lens:
    """The lens for a photo of that size in pixels."""
    side = max(width, height)
    f = number(values, "FocalLength35mm", where) * side / FILM
    cx = number(values, "PrincipalPointU", where, 0.0) * side + width / 2
    cy = number(values, "PrincipalPointV", where, 0.0) * side + height / 2
    listed = values.get("DistortionCoeficients") or "0 0 0 0 0 0"  # its own spelling
    k1, k2, k3, k4, t1, t2 = np.array(floats(listed, 6, f"DistortionCoeficients of {where}")).tolist()
    return brown_lens(Brown(width, height, f, f, cx, cy, k1, k2, k3, k4, p1=t2, p2=t1), where, off)
