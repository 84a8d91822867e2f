"""Everything that can be set for training. The defaults here are the defaults everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from splat.capture.config import SPLIT_MEANING, SPLITS, ReadingOptions
from splat.options import option
from splat.render.config import RenderOptions
from splat.train.strategies import AutoStrategy, Strategy


@dataclass
class LearningRates:
    """Step sizes of Adam, one for each kind of parameter; the defaults are those of 3DGS and gsplat."""

    means: float = option(1.6e-4, "learning rate of the centres, in units of the scene's radius", minimum=0)
    means_final: float = option(0.01, "rate of the centres at the last step, as a part of its start", minimum=0)
    scales: float = option(5e-3, "learning rate of the logarithms of the sizes", minimum=0)
    opacities: float = option(5e-2, "learning rate of the opacity logits", minimum=0)
    quats: float = option(1e-3, "learning rate of the rotations", minimum=0)
    sh0: float = option(2.5e-3, "learning rate of the base colour", minimum=0)
    shN: float = option(2.5e-3 / 20, "learning rate of the view-dependent colour", minimum=0)
    visible_adam: bool = option(False, "update only the Gaussians that the current view saw (faster, other result)")


@dataclass
class InitialOptions:
    """Where the first Gaussians stand (gsplat: init_*)."""

    seeds: int | None = option(
        None,
        "Gaussians to begin with at the most: the capture's points, and pixels at the depth that the photos agree on;"
        " fewer where they agree on little (null: from the plan, 0: only the capture's points)",
        minimum=0,
    )
    depth: bool = option(
        True, "the capture's depth maps tell where these pixels are, where they fit the capture's points"
    )
    random_points: int = option(
        50_000, "points to begin with where neither the capture nor its photos give any", minimum=4
    )
    opacity: float = option(0.1, "opacity of a new Gaussian (gsplat: init_opa)", above=0, below=1)
    scale: float = option(
        1.0, "size of a new Gaussian over the mean distance to its 3 neighbours (gsplat: init_scale)", above=0
    )


@dataclass
class LossOptions:
    """What training minimises."""

    ssim_lambda: float = option(0.2, "weight of 1 - SSIM against L1 (3DGS: lambda_dssim)", minimum=0, maximum=1)
    opacity_reg: float | None = option(
        None, "weight of the mean opacity (null: what the strategy needs; 0.01 with mcmc, else 0)", minimum=0
    )
    scale_reg: float | None = option(
        None, "weight of the mean standard deviation (null: what the strategy needs; 0.01 with mcmc, else 0)", minimum=0
    )
    background: str = option(
        "random",
        "colour behind the scene while training; a new one at every step leaves no holes of that colour",
        choices=("random", "black", "white"),
    )
    depth: str = option(
        "none",
        "what the scene is held to besides the photos: capture (its depth maps), or the hub name or folder of a"
        " depth-estimation model of transformers",
    )
    depth_weight: float = option(0.2, "weight of the squared distance (logarithm of depth) to that", above=0)


@dataclass
class ScheduleOptions:
    """What happens when. Steps are counted in training steps and are not scaled with max_steps."""

    sh_degree: int = option(3, "degree of the view-dependent colour", minimum=0, maximum=3)
    sh_degree_interval: int | None = option(
        None,
        "a degree more is switched on every so many steps (null: 1000, sooner in trainings under 10,000 steps)",
        minimum=1,
    )
    coarse_until: float | None = option(
        None,
        "share of the steps, from the first on, in which photos are trained on at half their size (null: 0, or what"
        " suits max_seconds)",
        minimum=0,
        maximum=1,
    )
    eval_every: int | None = option(
        None, "steps between test PSNRs while training (null: five times, 0: never)", minimum=0, changeable=True
    )
    save_every: int | None = option(
        None,
        "steps between checkpoints (null: about every two minutes, 0: only at the end)",
        minimum=0,
        changeable=True,
    )


@dataclass
class TrainConfig:
    """`splat train`: photos in, a scene and its metrics out."""

    data: str = option(
        "",
        "the capture: a folder of photos, a video, a COLMAP, nerfstudio, instant-ngp or Blender folder",
        changeable=True,
    )
    out: str | None = option(None, "run folder (null: runs/<capture>/<name>)", changeable=True)
    name: str = option("default", "name of the run", changeable=True)
    resume: bool = option(
        False,
        "continue an interrupted run, with the settings it was started with, as if it had never stopped",
        changeable=True,
    )
    overwrite: bool = option(False, "move a finished run of the same name aside and start again", changeable=True)
    seed: int = option(42, "seed of every random choice", minimum=0, maximum=2**32 - 1)
    preset: str = option(
        "auto", "a set of defaults; auto fits resolution, steps and size to this machine", changeable=True
    )
    max_steps: int | None = option(None, "training steps (null: from the preset; 3DGS: iterations)", minimum=1)
    max_seconds: float | None = option(
        None,
        "the best scene that this many seconds of training give on this machine: steps, Gaussians and resolution are"
        " planned for them (loading and scoring come on top)",
        above=0,
    )
    data_factor: float | None = option(
        None, "divide the photos' width and height by this (null: from the preset)", minimum=1
    )
    test_every: int = option(
        8, "every n-th photo is held out for testing (0: none); a capture's own split wins", minimum=2, also=0
    )
    split: str = option("auto", SPLIT_MEANING, choices=SPLITS)
    cap_max: int | None = option(
        None, "the most Gaussians the scene may have, whatever the strategy (null: from the preset)", minimum=1
    )
    capture: ReadingOptions = option(ReadingOptions, "how the capture is read")
    strategy: Strategy = option(AutoStrategy, "densification: where Gaussians are added and removed")
    optim: LearningRates = option(LearningRates, "learning rates")
    initial: InitialOptions = option(InitialOptions, "the first Gaussians")
    loss: LossOptions = option(LossOptions, "what training minimises")
    schedule: ScheduleOptions = option(ScheduleOptions, "what happens when")
    render: RenderOptions = option(RenderOptions, "how Gaussians become pixels")

    @property
    def depth_priors(self) -> tuple[str, ...]:
        """The depth priors that the loss and the strategy name."""
        return self.loss.depth, getattr(self.strategy, "depth", "none")
