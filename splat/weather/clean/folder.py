"""The new capture folder: pictures, masks and the capture's own cameras, written beside its place, then moved there."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splat.capture.colmap.choice import model_folder
from splat.capture.colmap.write import write_colmap
from splat.capture.names import find_file, located, printable
from splat.capture.photo import read_photo
from splat.capture.split import LIST, write_list
from splat.capture.suffixes import CAMERA_SUFFIXES
from splat.errors import SplatError
from splat.files import read_json, save_image, write_json
from splat.temporary import temporary_folder
from splat.weather.clean.source import Source, SourcePhoto

TRANSFORMS = ("transforms.json", "transforms_train.json", "transforms_test.json", "transforms_val.json")
MODEL_FILES = (".bin", ".txt")
FILES_OF_FRAMES = ("depth_file_path", "depth_path", "normal_file_path")
SPLIT_LISTS = ("train_filenames", "test_filenames", "val_filenames")
COPY_QUALITY = 97  # of JPEGs in whose pixels nothing is changed
_EXIF_ORIENTATION = 0x0112
EXIF_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")


def default_folder(data: Path) -> Path:
    """DATA-clean beside DATA."""
    data = data.resolve()
    return data.with_name(f"{data.stem if data.is_file() else data.name}-clean")


def require_free(out: Path, data: Path) -> None:
    """Refuse a folder that is taken, or that lies in the capture.

    Raises:
        SplatError: with another way out.
    """
    if out.exists() and (out.is_file() or any(out.iterdir())):
        raise SplatError(f"{out} exists already and stays as it is; choose another folder with out=, or remove it")
    inside = data.resolve() if data.is_dir() else data.resolve().parent
    if data.is_dir() and (out.resolve() == inside or inside in out.resolve().parents):
        raise SplatError(f"{out} lies inside the capture, which is never written to; choose another folder with out=")


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to write into that becomes `out` at the end; nothing is left of it when something fails."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(out.parent) as scratch:
            partial = scratch / out.name
            partial.mkdir()
            yield partial
            if out.exists():
                out.rmdir()  # empty, or it would have been refused
            partial.rename(out)
    except OSError as error:
        raise SplatError(f"cannot write {out}: {error.strerror}; free some space or choose another out=") from error


def copy_photo(photo: SourcePhoto, folder: Path) -> None:
    """The photo byte for byte; of HEIC and raw photos the pixels, as JPEG."""
    if photo.path.suffix.lower() in CAMERA_SUFFIXES:
        write_photo(photo, read_photo(photo.path), folder, COPY_QUALITY)
        return
    target = folder / photo.target
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (target.exists() and target.samefile(photo.path)):  # a video's frames are there already
        shutil.copyfile(photo.path, target)


def write_photo(photo: SourcePhoto, pixels: np.ndarray, folder: Path, quality: int) -> None:
    """Restored pixels [H, W, 3 or 4] uint8, as stored, in the photo's own format and with its EXIF data and profile."""
    target = folder / photo.target
    target.parent.mkdir(parents=True, exist_ok=True)
    if photo.path.suffix.lower() in CAMERA_SUFFIXES:
        turn = Image.Exif()
        turn[_EXIF_ORIENTATION] = photo.header.orientation
        kind, exif, profile, own = "JPEG", turn.tobytes(), None, False
    else:
        with Image.open(photo.path) as original:
            kind = original.format or "PNG"
            exif, profile = original.getexif().tobytes(), original.info.get("icc_profile")
            own = original.mode in ("RGB", "RGBA", "P")  # profiles of grey and CMYK photos do not fit what is written
    kind = "JPEG" if kind == "MPO" else kind  # several pictures in one file: the first is the photo
    options: dict[str, Any] = {"icc_profile": profile} if profile and own and kind != "BMP" else {}
    if exif and kind in EXIF_FORMATS:
        options["exif"] = exif
    if kind == "JPEG":
        options |= {"quality": quality, "subsampling": 0}
        pixels = pixels[..., :3]
    elif kind == "WEBP":
        options |= {"lossless": True}
    target.unlink(missing_ok=True)
    save_image(target, Image.fromarray(np.ascontiguousarray(pixels)), kind, **options)


def write_mask(photo: SourcePhoto, mask: np.ndarray, folder: Path) -> None:
    """A mask [H, W] bool as stored, True where the pixel counts: white is kept, black is ignored."""
    target = folder / photo.mask_target
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0))).save(target, format="PNG")


def copy_cameras(source: Source, folder: Path) -> None:
    """The cameras: the COLMAP model, transforms files with the new names, or a COLMAP model of those of other kinds."""
    if source.posed and source.written_as != source.kind:
        write_colmap(folder / "sparse" / "0", source.shots, source.points)
    elif source.kind == "colmap":
        model = model_folder(source.root)
        assert model is not None  # its reader has found it
        (folder / "sparse" / "0").mkdir(parents=True)
        for file in sorted(model.iterdir()):
            if file.suffix in MODEL_FILES and file.is_file():
                shutil.copyfile(file, folder / "sparse" / "0" / file.name)
    elif source.kind in ("transforms", "blender"):
        names = {photo.name: photo.target for photo in source.photos}
        own = source.path if source.path.is_file() else None
        files = [own] if own else [source.root / name for name in TRANSFORMS]
        for file in files:
            if file.is_file():
                meta = _renamed(read_json(file), source.root, folder, names)
                write_json(folder / ("transforms.json" if own else file.name), meta)


def keep_split(source: Source, folder: Path) -> str:
    """Let the new capture say itself which photos are held out, so that no later training takes them; returns where.

    The others are changed without them: counted anew, say with another `test_every`, both would be mixed.
    """
    if source.kind == "blender":
        return "transforms_test.json"
    if source.kind == "transforms":
        meta = read_json(folder / "transforms.json")
        if not any(meta.get(key) for key in SPLIT_LISTS):  # the split may be counted, or stand in another file
            sides = {photo.target: photo.split for photo in source.photos}
            sides |= {photo.called: photo.split for photo in source.photos}
            names = [entry["file_path"] for entry in meta["frames"]]
            lists = {side: [name for name in names if sides.get(name) == side] for side in ("train", "test")}
            write_json(folder / "transforms.json", {**meta, **{f"{side}_filenames": lists[side] for side in lists}})
        return "transforms.json"
    file = folder / ("sparse/0" if source.written_as == "colmap" else ".") / LIST
    write_list(file, [photo.called or photo.name for photo in source.side("test")])
    return file.relative_to(folder).as_posix()


def _renamed(meta: dict[str, Any], root: Path, folder: Path, names: dict[str, str]) -> dict[str, Any]:
    """A transforms file whose names are those of the new folder; files that it names beside photos are copied."""

    def renamed(text: str) -> str:
        name = printable(located(root, text)[0])
        target = names.get(name, text)
        return name if target.rpartition(".")[0] == name else target  # Blender's files leave the suffix out

    def carried(text: str) -> str:
        name = located(root, text, find_file)[0]
        inside = not Path(name).is_absolute() and ".." not in Path(name).parts
        if (root / name).is_file() and inside:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, folder / name)
            return name
        return str((root / name).resolve()) if (root / name).is_file() else text

    frames = []
    for entry in meta["frames"]:
        entry = {key: value for key, value in entry.items() if key != "mask_path"}  # masks/ has them all
        for key in FILES_OF_FRAMES:
            if isinstance(entry.get(key), str):
                entry[key] = carried(entry[key])
        frames.append({**entry, "file_path": renamed(entry["file_path"])})
    result = {**meta, "frames": frames}
    if isinstance(meta.get("ply_file_path"), str):
        result["ply_file_path"] = carried(meta["ply_file_path"])
    for key in SPLIT_LISTS:
        if isinstance(meta.get(key), list):
            result[key] = [renamed(name) for name in meta[key]]
    return result
