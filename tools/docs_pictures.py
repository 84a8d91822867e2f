#!/usr/bin/env python3
"""Makes the pictures of the docs from a finished run of the demo.

splat train data/demo name=docs && splat distill runs/demo/docs
python tools/docs_pictures.py runs/demo/docs [--only overview|query|edit|restyle|weather]

The run stays as it is: questions and edits go to a copy.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
import torch
from PIL import Image

from splat.cameras import stack_cameras
from splat.cli import answer
from splat.edit.history import load_history
from splat.edit.restyle.filters import filtered
from splat.edit.restyle.loop import RestyleLoop, target_views
from splat.edit.restyle.options import STEPS, GuideOptions
from splat.edit.select.images import from_masks, read_masks
from splat.files import read_json, save_image, slug
from splat.images import to_bytes
from splat.render import render_gaussians
from splat.run import Run, open_run

REPOSITORY = Path(__file__).resolve().parents[1]
IMAGES, TRUTH = REPOSITORY / "docs" / "images", REPOSITORY / "data" / "demo" / "truth"


def overview(run: Run, view: int) -> np.ndarray:
    """[H, 3W, 3] uint8: a held-out photo, the scene from the same place, and its depth (near is bright)."""
    capture = run.capture()
    index = capture.indices("test")[view]
    camera = capture.frames[index].camera
    viewmats, Ks = stack_cameras([camera])
    with torch.no_grad():
        renders = render_gaussians(run.scene(), viewmats, Ks, camera.width, camera.height, render_mode="RGB+ED")[0][0]
    disparity = 1 / renders[..., 3].clamp(min=1e-6).numpy()
    low, high = np.percentile(disparity, (1, 99))
    shades = (np.clip((disparity - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    depth = cv2.applyColorMap(shades, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    scene = (renders[..., :3].clamp(0, 1).numpy() * 255).round().astype(np.uint8)
    return np.concatenate([capture.images.image(index), scene, depth], axis=1)


@contextmanager
def copied(run: Run) -> Iterator[Run]:
    """A copy of the run without its answers and edits, for as long as it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        shutil.copytree(run.path, path, ignore=shutil.ignore_patterns("checkpoints", "edits", "queries", "exports"))
        yield open_run(path)


def does(*words: str) -> None:
    """`splat` with these words.

    Raises:
        SystemExit: when it fails.
    """
    if answer(list(words)) != 0:
        raise SystemExit(f"splat {' '.join(words)} failed")


def answers(run: Run, view: int) -> np.ndarray:
    """[H, 3W, 3] uint8: what the field finds for three texts, in the view that shows most of each."""
    del view
    texts = ("clock", "orange cushion", "red mug")  # the last one is taken for the ball
    with copied(run) as copy:
        does("query", str(copy.path), " | ".join(texts), "views=1", "split=test")
        files = [next((copy.path / "queries" / slug(text) / "overlays").glob("*.jpg")) for text in texts]
        return np.concatenate([iio.imread(file) for file in files], axis=1)


def edits(run: Run, view: int, width: int = 400) -> np.ndarray:
    """[h, 3w, 3] uint8: a test view before, after `remove "clock"`, and after `recolor "orange cushion"`."""
    camera = run.cameras("test")[view]
    camera = camera.resized(width, round(width * camera.height / camera.width))
    pictures = []
    with copied(run) as copy:
        for words in ((), ("remove", "clock"), ("undo",), ("recolor", "orange cushion", "color=green")):
            if words:
                does("edit", str(copy.path), *words)
            if words != ("undo",):
                scene = open_run(load_history(copy.path).place).scene()
                pictures.append(to_bytes(run.renderer().of(scene).image(camera)))
    return np.concatenate(pictures, axis=1)


def restyled(run: Run, view: int, name: str = "patterned rug", style: str = "pencil") -> np.ndarray:
    """[H, 3W, 3] uint8: a test view, what a filter asks of an object, and the scene after `splat edit restyle`."""
    renderer = run.renderer()
    objects = {entry["name"]: entry["id"] for entry in read_json(TRUTH / "objects.json")}
    chosen = from_masks(renderer, read_masks(renderer, TRUTH / "labels", objects[name]), name).hard()
    options = GuideOptions()
    views = target_views(renderer, chosen, lambda shown: filtered(shown, style), options)
    edited = RestyleLoop(renderer, chosen.mask, views, options, STEPS).run()
    camera = run.cameras("test")[view]
    before, after = (
        renderer.of(scene).image(camera).clamp(0, 1).cpu().numpy() for scene in (renderer.scene, edited.scene)
    )
    inside = renderer.features(camera, chosen.mask.float()[:, None]).clamp(0, 1).cpu().numpy()
    asked = inside * filtered((before * 255).round().astype(np.uint8), style) + (1 - inside) * before
    shown = inside[..., 0] > 0.5
    gap, left = (float(np.abs(one - asked)[shown].mean()) for one in (before, after))
    beside = float(np.abs(after - before)[inside[..., 0] == 0].mean())
    print(f"{name} as {style}: {gap:.3f} from the filter's picture before, {left:.3f} after; {beside:.5f} beside it")
    return (np.concatenate([before, asked, after], axis=1) * 255).round().astype(np.uint8)


def weathers(run: Run, view: int, width: int = 400) -> np.ndarray:
    """[2h, 2w, 3] uint8: a view of the scene clear, in rain, in snow and in fog."""
    from splat.weather.effects.config import EffectOptions
    from splat.weather.effects.prepare import EffectRequest, prepare

    camera = run.cameras("test")[view]
    camera = camera.resized(width, round(width * camera.height / camera.width))
    clear = run.renderer()
    kinds = (
        EffectRequest(EffectOptions(effect="rain", rate=50), wind=(2.0,)),
        EffectRequest(EffectOptions(effect="snow", rate=3, cover=0.8)),
        EffectRequest(EffectOptions(effect="fog", visibility=8)),
    )
    pictures = [to_bytes(clear.image(camera))]
    pictures += [
        prepare(wishes, clear, run.cameras("train"), [camera]).renderer.render(camera, 1.0) for wishes in kinds
    ]
    return np.vstack([np.hstack(pictures[:2]), np.hstack(pictures[2:])])


PICTURES: tuple[tuple[str, str, Callable[[Run, int], np.ndarray]], ...] = (
    ("overview", "demo.jpg", overview),
    ("query", "query.jpg", answers),
    ("edit", "edit.jpg", edits),
    ("restyle", "restyle.jpg", restyled),
    ("weather", "weather.jpg", weathers),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="run folder of the demo")
    parser.add_argument("--view", type=int, default=5, help="which of the test views")
    parser.add_argument("--only", choices=[name for name, _, _ in PICTURES], help="make only this one")
    arguments = parser.parse_args()
    IMAGES.mkdir(parents=True, exist_ok=True)
    run = open_run(arguments.run)
    for name, file, make in PICTURES:
        if arguments.only in (None, name):
            picture = make(run, arguments.view)
            save_image(IMAGES / file, Image.fromarray(np.ascontiguousarray(picture)), quality=85)


if __name__ == "__main__":
    main()
