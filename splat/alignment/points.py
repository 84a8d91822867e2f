"""Points of a scene as people name them: by coordinates, or by a pixel of a photo."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np

from splat.cameras import find_camera
from splat.capture.gps import read_rows
from splat.edit.select.images import clicked_points
from splat.errors import SplatError
from splat.options import parse_numbers
from splat.render.scene import SceneRenderer
from splat.run import Run

Located = Callable[[str, str], np.ndarray]  # the name of an option and a point in words, to [3] in the scene


class ScenePoints:
    """Finds points of a run's scene; it is read and drawn only where a pixel asks for it."""

    def __init__(self, run: Run, backend: str = "auto") -> None:
        self.run, self.backend = run, backend

    @cached_property
    def renderer(self) -> SceneRenderer:
        return self.run.renderer(self.backend)

    def one(self, option: str, text: str) -> np.ndarray:
        """[3] float64: x,y,z, or PHOTO:x,y by rendered depth.

        Raises:
            SplatError: naming the option, for anything else, an unknown photo, or a pixel that shows nothing.
        """
        photo, colon, numbers = text.strip().rpartition(":")
        if not colon:
            return np.array(parse_numbers(option, text, 3))
        camera = find_camera(self.run.cameras(), photo)
        clicked: np.ndarray = clicked_points(self.renderer, camera, parse_numbers(option, numbers, 2))[0].numpy()
        return clicked

    def several(self, option: str, text: str, count: int) -> np.ndarray:
        """[count, 3] float64 of points with blanks or semicolons between them.

        Raises:
            SplatError: as `one`, and when they are not so many.
        """
        words = [word for word in re.split(";" if ";" in text else r"\s+", text.strip()) if word.strip()]
        if len(words) != count:
            raise SplatError(
                f"{option}={text}: must be {count} points, x,y,z or PHOTO:x,y each, in quotes with blanks between them"
            )
        return np.stack([self.one(option, word) for word in words])

    def pairs(self, path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Points of the scene [N, 3], where they are in the world [N, 3], and their names, from a CSV.

        Raises:
            SplatError: naming the line that cannot be read.
        """
        source, target, names = [], [], []
        for number, cells in read_rows(path):
            where = f"{path}, line {number}"
            if number == 1 and not any(map(_is_number, cells)):
                continue  # the names of the columns
            words = [",".join(cells[:3]), *cells[3:]] if len(cells) == 6 else cells
            if len(words) != 4 or not all(map(_is_number, words[1:])):
                raise SplatError(f"{where}: must be x,y,z,X,Y,Z, or POINT;X;Y;Z")
            source.append(self.one(where, words[0]))
            target.append([float(word) for word in words[1:]])
            names.append(f"line {number}")
        if len(source) < 3:
            raise SplatError(f"{path} has {len(source)} points; three or more are needed that are not on one line")
        return np.stack(source), np.array(target, np.float64), names


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False
