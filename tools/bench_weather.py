#!/usr/bin/env python3
"""How much of what weather costs training wins back, against clean photos.

    python tools/bench_weather.py                            everything: kinds, severities, the demo and fox
    python tools/bench_weather.py --kinds rain --severities 2 --scenes demo
    python tools/bench_weather.py --docs                     also puts table and pictures into docs/weather.md

Weather is added to the training photos (tools/add_weather.py); the test photos stay clean, and every figure is against
them. Each case is trained in several ways, one at a time, with the same settings but for the weather:

    plain     as if nothing were known
    cleaned   plain, on what `splat clean weather=KIND` makes of the photos: masks of drops, restored photos in rain and
              snow (the test photos are put back as they were); not in fog, which it leaves to training
    full      weather=KIND, on the photos as they are: what docs/weather.md tells users to do
    auto      weather=auto (with --auto)
    ceiling   plain, on the photos without weather
    clean     weather=KIND on the photos without weather: what it costs where there is none

What a training found is one line of OUT/runs.jsonl, so that an interrupted call goes on where it stopped. OUT
(runs/bench_weather) also gets results.json, table.md and a picture for each kind. Photos are looked for in
$SPLAT_TEST_DATA, else in ../shared/data, weights for LPIPS in $TORCH_HOME, else in their `weights` folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FACTORS = {"demo": 2.0, "fox": 8.0}
KINDS = ("rain", "snow", "drops", "fog")
SEVERITIES = (2, 1, 3)  # the middle one first: an interrupted benchmark has it
CAP = 15_000
THREADS = 2
CLEANED = ("rain", "snow", "drops")  # kinds that `splat clean` takes out or masks


@dataclass(frozen=True)
class Job:
    """One training."""

    scene: str
    kind: str  # of the weather in the photos
    severity: int  # 0 without weather
    way: str  # plain, cleaned, full, auto
    preset: str  # of `full`: weather=PRESET
    steps: int

    @property
    def key(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def words(self) -> list[str]:
        """What `splat train` is told about the weather."""
        return [f"weather={self.preset}"] if self.way in ("full", "auto") else []


def jobs_of(arguments: argparse.Namespace) -> list[Job]:
    """All trainings, the most telling ones first."""
    found = []
    steps = arguments.steps
    for severity in arguments.severities:
        for scene in arguments.scenes:
            found.append(Job(scene, "none", 0, "plain", "none", steps))
            for kind in arguments.kinds:
                ways = ["plain", "full", *(["cleaned"] if kind in CLEANED else [])]
                found += [Job(scene, kind, severity, way, kind if way == "full" else "none", steps) for way in ways]
                found.append(Job(scene, "none", 0, "full", kind, steps))
                if arguments.auto:
                    found.append(Job(scene, kind, severity, "auto", "auto", steps))
            if arguments.auto:
                found.append(Job(scene, "none", 0, "auto", "auto", steps))
    return list(dict.fromkeys(found))


def source(scene: str) -> Path:
    """The clean capture."""
    if scene == "demo":
        return ROOT / "data" / "demo"
    from tools.bench import data

    return Path(data(scene))


def weathered_capture(job: Job, out: Path) -> Path:
    """The capture with the job's weather, made on first use."""
    from tools.add_weather import Added, write_weathered

    folder = out / "captures" / f"{job.scene}-{job.kind}-{job.severity}"
    if not (folder / "weather_added.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write_weathered(source(job.scene), folder, Added(job.kind, job.severity), FACTORS[job.scene])
    return folder


def cleaned_capture(job: Job, out: Path) -> Path:
    """What `splat clean` makes of the capture, with the test photos as they were; made on first use."""
    from splat.weather.clean.clean import clean
    from splat.weather.clean.config import CleanConfig

    capture = weathered_capture(job, out)
    folder = out / "captures" / f"{capture.name}-cleaned"
    if not (folder / "test_photos_put_back").exists():
        shutil.rmtree(folder, ignore_errors=True)
        clean(CleanConfig(data=str(capture), out=str(folder), weather=job.kind))
        for name in json.loads((capture / "transforms.json").read_text(encoding="utf-8"))["test_filenames"]:
            shutil.copyfile(capture / name, folder / name)
            (folder / "masks" / f"{Path(name).name}.png").unlink(missing_ok=True)
        (folder / "test_photos_put_back").touch()
    return folder


def measured(job: Job, out: Path, extra: list[str]) -> dict[str, Any]:
    """Train and score one job."""
    from hydra import compose, initialize_config_dir

    from splat.commands.app import register, to_config
    from splat.commands.conf import conf_folder
    from splat.commands.train import COMMAND
    from splat.evaluate.evaluate import evaluate_views
    from splat.files import read_json
    from splat.training import train

    register(COMMAND)
    words = [
        f"max_steps={job.steps}", f"cap_max={CAP}", f"initial.seeds={CAP // 2}", "data_factor=1",
        "schedule.eval_every=0", "schedule.save_every=0", f"render.num_threads={THREADS}", *job.words, *extra,
    ]  # fmt: skip
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = to_config(compose("train", words), COMMAND.config)
    capture = cleaned_capture(job, out) if job.way == "cleaned" else weathered_capture(job, out)
    with tempfile.TemporaryDirectory() as scratch:
        config.data, config.out = str(capture), f"{scratch}/run"
        started = time.process_time()
        result = train(config)
        busy = time.process_time() - started
        report = result.folder / "weather.json"
        found = read_json(report) if report.exists() else None
        iou = lens_iou(capture, result.folder) if job.kind == "drops" else None
    views = result.capture.indices("test")
    scores = evaluate_views(result.gaussians, result.capture, views, lpips_net="squeeze", with_flip=False)
    write_view(result, out / "views" / f"{job.scene}-{job.kind}-{job.severity}-{job.way}-{job.preset}.png")
    return {
        "psnr": scores.psnr, "ssim": scores.ssim, "lpips": scores.lpips,
        "gaussians": len(result.gaussians), "cpu_seconds": round(busy, 1), "weather": found,
        "lens_iou": iou,
    }  # fmt: skip


def lens_iou(capture: Path, run: Path) -> float | None:
    """Agreement of the lens mask that training found with the true one; None where it looked for none."""
    paths = list((run / "weather").glob("lens_*.png"))
    if not paths:
        return None
    truth = cv2.imread(str(capture / "weather_truth" / "lens.png"), cv2.IMREAD_GRAYSCALE) > 127
    mask = cv2.imread(str(paths[0]), cv2.IMREAD_GRAYSCALE) < 128
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def write_view(result: Any, path: Path) -> None:
    """A test view of the trained scene as a PNG."""
    import torch

    from splat.cameras import stack_cameras
    from splat.images import to_bytes, write_image
    from splat.render import render_gaussians

    index = result.capture.indices("test")[VIEW]
    camera = result.capture.frames[index].camera
    viewmats, Ks = stack_cameras([camera])
    with torch.no_grad():
        image = render_gaussians(result.gaussians, viewmats, Ks, camera.width, camera.height)[0][0]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_image(path, to_bytes(image))


VIEW = 3  # which of the test views is shown


def read_runs(path: Path) -> dict[str, dict[str, Any]]:
    """What is measured already, by the job's key."""
    if not path.exists():
        return {}
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {json.dumps(row["job"], sort_keys=True): row for row in rows}


def run_all(jobs: list[Job], out: Path, extra: list[str], until: float) -> None:
    """Train what is not measured yet; none is begun after `until` (seconds since the epoch)."""
    path = out / "runs.jsonl"
    for number, job in enumerate(jobs, 1):
        if job.key in read_runs(path):
            continue
        if time.time() > until:
            print(f"stopped before {number} of {len(jobs)}: no time left")
            return
        found = measured(job, out, extra)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"job": asdict(job), **found}) + "\n")
        print(
            f"{number}/{len(jobs)} {job.scene} {job.kind} {job.severity} {job.way} {job.preset}: "
            f"{found['psnr']:.2f} dB, {found['cpu_seconds']:.0f} s of processor time",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", nargs="+", choices=list(FACTORS), default=list(FACTORS))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--severities", nargs="+", type=int, choices=(1, 2, 3), default=list(SEVERITIES))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--auto", action="store_true", help="weather=auto too")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin no training after so many minutes")
    parser.add_argument("--tables", action="store_true", help="train nothing")
    parser.add_argument("--docs", action="store_true", help="also put table and pictures into docs/weather.md")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench_weather")
    parser.add_argument("words", nargs="*", help="more keys for every training, such as weather.lens_residual=2")
    arguments = parser.parse_args()
    weights = Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data")) / "weights"
    os.environ.setdefault("TORCH_HOME", str(weights))
    arguments.out.mkdir(parents=True, exist_ok=True)
    jobs = jobs_of(arguments)
    if not arguments.tables:
        run_all(jobs, arguments.out, arguments.words, time.time() + 60 * arguments.minutes)
    from tools.weather_tables import put_into_docs, write_tables

    print(write_tables(arguments.out, arguments.steps))
    if arguments.docs:
        put_into_docs(arguments.out, ROOT / "docs", arguments.steps)


if __name__ == "__main__":
    main()
