"""What a training leaves behind about the weather: RUN/weather.json, and what sat on the lens as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splat.files import atomic_path, write_json

if TYPE_CHECKING:
    from splat.train.weather.model import Weather


def write_weather(folder: Path, weather: Weather, scale: float) -> None:
    """Write RUN/weather.json and, if the lens was looked at, RUN/weather/lens_<width>x<height>.png (black: left out).

    Args:
        scale: training units per unit of the capture.
    """
    import cv2

    write_json(folder / "weather.json", weather.report(scale))
    for size, lens in weather.lenses.items():
        kept = (~lens.mask).cpu().numpy().astype(np.uint8) * 255
        path = folder / "weather" / f"lens_{size}.png"
        path.parent.mkdir(exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_bytes(cv2.imencode(".png", kept)[1].tobytes())
