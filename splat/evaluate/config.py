"""Options of `splat evaluate`; free of torch, so that `--help` is quick."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option

PROTOCOL_NAMES = ("gsplat", "3dgs", "half")
LPIPS_NETS = ("alex", "vgg", "squeeze")


@dataclass
class EvaluateConfig:
    """`splat evaluate`: PSNR, SSIM, LPIPS and FLIP of a finished run."""

    run: str = option("", "the run folder")
    protocol: str = option(
        "gsplat",
        "rules of scoring; gsplat: float renders, LPIPS alex; 3dgs: 8-bit images, LPIPS vgg, as the original scores; "
        "half: colours fitted on the left half of each photo, its right half scored, as NeRF-W",
        choices=PROTOCOL_NAMES,
    )
    split: str = option(
        "test", "views to score; train: all training photos, kept apart from the test scores", choices=("test", "train")
    )
    train_views: int = option(
        12, "training photos scored beside the test photos, to show overfitting (0: none)", minimum=0
    )
    test_poses: str = option(
        "auto",
        "cameras of the test photos: as given, or refined on their own photos while the scene stays as it is; auto:"
        " refined where training refined its own",
        choices=("auto", "given", "refined"),
    )
    background: str = option(
        "auto",
        "colour behind the scene; auto: white for photos with transparency, else black",
        choices=("auto", "black", "white"),
    )
    lpips_net: str = option(
        "auto",
        "network of LPIPS; auto: the protocol's, or squeeze where only its weights are on this machine; none: no LPIPS",
        choices=("auto", *LPIPS_NETS, "none"),
    )
    lpips_download: bool = option(
        True,
        "fetch the network's weights once where they are missing (alex 233 MB, vgg 528 MB, squeeze 5 MB); false, or "
        "HF_HUB_OFFLINE=1 in the environment: never",
    )
    flip: bool = option(True, "FLIP beside LPIPS; takes seconds of processor time for a megapixel")
    save_images: bool = option(True, "write renders, photos and error pictures to RUN/renders")
    report: bool = option(True, "write RUN/report.html, and RUN/plots/*.png beside it")
    turntable: int = option(
        24,
        "pictures of a turn around the scene in the report (0: none; also none without save_images)",
        minimum=0,
        maximum=240,
    )
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))
