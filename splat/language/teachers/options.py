"""What can be chosen about a teacher; light to import, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option


@dataclass
class TeacherOptions:
    """Which model teaches, and which regions of a photo it is asked about."""

    teacher: str = option(
        "demo",
        "who teaches: demo (ours, small vocabulary), files (features you bring), or the hub name or folder of a CLIP, "
        "SigLIP or DINO model",
    )
    masks: str = option(
        "auto",
        "what gets a vector of its own: sam (masks at three levels by a SAM model), segments (by colour and edges, no "
        "model needed), none (every patch of the model), auto (segments for teachers that know words, else none)",
        choices=("auto", "sam", "segments", "none"),
    )
    sam: str = option("facebook/sam-vit-base", "hub name or folder of the SAM or SAM2 model for masks=sam")
    files: str | None = option(None, "folder with the features or labels for teacher=files")
    device: str = option("auto", "where models run", choices=("auto", "cpu", "cuda"))
    offline: bool = option(False, "never download, take what lies on this machine (as HF_HUB_OFFLINE=1)")
    batch: int = option(64, "pictures that a model sees at once; less needs less memory", minimum=1)
    context: float | None = option(
        None,
        "surroundings that a region's picture shows on each side, as a share of its size (null: what the model was "
        "taught with, else 0: the region alone)",
        minimum=0,
        maximum=2,
    )
    surround: float | None = option(
        None, "brightness of these surroundings (null: what the model was taught with, else 0.4)", minimum=0, maximum=1
    )
    max_size: int = option(640, "longer side in pixels at which regions are found", minimum=32)
    patch_size: int = option(
        336, "shorter side in pixels to which a photo is scaled for the vectors of patches", minimum=32
    )
