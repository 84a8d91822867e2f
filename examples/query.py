"""Ask a trained scene where something is.

python examples/query.py runs/example "red mug"
"""

from __future__ import annotations

import argparse
from pathlib import Path

import splat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("text", help="what to look for")
    parser.add_argument("--teacher", default="demo", help="demo, or the hub name or folder of a CLIP or SigLIP model")
    parser.add_argument("--quick", action="store_true", help="ask the teacher about few, small photos")
    words = parser.parse_args()

    run = splat.open_run(words.run)
    if not (run.path / "language").is_dir():  # once for a run: what the teacher knows about the photos
        splat.distill(run, teacher=words.teacher, options={"max_size": 160, "lift.views": 6} if words.quick else None)
    for answer in splat.query(run, words.text, views=1):
        if not answer["found"]:
            print(f"{answer['text']}: {answer['reason']}")
        for thing in answer["objects"]:
            x, y, z = thing["centre"]
            print(f"{answer['text']}: around ({x:.2f}, {y:.2f}, {z:.2f}); pictures in {answer['folder']}")


if __name__ == "__main__":
    main()
