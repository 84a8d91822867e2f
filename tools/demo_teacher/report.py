"""How well the teacher knows what it was taught: retrieval on pictures that it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splat.files import read_json
from splat.language.regions.segments import Segments
from splat.language.teachers.demo import DemoTeacher
from tools.demo_teacher.crops import found_regions, true_masks
from tools.demo_teacher.photos import read_shot, room_of
from tools.demo_teacher.things import KINDS, MIXED, Thing
from tools.demo_teacher.worlds import Shot
from tools.demo_world.dataset import read_image


def counted(paths: list[Path]) -> dict[str, int]:
    """How many photos, and of how many rooms."""
    return {"photos": len(paths), "rooms": len({room_of(path) for path in paths})}


def retrieval(teacher: DemoTeacher, paths: list[Path]) -> dict[str, float]:
    """Top-1 among the things of a photo, by their names with colours: true masks, and regions as they are found."""
    segments = Segments()
    hits: dict[str, list[float]] = {"true_masks_top1": [], "found_regions_top1": []}
    for path in paths:
        shot = read_shot(path)
        names = [name_of(thing) for thing in shot.things]
        texts = teacher.encode_text(names)
        for key, (labels, things) in {
            "true_masks_top1": true_masks(shot),
            "found_regions_top1": found_regions(shot, segments),
        }.items():
            vectors = teacher.encode_regions(shot.image, labels)
            best = (vectors @ texts.T).argmax(1)
            right = [names[b] == name_of(thing) for b, thing in zip(best, things) if thing.kind != MIXED]
            hits[key].extend(map(float, right))
    return {key: round(float(np.mean(values)), 4) for key, values in hits.items()}


def named_pixels(teacher: DemoTeacher, paths: list[Path]) -> dict[str, float]:
    """Each pixel is called by the name nearest to its region, as at use: share that is right, mIoU of kinds shown."""
    names = teacher.encode_text([kind.nouns[0] for kind in KINDS.values()])
    count = len(KINDS)
    pairs = np.zeros((count, count))
    for path in paths:
        shot = read_shot(path)
        found = teacher.features(shot.image, path.name)
        called = (found.vectors @ names.T).argmax(1)[found.labels[0]]
        kinds = np.array([-1, *(list(KINDS).index(thing.kind) for thing in shot.things)])[shot.labels]
        pairs += np.bincount(kinds[kinds >= 0] * count + called[kinds >= 0], minlength=count**2).reshape(count, count)
    right, shown = np.diag(pairs), pairs.sum(1) > 0
    iou = (right / np.maximum(pairs.sum(0) + pairs.sum(1) - right, 1))[shown]
    return {"named_pixels": round(float(right.sum() / pairs.sum()), 4), "named_miou": round(float(iou.mean()), 4)}


def on_demo(teacher: DemoTeacher, capture: Path, every: int = 4) -> dict[str, float]:
    """The demo capture's own things by their true masks: top-1 by names, by all captions, and caption to picture.

    `caption_top1`: of all captions of all things, the best for a picture is one of its own. `text_to_image_top1`: of
    the pictures of one photo, the best for a caption shows its thing.
    """
    rows = read_json(capture / "truth" / "objects.json")
    names = teacher.encode_text([row["name"] for row in rows])
    captions = [(text, k) for k, row in enumerate(rows) for text in row["captions"]]
    texts, owner = teacher.encode_text([text for text, _ in captions]), np.array([k for _, k in captions])
    top: dict[str, list[float]] = {"name_top1": [], "caption_top1": [], "text_to_image_top1": []}
    photos = sorted((capture / "images").glob("*.jpg"))[::every]
    for photo in photos:
        labels = read_labels(capture / "truth" / "labels" / f"{photo.stem}.png")
        shot = Shot(read_image(photo), labels, [Thing(row["name"], ()) for row in rows])
        masks, things = true_masks(shot)
        shown = np.array([next(k for k, row in enumerate(rows) if row["name"] == thing.kind) for thing in things])
        vectors = teacher.encode_regions(shot.image, masks)
        top["name_top1"].extend((vectors @ names.T).argmax(1) == shown)
        top["caption_top1"].extend(owner[(vectors @ texts.T).argmax(1)] == shown)
        visible = np.isin(owner, shown)
        top["text_to_image_top1"].extend(shown[(texts[visible] @ vectors.T).argmax(1)] == owner[visible])
    return {**{key: round(float(np.mean(values)), 4) for key, values in top.items()}, "photos": len(photos)}


def name_of(thing: Thing) -> str:
    """Colour and kind in words of the vocabulary."""
    nouns = {"book row": "row of books", "book stack": "stack of books", "wallpaper": "wallpaper", "bowl": "fruit bowl"}
    nouns |= {"plant": "plant", "wall": "painted wall", "skirting": "skirting board", "picture": "picture frame"}
    plain = thing.kind in ("floor", "wallpaper", "skirting", "table", "bookshelf", "picture", "clock", "bowl", "plant")
    noun = nouns.get(thing.kind, thing.kind)
    return noun if plain or not thing.colors else f"{thing.colors[0]} {noun}"


def read_labels(path: Path) -> np.ndarray:
    """[H, W] uint8 of a label image."""
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
