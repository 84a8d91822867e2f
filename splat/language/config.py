"""Options of `splat distill` and `splat query`; light to import."""

from __future__ import annotations

from dataclasses import dataclass

from splat.language.compress.config import CompressOptions
from splat.language.teachers.options import TeacherOptions
from splat.options import option


@dataclass
class LiftOptions:
    """How features come onto Gaussians."""

    method: str = option(
        "lift",
        "lift: the exact weighted mean over all pixels, no training; gradient: that, then codes are optimised against "
        "rendered views",
        choices=("lift", "gradient"),
    )
    min_agreement: float = option(
        0.5, "Gaussians whose pixels contradict each other more than this are left out (1: all say the same)",
        minimum=0, maximum=1,
    )  # fmt: skip
    min_coverage: float = option(
        0.5, "share of a Gaussian's pixels about which the teacher must say something", minimum=0, maximum=1
    )
    min_weight: float = option(
        1.0, "pixels' worth of blending weight that a Gaussian must have in all photos", minimum=0
    )
    energy: float = option(
        0.9995, "share of the features' squared length that the dimensions kept must hold (1: all dimensions)", above=0,
        maximum=1,
    )  # fmt: skip
    max_dims: int = option(256, "dimensions that are kept at most; compress.kind=none keeps all", minimum=2)
    views: int | None = option(
        None, "photos that are asked, evenly spread (null: all where teacher=files, else at most 32)", minimum=1
    )
    smooth: int | None = option(
        None, "rounds of averaging with alike neighbours in space (null: 2, for teacher=files 0)", minimum=0
    )
    steps: int = option(300, "steps of method=gradient, one view each", minimum=1)
    pixels: int = option(2000, "pixels of a view and level that a step looks at", minimum=1)


@dataclass
class DistillConfig(TeacherOptions):
    """`splat distill`."""

    run: str = option("", "the run folder")
    name: str | None = option(None, "name of the field, RUN/language/NAME (null: the teacher's)")
    lift: LiftOptions = option(LiftOptions, "lifting")
    compress: CompressOptions = option(CompressOptions, "compression")
    seed: int = option(0, "of all random draws", minimum=0)
    overwrite: bool = option(False, "replace a field of this name; its cached features are used again")
    truth: str | None = option(
        None, "folder with ground truth to score the field by: truth/ of the demo, LERF-OVS or 3D-OVS labels"
    )
    truth_views: str = option("test", "views that are scored", choices=("test", "train", "all"))


@dataclass
class MaskOptions:
    """From relevancy to masks and selections. Fixed here, for all scenes; never fitted to what is scored."""

    temperature: float = option(10.0, "of relevancy, as in LERF and LangSplat", above=0)
    found: float = option(0.4, "relevancy that the best place must exceed to count as found", minimum=0, maximum=1)
    rule: str = option(
        "noise",
        "mask: noise (as near to the best place as features of one thing scatter), langsplat (min-max in the view, "
        "upper half, above `share`), otsu (M3)",
        choices=("noise", "langsplat", "otsu"),
    )
    deviations: float = option(1.0, "of the rule noise: how many standard deviations", above=0)
    share: float = option(0.4, "threshold of the rule langsplat", minimum=0, maximum=1)
    window: float = option(
        0.02, "width of the mean filter as a share of the picture's width (0: none)", minimum=0, below=1
    )


@dataclass
class QueryConfig:
    """`splat query`."""

    run: str = option("", "the run folder")
    text: str = option("", 'what to look for; several with " | " between them')
    without: str = option("", 'what it is not; several with " | " between them')
    field: str | None = option(None, "name of the field, a folder in RUN/language (null: the newest)")
    level: str | None = option(None, "level to answer from: part, object, whole (null: where the best answer is)")
    top: int = option(3, "objects that are listed", minimum=1)
    views: int = option(4, "views that are drawn, those that show most of the answer (0: none)", minimum=0)
    split: str = option("all", "views to draw from", choices=("all", "test", "train"))
    out: str | None = option(None, "folder for the answer (null: RUN/queries/TEXT)")
    mask: MaskOptions = option(MaskOptions, "masks")
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))
