"""Real captures of other people, and what should come of each: kind, posed photos, sizes, or a sentence.

    python -m tools.check_captures FOLDER [NAME ...] [--cameras]

Nothing is trained, and cameras of bare photos are only looked for with `--cameras`, which takes minutes a capture.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from splat import console
from splat.capture import load_capture
from splat.capture.load import capture_format
from splat.capture.readers.photos import list_photos
from splat.capture.readers.video import videos_in
from splat.errors import SplatError

BARE = ("photos", "video")  # kinds that bring no cameras
FEWEST_PLACED = 0.7  # of their photos


@dataclass(frozen=True)
class Outcome:
    """What should come of a capture."""

    kind: str = ""  # of its reader
    photos: int = 0  # posed ones, or those in the folder where no cameras come with them
    sizes: tuple[tuple[int, int], ...] = ()  # widths and heights of the cameras; () where they do not matter
    says: tuple[str, ...] = ()  # parts of what is said: warnings and notes, or the error
    refused: bool = False
    of: int = 0  # photos, placed or not, where cameras were looked for
    placed: bool = True  # False: what is read as photos is panoramas, whose cameras are not found, and that is said


EXPECTED = {
    "balcony_paths": Outcome("transforms", 51, ((480, 270),), ("51 of 51 photos are not where", "found by name")),
    "box_llff": Outcome("llff", 32, ((1920, 1080),)),
    "fisheye_room": Outcome("photos", 30, says=("1 picture that are copies of others",)),
    "fruit_ngp": Outcome("transforms", 81, ((605, 806),)),
    "kumamon_two_models": Outcome(
        "colmap",
        3,
        ((219, 463), (235, 475)),
        ("sparse/0 (3 posed photos) is used", "distorted/sparse/1 (44 posed photos, 42 of another shape", "84 beside"),
    ),
    "kumamon_two_models/distorted": Outcome(says=("but its camera", "another shape"), refused=True),
    "lund_street": Outcome("photos", 29),
    "mouse": Outcome("colmap", 56, ((1440, 1920), (1920, 1440)), ("not read: images/ (3 jpg)",)),
    "pano_house": Outcome("photos", 14, placed=False),
    "record3d_door": Outcome("record3d", 38, ((1440, 1920),), ("one calibration for all",)),
    "sacre_coeur_wild": Outcome("photos", 10),
    "seven_cameras": Outcome("colmap", 7, ((1280, 720),)),
    "statuette": Outcome("colmap", 23, tuple((1000, height) for height in range(656, 663))),
    "stitch_truncated_colmap": Outcome(
        says=("images.bin is damaged (cut short: it ends at byte 2,359,296 in entry 14 of 82",), refused=True
    ),
    "t265_fisheye": Outcome("kapture", 6, ((848, 800),)),
    "video_phone": Outcome("video", 1),
}


def wrong(path: Path, outcome: Outcome, cameras: bool) -> list[str]:
    """What differs from the outcome, in a few words each; nothing where all is right."""
    console._warned.clear()
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found, notes = _found(path, cameras)
    except SplatError as error:
        if not outcome.placed and cameras:
            return [] if "panoramas" in str(error) else [f"it does not say that they are panoramas: {error}"]
        if not outcome.refused:
            return [f"refused: {error}"]
        return [f"the error lacks {part!r}: {error}" for part in outcome.says if part not in str(error)]
    if outcome.refused:
        return [f"read, though it should be refused: {found}"]
    text = " ".join([*notes, *said.getvalue().split()])  # lines that were broken for the screen made whole
    differing = [f"it does not say {part!r}" for part in outcome.says if part not in text]
    if found.kind != outcome.kind:
        differing.append(f"read as {found.kind}, not {outcome.kind}")
    if cameras and outcome.kind in BARE:
        if found.photos < FEWEST_PLACED * found.of:
            differing.append(f"only {found.photos} of {found.of} photos are placed")
    elif found.photos != outcome.photos:
        differing.append(f"{found.photos} photos, not {outcome.photos}")
    if outcome.sizes and set(found.sizes) != set(outcome.sizes):
        differing.append(f"sizes {sorted(set(found.sizes))}, not {sorted(outcome.sizes)}")
    return differing


def _found(path: Path, cameras: bool) -> tuple[Outcome, list[str]]:
    """What comes of a capture, and what is noted about it."""
    kind = capture_format(path)
    if kind == "photos" and not cameras:
        listing = list_photos(path)
        listing.drop_copies()
        return Outcome(kind, len(listing.photos)), listing.notes()
    if kind == "video" and not cameras:
        return Outcome(kind, len(videos_in(path))), []
    capture = load_capture(path, points="none")
    sizes = tuple({(camera.width, camera.height) for camera in capture.cameras()})
    return Outcome(capture.kind, len(capture.frames), sizes, of=capture.photos_found), capture.notes


def main() -> int:
    """Check the captures below a folder and print a line for each."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("folder", type=Path)
    ask.add_argument("names", nargs="*", metavar="NAME")
    ask.add_argument("--cameras", action="store_true", help="look for the cameras of bare photos and videos too")
    given = ask.parse_args()
    if unknown := set(given.names) - set(EXPECTED):
        ask.error(f"nothing is known of {', '.join(sorted(unknown))}")
    there = sorted(path.name for path in given.folder.iterdir() if path.is_dir())
    names = given.names or [name for name in EXPECTED if name.partition("/")[0] in there]
    failed = 0
    for name in names:
        start = time.monotonic()
        differing = wrong(given.folder / name, EXPECTED[name], given.cameras)
        failed += bool(differing)
        print(f"{name}: {'; '.join(differing) or 'as expected'} ({time.monotonic() - start:.1f} s)", flush=True)
    strangers = [name for name in there if name not in EXPECTED]
    print(f"{len(names) - failed} of {len(names)} as expected" + (f"; not known: {strangers}" if strangers else ""))
    return 1 if failed or strangers else 0


if __name__ == "__main__":
    sys.exit(main())
