"""Features that the user brings: label maps or feature maps, one file a photo, and a table of vectors."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.numpy import load_file

from splat.errors import SplatError
from splat.files import NPY_DAMAGE, read_json
from splat.language.teachers.options import TeacherOptions
from splat.language.types import LEVELS, Teacher, ViewFeatures
from splat.options import nearest

TABLES = ("vectors.safetensors", "vectors.npy", "vectors.json")
TEXTS = ("text.safetensors", "text.npy", "text.json")


def load(options: TeacherOptions) -> FilesTeacher:
    """The teacher of the folder `files`.

    Raises:
        SplatError: when the folder is not given or has not what it needs.
    """
    if options.files is None:
        raise SplatError("teacher=files needs the folder: files=FOLDER (docs/language.md says what lies in it)")
    folder = Path(options.files).expanduser()
    if not folder.is_dir():
        raise SplatError(f"files={folder} is no folder; it should hold one label or feature map for each photo")
    return FilesTeacher(folder)


class FilesTeacher(Teacher):
    """Reads, for the photo `a/0001.jpg`, one of these, named by the photo's path without suffix or by its stem alone:

        0001.png, 0001.npy     integer labels [h, w] or [L, h, w]: rows of the table vectors.*; in a png 0 means
                               "nothing" and n is row n - 1 unless names are given with labels.json, below
        0001_s.npy, 0001_f.npy LangSplat's: labels [4, h, w] (default, small, middle, large), -1 for nothing, and the
                               vectors [M, D] of this photo
        0001.npy               floating features [h, w, D], one vector a cell

    Beside them: vectors.npy [K, D] (with names.json), vectors.safetensors or vectors.json {name: vector};
    labels.json {"label number": "name of a row" or null} if labels are not row numbers; text.* in the same forms, words
    that may be asked for (by default the names of vectors.*).
    """

    of_photos = True  # labels are made of photos as they are on disk: distorted, perhaps not upright

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = "files"
        rows, self.vectors = read_table(folder, TABLES)
        words, table = read_table(folder, TEXTS)
        if not len(table) and rows:
            words, table = rows, self.vectors
        self._words, self.table = words, table
        self._labels = read_json(folder / "labels.json") if (folder / "labels.json").is_file() else None
        self._rows = {name: row for row, name in enumerate(rows)}
        self.levels, self.dim, self.dense = self._look()
        self.signature = f"files {_state_of(folder)}"

    def features(self, image: np.ndarray, name: str) -> ViewFeatures:
        """The photo's file; the photo itself is not looked at.

        Raises:
            SplatError: when there is none, or its labels have no row in the table.
        """
        found = self._find(name)
        if found is None:
            raise SplatError(
                f"{self.folder} has no labels or features for the photo {name} ({Path(name).stem}.npy or .png)"
            )
        return self._read(found)

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """[T, D] rows of the table of words, found without regard to case, articles, `_` and what stands in brackets.

        Raises:
            SplatError: when a text is not in it; names the nearest one that is.
        """
        if not self._words:
            raise SplatError(
                f"{self.folder} knows no words: add text.json {{word: vector}}, or use a teacher that does (demo, or a "
                "CLIP or SigLIP model)"
            )
        rows = word_rows(self._words)
        found = []
        for text in texts:
            row = rows.get(plain(text))
            if row is None:
                near = nearest(plain(text), rows)
                hint = f"; did you mean {near!r}?" if near else ""
                raise SplatError(f"{text!r} is not among the {len(self._words):,} words of {self.folder}{hint}")
            found.append(self.table[row])
        return np.stack(found)

    def lists(self, text: str) -> bool:
        """Whether the table has this word, which is a name then, whatever it is."""
        return plain(text) in word_rows(self._words)

    def words(self) -> list[str]:
        """The words that may be asked for."""
        return self._words

    def _find(self, name: str) -> Path | None:
        whole, stem = Path(name), Path(name).with_suffix("")  # of a name without suffix a dot is a part
        for base in (self.folder / place for place in (stem, whole, stem.name, whole.name)):
            for ending in ("_s.npy", ".npy", ".png"):
                path = base.with_name(base.name + ending)
                if path.is_file():
                    return path
        return None

    def _read(self, path: Path) -> ViewFeatures:
        array = _image(path) if path.suffix == ".png" else _array(path)
        if path.name.endswith("_s.npy"):
            vectors = _array(path.with_name(path.name.removesuffix("_s.npy") + "_f.npy"))
            labels = array.astype(np.int32)
        elif np.issubdtype(array.dtype, np.floating) and array.ndim == 3:
            vectors = array.reshape(-1, array.shape[2])
            labels = np.arange(len(vectors), dtype=np.int32).reshape(1, *array.shape[:2])
        else:
            vectors = self.vectors
            labels = self._row_numbers(array if array.ndim == 3 else array[None], path)
        if labels.max(initial=-1) >= len(vectors):
            raise SplatError(f"{path} has label {labels.max()}, but its table of vectors has {len(vectors)} rows")
        return ViewFeatures(labels, unit(vectors))

    def _row_numbers(self, labels: np.ndarray, path: Path) -> np.ndarray:
        """Labels as rows of the table; -1 for nothing."""
        if not np.issubdtype(labels.dtype, np.integer):
            raise SplatError(f"{path} should hold integer labels [h, w] or [L, h, w], or features [h, w, D]")
        if self._labels is None:
            return labels.astype(np.int32) - (path.suffix == ".png")
        rows = np.full(int(labels.max(initial=0)) + 1, -1, np.int32)
        for label, name in self._labels.items():
            if name is None or not label.isdigit() or int(label) >= len(rows):
                continue
            if name not in self._rows:
                raise SplatError(
                    f"{self.folder / 'labels.json'}: label {label} is {name!r}, which vectors.* does not have"
                )
            rows[int(label)] = self._rows[name]
        return np.where(labels >= 0, rows[labels], -1).astype(np.int32)

    def _look(self) -> tuple[tuple[str, ...], int, bool]:
        """Levels, dimensions and density, from the first file."""
        tables = {name for base in ("vectors", "text", "names") for name in (f"{base}.npy", f"{base}.png")}
        files = sorted(p for p in self.folder.rglob("*") if p.suffix in (".npy", ".png") and p.name not in tables)
        files = [p for p in files if not p.name.endswith("_f.npy")]
        if not files:
            raise SplatError(
                f"{self.folder} has no label or feature map (NAME.npy, NAME.png, or NAME_s.npy and NAME_f.npy)"
            )
        first = self._read(files[0])
        count = len(first.labels)
        names = {1: ("object",), 3: LEVELS, 4: ("default", *LEVELS)}.get(count)
        dense = not files[0].name.endswith("_s.npy") and first.labels.size == len(first.vectors)
        return names or tuple(f"level {i}" for i in range(count)), first.vectors.shape[1], dense


def read_table(folder: Path, candidates: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Names and unit vectors [K, D] of the first of the files that is there; nothing where none is.

    Raises:
        SplatError: when the file cannot be read or its names do not fit.
    """
    path = next((folder / name for name in candidates if (folder / name).is_file()), None)
    if path is None:
        return [], np.zeros((0, 0), np.float32)
    if path.suffix == ".npy":
        vectors = _array(path)
        beside = path.with_name("names.json") if path.stem == "vectors" else path.with_name(f"{path.stem}_names.json")
        names = read_json(beside) if beside.is_file() else [str(row) for row in range(len(vectors))]
    else:
        if path.suffix == ".json":
            table = read_json(path)
        else:
            try:
                table = load_file(path)
            except SafetensorError as error:
                raise SplatError(f"cannot read {path}: {error}") from error
        names, rows = list(table), [np.asarray(row, np.float32).reshape(-1) for row in table.values()]
        if len({len(row) for row in rows}) != 1:
            raise SplatError(f"{path} should map names to vectors of one length")
        vectors = np.stack(rows)
    if vectors.ndim != 2 or len(names) != len(vectors):
        raise SplatError(f"{path} has {len(vectors)} vectors for {len(names)} names")
    return [str(name) for name in names], unit(vectors)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Rows at length 1, float32; rows of zeros stay."""
    vectors = vectors.astype(np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def plain(text: str) -> str:
    """A word as it is looked up: lower case, without article, underscores or what stands in brackets."""
    text = re.sub(r"\([^)]*\)", " ", text.lower().replace("_", " ").replace("-", " "))
    text = " ".join(text.split())
    return re.sub(r"^(a|an|the) ", "", text)


def word_rows(words: Sequence[str]) -> dict[str, int]:
    """The row of each plain word; of two that differ in their brackets only, the first."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(plain(word), row)
    return rows


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except NPY_DAMAGE as error:
        raise SplatError(f"cannot read {path}: {(str(error) or 'damaged').splitlines()[0]}") from error


def _image(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            labels = np.asarray(image)
    except (OSError, UnidentifiedImageError) as error:
        raise SplatError(f"cannot read {path}: {error}") from error
    if labels.ndim != 2:
        raise SplatError(f"{path} is a colour picture; labels need one channel (grey or palette, 8 or 16 bit)")
    return labels.astype(np.int64)


def _state_of(folder: Path) -> str:
    """Changes when any file of the folder does."""
    found = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        status = path.stat()
        found.update(f"{path.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()[:16]
