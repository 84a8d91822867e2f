#!/usr/bin/env python3
"""Whether two states of the program compute the same bits: small trainings, a query, edits, exports, weather.

    python tools/same_bits.py before.json              run everything, write a digest of every result
    python tools/same_bits.py after.json --against before.json
                                                        and list what differs; exit code 1 if anything does

Each command runs in a process of its own, on the CPU, through the command line, which stays the same when the inside of
the program changes. Digests leave out what may differ between two runs of one program: times, dates, versions, folders.
`--only WORDS` runs the groups so named; the fox capture is looked for in $SPLAT_TEST_DATA, else in ../shared/data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors.numpy import load

ROOT = Path(__file__).resolve().parents[1]
SMALL = "max_steps=200 cap_max=4000 initial.seeds=1000 schedule.save_every=100"
VOLATILE = {  # keys of JSON files that may differ between two runs of one program
    *("seconds", "train_seconds", "steps_per_second", "version", "versions", "git_commit", "commit", "date", "time"),
    *("created", "started", "run", "scene", "data", "root", "path", "folder", "machine", "host", "device", "out"),
}
UNCOMPARED = {"config.yaml", "metrics.csv", "report.html", "report.json"}
UNCOMPARED |= {"loss.png", "psnr.png", "gaussians.png"}  # plots: over seconds too
UNREPEATABLE = {".mp4", ".obj", ".html"}  # other bytes at every run: encoder, Open3D's fusion; pages tell the minutes


def groups(fox: Path | None) -> dict[str, list[str]]:
    """Command lines by group; {out} is a fresh folder, the first part of each is what splat is called with."""
    demo = "train data/demo data_factor=6"
    found = {
        "train": [
            f"{demo} out={{out}}/default {SMALL}",
            f"{demo} out={{out}}/mcmc strategy=mcmc {SMALL}",
            f"{demo} out={{out}}/plain strategy=default preset=paper {SMALL} data_factor=6",
            f"{demo} out={{out}}/fast preset=fast {SMALL}",
            f"{demo} out={{out}}/geotex strategy=geotex strategy.depth=scene strategy.scene_depth_iter=100 {SMALL}",
            f"{demo} out={{out}}/white loss.background=random render.antialiased=true {SMALL}",
        ],
        "weather": [
            f"{demo} out={{out}}/rain weather=rain {SMALL}",
            f"{demo} out={{out}}/fog weather=fog {SMALL}",
            f"{demo} out={{out}}/auto weather=auto {SMALL}",
            "weather {out}/rain effect=snow wind=2 frames=2 width=120",
            "weather {out}/rain effect=fog visibility=8 frames=2 width=120",
            "clean data/demo out={out}/clean weather=rain",
        ],
        "run": [
            "evaluate {out}/default",
            "render {out}/default path=orbit frames=3 width=160 depth=true",
            "render {out}/default path=test width=120",
            "export {out}/default format=splat output={out}/a.splat",
            "export {out}/default format=ply output={out}/a.ply",
            "export {out}/default format=mesh output={out}/mesh.obj",
            "compare {out}/default {out}/mcmc",
        ],
        "language": [
            "distill {out}/default",
            "query {out}/default 'red mug'",
            "query {out}/default 'teddy bear' views=2",
        ],
        "edit": [
            "edit {out}/default remove 'red mug'",
            "edit {out}/default recolor select.sphere=1.3,0.3,0.6,0.4 color=green",
            "edit {out}/default move select.sphere=0,0,0.5,0.4 offset=0,0,0.2",
            "edit {out}/default restyle 'patterned rug' filter=pencil guide.steps=20",
            "edit {out}/default undo",
        ],
    }
    if fox is not None:
        found["fox"] = [f"train {shlex.quote(str(fox))} data_factor=12 out={{out}}/fox {SMALL}"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path, help="JSON file to write")
    parser.add_argument("--against", type=Path, help="an earlier record; what differs is listed")
    parser.add_argument("--only", nargs="+", help="groups: train, weather, run, language, edit, fox")
    parser.add_argument("--out", type=Path, help="keep the results in this folder (default: a temporary one)")
    options = parser.parse_args()
    data = Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data"))
    fox = next((path for path in (data / "fox", data / "captures" / "fox") if path.is_dir()), None)
    with tempfile.TemporaryDirectory() as temporary:
        out = (options.out or Path(temporary)).resolve()
        out.mkdir(parents=True, exist_ok=True)
        failed = []
        for name, lines in groups(fox).items():
            if options.only is None or name in options.only:
                failed += [line for line in lines if not run(line, out)]
        record = {"failed": failed, "files": digests(out)}
    options.record.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{len(record['files'])} files, {len(failed)} commands that failed; written to {options.record}")
    if options.against is not None:
        sys.exit(compared(record, json.loads(options.against.read_text(encoding="utf-8"))))


def run(line: str, out: Path) -> bool:
    """Run one command line; prints it, and the error line where it failed."""
    words = [word.replace("{out}", str(out)) for word in shlex.split(line)]
    environment = {**os.environ, "SPLAT_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "splat", *words], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    print(("ok     " if done.returncode == 0 else "FAILED ") + line, flush=True)
    if done.returncode:
        print("       " + (done.stderr.strip().splitlines() or [""])[-1], flush=True)
    return done.returncode == 0


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every result below a folder, by its path; JSON without what may differ."""
    found = {}
    for path in sorted(folder.rglob("*")):
        compared = path.name not in UNCOMPARED and path.suffix not in UNREPEATABLE
        if path.is_file() and compared and "checkpoints" not in path.parts:
            content = path.read_bytes()
            if path.suffix in (".png", ".jpg", ".tiff"):  # pixels: another encoder may write them in other bytes
                pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
                content = str(pixels.shape).encode() + pixels.tobytes()
            if path.suffix == ".safetensors":  # without the notes in its head, which name versions and folders
                tensors = load(content)
                content = b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors))
            if path.suffix == ".json":
                content = json.dumps(stable(json.loads(content)), sort_keys=True).replace(str(folder), "").encode()
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()[:16]
    return found


def stable(value: Any) -> Any:
    """A JSON value without the keys that may differ between two runs of one program."""
    if isinstance(value, dict):
        return {key: stable(item) for key, item in value.items() if key not in VOLATILE}
    return [stable(item) for item in value] if isinstance(value, list) else value


def compared(now: dict[str, Any], before: dict[str, Any]) -> int:
    """Print what differs; 1 if anything does."""
    new, old = now["files"], before["files"]
    lines = [f"gone      {name}" for name in old if name not in new]
    lines += [f"new       {name}" for name in new if name not in old]
    lines += [f"differs   {name}" for name in new if name in old and new[name] != old[name]]
    print("\n".join(lines) or "the same, bit for bit")
    return 1 if lines or now["failed"] else 0


if __name__ == "__main__":
    main()
