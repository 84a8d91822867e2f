"""What the records in a run folder may hold: anybody may have written or edited them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from splat.files import write_json
from splat.records import Record, json_record, record, yaml_record

SCORES = ("psnr", "cc_psnr", "ssim", "lpips", "flip")
NUMBERS = (*SCORES, "train_seconds", "steps_per_second")
COUNTS = ("num_gaussians", "max_steps", "train_photos")
TEXTS = ("lpips_net", "lpips_reason", "flip_reason", "backend", "strategy")
TRAINING = "training.json"


@dataclass(frozen=True)
class TrainingRecord:
    """RUN/training.json: what a training said of its capture and of itself, and how long its stages took."""

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # on the capture: what was chosen, guessed or left out
    seconds: dict[str, float] = field(default_factory=dict)  # by stage: load, train, write

    def after(self, earlier: TrainingRecord) -> TrainingRecord:
        """Both sessions of one training; the seconds of training itself count earlier sessions already."""
        spent = {stage: earlier.seconds.get(stage, 0.0) + seconds for stage, seconds in self.seconds.items()}
        if "train" in self.seconds:
            spent["train"] = self.seconds["train"]
        warnings = tuple(dict.fromkeys((*earlier.warnings, *self.warnings)))
        return TrainingRecord(warnings, tuple(dict.fromkeys((*earlier.notes, *self.notes))), spent)

    def write(self, folder: Path) -> None:
        """Write RUN/training.json.

        Raises:
            SplatError: when the disk refuses.
        """
        seconds = {stage: round(value, 2) for stage, value in self.seconds.items()}
        write_json(folder / TRAINING, {**asdict(self), "seconds": seconds})


def read_training(folder: Path) -> TrainingRecord:
    """RUN/training.json; empty where there is none, as in runs of earlier versions.

    Raises:
        SplatError: when it cannot be read or holds something else.
    """
    if not (folder / TRAINING).is_file():
        return TrainingRecord()
    found = json_record(folder / TRAINING)
    seconds = found.part("seconds")
    return TrainingRecord(
        found.texts("warnings"), found.texts("notes"), {stage: seconds.number(stage) for stage in seconds.values}
    )


def read_config(folder: Path) -> dict[str, Any]:
    """RUN/config.yaml as plain data; what commands use of it has the right kind.

    Raises:
        SplatError: when it cannot be read or holds something else; says what.
    """
    found = yaml_record(folder / "config.yaml")
    train, capture = found.part("train"), found.part("capture")
    for part in (train, capture):
        if part.has("data"):
            part.text("data")
    train.part("render")
    found.part("plan")
    if found.has("background"):
        found.numbers("background", 3)
    return dict(found.values)


def read_metrics(folder: Path) -> dict[str, Any]:
    """RUN/metrics.json; what is missing in it counts as not known.

    Raises:
        SplatError: when it is missing, no JSON, or holds something else than `splat evaluate` writes.
    """
    found = json_record(folder / "metrics.json")
    metrics = _block(found)
    for key in COUNTS:
        if found.has(key):
            found.whole(key)
    protocol = found.part("protocol")
    sizes = protocol.values.get("resolution")
    if sizes is not None and not isinstance(sizes, list):
        raise protocol.wrong("resolution", "a list of sizes")
    for size in sizes or []:
        record({"size": size}, f"{protocol.where}: resolution").numbers("size", 2)
    if protocol.has("test_poses"):
        protocol.text("test_poses")
    unrefined = found.part("unrefined")
    for key in unrefined.values:
        if unrefined.has(key):
            unrefined.number(key)
    return {**metrics, "train": _block(found.part("train"))} if found.has("train") else metrics


def train_rules(metrics: Mapping[str, Any]) -> str | None:
    """A sentence where training views were scored under other rules than the held-out ones beside them, else None.

    Each side keeps its scores when only the other one is scored again, with another protocol or background perhaps.
    """
    protocol, train = metrics.get("protocol") or {}, metrics.get("train") or {}
    if metrics.get("psnr") is None or train.get("psnr") is None:
        return None
    sides = [(train.get("protocol"), train.get("background")), (protocol.get("name"), protocol.get("background"))]
    if all(None in pair or pair[0] == pair[1] for pair in zip(*sides)):
        return None
    words = [
        ", ".join(
            [f"protocol {name}", *([f"background {' '.join(map(str, color))}"] if isinstance(color, list) else [])]
        )
        for name, color in sides
    ]
    return f"the scores of training views ({words[0]}) do not compare with those of held-out views ({words[1]})"


def refined_poses(metrics: Mapping[str, Any]) -> str | None:
    """What must be known where held-out cameras were refined before they were scored, else None."""
    protocol, unrefined = metrics.get("protocol") or {}, metrics.get("unrefined") or {}
    if not protocol.get("test_poses"):
        return None
    psnr, ssim = unrefined.get("psnr"), unrefined.get("ssim")
    without = "" if psnr is None or ssim is None else f" (as given: PSNR {psnr:.2f}, SSIM {ssim:.4f})"
    return f"test poses {protocol['test_poses']}{without}"


def _block(found: Record) -> dict[str, Any]:
    """The scores of one side of the split; views have all scores, None where they are not known."""
    views = found.parts("per_view") if found.has("per_view") else []
    for key in NUMBERS:
        if found.has(key):
            found.number(key)
    for key in TEXTS:
        if found.has(key):
            found.text(key)
    for view in views:
        view.text("name")
        for key in SCORES:
            if view.has(key):
                view.number(key)
        if view.has("image") and not is_inside(view.text("image")):
            raise view.wrong("image", "a file in the run folder")
    if not found.has("per_view"):
        return dict(found.values)
    return {**found.values, "per_view": [{**dict.fromkeys(SCORES), **view.values} for view in views]}


def is_inside(name: str) -> bool:
    """Whether a path with slashes of any kind stays below where it begins."""
    windows = PureWindowsPath(name)
    return not (PurePosixPath(name).is_absolute() or windows.anchor or ".." in windows.parts)
