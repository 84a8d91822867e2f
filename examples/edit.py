"""Edit a trained scene: what lies in a sphere turns blue and moves up; then the move is taken back.

python examples/edit.py runs/example --sphere 0.8,0.6,0.5,0.3
"""

from __future__ import annotations

import argparse
from pathlib import Path

import splat


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("--sphere", default="0.8,0.6,0.5,0.3", help="x,y,z,radius in the scene's units")
    words = parser.parse_args()

    # after `splat.distill(run)` a text may name what is edited, instead of `select`: edit(run, "recolor", "red mug")
    select = {"sphere": words.sphere}
    blue = splat.edit(words.run, "recolor", select=select, color="blue", force=True)
    moved = splat.edit(words.run, "move", select=select, offset="0,0,0.2", force=True)
    print(f"{blue.path.name}, then {moved.path.name}: every edit is a run of its own")
    print(f"after undo the scene in force is {splat.edit(words.run, 'undo').path.name}")


if __name__ == "__main__":
    main()
