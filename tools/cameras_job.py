"""One measurement of tools/bench_cameras.py, in a process of its own, by the program that is on the path.

    python cameras_job.py FOLDER CACHE [KEY=VALUE ...]      prints what was found as one line of JSON

It uses nothing but `load_capture` and the folder in which that keeps COLMAP's model, which all versions share.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def value_of(text: str) -> Any:
    """A number, null or a word."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def found(folder: Path, cache: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Poses by photo, in COLMAP's convention, and what the model says of itself."""
    from splat.capture import load_capture

    capture = load_capture(folder, cache_dir=str(cache), test_every=0, **options)
    import pycolmap  # not before: Python's zlib, where it is loaded after pycolmap's own, frees what the other took

    (model,) = cache.glob("sfm/*/model")
    reconstruction = pycolmap.Reconstruction(str(model))
    return {
        "poses": {frame.camera.name: frame.camera.viewmat.tolist() for frame in capture.frames},
        "points": reconstruction.num_points3D(),
        "reprojection": reconstruction.compute_mean_reprojection_error(),
    }


def main() -> None:
    """Measure what the command line names."""
    folder, cache, *words = sys.argv[1:]
    options = {name: value_of(value) for name, _, value in (word.partition("=") for word in words)}
    print(json.dumps(found(Path(folder), Path(cache), options)))


if __name__ == "__main__":
    main()
