"""The captures that tools/bench_captures.py trains on, and how those without cameras get them, once for all trainings.

    python -m tools.captures_at_hand NAME FOLDER       what the benchmark calls in a process of its own

A capture that brings its cameras is read where it lies. For the others they are found once and written into the scratch
folder as a COLMAP folder, so that every setting, and every version of the program, works with the same poses. Points of
such a model are those that at least two training photos show, in these photos' colours.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

TEST_EVERY = 8
THREADS = 2
VIDEO_FRAMES = 60  # all pairs of them are matched
SFM_SIZE, SFM_FEATURES = (
    1000,
    4096,
)  # enough for pictures of 480 pixels; with half of the features nothing places lund_street
OTHERS = "captures"  # folder of captures of other people below the data folder


@dataclass(frozen=True)
class CaptureAtHand:
    """One capture of the benchmark."""

    name: str
    place: str  # below the data folder; data/demo: below the repository
    data_factor: float  # the longest side becomes about 480 pixels
    half: str  # A or B: a choice made on one half must hold on the other
    cameras: str = "own"  # own; incremental or global: the mapper that finds them

    @property
    def of_others(self) -> bool:
        """Whether it is one of `captures/`, none of which may be shown in the project."""
        return self.place.startswith(f"{OTHERS}/")


CAPTURES = {
    capture.name: capture
    for capture in (
        CaptureAtHand("fox", "fox", 4.0, "A"),
        CaptureAtHand("lego", "lego", 1.0, "A"),
        CaptureAtHand("statuette", "captures/statuette", 2.0, "A"),
        CaptureAtHand("fruit_ngp", "captures/fruit_ngp", 5 / 3, "A"),
        CaptureAtHand("box_llff", "captures/box_llff", 4.0, "A", "incremental"),
        CaptureAtHand("lund_street", "captures/lund_street", 2.0, "A", "global"),
        CaptureAtHand("batmobile", "captures/video_phone/batmobile.mp4", 8 / 3, "A", "incremental"),
        CaptureAtHand("desk", "desk", 4.0, "B"),
        CaptureAtHand("demo", "data/demo", 1.0, "B"),
        CaptureAtHand("mouse", "captures/mouse", 4.0, "B"),
        CaptureAtHand("seven_cameras", "captures/seven_cameras", 8 / 3, "B"),
        CaptureAtHand("record3d_door", "captures/record3d_door/rgb", 4.0, "B", "incremental"),
        CaptureAtHand("sacre_coeur_wild", "captures/sacre_coeur_wild", 2.2, "B", "incremental"),
        CaptureAtHand("balcony_paths", "captures/balcony_paths", 1.0, "B"),
    )
}


def source_of(capture: CaptureAtHand, data: Path) -> Path:
    """Where the photos lie."""
    return ROOT / capture.place if capture.name == "demo" else data / capture.place


def data_folder() -> Path:
    """$SPLAT_TEST_DATA, else ../shared/data."""
    return Path(os.environ.get("SPLAT_TEST_DATA", ROOT.parent / "shared" / "data"))


def find_cameras(capture: CaptureAtHand, source: Path, folder: Path) -> str:
    """Write a COLMAP folder with the photos' cameras; returns how many photos it has of how many."""
    from splat.errors import SplatError

    work = folder.with_name(f"{folder.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    images = work / "images"
    images.mkdir(parents=True)
    names = put_photos(source, images)
    model = solved(work, images, names, capture.cameras)
    if model is None:
        raise SplatError(f"{capture.name}: no two photos fit together; leave it out of --captures")
    forget_held_out(model, images)
    (work / "sparse" / "0").mkdir(parents=True)
    model.write_binary(str(work / "sparse" / "0"))
    for left in ("database.db", "pairs.txt", "model", "model.all"):
        path = work / left
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    work.rename(folder)
    return f"{capture.name}: {model.num_reg_images()} of {len(names)} photos have cameras ({capture.cameras} mapping)"


def put_photos(source: Path, images: Path) -> list[str]:
    """Links to the photos, or the sharpest frames of a video, in `images`; returns their names in order."""
    from splat.capture.config import CaptureOptions
    from splat.capture.readers.photos import photo_files
    from splat.capture.readers.video import extract_frames

    if source.is_file():
        options = CaptureOptions(max_frames=VIDEO_FRAMES, num_threads=THREADS)
        return sorted(path.name for path in extract_frames(source, images, options))
    for file in photo_files(source):
        (images / file.name).symlink_to(file.resolve())
    return sorted(path.name for path in images.iterdir())


def solved(work: Path, images: Path, names: list[str], mapper: str) -> Any | None:
    """The largest pycolmap.Reconstruction of the photos, by the program's own features and matches of all pairs."""
    from splat.capture.config import CaptureOptions
    from splat.capture.sfm.colmap import quiet_colmap
    from splat.capture.sfm.features import choose_pairs, extract_features, match_pairs
    from splat.capture.sfm.mapping import ENGINES, run_engine
    from splat.capture.sfm.solve import FEWEST_PHOTOS, UnposedPhoto, camera_groups

    options = CaptureOptions(num_threads=THREADS, sfm_image_size=SFM_SIZE, sfm_features=SFM_FEATURES)
    database = work / "database.db"
    groups = camera_groups([UnposedPhoto(name, images / name) for name in names])
    extract_features(database, images, groups, options)
    match_pairs(database, choose_pairs(names, "exhaustive"), options)
    placed = run_engine(ENGINES[mapper][0], database, images, work / "model", len(names), FEWEST_PHOTOS)
    return quiet_colmap().Reconstruction(str(placed.model)) if placed.photos else None


def forget_held_out(model: Any, images: Path) -> None:
    """Take what the held-out photos saw out of a pycolmap.Reconstruction: points that need them go, colours are new."""
    from splat.capture.split import sides_of

    posed = sorted((model.images[number] for number in model.reg_image_ids()), key=lambda image: image.name)
    sides = sides_of([image.name for image in posed], TEST_EVERY)
    for image, side in zip(posed, sides):
        if side == "test":
            for index, point in enumerate(image.points2D):
                if point.has_point3D():
                    model.delete_observation(image.image_id, index)
    model.extract_colors_for_all_images(str(images))


def main() -> None:
    from tools.command import exit_code

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=[name for name, capture in CAPTURES.items() if capture.cameras != "own"])
    parser.add_argument("folder", type=Path, help="to be written")
    parser.add_argument("--data", type=Path, default=data_folder())
    given = parser.parse_args()
    capture = CAPTURES[given.name]
    given.folder.parent.mkdir(parents=True, exist_ok=True)
    raise SystemExit(exit_code(lambda: print(find_cameras(capture, source_of(capture, given.data), given.folder))))


if __name__ == "__main__":
    main()
