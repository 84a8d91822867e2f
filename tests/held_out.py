"""Pairs of captures that differ in nothing but their held-out photos, and what must be the same for both."""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import yaml

from splat.train.checkpoint import latest_checkpoint, load_checkpoint
from splat.train.config import TrainConfig

EVERY = 4  # every so-many-th photo is held out


def held_out_names(folder: Path) -> list[str]:
    """The names of the held-out photos, without their folder."""
    return [path.name for path in sorted((folder / "images").iterdir())[::EVERY]]


def write_pair(folder: Path, write: Callable[[Path], None]) -> tuple[Path, Path]:
    """A capture with depth maps, and the same with all that belongs to its held-out photos changed.

    Changed are their pixels, which become partly transparent, their depth maps, poses and focal lengths, and they have
    masks.

    Args:
        write: writes a capture with images/*.png and a transforms.json.
    """
    plain, changed = folder / "plain" / "capture", folder / "changed" / "capture"
    write(plain)
    (plain / "depth").mkdir()
    for number, path in enumerate(sorted((plain / "images").iterdir())):
        height, width = cv2.imread(str(path)).shape[:2]
        slope = np.linspace(0.9, 1.1, width)[None] * np.linspace(1.0, 1.1 + 0.01 * number, height)[:, None]
        np.save(plain / "depth" / f"{path.stem}.npy", (3.0 * slope).astype(np.float32))
    shutil.copytree(plain, changed)
    (changed / "masks").mkdir()
    meta = json.loads((changed / "transforms.json").read_text())
    for name in held_out_names(changed):
        pixels = recoloured(cv2.imread(str(changed / "images" / name)))
        alpha = np.tile(np.linspace(0, 255, pixels.shape[1]).astype(np.uint8), (pixels.shape[0], 1))
        cv2.imwrite(str(changed / "images" / name), np.dstack([pixels, alpha]))
        cv2.imwrite(str(changed / "masks" / name), np.where(alpha > 100, np.uint8(255), np.uint8(0)))
        depth = changed / "depth" / f"{Path(name).stem}.npy"
        np.save(depth, 9.0 - np.load(depth)[::-1, ::-1])
        frame = next(frame for frame in meta["frames"] if frame["file_path"].endswith(name))
        moved = turned(np.array(frame["transform_matrix"]))
        frame |= {"transform_matrix": moved.tolist(), "fl_x": 1.3 * meta["fl_x"], "fl_y": 1.3 * meta["fl_y"]}
    (changed / "transforms.json").write_text(json.dumps(meta))
    return plain, changed


def recoloured(pixels: np.ndarray) -> np.ndarray:
    """Another picture [H, W, 3] uint8: upside down, inverted, with other channels, under stripes."""
    found = 255 - pixels[::-1, :, [2, 0, 1]]
    found[::3] //= 3
    return np.ascontiguousarray(found)


def turned(pose: np.ndarray) -> np.ndarray:
    """A camera-to-world matrix moved outwards by half and turned by half a radian about its own axis."""
    c, s = math.cos(0.5), math.sin(0.5)
    result = pose.copy()
    result[:3, :3] = pose[:3, :3] @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    result[:3, 3] = 1.5 * pose[:3, 3] + [0.3, -0.2, 0.1]
    return result


def train_config(capture: Path, words: list[str]) -> TrainConfig:
    """What `splat train CAPTURE WORDS` runs with, in a folder beside the capture, small and with one thread."""
    from hydra import compose, initialize_config_dir

    from splat.commands.app import conf_folder, register, to_config
    from splat.commands.train import COMMAND

    small = [
        f"test_every={EVERY}", "data_factor=1", "max_steps=60", "cap_max=500", "initial.seeds=250",
        "schedule.eval_every=20", "schedule.save_every=0", "render.num_threads=1", "render.backend=cpu",
    ]  # fmt: skip
    register(COMMAND)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = to_config(compose("train", [*small, *words]), COMMAND.config)
    config.data, config.out = str(capture), str(capture.parent / "run")
    return config


def trained_bytes(run: Path) -> dict[str, Any]:
    """All of a run that training decides: scene, state of the training, record of its steps, plan, what it found."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    with (run / "metrics.csv").open(newline="") as file:
        rows = [(row["step"], row["loss"], row["train_psnr"], row["num_gaussians"]) for row in csv.DictReader(file)]
    checkpoint = latest_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    state = load_checkpoint(checkpoint)["state"]
    found = {f"state {name}": value for name, value in flat(state).items() if name not in ("seconds", "measured")}
    files = [path for path in (run / "scene.ply", run / "points.ply", run / "weather.json") if path.exists()]
    files += sorted((run / "weather").glob("*")) if (run / "weather").exists() else []
    found |= {path.relative_to(run).as_posix(): path.read_bytes() for path in files}
    cameras = json.loads((run / "cameras.json").read_text())
    training = [frame for frame in cameras["frames"] if frame["split"] == "train"]
    return {**found, "rows": rows, "plan": config["plan"], "background": config["background"], "cameras": training}


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dicts and lists as one dict; tensors as bytes; without what was measured on the way."""
    if isinstance(tree, dict):
        pairs = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list | tuple):
        pairs = [(str(index), value) for index, value in enumerate(tree)]
    else:
        tree = tree.get_state() if isinstance(tree, torch.Generator) else tree
        return {prefix: tree.cpu().numpy().tobytes() if isinstance(tree, torch.Tensor) else tree}
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key not in ("seconds", "measured"):
            found |= flat(value, f"{prefix}.{key}" if prefix else key)
    return found


def different(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which two records differ."""
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]
