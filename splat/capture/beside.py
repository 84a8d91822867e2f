"""Files about photos: masks and depth maps in folders of their own, or beside the photos under longer names."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splat import console
from splat.capture.suffixes import PHOTO_SUFFIXES, PLAIN_SUFFIXES
from splat.capture.walk import walk

LEFT_OUT = ("images", "input", "rgb", "photos")  # folders of photos that the names of masks may leave out
MASK_FOLDERS = ("masks", "mask")
DEPTH_FOLDERS = ("depth", "depths")
DEPTH_SUFFIXES = frozenset({".png", ".npy", ".tiff", ".tif", ".exr"})
# What is made of photos and lies beside them as NAME_depth.png, mask_NAME.png, …
MASK_WORDS = ("dynamic_mask", "mask", "masks")
OTHER_WORDS = (
    "depth",
    "disparity",
    "normal",
    "normals",
    "alpha",
    "confidence",
    "conf",
    "seg",
    "segmentation",
    "semantic",
)
_ANY_SUFFIX = re.compile(r"\.[a-z]\w{1,4}")  # of another kind of file
_WORDS = "|".join((*MASK_WORDS, *OTHER_WORDS))
_BEHIND = re.compile(rf"(?P<base>.+)[._-](?P<word>{_WORDS})(?:_\d+)?", re.IGNORECASE)  # Blender numbers its maps
_BEFORE = re.compile(rf"(?P<word>{_WORDS})[._-](?P<base>.+)", re.IGNORECASE)


def side_folders(places: Iterable[Path], names: Sequence[str]) -> list[Path]:
    """The folders of some names, in any case, in some places: by place, then by name."""
    found: list[Path] = []
    for place in dict.fromkeys(places):
        try:
            inside = sorted(path for path in place.iterdir() if path.name.casefold() in names and path.is_dir())
        except OSError:  # no folder, or one that may not be read
            continue
        found += sorted(inside, key=lambda path: (names.index(path.name.casefold()), path.name not in names))
    return found


@dataclass
class Matched:
    """Which files of a folder belong to which photos."""

    files: dict[str, Path] = field(default_factory=dict)  # by the photo's name
    unmatched: list[Path] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)  # photos for which a file's bare name stands as for others


class SideFolder:
    """A folder of files about photos: NAME.png or NAME.jpg.png for NAME.jpg, in the same sub-folders."""

    def __init__(self, folder: Path, suffixes: Collection[str] = PLAIN_SUFFIXES) -> None:
        self.folder = folder
        self._suffixes = sorted(suffixes, key=lambda suffix: (suffix != ".png", suffix))
        self.files = [path for path in walk(folder).files if path.suffix.lower() in suffixes] if folder.is_dir() else []
        inside = {path.relative_to(folder): path for path in self.files}
        self._files = {name.as_posix().casefold(): path for name, path in inside.items()}
        for name, path in inside.items():
            if (base := _base(name.stem)) is not None:  # NAME_mask.png in masks/
                self._files.setdefault(name.with_name(base[0] + name.suffix).as_posix().casefold(), path)

    def __len__(self) -> int:
        return len(self.files)

    def find(self, name: str) -> Path | None:
        """The file of the photo `name` (relative to the photos' folder), or None."""
        folder, _, rest = name.casefold().partition("/")
        for inside in (name.casefold(), rest) if folder in LEFT_OUT else (name.casefold(),):
            bare = not inside.endswith(tuple(PHOTO_SUFFIXES))  # captures may leave the photo's suffix out
            stem, dot, suffix = inside.rpartition(".")
            if not stem or (bare and not _ANY_SUFFIX.fullmatch(dot + suffix)):
                stem = inside  # the end of 'frame_1.5' is no suffix
            photos = [f"{inside}{suffix}.png" for suffix in sorted(PHOTO_SUFFIXES)] if bare else []
            own = [f"{base}{suffix}" for suffix in self._suffixes for base in (inside, stem)]
            for candidate in (*own, inside, *photos):
                if candidate in self._files:
                    return self._files[candidate]
        return None

    def match(self, names: Sequence[str]) -> Matched:
        """The files of all photos; where no sub-folder fits, by bare names, if those are one photo's each."""
        found = {name: path for name in names if (path := self.find(name)) is not None}
        ambiguous: list[str] = []
        if not found and self._files:
            found, ambiguous = self._match_bare(names)
        used = set(found.values())
        return Matched(found, [path for path in self.files if path not in used], ambiguous)

    def _match_bare(self, names: Sequence[str]) -> tuple[dict[str, Path], list[str]]:
        files: defaultdict[str, list[Path]] = defaultdict(list)
        for path in self.files:
            base = _base(path.stem)
            files[bare_name(path.name if base is None else base[0])].append(path)
        photos = Counter(bare_name(name) for name in names)
        several = [name for name in names if photos[bare_name(name)] > 1 and bare_name(name) in files]
        found = {}
        for name in names:
            one = files.get(bare_name(name), [])
            if len(one) == 1 and photos[bare_name(name)] == 1:
                found[name] = one[0]
        return found, several


def bare_name(name: str) -> str:
    """A name without folders and suffixes of pictures, folded: 'a/B.JPG.png' -> 'b'."""
    bare = name.rpartition("/")[2].casefold()
    while (stem := bare.rpartition("."))[0] and f".{stem[2]}" in PHOTO_SUFFIXES | DEPTH_SUFFIXES:
        bare = stem[0]
    return bare


def companions(files: Iterable[Path]) -> dict[Path, tuple[Path, str]]:
    """Of pictures, those that are made of another one in the same folder, with that one and what they are.

    For example NAME_mask.png, mask_NAME.png, NAME.depth.png, NAME_normal_0001.png beside NAME.jpg.
    """
    found: dict[Path, tuple[Path, str]] = {}
    folders: defaultdict[Path, list[Path]] = defaultdict(list)
    for path in files:
        folders[path.parent].append(path)
    for inside in folders.values():
        photos = {key: path for path in inside for key in (path.stem.casefold(), path.name.casefold())}
        for path in inside:
            base = _base(path.stem)
            photo = photos.get(base[0].casefold()) if base else None
            if base is not None and photo is not None and photo != path:
                found[path] = (photo, base[1])
    return found


def _base(stem: str) -> tuple[str, str] | None:
    """The name of a photo and what was made of it: 'r_0_depth_0001' is r_0 and depth."""
    match = _BEHIND.fullmatch(stem) or _BEFORE.fullmatch(stem)
    return (match["base"], match["word"].lower()) if match else None


def marks_what_to_hide(mask: Path) -> bool:
    """Whether a mask is white where pixels do not count, as instant-ngp's dynamic_mask_NAME.png is."""
    return mask.name.lower().startswith("dynamic_mask")


def find_masks(
    photos: Mapping[str, Path], folders: Iterable[Path], known: Mapping[str, Path] | None = None
) -> tuple[dict[str, Path], list[str]]:
    """The mask of every photo that has one, and what is to be said about them.

    Args:
        photos: files by name.
        folders: where masks may be, the most likely first; masks beside the photos come last.
        known: masks that the capture itself names, by photo; they come first.
    """
    masks = dict(known or {})
    notes: list[str] = []
    for folder in dict.fromkeys(folder for folder in folders if folder.is_dir()):
        side = SideFolder(folder)
        if not len(side):
            continue
        matched = side.match(list(photos))
        masks = {**matched.files, **masks}
        matched.unmatched = [path for path in matched.unmatched if path not in masks.values()]
        if matched.unmatched or not known:
            notes += _mask_notes(folder, len(side), matched, len(photos))
    beside = made_beside(photos, MASK_WORDS, PLAIN_SUFFIXES)
    fresh = beside.keys() - masks.keys()
    if fresh:
        first = beside[min(fresh)]
        hides = "; they hide what is white" if marks_what_to_hide(first) else ""
        notes.append(f"masks beside the photos: {len(fresh):,} of {len(photos):,} photos (first: {first.name}){hides}")
    return {**beside, **masks}, notes


def _mask_notes(folder: Path, files: int, matched: Matched, photos: int) -> list[str]:
    note = f"{folder.name}: masks of {len(matched.files):,} of {photos:,} photos"
    if matched.ambiguous:
        note += (
            f"; a mask's bare name is that of several photos (first: {matched.ambiguous[0]}), so none of those is used"
        )
    if matched.unmatched:
        first = matched.unmatched[0].relative_to(folder).as_posix()
        note += f", {console.count(len(matched.unmatched), 'mask file')} of no photo (first: {first})"
        console.warn(note)
    return [note]


def made_beside(photos: Mapping[str, Path], words: Collection[str], suffixes: Collection[str]) -> dict[str, Path]:
    """What was made of photos and lies beside them, by the photo's name; photos of the capture are none of it.

    Args:
        words: what it is, of `MASK_WORDS` and `OTHER_WORDS`.
        suffixes: of the files.
    """
    by_path = {path: name for name, path in photos.items()}
    found: dict[str, Path] = {}
    for folder in sorted({path.parent for path in photos.values()}):
        kinds = PHOTO_SUFFIXES | set(suffixes)
        pictures = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in kinds]
        for path, (photo, word) in companions(pictures).items():
            fits = word in words and path.suffix.lower() in suffixes
            if fits and photo in by_path and path not in by_path:
                found.setdefault(by_path[photo], path)
    return found
