#!/usr/bin/env python3
"""Writes a capture with poses that are a little wrong, and says how far those of a run are from the true ones.

    python tools/perturb_poses.py perturb data/demo OUT --degrees 0.5 --share 0.01
    splat train OUT poses=refine out=RUN
    python tools/perturb_poses.py compare data/demo RUN

Every camera is turned about an axis of its own and moved in a direction of its own, by as much as the options say in
the root of the mean square. Photos are linked, points and lenses stay. A COLMAP model keeps the observations of its
points, which then fit no longer; a transforms.json has none. Errors are what is left after the similarity that all
training cameras have in common; distances are shares of the cameras' radius.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from splat.cameras import Camera  # noqa: E402
from splat.capture import load_capture  # noqa: E402
from splat.capture.colmap.choice import model_folder  # noqa: E402
from splat.errors import SplatError  # noqa: E402
from splat.files import read_json, write_json  # noqa: E402
from splat.poses.gauge import pose_errors  # noqa: E402
from splat.poses.motion import exponential  # noqa: E402
from splat.run import open_run  # noqa: E402
from tools.command import exit_code  # noqa: E402

AXES = np.diag([1.0, -1.0, -1.0, 1.0])  # of a camera in transforms.json, in OpenCV's


def perturbed(viewmats: torch.Tensor, degrees: float, share: float, seed: int) -> torch.Tensor:
    """Viewmats [C, 4, 4] turned by about `degrees`, their centres moved by about `share` of the cameras' radius."""
    rng = np.random.default_rng(seed)
    centres = -(viewmats[:, :3, :3].mT @ viewmats[:, :3, 3:])[..., 0]
    radius = float((centres - centres.mean(dim=0)).norm(dim=1).max())
    turns = torch.from_numpy(rng.normal(0, np.radians(degrees) / np.sqrt(3), (len(viewmats), 3)))
    shifts = torch.from_numpy(rng.normal(0, share * radius / np.sqrt(3), (len(viewmats), 3)))
    return exponential(torch.cat([shifts, turns], 1)) @ viewmats


def write_perturbed(data: Path, out: Path, degrees: float, share: float, seed: int) -> None:
    """A copy of a COLMAP or transforms.json capture with perturbed poses.

    Raises:
        SplatError: it is neither, or `out` is there.
    """
    if out.exists():
        raise SplatError(f"{out} is there already; choose another place")
    folder = model_folder(data)
    if folder is None and not (data / "transforms.json").is_file():
        raise SplatError(f"{data} has neither a COLMAP model nor a transforms.json")
    out.mkdir(parents=True)
    for entry in data.iterdir():
        if entry.name not in ("sparse", "colmap", "transforms.json"):
            (out / entry.name).symlink_to(entry.resolve())
    if folder is not None:
        _perturb_model(folder, out / "sparse" / "0", degrees, share, seed)
    else:
        _perturb_transforms(data / "transforms.json", out / "transforms.json", degrees, share, seed)


def _perturb_model(folder: Path, out: Path, degrees: float, share: float, seed: int) -> None:
    import pycolmap

    model = pycolmap.Reconstruction(str(folder))
    images = sorted((image for image in model.images.values() if image.has_pose), key=lambda image: image.name)
    rows = np.zeros((len(images), 4, 4))
    rows[:, 3, 3] = 1
    for row, image in zip(rows, images):
        row[:3] = image.cam_from_world().matrix()
    for image, viewmat in zip(images, perturbed(torch.from_numpy(rows), degrees, share, seed).numpy()):
        image.frame.set_cam_from_world(image.camera_id, pycolmap.Rigid3d(np.ascontiguousarray(viewmat[:3])))
    out.mkdir(parents=True)
    model.write(str(out))


def _perturb_transforms(file: Path, out: Path, degrees: float, share: float, seed: int) -> None:
    meta: dict[str, Any] = read_json(file)
    frames = sorted(meta["frames"], key=lambda frame: str(frame["file_path"]))
    viewmats = torch.from_numpy(np.stack([np.linalg.inv(np.array(f["transform_matrix"]) @ AXES) for f in frames]))
    for frame, viewmat in zip(frames, perturbed(viewmats, degrees, share, seed).numpy()):
        frame["transform_matrix"] = (np.linalg.inv(viewmat) @ AXES).tolist()
    write_json(out, meta)


def errors_of(truth: Path, run: Path) -> dict[str, Any]:
    """How far training cameras were from the true ones before and after training: degrees and shares of the radius."""
    true = {camera.name: camera for camera in load_capture(truth, points="none").cameras()}
    record = open_run(run).camera_record()
    frames = [frame for frame in record["frames"] if frame["split"] == "train"]
    right = _stacked([true[frame["name"]] for frame in frames])
    right[:, :3, 3] += right[:, :3, :3] @ torch.tensor(record["origin"], dtype=torch.float64)
    found: dict[str, Any] = {"cameras": len(frames)}
    for name, key in (("before", "given_viewmat"), ("after", "viewmat")):
        viewmats = torch.tensor([frame.get(key) or frame["viewmat"] for frame in frames], dtype=torch.float64)
        turn, distance = pose_errors(right, viewmats)
        found[name] = {
            "degrees": _spread(turn),
            "share": _spread(distance),
        }
    return found


def _stacked(cameras: list[Camera]) -> torch.Tensor:
    return torch.stack([camera.viewmat for camera in cameras]).double()


def _spread(values: torch.Tensor) -> dict[str, float]:
    return {
        "rms": round(float(values.square().mean().sqrt()), 5),
        "median": round(float(values.median()), 5),
        "max": round(float(values.max()), 5),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("perturb", "compare"))
    parser.add_argument("data", type=Path, help="the capture with the true poses")
    parser.add_argument("out", type=Path, help="perturb: the new capture; compare: the run folder")
    parser.add_argument("--degrees", type=float, default=0.5, help="of rotation, root of the mean square")
    parser.add_argument("--share", type=float, default=0.01, help="of the cameras' radius, by which centres are moved")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    def work() -> None:
        if given.what == "perturb":
            write_perturbed(given.data, given.out, given.degrees, given.share, given.seed)
        else:
            print(json.dumps(errors_of(given.data, given.out), indent=1))

    return exit_code(work)


if __name__ == "__main__":
    raise SystemExit(main())
