"""Train a scene from photos, score it, and write it for other programs.

python examples/train.py                  the demo capture that comes with splat
python examples/train.py photos/ --out room
"""

from __future__ import annotations

import argparse
from pathlib import Path

import splat
from splat.shipped import demo_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, default=demo_folder(), help="photos, a capture or a video")
    parser.add_argument("--out", type=Path, default=Path("runs/example"), help="the run folder")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, and little detail")
    words = parser.parse_args()

    small = {"max_steps": 100, "data_factor": 6, "cap_max": 4000, "initial.seeds": 2000}
    run = splat.train(words.data, out=words.out, overwrite=True, options=small if words.quick else None)
    metrics = splat.evaluate(run, options={"lpips_net": "none", "flip": False} if words.quick else None)
    file = splat.export(run, words.out / "exports" / "scene.splat", overwrite=True)
    print(f"{len(run.scene()):,} Gaussians, {metrics['psnr']:.2f} dB on held-out photos: {run.path}, {file}")


if __name__ == "__main__":
    main()
