"""Edits of the demo against its ground truth: python -m tools.bench_edit RUN [--text].

Removes an object and compares the test views with the twin capture that was made without it, with the hole filled and
left; recolours one and counts pixels. The selection comes from the true label pictures of the training views, lifted to
the Gaussians, or with --text from the run's language field (splat distill RUN teacher=demo). --true-field only measures
selections, in a field made of the true label maps with CLIP's vectors of words, which tells the selection's errors from
the teacher's. Prints a table, writes OUT/results.json and OUT/*.png (photo or twin, before, after).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from splat.cameras import stem
from splat.colors import parse_color, rgb_to_lab
from splat.edit.apply import apply
from splat.edit.fill import fill
from splat.edit.operations import OPERATIONS, FillOptions, operation_options
from splat.edit.operations.base import Edited
from splat.edit.operations.recolor import recolor
from splat.edit.operations.remove import remove
from splat.edit.select.images import LEAST
from splat.edit.select.selection import Selection
from splat.edit.select.text import TextQuery, select_by_text
from splat.errors import SplatError
from splat.files import read_json, write_json
from splat.images import write_image
from splat.language.config import DistillConfig
from splat.language.distill import distill_run
from splat.render.scene import SceneRenderer
from splat.run import Run, open_run
from tools.language_truth import write_files_teacher

OPERATIONS_TIMED: dict[str, dict[str, object]] = {
    "remove": {}, "extract": {}, "crop": {}, "recolor": {"color": "blue"}, "opacity": {"factor": 0.5},
    "scale": {"factor": 1.2}, "move": {"offset": "0,0,1"}, "rotate": {"degrees": 30.0},
    "duplicate": {"offset": "0,0,1", "degrees": 30.0},
}  # fmt: skip
REPOSITORY = Path(__file__).resolve().parents[1]
HUE = 30.0  # degrees from the target's hue that still are the hue
VISIBLE = 5.0  # difference in Lab (CIE76) that shows
ENOUGH = 0.75  # IoU of a selection that is aimed at


def psnr(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> float:
    """PSNR in dB over the pixels of a mask, of images 0..1."""
    return float(-10 * np.log10(np.square(a - b)[mask].mean()))


def label_of(demo: Path, name: str) -> int:
    """The label of an object.

    Raises:
        SplatError: when the demo has none of that name.
    """
    objects = {entry["name"]: entry["id"] for entry in read_json(demo / "truth" / "objects.json")}
    if name not in objects:
        raise SplatError(f"the demo has no {name!r}; it has {', '.join(objects)}")
    return int(objects[name])


def images_of(renderer: SceneRenderer, run: Run, scene: Any) -> dict[str, np.ndarray]:
    """Renders [H, W, 3] 0..1 of the test views by name."""
    return {
        stem(camera.name): renderer.of(scene).image(camera).clamp(0, 1).cpu().numpy() for camera in run.cameras("test")
    }


def read_image(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"), np.float32) / 255


def measure_removal(
    demo: Path, label: int, before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> dict[str, float]:
    """Means over the test views that the twin has: whole, inside the object's pixels, and outside before and after."""
    rows: dict[str, list[float]] = {"whole": [], "inside": [], "outside": [], "outside_before": []}
    for name, picture in after.items():
        path = demo / "without_blue_vase" / "images" / f"{name}.jpg"
        inside = np.asarray(Image.open(demo / "truth" / "labels" / f"{name}.png")) == label
        if not path.exists():
            continue
        twin = read_image(path)
        rows["whole"].append(psnr(picture, twin, np.ones_like(inside)))
        rows["outside"].append(psnr(picture, twin, ~inside))
        rows["outside_before"].append(psnr(before[name], twin, ~inside))
        if inside.sum() >= 20:
            rows["inside"].append(psnr(picture, twin, inside))
    found = {key: round(float(np.mean(values)), 2) for key, values in rows.items()}
    return {**found, "outside_change": round(found["outside"] - found["outside_before"], 3)}


def measure_recolor(
    demo: Path, label: int, target: torch.Tensor, before: dict[str, np.ndarray], after: dict[str, np.ndarray]
) -> dict[str, float]:
    """Shares over all test views: the object's pixels with the target's hue, and others that visibly change."""
    wanted = rgb_to_lab(target.double())
    own = taken = other = changed = 0
    for name, picture in after.items():
        inside = np.asarray(Image.open(demo / "truth" / "labels" / f"{name}.png")) == label
        lab, old = (rgb_to_lab(torch.from_numpy(image).double()).numpy() for image in (picture, before[name]))
        turn = np.degrees(np.arctan2(lab[..., 2], lab[..., 1]) - np.arctan2(float(wanted[2]), float(wanted[1])))
        near = np.abs((turn + 180) % 360 - 180) < HUE
        differs = np.linalg.norm(lab - old, axis=-1) > VISIBLE
        own, taken = own + int(inside.sum()), taken + int((inside & near).sum())
        other, changed = other + int((~inside).sum()), changed + int((~inside & differs).sum())
    return {"takes_hue": round(taken / max(own, 1), 4), "others_change": round(changed / max(other, 1), 5)}


class Truth:
    """What the true label pictures of the training views say about each Gaussian."""

    def __init__(self, renderer: SceneRenderer, demo: Path) -> None:
        self.objects = [entry for entry in read_json(demo / "truth" / "objects.json") if entry["pixels"]]
        labels = 1 + max(entry["id"] for entry in self.objects)
        device = renderer.scene.means.device
        inside, self.weight = torch.zeros(len(renderer.scene), labels, device=device), torch.zeros(1, device=device)
        for camera in renderer.cameras:
            picture = np.asarray(Image.open(demo / "truth" / "labels" / f"{stem(camera.name)}.png"))
            shown = torch.from_numpy((picture[..., None] == np.arange(labels)).astype(np.float32))
            sums, weights = renderer.lift(camera, shown)
            inside += sums
            self.weight = self.weight + weights  # [N] sum of the blending weight over all pixels
        self.votes = torch.where(self.weight[:, None] > LEAST, inside / self.weight[:, None].clamp(min=LEAST), 0.0)

    def selection(self, ids: list[int], source: str = "") -> Selection:
        """The Gaussians that show these labels in at least half of their pixels."""
        return Selection.from_mask(self.votes[:, ids].sum(1) >= 0.5, source)

    def agreement(self, chosen: Selection, ids: list[int]) -> dict[str, float]:
        """IoU with the truth by Gaussians, and by what they contribute to the pictures (summed blending weight)."""
        truth = self.selection(ids)
        both, either = chosen.mask & truth.mask, chosen.mask | truth.mask
        return {
            "iou": round(int(both.sum()) / max(int(either.sum()), 1), 4),
            "iou_by_weight": round(float(self.weight[both].sum() / self.weight[either].sum().clamp(min=1e-9)), 4),
            "selected": chosen.count,
            "true": truth.count,
        }


def select(
    renderer: SceneRenderer, run: Run, demo: Path, truth: Truth, name: str, in_text: bool
) -> tuple[Selection, dict[str, float]]:
    """The selection that is edited, and how well it agrees with the lifted true labels."""
    ids = [label_of(demo, name)]
    chosen = select_by_text(renderer, run, TextQuery(name)) if in_text else truth.selection(ids, name)
    return chosen, truth.agreement(chosen, ids)


def write_rows(out: Path, kind: str, parts: list[dict[str, np.ndarray]]) -> None:
    """One picture for each test view: the parts side by side."""
    for name in parts[-1]:
        row = np.concatenate([part[name] for part in parts if name in part], axis=1)
        write_image(out / f"{kind}_{name}.png", (row * 255).round().astype(np.uint8))


def bench(run: Run, demo: Path, out: Path, in_text: bool, options: FillOptions) -> dict[str, Any]:
    """All measurements."""
    renderer = run.renderer()
    before, truth = images_of(renderer, run, renderer.scene), Truth(renderer, demo)
    chosen, agreement = select(renderer, run, demo, truth, "blue vase", in_text)
    results: dict[str, Any] = {"run": run.name, "selection": "text" if in_text else "labels", "vase": agreement}
    label = label_of(demo, "blue vase")
    results["untouched"] = measure_removal(demo, label, before, before)
    started = time.monotonic()
    bare = remove(renderer.scene, chosen)
    results["remove"] = measure_removal(demo, label, before, images_of(renderer, run, bare.scene))
    edited: Edited = fill(renderer, chosen, bare, options)
    results["fill_seconds"] = round(time.monotonic() - started, 1)
    after = images_of(renderer, run, edited.scene)
    results["remove_fill"] = measure_removal(demo, label, before, after)
    twin = demo / "without_blue_vase" / "images"
    twins = {name: read_image(twin / f"{name}.jpg") for name in after if (twin / f"{name}.jpg").exists()}
    write_rows(out, "remove", [twins, before, images_of(renderer, run, bare.scene), after])
    for name, color in (("red mug", "blue"), ("orange cushion", "green")):
        try:
            chosen, agreement = select(renderer, run, demo, truth, name, in_text)
        except SplatError as missing:
            results[f"{name} to {color}"] = {"not_found": str(missing)}
            continue
        painted = images_of(renderer, run, recolor(renderer.scene, chosen, parse_color(color)).scene)
        measured = measure_recolor(demo, label_of(demo, name), parse_color(color), before, painted)
        results[f"{name} to {color}"] = {**measured, **agreement}
        write_rows(out, f"recolor_{name.replace(' ', '_')}", [before, painted])
    if in_text:
        queries = {entry["name"]: [entry["id"]] for entry in truth.objects}
        results["text"] = agreement_of_all(renderer, run, truth, queries)
    return results


def agreement_of_all(renderer: SceneRenderer, run: Run, truth: Truth, queries: dict[str, list[int]]) -> dict[str, Any]:
    """IoUs of selections in words, by Gaussians and by weight, for all queries with the labels they mean."""
    found: dict[str, Any] = {}
    for text, ids in queries.items():
        try:
            started = time.monotonic()
            measured = truth.agreement(select_by_text(renderer, run, TextQuery(text)), ids)
            found[text] = {**measured, "seconds": round(time.monotonic() - started, 2)}
        except SplatError:
            found[text] = {"iou": 0.0, "iou_by_weight": 0.0, "selected": 0, "true": truth.selection(ids).count}
        print(f"{text:20} {found[text]}", flush=True)
    for kind in ("iou", "iou_by_weight"):
        values = [entry[kind] for entry in found.values() if isinstance(entry, dict)]
        found[f"{kind}_mean"] = round(float(np.mean(values)), 4)
        found[f"{kind}_at_least_{ENOUGH}"] = f"{sum(value >= ENOUGH for value in values)} of {len(values)}"
    return found


def true_field(run: Run, demo: Path, folder: Path) -> tuple[Run, dict[str, list[int]]]:
    """The scene of a run with a field made of the true label maps, and what may be asked of it."""
    queries = write_files_teacher(demo, folder / "files")
    copy = folder / "run"
    copy.mkdir()
    for name in ("scene.ply", "cameras.json", "config.yaml"):
        shutil.copyfile(run.path / name, copy / name)
    distill_run(open_run(copy), DistillConfig(run=str(copy), teacher="files", files=str(folder / "files")))
    return open_run(copy), queries


def operation_seconds(run: Run, count: int = 100_000) -> dict[str, float]:
    """Seconds of each operation on `count` Gaussians (those of the scene, repeated), two fifths of them selected."""
    scene = run.scene()[torch.arange(count) % len(run.scene())]
    renderer = run.renderer().of(scene)
    chosen = Selection.from_mask((torch.arange(count) < 2 * count // 5).to(renderer.device), "two fifths")
    found = {}
    for name, given in OPERATIONS_TIMED.items():
        operation = OPERATIONS[name].make(operation_options(name, given))
        started = time.monotonic()
        apply(name, operation, renderer, chosen)
        found[name] = round(time.monotonic() - started, 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("run", type=Path)
    parser.add_argument("--demo", type=Path, default=REPOSITORY / "data" / "demo")
    parser.add_argument("--text", action="store_true", help="select by the language field")
    parser.add_argument("--seconds", action="store_true", help="only time each operation on 100,000 Gaussians")
    parser.add_argument("--true-field", action="store_true", help="only selections in words, in a field of true labels")
    parser.add_argument("--steps", type=int, default=FillOptions().steps)
    parser.add_argument("--out", type=Path, default=Path("runs/bench_edit"))
    arguments = parser.parse_args()
    run, options = open_run(arguments.run), FillOptions(steps=arguments.steps)
    results: dict[str, Any]
    if arguments.seconds:
        results = operation_seconds(run)
    elif arguments.true_field:
        with tempfile.TemporaryDirectory() as temporary:
            other, queries = true_field(run, arguments.demo, Path(temporary))
            renderer = other.renderer()
            results = agreement_of_all(renderer, other, Truth(renderer, arguments.demo), queries)
    else:
        results = bench(run, arguments.demo, arguments.out, arguments.text, options)
    write_json(arguments.out / "results.json", results)
    for key, value in results.items():
        print(f"{key:24} {value}")


if __name__ == "__main__":
    main()
