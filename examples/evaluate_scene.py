"""Score a scene of any program on photos: a PLY, SPLAT or SPZ file in the frame of a capture.

python examples/evaluate_scene.py scene.ply photos/ --out scores
"""

from __future__ import annotations

import argparse
from pathlib import Path

import splat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path, help="the scene file")
    parser.add_argument("capture", type=Path, help="the photos with their cameras")
    parser.add_argument("--out", type=Path, default=Path("scores"), help="folder for metrics.json and report.html")
    parser.add_argument("--data-factor", type=float, default=1.0, help="divides the photos' width and height")
    parser.add_argument("--quick", action="store_true", help="PSNR and SSIM alone, no pictures")
    words = parser.parse_args()

    capture = splat.load_capture(words.capture, data_factor=words.data_factor)
    quick = {"lpips_net": "none", "flip": False, "save_images": False} if words.quick else None
    metrics = splat.evaluate(words.scene, capture=capture, out=words.out, options=quick)
    print(f"{metrics['psnr']:.2f} dB, SSIM {metrics['ssim']:.3f} on {len(capture.indices('test'))} held-out photos")


if __name__ == "__main__":
    main()
