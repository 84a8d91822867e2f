"""The demo's true label maps as a teacher: regions are known, vectors are CLIP's for a word that names them.

It separates what a language field loses by lifting and compression from what a teacher does not know. Queries are
asked in other words: for each label the nearest word of the vocabulary that labels nothing in the scene.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

from splat.errors import SplatError
from splat.files import write_json

# ids of data/demo/truth/objects.json; floor and walls have no name among the 1,203 and stay without a vector
WORDS = {
    5: "doormat", 6: "coffee_table", 7: "bookcase", 8: "book", 9: "painting", 10: "wall_clock", 11: "mug", 12: "vase",
    13: "kettle", 14: "table_lamp", 15: "bowl", 16: "flowerpot", 17: "teddy_bear", 18: "ball", 19: "basket",
    20: "cushion", 21: "stool", 22: "book",
}  # fmt: skip
ROOT = Path(__file__).resolve().parents[1]


def clip_words(folder: Path | None = None) -> tuple[list[str], np.ndarray]:
    """The 1,203 names of LVIS and CLIP ViT-B/32's vectors for "a NAME", [1203, 512] float32, unit length.

    Raises:
        SplatError: when the vectors are not on this machine.
    """
    folder = folder or Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data")) / "clip_text"
    if not folder.is_dir():
        raise SplatError(
            f"CLIP's vectors of words are not at {folder}; set SPLAT_TEST_DATA to the folder of the test data"
        )
    vectors = np.load(folder / "lvis_v1_clip_a+cname.npy", allow_pickle=False).astype(np.float32)
    names = [entry["name"] for entry in json.loads((folder / "lvis_v1_train_cat_info.json").read_text())]
    return names, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def other_words(names: list[str], vectors: np.ndarray) -> dict[str, str]:
    """For each word of the scene the nearest one of the vocabulary that is nearest to it, too, of all in the scene."""
    used = sorted(set(WORDS.values()))
    rows = [names.index(word) for word in used]
    cosines = vectors[rows] @ vectors.T
    owner = cosines.argmax(0)
    cosines[:, rows] = -1
    cosines[owner[None] != np.arange(len(rows))[:, None]] = -1
    return {word: names[int(row)] for word, row in zip(used, cosines.argmax(1))}


def write_files_teacher(demo: Path, folder: Path) -> dict[str, list[int]]:
    """A folder for `teacher=files` made of the demo's truth; returns each query with the ids of what it asks for."""
    from safetensors.numpy import save_file

    names, vectors = clip_words()
    used = sorted(set(WORDS.values()))
    row = {word: index for index, word in enumerate(used)}
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vectors.npy", vectors[[names.index(word) for word in used]])
    write_json(folder / "names.json", used)
    save_file(dict(zip(names, vectors)), folder / "text.safetensors")
    table = np.full(256, -1, np.int32)
    for number, word in WORDS.items():
        table[number] = row[word]
    for path in sorted((demo / "truth" / "labels").glob("*.png")):
        np.save(folder / f"{path.stem}.npy", table[np.asarray(Image.open(path))])
    queries = other_words(names, vectors)
    return {queries[word]: [number for number, name in WORDS.items() if name == word] for word in used}
