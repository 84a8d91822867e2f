"""COLMAP's steps in a process of their own, because COLMAP ends the process that it is in when a disk becomes full.

A script that imports nothing of the package, so that it starts at once:

    python colmap_child.py STEP < JSON line with the arguments

It writes a line with a number for each part that is done and, at the end, what the step returns as JSON. When its input
is closed, whoever started it has gone, and it ends.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

Advance = Callable[[int], None]


def match(arguments: dict[str, Any], advance: Advance) -> None:
    """Match pairs of photos, listed in batches, and check the matches against two-view geometry."""
    import pycolmap

    database = Path(arguments["database"])
    matching = pycolmap.FeatureMatchingOptions()
    matching.use_gpu = False
    matching.num_threads = arguments["threads"]
    pairing = pycolmap.ImportedPairingOptions()
    listed = database.with_name("pairs.txt")
    pairing.match_list_path = str(listed)
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    for pairs in arguments["batches"]:
        listed.write_text("".join(f"{first} {second}\n" for first, second in pairs), encoding="utf-8")
        pycolmap.match_image_pairs(
            database_path=str(database),
            matching_options=matching,
            pairing_options=pairing,
            verification_options=verification,
            device=pycolmap.Device.cpu,
        )
        advance(len(pairs))


def incremental(arguments: dict[str, Any], advance: Advance) -> int:
    """Add photo after photo; returns how many the largest model has."""
    import pycolmap

    options = pycolmap.IncrementalPipelineOptions()
    # The choice of the first pair, and with it the world's frame, depends on the number of threads. Features and
    # matches, which take most of the time, do not, and use all.
    options.num_threads = 1
    options.random_seed = 0
    options.ba_use_gpu = False
    options.extract_colors = False  # colours are those of the training photos, see training_points.py
    options.min_model_size = arguments["fewest"]
    # All cameras are adjusted together a third as often as usual and not to the last digit: two thirds of the time, and
    # the same errors (docs/benchmarks.md).
    options.ba_global_frames_ratio = options.ba_global_points_ratio = 1.3
    options.ba_global_max_refinements, options.ba_local_max_refinements = 2, 1
    options.ba_global_function_tolerance = options.ba_local_function_tolerance = 1e-6
    if arguments["relaxed"]:
        options.mapper.init_max_forward_motion = 1.0
        options.mapper.init_min_tri_angle = 4.0
        options.mapper.init_min_num_inliers = 50
    return _largest(
        arguments,
        lambda output: pycolmap.incremental_mapping(
            database_path=arguments["database"],
            image_path=arguments["images"],
            output_path=output,
            options=options,
            initial_image_pair_callback=lambda: advance(2),
            next_image_callback=lambda: advance(1),
        ),
    )


def global_(arguments: dict[str, Any], advance: Advance) -> int:
    """Place all photos at once (GLOMAP); returns how many the largest model has."""
    import pycolmap

    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = 1
    options.random_seed = 0
    options.min_model_size = arguments["fewest"]
    placed = _largest(
        arguments,
        lambda output: pycolmap.global_mapping(
            database_path=arguments["database"], image_path=arguments["images"], output_path=output, options=options
        ),
    )
    advance(placed)
    return placed


def _largest(arguments: dict[str, Any], run: Callable[[str], dict[int, Any]]) -> int:
    """Leave the largest of the models that `run` finds in the folder `model`; 0 and no folder where there is none."""
    output = Path(arguments["model"])
    shutil.rmtree(output, ignore_errors=True)
    scratch = output.with_name(f"{output.name}.all")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    models = run(str(scratch))
    if not models:
        return 0
    model = max(models.values(), key=lambda found: found.num_reg_images())
    output.mkdir()
    model.write_binary(str(output))
    return int(model.num_reg_images())


STEPS: dict[str, Callable[[dict[str, Any], Advance], int | None]] = {
    "match": match,
    "incremental": incremental,
    "global": global_,
}


def _end_when_alone() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    """Do the step that the command line names."""
    sys.path.pop(0)  # this folder, whose modules are no packages of their own
    arguments = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_when_alone, daemon=True).start()
    import pycolmap

    if "GLOG_minloglevel" not in os.environ:
        pycolmap.logging.minloglevel = 2
    pycolmap.set_random_seed(0)
    result = STEPS[sys.argv[1]](arguments, lambda count: print(count, flush=True))
    print(json.dumps({"result": result}), flush=True)
    os._exit(0)  # the thread sleeps in a read


if __name__ == "__main__":
    main()
