#!/usr/bin/env python3
"""Adds weather to a clean capture, for measurements whose clean answer is known.

    python tools/add_weather.py data/demo OUT --kind rain --severity 2 --factor 2

OUT is a new capture of undistorted photos, with the cameras, points and split of the clean one. Weather is on the
training photos only: THE TEST PHOTOS STAY CLEAN, because they are what the scene is scored against. OUT/weather_truth
holds what a method may be scored with and must not read: the clean training photos, and the lens mask of drops.
OUT/weather_added.json says what was added. kind=none writes the same capture without weather: the ceiling.

Depth decides what hides streaks and flakes and how thick the fog is. It comes from CAPTURE/truth/depth where that is
there (the demo; millimetres), else from a scene trained on the clean photos, kept in runs/add_weather for the next
time, and scaled so that its median is 3 m.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.capture import load_capture  # noqa: E402
from splat.capture.types import Capture  # noqa: E402
from splat.errors import SplatError  # noqa: E402
from splat.files import write_json  # noqa: E402
from tools.weather_effects import Image, add_drops, add_fog, add_rain, add_snow, wind_angle  # noqa: E402

KINDS = ("none", "rain", "snow", "drops", "fog")
MEDIAN_DEPTH = 3.0  # metres, of captures without a scale
DEPTH_STEPS = 700  # of the scene that gives the depth of captures without one

__all__ = ["KINDS", "add_drops", "add_fog", "add_rain", "add_snow", "weathered", "write_weathered"]


@dataclass(frozen=True)
class Added:
    """What to add to a capture."""

    kind: str
    severity: int  # 1 to 3
    seed: int = 0


def weathered(image: Image, depth: Image | None, added: Added, index: int) -> tuple[Image, Image | None]:
    """One photo [H, W, 3] 0..1 with weather, and the mask of drops [H, W] bool, True on a drop.

    Streaks and flakes are others in every photo; wind, fog and drops are those of the capture.
    """
    own = np.random.default_rng([added.seed, index])
    shared = np.random.default_rng(added.seed)  # begun anew for every photo, so that all get the same
    if added.kind == "rain":
        return add_rain(image, depth, added.severity, own, angle=wind_angle(shared)), None
    if added.kind == "snow":
        return add_snow(image, depth, added.severity, own, angle=wind_angle(shared)), None
    if added.kind == "drops":
        return add_drops(image, depth, added.severity, shared)
    if added.kind == "fog":
        return add_fog(image, depth, added.severity, shared), None
    return image, None


def write_weathered(clean: Path, out: Path, added: Added, factor: float, test_every: int = 8) -> None:
    """Write the capture `out`; see above for what it holds.

    Raises:
        SplatError: `out` is there already, or the photos are partly transparent.
    """
    if out.exists():
        raise SplatError(f"{out} is there already; choose another folder")
    capture = load_capture(clean, data_factor=factor, test_every=test_every)
    if capture.transparent():
        raise SplatError(f"{clean} has transparent photos: no weather can be added to what is not there")
    depths = depths_of(capture, clean, factor, test_every) if added.kind in ("rain", "snow", "fog") else {}
    if added.kind == "fog":  # what counts is the way of the light
        depths = {index: depth * ray_lengths(capture, index) for index, depth in depths.items()}
    for folder in ("images", "weather_truth/images"):
        (out / folder).mkdir(parents=True)
    frames = []
    for index, frame in enumerate(capture.frames):
        name = f"{Path(frame.camera.name).stem}.png"
        photo = capture.images.image(index).astype(np.float32) / 255
        if frame.split == "train":
            write_image(out / "weather_truth" / "images" / name, photo)
            photo, drops = weathered(photo, depths.get(index), added, index)
            if drops is not None:
                write_image(out / "weather_truth" / "lens.png", drops.astype(np.float32))
        write_photo(capture, index, out, name, photo)
        frames.append((name, index))
    write_transforms(capture, out, frames)
    write_json(
        out / "weather_added.json",
        {"kind": added.kind, "severity": added.severity, "seed": added.seed, "test_photos": "clean", "factor": factor},
    )


def write_image(path: Path, image: Image) -> None:
    """An image 0..1, [H, W, 3] RGB or [H, W], as an 8-bit PNG."""
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)
    done, data = cv2.imencode(path.suffix, pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    assert done, path
    path.write_bytes(data.tobytes())


def write_photo(capture: Capture, index: int, out: Path, name: str, photo: np.ndarray) -> None:
    """A changed photo [H, W, 3] in 0..1 under a name of its own, with its mask where it has one."""
    write_image(out / "images" / name, photo)
    mask = capture.images.mask(index)
    if mask is not None and not mask.all():
        (out / "masks").mkdir(exist_ok=True)
        write_image(out / "masks" / name, mask.astype(np.float32))


def write_transforms(capture: Capture, out: Path, frames: list[tuple[str, int]]) -> None:
    """transforms.json of the undistorted cameras, with points and split."""
    from tools.demo_truth import write_points

    entries = []
    sides: dict[str, list[str]] = {"train": [], "test": []}
    for name, index in frames:
        camera = capture.frames[index].camera
        opengl = camera.camtoworld.numpy() @ np.diag([1.0, -1.0, -1.0, 1.0])
        entries.append(
            {
                "file_path": f"images/{name}",
                "transform_matrix": opengl.tolist(),
                "fl_x": float(camera.K[0, 0]),
                "fl_y": float(camera.K[1, 1]),
                "cx": float(camera.K[0, 2]),
                "cy": float(camera.K[1, 2]),
                "w": camera.width,
                "h": camera.height,
            }
        )
        sides[capture.frames[index].split].append(f"images/{name}")
    record = {"frames": entries, "train_filenames": sides["train"], "test_filenames": sides["test"]}
    if capture.points is not None:
        write_points(out / "points.ply", capture.points.xyz, capture.points.rgb)
        record["ply_file_path"] = "points.ply"  # type: ignore[assignment]
    write_json(out / "transforms.json", record)


def depths_of(capture: Capture, clean: Path, factor: float, test_every: int) -> dict[int, Image]:
    """Depth [H, W] in metres of every training photo by its index."""
    if (clean / "truth" / "depth").is_dir():
        return {index: true_depth(capture, clean, index) for index in capture.indices("train")}
    return rendered_depths(capture, clean, factor, test_every)


def ray_lengths(capture: Capture, index: int) -> Image:
    """[H, W]: distance from the camera of a point at depth 1."""
    camera = capture.frames[index].camera
    K = camera.K.numpy()
    x = (np.arange(camera.width) + 0.5 - K[0, 2]) / K[0, 0]
    y = (np.arange(camera.height) + 0.5 - K[1, 2]) / K[1, 1]
    return np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2).astype(np.float32)


def true_depth(capture: Capture, clean: Path, index: int) -> Image:
    """The demo's depth of one photo at the photo's size."""
    camera = capture.frames[index].camera
    path = clean / "truth" / "depth" / f"{Path(camera.name).stem}.png"
    millimetres = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if millimetres is None:
        raise SplatError(f"there is no depth {path}")
    metres = np.asarray(millimetres, np.float32) / 1000
    return cv2.resize(metres, (camera.width, camera.height), interpolation=cv2.INTER_NEAREST)


def rendered_depths(capture: Capture, clean: Path, factor: float, test_every: int) -> dict[int, Image]:
    """Depth of a scene trained on the clean photos; empty pixels are as far as the farthest."""
    import torch

    from splat.cameras import stack_cameras
    from splat.render import render_gaussians
    from splat.run import open_run

    folder = ROOT / "runs" / "add_weather" / f"{capture.name}-{factor:g}"
    if not (folder / "scene.ply").exists():
        train_clean(clean, folder, factor, test_every)
    scene = open_run(folder).scene()
    found = {}
    for index in capture.indices("train"):
        camera = capture.frames[index].camera
        viewmats, Ks = stack_cameras([camera])
        with torch.no_grad():
            picture, alpha, _ = render_gaussians(scene, viewmats, Ks, camera.width, camera.height, render_mode="ED")
        depth = picture[0, ..., 0].numpy()
        solid = alpha[0, ..., 0].numpy() > 0.5
        found[index] = np.where(solid, depth, depth[solid].max()).astype(np.float32)
    scale = MEDIAN_DEPTH / float(np.median(np.concatenate([depth.ravel() for depth in found.values()])))
    return {index: depth * scale for index, depth in found.items()}


def train_clean(clean: Path, folder: Path, factor: float, test_every: int) -> None:
    """A small scene of the clean photos."""
    from splat.train.config import TrainConfig
    from splat.training import train

    config = TrainConfig(
        data=str(clean), out=str(folder), data_factor=factor, test_every=test_every, max_steps=DEPTH_STEPS,
        cap_max=20_000, overwrite=True,
    )  # fmt: skip
    config.schedule.eval_every = config.schedule.save_every = 0
    train(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path, help="the clean capture")
    parser.add_argument("out", type=Path, help="a folder that is not there yet")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--severity", type=int, choices=(1, 2, 3), default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--factor", type=float, default=1.0, help="divide the photos' width and height by this")
    parser.add_argument("--test-every", type=int, default=8)
    arguments = parser.parse_args()
    added = Added(arguments.kind, arguments.severity, arguments.seed)
    try:
        write_weathered(arguments.capture, arguments.out, added, arguments.factor, arguments.test_every)
    except SplatError as error:
        sys.exit(str(error))
    print(f"{arguments.out}: {added.kind} {added.severity} on the training photos, the test photos are clean")


if __name__ == "__main__":
    main()
