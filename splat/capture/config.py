"""Options of reading a capture. Light: imports neither torch nor any reader."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

SPLITS = ("auto", "3dgs", "inside")
SPLIT_MEANING = (
    "which photos test_every counts out: 3dgs: the first and every n-th, as published tables have it; inside: every"
    " n-th amid the others, no end of the path; auto: inside where cameras are found here (photos, videos), else 3dgs"
)


@dataclass
class ReadingOptions:
    """How photos, cameras, masks and initial points are read."""

    format: str = option(
        "auto",
        "what the folder holds (auto: look at it)",
        choices=(
            "auto",
            "colmap",
            "transforms",
            "blender",
            "record3d",
            "r3d",
            "polycam",
            "arkitscenes",
            "llff",
            "metashape",
            "realitycapture",
            "opensfm",
            "bundler",
            "kapture",
            "photos",
            "video",
        ),
    )
    masks: str = option(
        "auto",
        "masked or transparent pixels: ignore them, make them transparent (the background shows through), or none: use"
        " every pixel; auto: a masks folder is ignored pixels, an alpha channel is transparency",
        choices=("auto", "ignore", "transparent", "none"),
    )
    points: str = option(
        "auto",
        "initial points: the capture's own, else triangulated from the photos (auto), only the capture's own, or none",
        choices=("auto", "capture", "none"),
    )
    cache_gb: float = option(
        2.0, "memory for decoded photos in GB; the least recently used are dropped", minimum=0, changeable=True
    )
    origin: list[float] | None = option(
        None,
        "[x,y,z] that is subtracted from all coordinates (null: a round place amid the cameras where they are too far"
        " from zero for the 32 bits of scene files, else zero)",
    )
    matcher: str = option(
        "auto",
        "which photos are matched in structure from motion: all pairs, neighbours in name order (videos), or both these"
        " and those that look alike (similar); auto: all pairs up to 30 photos",
        choices=("auto", "exhaustive", "sequential", "similar"),
    )
    mapper: str = option(
        "auto",
        "how structure from motion places cameras: photo after photo (incremental), all at once (global); auto:"
        " incremental, from a weaker start and global where less than 70 % of the photos are placed",
        choices=("auto", "incremental", "global"),
    )
    sfm_image_size: int = option(1600, "longest side in pixels at which features are searched", minimum=64)
    sfm_features: int = option(4096, "most features a photo in structure from motion and triangulation", minimum=16)
    fps: float | None = option(
        None, "frames a second taken from a video (null: max_frames spread over its length)", above=0
    )
    max_frames: int = option(150, "most frames taken from a video", minimum=2)
    num_threads: int | None = option(
        None, "threads of structure from motion (null: the processors of this process)", minimum=1, changeable=True
    )
    cache_dir: str | None = option(
        None,
        "where structure from motion and video frames are kept (null: $SPLAT_CACHE, else the user's cache folder)",
        changeable=True,
    )


@dataclass
class CaptureOptions(ReadingOptions):
    """Everything that decides what `load_capture` returns; commands have these three at their top level."""

    data_factor: float = option(1.0, "divide the photos' width and height by this (fractions allowed)", minimum=1)
    test_every: int = option(
        8, "every n-th photo in name order is held out (0: none); a capture's own split wins", minimum=2, also=0
    )
    split: str = option("auto", SPLIT_MEANING, choices=SPLITS)
