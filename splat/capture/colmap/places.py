"""Where the COLMAP models of a capture lie, and where its photos may."""

from __future__ import annotations

from pathlib import Path

from splat.capture.colmap.files import has_model

# Where programs and people put models below a capture, in the order in which equal ones are taken. The mapper numbers
# its models where the photos do not all fit together; 3DGS's converter leaves the model of the photos as they were
# taken in distorted/, COLMAP's own undistortion writes dense/.
OWN_PLACES = ("sparse",)  # nothing else is called so
PLACES = (
    *OWN_PLACES,
    "dense/sparse",
    "dense/*/sparse",
    "undistorted/sparse",
    "colmap/sparse",
    "colmap",
    "distorted/sparse",
    "distorted",
    "*",
    ".",
)
PARTS = frozenset({"sparse", "dense", "undistorted", "colmap", "distorted"})  # folders that are a part of a capture
PHOTO_FOLDERS = (
    *("images", "input", "rgb", ".", "photos", "image", "imgs", "img", "frames", "color", "pictures"),
    *("images_undistorted", "undistorted_images", "undistorted"),
)


def model_folders(root: Path, places: tuple[str, ...] = PLACES) -> list[Path]:
    """The folders at or below `root` that hold a COLMAP model, whole or not, in the order of `places`."""
    found: list[Path] = []
    for place in places:
        if place == "*":  # root is called sparse, or what only numbers its models
            found += _numbered(root, only_numbers=True)
            continue
        for folder in sorted(root.glob(place)) if "*" in place else [root / place]:
            found += _numbered(folder, only_numbers=folder.name != "sparse")
            found += [folder] if has_model(folder) else []
    return list(dict.fromkeys(found))


def _numbered(folder: Path, only_numbers: bool) -> list[Path]:
    """The models in the folders of a folder: 0, 1, … in order, then those of other names."""
    try:
        inside = [path for path in folder.iterdir() if path.is_dir()]
    except OSError:  # no folder, or one that may not be read
        return []
    wanted = [path for path in inside if has_model(path) and (path.name.isdecimal() or not only_numbers)]
    return sorted(wanted, key=lambda path: (not path.name.isdecimal(), int(path.name) if path.name.isdecimal() else 0))


def photo_places(root: Path, folder: Path) -> list[Path]:
    """Folders that the names of a model's images may be relative to, likelier ones first; not all are there.

    They lie between the model and the capture's root; where the root is only a part of a capture, such as the model
    itself, also beside and above that.
    """
    bases = [root, *(parent for parent in folder.parents if root in parent.parents), folder]
    above = root.resolve()
    depth = 2 if folder == root else 0  # the model alone was given
    while depth > 0 or above.name in PARTS or above.name.isdecimal():
        above, depth = above.parent, depth - 1
        bases.append(above)
    return list(dict.fromkeys(base / name for base in bases for name in PHOTO_FOLDERS))
