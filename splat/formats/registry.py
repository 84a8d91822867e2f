"""The table of scene formats, and reading and writing through it."""

from __future__ import annotations

import dataclasses
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat.errors import SplatError
from splat.files import atomic_path
from splat.formats.scene_file import NO_NOTES, Notes, SceneFile

if TYPE_CHECKING:
    from splat.gaussians import Gaussians


@dataclass(frozen=True)
class Format:
    """One kind of scene file. Its module is imported on first use, so that `splat --help` stays quick."""

    name: str
    suffixes: tuple[str, ...]  # with the dot, lower case
    description: str
    module: str  # has read(path) -> SceneFile and, where `writable`, write(path, gaussians, notes)
    writable: bool = False

    def read(self, path: Path) -> SceneFile:
        """The file as it is, rows with non-finite values included; see `read_scene`."""
        return importlib.import_module(self.module).read(Path(path))

    def write(self, path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
        """Write to `path` directly; see `write_scene` for the atomic way.

        Raises:
            SplatError: when the format is only read.
        """
        if not self.writable:
            raise SplatError(f"{self.name} files are only read; write one of {_names(writable=True)}")
        importlib.import_module(self.module).write(Path(path), gaussians, notes)


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "ply",
            (".ply",),
            "standard 3DGS attributes, float32, every viewer reads it",
            "splat.formats.ply",
            writable=True,
        ),
        Format(
            "compressed-ply",
            (".compressed.ply",),
            "PlayCanvas/SuperSplat compressed PLY, chunks of 256, about 16 bytes a Gaussian",
            "splat.formats.compressed_ply",
        ),
        Format(
            "splat",
            (".splat",),
            "antimatter15 web viewer, 32 bytes a Gaussian, no directional colour",
            "splat.formats.splat32",
            writable=True,
        ),
        Format("spz", (".spz",), "Niantic/Scaniverse SPZ, versions 2, 3 and (with zstandard) 4", "splat.formats.spz"),
    )
}

# Recognised so that the message can name them; converting is the other program's job.
_FOREIGN = {
    ".ksplat": "a KSPLAT file (GaussianSplats3D)",
    ".sog": "a SOG bundle (PlayCanvas)",
    ".glb": "a glTF file",
    ".gltf": "a glTF file",
    ".lcc": "an LCC scene (XGRIDS)",
    ".pt": "a PyTorch checkpoint",
    ".pth": "a PyTorch checkpoint",
    ".ckpt": "a PyTorch checkpoint",
}


def _names(writable: bool = False) -> str:
    return ", ".join(name for name, entry in FORMATS.items() if entry.writable or not writable)


def detect_format(path: str | Path) -> Format:
    """The format of an existing file, by its first bytes where they tell, else by its suffix.

    Raises:
        SplatError: when the file is missing, a folder, or of a kind that is not read.
    """
    path = Path(path)
    if path.is_dir():
        kind = "a SOG folder (PlayCanvas)" if (path / "meta.json").exists() else "a folder"
        raise SplatError(f"{path} is {kind}, not a scene file that is read here; give one of {_names()}")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error
    if not start:
        raise SplatError(f"{path} is empty; export or train it again")
    if start[:3] == b"ply":
        from splat.formats.ply_file import read_header

        return FORMATS["compressed-ply" if "chunk" in read_header(path).elements else "ply"]
    suffix = path.suffix.lower()
    if start == b"NGSP" or (start[:2] == b"\x1f\x8b" and suffix == ".spz"):
        return FORMATS["spz"]
    if suffix == ".splat":
        return FORMATS["splat"]
    if suffix == ".ply" or suffix == ".spz":
        raise SplatError(f"{path} does not start as a {suffix} file does; it may be damaged or wrongly named")
    kind = _FOREIGN.get(suffix, "of a kind that is not known here")
    raise SplatError(f"{path} is {kind}, which is not read; convert it to one of {_names()}")


def read_scene(path: str | Path) -> Gaussians:
    """The Gaussians of `read_scene_file`."""
    return read_scene_file(path).gaussians


def read_scene_file(path: str | Path) -> SceneFile:
    """Read a scene file of any known format.

    Rows with NaN or infinite values are dropped with one warning that counts them; infinite opacity logits and scales
    of exactly zero, which other programs write for saturated or flat Gaussians, are kept as the nearest finite value.
    Coordinates of 64 bits that 32 cannot hold lose an origin, which the notes name. What of the file is not used, and
    what was changed, is said once.

    Returns:
        Gaussians (float32, CPU) in the frame of the file; SPZ, which is y up, comes turned into the y-down frame of
        PLY. And what the file says beside them.

    Raises:
        SplatError: when the file is missing, damaged, or no Gaussian scene (the message says what it is).
    """
    from splat.console import info, warn
    from splat.formats.common import drop_unusable

    raw = detect_format(path).read(Path(path))
    gaussians, dropped = drop_unusable(raw.gaussians)
    if dropped:
        warn(f"{path}: dropped {dropped} of {len(raw.gaussians)} Gaussians with NaN or infinite values")
    for remark in raw.remarks:
        warn(f"{path}: {remark}")
    if raw.unused:
        info(f"{path}: not used: {'; '.join(raw.unused)}")
    return dataclasses.replace(raw, gaussians=gaussians)


def format_for_writing(path: str | Path, format: str | None = None) -> Format:
    """The format that `write_scene` picks: the named one, else the one of the suffix.

    Raises:
        SplatError: when the name or suffix is unknown, the suffix is another format's, or the format is only read.
    """
    name = Path(path).name.lower()
    matches = [entry for entry in FORMATS.values() if name.endswith(entry.suffixes)]
    named = max(matches, key=lambda match: max(len(s) for s in match.suffixes if name.endswith(s)), default=None)
    if format is not None:
        if format not in FORMATS:
            raise SplatError(f"unknown scene format '{format}'; choose one of {_names(writable=True)}")
        entry = FORMATS[format]
        if named not in (None, entry) or Path(name).suffix in _FOREIGN:
            raise SplatError(
                f"{name} is named as another kind of file, which readers would take it for; a {format} file ends in "
                f"{' or '.join(entry.suffixes)}"
            )
    elif named is None:
        raise SplatError(f"cannot tell a scene format from the name {name}; end it in .ply or .splat")
    else:
        entry = named
    if not entry.writable:
        raise SplatError(f"{entry.name} files are only read; write one of {_names(writable=True)}")
    return entry


def write_scene(path: str | Path, gaussians: Gaussians, format: str | None = None, notes: Notes = NO_NOTES) -> None:
    """Write a scene atomically: the file is complete or it is not there.

    Args:
        path: file to write; its suffix picks the format unless `format` does.
        gaussians: on any device.
        format: a name in `FORMATS`.
        notes: how the scene is to be drawn and placed; formats without room for that lose it, see `losses`.

    Raises:
        SplatError: when the format is unknown or only read, or the disk refuses.
    """
    entry = format_for_writing(path, format)
    with atomic_path(path) as temporary:
        entry.write(temporary, gaussians, notes)
