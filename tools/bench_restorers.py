#!/usr/bin/env python3
"""How much `splat clean` wins on photos whose clean answer is known.

    python tools/bench_restorers.py rain --data ../shared/data/rain [--model derain.pt]
    python tools/bench_restorers.py capture data/demo
    python tools/bench_restorers.py lens data/demo/images ../shared/data/fox/images

rain: PSNR of pairs (folders rainy/ and clean/ with the same names) before and after the classical restorer, each photo
as a capture of its own, and of clean photos that are cleaned all the same; with --model also by that network.
capture: weather is added to the training photos of a clean capture (tools/add_weather.py), which `splat clean` then
cleans with each restorer: mean PSNR of the training photos against the clean ones, and of the held-out photos, which
were clean, against themselves.
lens: intersection over union of the masks found with those of drops that were added, at three severities, and the
share of the picture that is marked without any. Prints tables.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.capture.photo import read_photo  # noqa: E402
from splat.images import shrunk  # noqa: E402
from splat.weather.clean import cues  # noqa: E402
from splat.weather.clean.classical import learn_streaks, remove_streaks  # noqa: E402
from splat.weather.clean.config import LearnedRestorer, LensOptions  # noqa: E402
from splat.weather.clean.lens import find_spots  # noqa: E402
from splat.weather.clean.morphology import disk, luma  # noqa: E402
from splat.weather.clean.static_marks import Sums  # noqa: E402
from tools.weather_effects import add_drops  # noqa: E402


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """PSNR in dB of uint8 images, at most 60."""
    error = np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2) / 255**2
    return float(min(60.0, -10 * np.log10(max(error, 1e-12))))


def derained(image: np.ndarray) -> np.ndarray:
    """A photo [H, W, 3] uint8 as a capture of its own, with rain taken as given."""
    degrees, _ = cues.fall(cues.directions(image.astype(np.float32) / 255))
    return remove_streaks(image, learn_streaks([image], degrees))


def rain(data: Path, model: str | None) -> None:
    """The table of the pairs."""
    network = None
    if model:
        from splat.weather.clean.learned import load_learned

        network = load_learned(LearnedRestorer(model))
    rows = []
    for file in sorted((data / "rainy").iterdir(), key=lambda path: (len(path.name), path.name)):
        rainy, clean = read_photo(file)[..., :3], read_photo(data / "clean" / file.name)[..., :3]
        row = [psnr(rainy, clean), psnr(derained(rainy), clean), psnr(derained(clean), clean)]
        if network:
            row += [psnr(network.restore(rainy), clean), psnr(network.restore(clean), clean)]
        rows.append(row)
        print(f"{file.name:10}", *(f"{value:6.2f}" for value in row), flush=True)
    means, worst = np.mean(rows, axis=0), np.min(rows, axis=0)
    print("| | rainy | classical | clean photo, classical |" + (" network | clean photo, network |" if network else ""))
    print("| --- |" + " --- |" * len(means))
    print(f"| mean of {len(rows)} | " + " | ".join(f"{value:.2f}" for value in means) + " |")
    print("| worst | " + " | ".join(f"{value:.2f}" for value in worst) + " |")
    for name, column in (("classical", 1), *([("network", 3)] if network else [])):
        print(f"{name}: better in {sum(row[column] > row[0] for row in rows)} of {len(rows)}")


def capture(data: Path, kind: str, severity: int, restorers: list[str]) -> None:
    """The table of a capture in a weather, cleaned with each restorer."""
    import tempfile

    from splat.weather.clean.clean import clean
    from splat.weather.clean.config import RESTORERS, CleanConfig
    from tools.add_weather import Added, write_weathered

    with tempfile.TemporaryDirectory() as scratch:
        wet, columns = Path(scratch) / kind, [("in it", Path(scratch) / kind)]
        write_weathered(data, wet, Added(kind, severity), factor=1.0)
        for name in restorers:
            out = Path(scratch) / name
            clean(CleanConfig(data=str(wet), out=str(out), weather=kind, restorer=RESTORERS[name]()))
            columns.append((name, out))
        truth = {path.name for path in (wet / "weather_truth" / "images").iterdir()}
        held_out = {path.name for path in (wet / "images").iterdir()} - truth
        print(f"| {data.name}, {kind} {severity} | " + " | ".join(name for name, _ in columns) + " |")
        print("| --- |" + " --- |" * len(columns))
        for label, names, against in (
            ("training", truth, wet / "weather_truth" / "images"),
            ("held-out", held_out, wet / "images"),
        ):
            means = [
                np.mean([psnr(read_photo(folder / "images" / name), read_photo(against / name)) for name in names])
                for _, folder in columns
            ]
            print(f"| {len(names)} {label} photos | " + " | ".join(f"{mean:.2f}" for mean in means) + " |")


def lens(folder: Path) -> None:
    """One row: the share that is marked of the clean photos, and the IoU at severities 1, 2 and 3."""
    options = LensOptions()
    photos = [
        shrunk(read_photo(file)[..., :3], options.size).astype(np.float32) / 255 for file in sorted(folder.iterdir())
    ]
    found, _ = _spots(photos, options)
    row = [f"{100 * found.mean():.2f} %"]
    for severity in (1, 2, 3):
        wet = [add_drops(photo, None, severity, np.random.default_rng(0)) for photo in photos]
        found, truth = _spots([image for image, _ in wet], options)[0], wet[0][1]
        row.append(f"{(found & truth).sum() / (found | truth).sum():.3f}")
    print(f"| {folder.parent.name}, {len(photos)} photos | " + " | ".join(row) + " |", flush=True)


def _spots(photos: list[np.ndarray], options: LensOptions) -> tuple[np.ndarray, bool]:
    import cv2

    sums = Sums()
    for photo in photos:
        sums.add(luma(photo))
    spots, still = find_spots(sums)
    radius = round(options.grow * max(spots.shape))
    return cv2.dilate((spots > 0).astype(np.uint8), disk(2 * radius + 1)) > 0, still


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    pairs = commands.add_parser("rain")
    pairs.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "rain")
    pairs.add_argument("--model", help="own, or a TorchScript file, folder or hub name of an image-to-image network")
    whole = commands.add_parser("capture")
    whole.add_argument("data", type=Path, help="a clean capture")
    whole.add_argument("--kind", choices=("rain", "snow"), default="rain")
    whole.add_argument("--severity", type=int, choices=(1, 2, 3), default=2)
    whole.add_argument("--restorers", nargs="+", default=["classical", "multiview", "learned"])
    drops = commands.add_parser("lens")
    drops.add_argument("folders", type=Path, nargs="+", help="folders of clean photos in order")
    arguments = parser.parse_args()
    if arguments.what == "rain":
        rain(arguments.data, arguments.model)
        return
    if arguments.what == "capture":
        capture(arguments.data, arguments.kind, arguments.severity, arguments.restorers)
        return
    print("| | clean: marked | drops 1 | drops 2 | drops 3 |\n| --- | --- | --- | --- | --- |")
    for folder in arguments.folders:
        lens(folder)


if __name__ == "__main__":
    main()
