#!/usr/bin/env python3
"""One capture in the forms in which people have it: do they give the same scene?

    python tools/bench_ways_in.py                     fox as transforms.json, COLMAP model, bare photos and a video
    python tools/bench_ways_in.py --docs              also into docs/captures.md

transforms.json is fox as it is. `colmap` is a model of its photos by pycolmap alone, with features, pairs and options
of its own; `photos` is a folder with nothing but the photos; `video` is one of them, a photo a frame, lightly
compressed. Each is trained in the same way (480 pixels, 1,000 steps, the first and every 8th photo held out, seed 0),
one at a time. The frames of the video are compared with themselves, which compression has changed. What is done is
remembered in OUT/runs.jsonl. Photos are looked for in $SPLAT_TEST_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.bench_captures import Checkout, last_line  # noqa: E402
from tools.captures_at_hand import TEST_EVERY, THREADS, data_folder  # noqa: E402

FACTOR, STEPS = 4, 1000
FPS, QUALITY = 5, "12"  # x264's constant rate factor: hardly visible
DOCS = ROOT / "docs" / "captures.md"
BEGIN, END = "<!-- ways in -->", "<!-- end of ways in -->"


def as_transforms(source: Path, folder: Path) -> None:
    """The capture as it is."""
    shutil.copytree(source, folder)


def as_photos(source: Path, folder: Path) -> None:
    """Nothing but the photos."""
    shutil.copytree(source / "images", folder)


def as_video(source: Path, folder: Path) -> None:
    """One video with a photo a frame."""
    import av
    import numpy as np
    from PIL import Image

    folder.mkdir()
    with av.open(str(folder / "video.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": QUALITY})
        stream.pix_fmt = "yuv420p"
        for number, path in enumerate(sorted((source / "images").iterdir())):
            pixels = np.asarray(Image.open(path).convert("RGB"))
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def as_colmap(source: Path, folder: Path) -> None:
    """A model by pycolmap with options of its own, beside the photos."""
    import pycolmap

    as_photos(source, folder / "images")
    database, images, sparse = str(folder / "database.db"), str(folder / "images"), folder / "sparse"
    sparse.mkdir()
    pycolmap.extract_features(database, images, camera_mode=pycolmap.CameraMode.SINGLE, device=pycolmap.Device.cpu)
    pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
    pycolmap.incremental_mapping(database, images, str(sparse))
    Path(database).unlink()


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "transforms": as_transforms,
    "colmap": as_colmap,
    "photos": as_photos,
    "video": as_video,
}


def measured(way: str, out: Path) -> dict[str, Any]:
    """Make the capture, train on it and read what came out.

    Raises:
        SystemExit: it cannot be trained.
    """
    folder, run = out / way, out / f"{way}.run"
    if not folder.is_dir():
        work = out / f"{way}.work"
        shutil.rmtree(work, ignore_errors=True)
        WAYS[way](data_folder() / "fox", work)
        work.rename(folder)
    shutil.rmtree(run, ignore_errors=True)
    words = {
        "out": run,
        "seed": 0,
        "max_steps": STEPS,
        "data_factor": FACTOR,
        "test_every": TEST_EVERY,
        "split": "3dgs",
        "schedule.eval_every": 0,
        "render.num_threads": THREADS,
        "capture.cache_dir": out / "cache",
    }
    done = Checkout(ROOT).splat("train", str(folder), *(f"{key}={value}" for key, value in words.items()))
    if done.returncode:
        raise SystemExit(f"error: {way}: {last_line(done)}")
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    figures = {name: metrics[name] for name in ("psnr", "ssim", "lpips")}
    photos = metrics["train_photos"] + len(metrics["per_view"])
    return {"way": way, **figures, "photos": photos, "program": Checkout(ROOT).program}


def table(runs: dict[str, dict[str, Any]]) -> str:
    """The runs as a Markdown table."""
    lines = ["| fox as | photos | PSNR | SSIM | LPIPS |", "| --- | --- | --- | --- | --- |"]
    for way, run in runs.items():
        lines.append(f"| {way} | {run['photos']} | {run['psnr']:.2f} | {run['ssim']:.4f} | {run['lpips']:.4f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--docs", action="store_true", help="also write docs/captures.md")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench_ways_in")
    given = parser.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    kept, program = out / "runs.jsonl", Checkout(ROOT).program
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    runs = {run["way"]: run for run in map(json.loads, lines) if run["program"] == program}
    for way in WAYS:
        if way not in runs:
            runs[way] = measured(way, out)
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(runs[way]) + "\n")
        print(table({way: runs[way] for way in WAYS if way in runs}), flush=True)
    if given.docs:
        text = DOCS.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN, 1)
        body = (
            f"{BEGIN}\n\n`python tools/bench_ways_in.py --docs`\n\n{table({way: runs[way] for way in WAYS})}\n\n{END}"
        )
        DOCS.write_text(before + body + rest.split(END, 1)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
