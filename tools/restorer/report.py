"""What the network wins on photos that it has not seen, with the benchmarks' weather, and what it costs on dry ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splat.files import write_text
from splat.weather.network import WeatherNet
from tools.weather_effects import add_rain, add_snow, wind_angle

SEVERITY = 2
DEMO_EVERY = 6
ADD = {"rain": add_rain, "snow": add_snow}


def measure(network: WeatherNet, rooms: dict[str, list[Path]], demo: Path, size: int) -> dict[str, Any]:
    """PSNRs in rooms that were not trained in, by their purpose, and on the demo capture."""
    from tools.demo_teacher.photos import read_shot, room_of
    from tools.demo_world.dataset import read_image

    found: dict[str, Any] = {}
    for purpose, paths in rooms.items():
        scores = on_photos(network, [read_shot(path).image for path in paths], size)
        found[purpose] = {**scores, "rooms": len({room_of(path) for path in paths})}
    photos = sorted((demo / "images").glob("*.jpg"))[::DEMO_EVERY]
    return {**found, "demo": on_photos(network, [read_image(photo) for photo in photos], size)}


def on_photos(network: WeatherNet, images: list[NDArray[np.uint8]], size: int) -> dict[str, float]:
    """Mean PSNR in dB of wet photos, of what the network makes of them, and of what it makes of dry ones."""
    from splat.weather.clean.config import LearnedRestorer
    from splat.weather.clean.learned import Learned

    restorer = Learned(network.eval().both_ways, "cpu", LearnedRestorer(multiple=network.multiple), size=size)
    rows: dict[str, list[float]] = {}
    for index, image in enumerate(images):
        rng = np.random.default_rng([index, SEVERITY])
        for kind, add in ADD.items():
            drawn = add(image.astype(np.float32) / 255, None, SEVERITY, rng, wind_angle(rng))
            wet = np.rint(np.clip(drawn, 0, 1) * 255).astype(np.uint8)
            rows.setdefault(f"{kind}_before", []).append(psnr(wet, image))
            rows.setdefault(f"{kind}_after", []).append(psnr(restorer.restore(wet), image))
        rows.setdefault("dry_kept", []).append(psnr(restorer.restore(image), image))
    return {**{key: round(float(np.mean(values)), 2) for key, values in rows.items()}, "photos": len(images)}


def psnr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """PSNR in dB of uint8 images, at most 60."""
    error = float(np.mean((first.astype(np.float64) - second.astype(np.float64)) ** 2)) / 255**2
    return min(60.0, -10 * float(np.log10(max(error, 1e-12))))


def write_card(folder: Path, metrics: dict[str, Any]) -> None:
    """README.md of the network's folder, from what was measured."""
    template = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
    names = {
        "judging": f"{metrics['judging']['rooms']} rooms that judge",
        "choosing": f"{metrics['choosing']['rooms']} rooms to choose by",
        "demo": "the demo",
    }
    table = [
        f"| {name} | {found['photos']} | {found['rain_before']:.2f} | {found['rain_after']:.2f} "
        f"| {found['snow_before']:.2f} | {found['snow_after']:.2f} | {found['dry_kept']:.2f} |"
        for name, found in ((name, metrics[key]) for key, name in names.items())
    ]
    write_text(folder / "README.md", template.format(**metrics["training"], table="\n".join(table), severity=SEVERITY))
