"""A short orbit of a scene as one picture of all its frames, which the report turns."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from splat.cameras import Camera
from splat.console import info, progress
from splat.errors import SplatError
from splat.evaluate.page import text
from splat.evaluate.pictures import data_uri
from splat.images import read_image, to_bytes, write_image
from splat.records import Record
from splat.render.paths import orbit
from splat.render.pictures import typical_depth
from splat.render.scene import SceneRenderer

IMAGE = "renders/turntable.jpg"
SIDE = 320  # pixels of a frame's longer side
MOST = 240  # frames


def write_turntable(folder: Path, renderer: SceneRenderer, cameras: list[Camera], frames: int) -> dict[str, Any] | None:
    """Render an orbit about the cameras' common up, or to and fro where they stand on one side, as rows of frames.

    Args:
        folder: of the run; the picture is `IMAGE` in it.
        renderer: of the scene.
        cameras: those that the orbit follows, training's.
        frames: how many.

    Returns:
        The block `turntable` of metrics.json: image, frames, columns, width and height of one in pixels, and seconds;
        None where there is no orbit, which is said.

    Raises:
        SplatError: when the disk refuses.
    """
    started = time.perf_counter()
    try:
        path = orbit(cameras, frames, typical_depth(renderer.scene, cameras))
    except SplatError as problem:
        info(f"no turntable in the report: {problem}")
        return None
    scale = SIDE / max(path[0].width, path[0].height)
    width, height = (max(2, round(side * min(scale, 1.0))) for side in (path[0].width, path[0].height))
    columns = math.ceil(math.sqrt(frames))
    sheet = np.zeros((math.ceil(frames / columns) * height, columns * width, 3), np.uint8)
    with progress("turntable", frames, unit="picture") as bar:
        for number, camera in enumerate(path):
            top, left = number // columns * height, number % columns * width
            picture = to_bytes(renderer.image(camera.resized(width, height)))
            sheet[top : top + height, left : left + width] = picture
            bar.advance()
    write_image(folder / IMAGE, sheet)
    size = {"frames": frames, "columns": columns, "width": width, "height": height}
    return {"image": IMAGE, **size, "seconds": round(time.perf_counter() - started, 2)}


def turntable_figure(folder: Path, metrics: Record) -> list[str]:
    """The turntable in a page: it turns by itself until a hand takes its slider; nothing where none was rendered.

    Raises:
        SplatError: when metrics.json and the picture do not fit each other.
    """
    if not metrics.has("turntable"):
        return []
    block = metrics.part("turntable")
    frames, columns = block.whole("frames", 1, MOST), block.whole("columns", 1, MOST)
    width, height = block.whole("width", 1, SIDE), block.whole("height", 1, SIDE)
    rows = math.ceil(frames / columns)
    sheet = read_image(folder / IMAGE)
    if sheet is None or sheet.shape[:2] != (rows * height, columns * width):
        raise SplatError(f"{folder / IMAGE} is not the turntable that metrics.json tells of; evaluate again")
    place = f"--columns:{columns};--rows:{rows};--column:0;--row:0"
    picture = f'<img src="{data_uri(sheet)}" alt="{text("the scene from all around, a turn in small pictures")}">'
    hand = f'<input type="range" min="0" max="{frames - 1}" value="0" step="1" aria-label="turn the scene">'
    return [
        f'<figure class="turn" data-columns="{columns}" style="{place}">'
        f'<div class="frame" style="aspect-ratio:{width}/{height}">{picture}</div>'
        f'<div class="hand"><button type="button">stop</button>{hand}</div></figure>'
    ]
