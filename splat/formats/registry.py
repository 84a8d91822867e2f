"""The table of file formats, and reading and writing through it. A new format is a module and a row of the table."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from splat.console import info, warn
from splat.errors import SplatError
from splat.files import atomic_path
from splat.formats.scene_file import NO_NOTES, Notes, SceneFile

if TYPE_CHECKING:
    from splat.formats.mesh import Surface
    from splat.formats.points import PointCloud
    from splat.gaussians import Gaussians

Content = Literal["scene", "mesh", "points"]


def _never(start: bytes, path: Path) -> bool:
    return False


def _ply_has_chunks(path: Path) -> bool:
    from splat.formats.ply_file import read_header  # numpy

    return "chunk" in read_header(path).elements


def _is_ply(start: bytes, path: Path) -> bool:
    return start[:3] == b"ply" and not _ply_has_chunks(path)


def _is_compressed_ply(start: bytes, path: Path) -> bool:
    return start[:3] == b"ply" and _ply_has_chunks(path)


def _is_splat(start: bytes, path: Path) -> bool:
    return path.suffix.lower() == ".splat"  # nothing in the file tells


def _is_spz(start: bytes, path: Path) -> bool:
    return start == b"NGSP" or (start[:2] == b"\x1f\x8b" and path.suffix.lower() == ".spz")


def _is_glb(start: bytes, path: Path) -> bool:
    return start == b"glTF"


def _is_gltf(start: bytes, path: Path) -> bool:
    return path.suffix.lower() == ".gltf"


def _is_ksplat(start: bytes, path: Path) -> bool:
    return path.suffix.lower() == ".ksplat"  # a version number of two bytes is all that the file begins with


def _is_sog(start: bytes, path: Path) -> bool:
    zipped = start == b"PK\3\4" and path.suffix.lower() == ".sog"
    return zipped or (path.name.lower().endswith("meta.json") and _is_sog_meta(path))


def _is_sog_folder(path: Path) -> bool:
    return (path / "lod-meta.json").is_file() or ((path / "meta.json").is_file() and _is_sog_meta(path / "meta.json"))


def _is_sog_meta(path: Path) -> bool:
    """Whether a JSON file is one of SOG; damaged ones are, so that the reader says what is wrong."""
    with path.open("rb") as file:
        return path.name.lower() == "lod-meta.json" or b'"means"' in file.read(1 << 16)


def _no_folder(path: Path) -> bool:
    return False


def _is_usd(start: bytes, path: Path) -> bool:
    return path.suffix.lower() in (".usd", ".usda", ".usdc", ".usdz")  # OpenUSD goes by the suffix


@dataclass(frozen=True)
class Format:
    """One kind of file. Its module is imported on first use, so that `splat --help` stays quick."""

    name: str
    suffixes: tuple[str, ...]  # with the dot, lower case
    description: str
    # Has read(path) -> SceneFile, where `readable` and of all scenes that are written, to see what is left of them;
    # where `writable` write(path, content, notes), and the version where there are `versions`, and of a scene
    # lost(gaussians) -> list[str], what the file cannot say of them.
    module: str
    recognises: Callable[[bytes, Path], bool] = _never  # whether a file is of this kind, by its first four bytes
    recognises_folder: Callable[[Path], bool] = _no_folder
    readable: bool = True
    writable: bool = False
    says_antialiased: str = ""  # how the file says that the scene is drawn antialiased; empty where it cannot
    names_origin: str = ""  # how it names an origin; empty where it cannot
    y_up: bool = False  # the file's axes; what is read comes y down, whichever way was up before
    shows: bool = False  # the file shows the scene itself, drawn as its notes say and upright
    versions: tuple[int, ...] = ()  # that are written, the usual one first
    content: Content = "scene"

    def read(self, path: Path) -> SceneFile:
        """The file as it is, rows with non-finite values included; see `read_scene`."""
        return importlib.import_module(self.module).read(Path(path))

    def lost(self, gaussians: Gaussians) -> list[str]:
        """Lines for people about what the file cannot say of the Gaussians."""
        return importlib.import_module(self.module).lost(gaussians)

    def write(
        self,
        path: Path,
        content: Gaussians | Surface | PointCloud,
        notes: Notes = NO_NOTES,
        version: int | None = None,
    ) -> None:
        """Write to `path` directly; see `write_scene` for the atomic way.

        Raises:
            SplatError: when the format is only read, or has no such version.
        """
        if not self.writable:
            raise SplatError(f"{self.name} files are only read; write one of {_names(writable=True)}")
        module, version = importlib.import_module(self.module), self.version_to_write(version)
        module.write(Path(path), content, notes, *(() if version is None else (version,)))

    def version_to_write(self, version: int | None) -> int | None:
        """The version that a file gets: the named one, else the usual one; None where the format has none.

        Raises:
            SplatError: when it has no such version; the line lists those that it has.
        """
        if version is None:
            return self.versions[0] if self.versions else None
        if not self.versions:
            listed = ", ".join(
                f"{entry.name} ({', '.join(map(str, sorted(entry.versions)))})"
                for entry in FORMATS.values()
                if entry.versions
            )
            raise SplatError(f"{self.name} files have no versions to choose from; version= is for {listed}")
        if version not in self.versions:
            listed = ", ".join(map(str, sorted(self.versions)))
            raise SplatError(f"{self.name} version {version} is not written; choose one of {listed}")
        return version


FORMATS: dict[str, Format] = {
    entry.name: entry
    for entry in (
        Format(
            "ply",
            (".ply",),
            "standard 3DGS attributes, float32, every viewer reads it",
            "splat.formats.ply",
            _is_ply,
            writable=True,
            says_antialiased="the header says so (SplatRenderMode: mip)",
            names_origin="the header names it",
        ),
        Format(
            "compressed-ply",
            (".compressed.ply",),
            "PlayCanvas/SuperSplat compressed PLY, chunks of 256, about 16 bytes a Gaussian",
            "splat.formats.compressed_ply",
            _is_compressed_ply,
            writable=True,
            says_antialiased="the header says so (SplatRenderMode: mip)",
            names_origin="the header names it",
        ),
        Format(
            "splat",
            (".splat",),
            "antimatter15 web viewer, 32 bytes a Gaussian, no directional colour",
            "splat.formats.splat32",
            _is_splat,
            writable=True,
        ),
        Format(
            "spz",
            (".spz",),
            "Niantic/Scaniverse SPZ, about 15 to 20 bytes a Gaussian; versions 1 to 4 are read",
            "splat.formats.spz",
            _is_spz,
            writable=True,
            says_antialiased="the file says so",
            y_up=True,
            # Version 4 is what the SPZ library, splat-transform, PlayCanvas (which takes nothing older), Babylon.js,
            # three.js, gsply and gaussforge read; viewers that take only gzip streams need version=3.
            versions=(4, 3, 2),
        ),
        Format(
            "glb",
            (".glb",),
            "binary glTF with KHR_gaussian_splatting, float32, y up",
            "splat.formats.gltf",
            _is_glb,
            writable=True,
            says_antialiased="asset.extras say so",
            names_origin="asset.extras name it",
            y_up=True,
        ),
        Format(
            "gltf",
            (".gltf",),
            "glTF with KHR_gaussian_splatting, its arrays in the file or beside it",
            "splat.formats.gltf",
            _is_gltf,
        ),
        Format(
            "ksplat",
            (".ksplat",),
            "GaussianSplats3D web viewer, 24 bytes a Gaussian, directional colour up to degree 2",
            "splat.formats.ksplat",
            _is_ksplat,
            writable=True,
        ),
        Format(
            "sog",
            (".sog",),
            "PlayCanvas/SuperSplat SOG, pictures of bytes in a ZIP, about 15 bytes a Gaussian",
            "splat.formats.sog",
            _is_sog,
            _is_sog_folder,
            writable=True,
            says_antialiased="meta.json says so (model: antialiased)",
            names_origin="meta.json names it, where other programs do not look (extras)",
        ),
        Format(
            "usd",
            (".usd", ".usda", ".usdc", ".usdz"),
            "OpenUSD ParticleField3DGaussianSplat, float32, y up (with usd-core)",
            "splat.formats.usd",
            _is_usd,
            writable=True,
            says_antialiased="customLayerData say so",
            names_origin="customLayerData name it",
            y_up=True,
        ),
        Format(
            "html",
            (".html",),
            "one page that opens from disk and lets people walk through the scene: SOG and a viewer",
            "splat.formats.html",
            readable=False,
            writable=True,
            names_origin="the scene inside names it",
            y_up=True,
            shows=True,
        ),
        Format(
            "mesh",
            (".ply", ".obj", ".glb", ".stl", ".off"),
            "the surface of a run as a coloured triangle mesh",
            "splat.formats.mesh",
            readable=False,
            writable=True,
            content="mesh",
        ),
        Format(
            "points",
            (".ply",),
            "a coloured point cloud with normals, one point a Gaussian",
            "splat.formats.points",
            readable=False,
            writable=True,
            content="points",
        ),
    )
}

# Recognised so that the message can name them; converting is the other program's job.
_FOREIGN = {
    ".lcc": "an LCC scene (XGRIDS)",
    ".pt": "a PyTorch checkpoint",
    ".pth": "a PyTorch checkpoint",
    ".ckpt": "a PyTorch checkpoint",
}


def _scenes(writable: bool = False) -> list[Format]:
    """The formats of scenes that are read, or written."""
    scenes = [entry for entry in FORMATS.values() if entry.content == "scene"]
    return [entry for entry in scenes if (entry.writable if writable else entry.readable)]


def _names(writable: bool = False) -> str:
    return ", ".join(entry.name for entry in _scenes(writable))


def is_scene_folder(path: str | Path) -> bool:
    """Whether a folder is a scene itself: one of SOG, with its `meta.json`."""
    path = Path(path)
    return path.is_dir() and any(entry.recognises_folder(path) for entry in FORMATS.values())


def is_scene_meta(path: str | Path) -> bool:
    """Whether a path is the JSON file of a scene folder."""
    path = Path(path)
    return path.suffix.lower() == ".json" and path.is_file() and _is_sog(b"", path)


def is_run_folder(path: str | Path) -> bool:
    """Whether a path is a folder that can only be a run's."""
    return Path(path).is_dir() and not is_scene_folder(path)


def detect_format(path: str | Path) -> Format:
    """The format of an existing file, by its first bytes where they tell, else by its suffix; or of a SOG folder.

    Raises:
        SplatError: when the file is missing, another folder, or of a kind that is not read.
    """
    path = Path(path)
    if path.is_dir():
        if entry := next((entry for entry in FORMATS.values() if entry.recognises_folder(path)), None):
            return entry
        raise SplatError(f"{path} is a folder, not a scene file that is read here; give one of {_names()}")
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise SplatError(f"cannot read {path}: {error.strerror}") from error
    if not start:
        raise SplatError(f"{path} is empty; export or train it again")
    if entry := next((entry for entry in FORMATS.values() if entry.recognises(start, path)), None):
        return entry
    suffix = path.suffix.lower()
    if any(suffix in entry.suffixes for entry in _scenes()):
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
    from splat.formats.common import drop_unusable  # torch

    raw = detect_format(path).read(Path(path))
    gaussians, dropped = drop_unusable(raw.gaussians)
    if dropped:
        warn(f"{path}: dropped {dropped} of {len(raw.gaussians)} Gaussians with NaN or infinite values")
    for remark in raw.remarks:
        warn(f"{path}: {remark}")
    if raw.unused:
        info(f"{path}: not used: {'; '.join(raw.unused)}")
    return dataclasses.replace(raw, gaussians=gaussians)


def format_for_writing(
    path: str | Path, format: str | None = None, contents: tuple[Content, ...] = ("scene",)
) -> Format:
    """The format that a file gets: the named one, else that of the suffix among the formats of scenes.

    Args:
        path: the file.
        format: a name in `FORMATS`, or None.
        contents: what there is to write.

    Raises:
        SplatError: when the name or suffix is unknown, the suffix is another format's, or the format is only read.
    """
    name = Path(path).name.lower()
    matches = [entry for entry in FORMATS.values() if entry.content == "scene" and name.endswith(entry.suffixes)]
    named = max(matches, key=lambda match: max(len(s) for s in match.suffixes if name.endswith(s)), default=None)
    if format is not None:
        entry = FORMATS.get(format)
        if entry is None or entry.content not in contents:
            raise SplatError(f"unknown scene format '{format}'; choose one of {_names(writable=True)}")
        if entry.content != "scene":
            if not name.endswith(entry.suffixes):
                kind = "mesh" if entry.content == "mesh" else "point cloud"
                raise SplatError(f"{Path(path).name} is no {kind} file; end it in {', '.join(entry.suffixes)}")
        elif named not in (None, entry) or Path(name).suffix in _FOREIGN:
            raise SplatError(
                f"{name} is named as another kind of file, which readers would take it for; a {format} file ends in "
                f"{' or '.join(entry.suffixes)}"
            )
    elif named is None:
        if name.endswith(FORMATS["mesh"].suffixes) and "mesh" in contents:
            raise SplatError(
                f"{Path(path).name} has the name of a mesh; format=mesh writes the surface of a run as one"
            )
        endings = " or ".join(suffix for entry in _scenes(writable=True) for suffix in entry.suffixes)
        raise SplatError(f"cannot tell a scene format from the name {name}; end it in {endings}")
    else:
        entry = named
    if not entry.writable:
        raise SplatError(f"{entry.name} files are only read; write one of {_names(writable=True)}")
    return entry


def write_scene(
    path: str | Path,
    gaussians: Gaussians,
    format: str | None = None,
    notes: Notes = NO_NOTES,
    version: int | None = None,
) -> None:
    """Write a scene atomically: the file is complete or it is not there.

    Args:
        path: file to write; its suffix picks the format unless `format` does.
        gaussians: on any device.
        format: a name in `FORMATS`.
        notes: how the scene is to be drawn and placed; formats without room for that lose it, see `losses`.
        version: of the format, where it has several; None for the usual one.

    Raises:
        SplatError: when the format is unknown or only read, has no such version, or the disk refuses.
    """
    entry = format_for_writing(path, format)
    entry.version_to_write(version)
    with atomic_path(path) as temporary:
        entry.write(temporary, gaussians, notes, version)
