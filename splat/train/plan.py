"""`preset=auto`: resolution, steps and size that fit the machine, said before training starts."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from splat.console import duration
from splat.errors import SplatError
from splat.lazy import lazy
from splat.records import record
from splat.train.config import TrainConfig
from splat.train.pace import Pace, recorded_pace
from splat.train.strategies import Strategy

if TYPE_CHECKING:
    import psutil
    import torch
else:
    psutil, torch = lazy("psutil"), lazy("torch")

LONG_SECONDS = 2 * 3600.0  # trainings that take longer are worth a warning
FAST_STEPS = 1000  # of preset=fast
BYTES_PER_GAUSSIAN = 59 * 4 * 4  # parameters, gradients and two moments of Adam, all float32
BYTES_PER_PIXEL = 200  # of a photo at the size of training: rendering, loss and their gradients
SCRATCH_BYTES = 100e6  # what a CPU training takes beside arrays whose size is known: scratch space, fragments
# Steps follow the training photos where these are very many or very few, Gaussians where they are very many:
LEAST_VISITS, MOST_TIMES = 30, 3.0  # of each photo, to which steps are raised, at most to so many times the usual
MOST_VISITS, FEWEST_STEPS = 250, 1_000  # of each photo, to which steps are lowered, and what always stays
FEW_VISITS = 8  # of each photo, under which a scene is a blur
# With a budget of time that is another share of the usual time:
CAP_POWER, LEAST_CAP, MOST_CAP = 0.5, 0.25, 3.0  # the cap changes by this power of the share, by these factors at most
COARSE, COARSE_SHARE = 0.5, 0.5  # share of the steps at half the photos' size, where the budget is below this share


@dataclass(frozen=True)
class Machine:
    """What the plan must fit into."""

    device: str  # cpu or cuda
    cores: int
    free_bytes: float  # of main memory, or of the GPU's

    @classmethod
    def here(cls, backend: str) -> Machine:
        """This machine, as the given backend (cpu or gsplat) sees it."""
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if backend == "gsplat":
            return cls("cuda", cores, float(torch.cuda.mem_get_info()[0]))
        return cls("cpu", cores, float(psutil.virtual_memory().available))


@dataclass(frozen=True)
class Plan:
    """What training will do; each figure is either the user's or chosen for the machine."""

    data_factor: float
    max_steps: int
    cap_max: int
    seeds: int
    agreed: float | None = None  # share of what photos show on whose depth they agree, measured for the first Gaussians
    pace: Pace | None = None  # of a training with a budget of time (`max_seconds`), whose steps may still change

    def coarse_until(self, config: TrainConfig) -> float:
        """Share of the steps at half the photos' size: the user's, else what the budget of time asks for."""
        if config.schedule.coarse_until is not None:
            return config.schedule.coarse_until
        return 0.0 if self.pace is None else self.pace.coarse_until

    def repeated(self, config: TrainConfig) -> str:
        """What a training with a budget of time has done, and the keys that do it again without a look at the clock."""
        assert self.pace is not None
        keys = f"max_steps={self.max_steps} cap_max={self.cap_max} initial.seeds={self.seeds}"
        coarse = self.coarse_until(config)
        keys += f" schedule.coarse_until={coarse:g}" if coarse > 0 else ""
        return f"max_seconds={self.pace.seconds:g} was time for {self.max_steps:,} steps; the same in steps: {keys}"


def recorded_plan(values: Any, where: str) -> Plan:
    """The plan that a checkpoint or config.yaml holds.

    Args:
        where: the file, for messages.

    Raises:
        SplatError: when it holds none.
    """
    found = record(values, f"{where}: plan")
    factor = found.number("data_factor")
    if factor <= 0:
        raise found.wrong("data_factor", "more than 0")
    pace = recorded_pace(found.part("pace")) if found.has("pace") else None
    agreed = found.number("agreed") if found.has("agreed") else None
    return Plan(factor, found.whole("max_steps", 1), found.whole("cap_max", 1), found.whole("seeds"), agreed, pace)


def plan_factor(config: TrainConfig, machine: Machine, width: int, height: int) -> float:
    """Divisor of the photos' sides: the user's, else the largest picture that the machine trains comfortably.

    On a GPU at most 1600 pixels wide, whatever the height, as 3DGS does; on a CPU about 80,000 pixels for each core,
    because a step's time grows with the pixels.
    """
    if config.data_factor is not None:
        return config.data_factor
    if machine.device == "cuda":
        return max(1.0, width / 1600)
    pixels = 80_000 * min(machine.cores, 16)
    factor = (width * height / pixels) ** 0.5
    return 1.0 if factor < 1.15 else round(factor * 4 + 0.49) / 4  # quarters are easy to type again


def make_plan(
    config: TrainConfig, machine: Machine, data_factor: float, points: int, photos: int | None = None
) -> Plan:
    """Steps, cap and first Gaussians for a machine and a capture (`docs/plan.md` has what they rest on).

    Args:
        config: what the user has set stays.
        machine: on which it runs.
        data_factor: divisor of the photos' sides.
        points: number of initial points that the capture brings.
        photos: training photos; None: as many as leave the plan as it is.
    """
    if machine.device == "cuda":
        steps, cap = 30_000, 1_000_000
    else:
        steps = 5_000 if machine.cores <= 4 else 7_000
        cap = 20_000 * max(2, min(machine.cores, 16))
    if photos is not None:
        steps, cap = for_photos(steps, cap, photos)
    seeds = 0 if machine.device == "cuda" else cap // 2
    asked = asked_cap(config)
    cap = asked if asked is not None else min(cap, _fitting(machine))
    wanted = config.initial.seeds if config.initial.seeds is not None else seeds
    return Plan(
        data_factor=data_factor,
        max_steps=config.max_steps if config.max_steps is not None else steps,
        cap_max=cap,
        seeds=min(wanted, cap) if wanted else min(points, cap) if points > cap else 0,
    )


def for_photos(steps: int, cap: int, photos: int) -> tuple[int, int]:
    """Steps and cap for so many training photos, from those for a usual number of them.

    Many photos need steps in which each is visited often enough, and show more, so that the cap grows with the root of
    the steps: time grows by 1.5 powers of the steps at most. Few photos are learnt by heart by a scene that is trained
    long.
    """
    most = round(steps * MOST_TIMES)
    longer = min(max(steps, LEAST_VISITS * photos), most)
    if longer > steps:
        return longer, round(cap * (longer / steps) ** 0.5 / 1000) * 1000
    shorter = max(FEWEST_STEPS, min(steps, MOST_VISITS * photos))
    return min(shorter, steps), cap


def few_visits(max_steps: int, photos: int) -> str | None:
    """A sentence for a training that comes to each photo too seldom; None for others."""
    visits = max_steps / max(photos, 1)
    if visits >= FEW_VISITS:
        return None
    return (
        f"{max_steps:,} steps come to each of the {photos:,} training photos {visits:.1f} times only, so fine things"
        f" will be a blur; give it more: max_steps={LEAST_VISITS * photos} is {LEAST_VISITS} times each"
    )


def plan_for_share(plan: Plan, config: TrainConfig, machine: Machine, share: float) -> tuple[Plan, float]:
    """The plan for a share of the time that the usual plan takes, but for its steps, and the share of coarse steps.

    Fewer Gaussians make steps cheaper, and a short training has no time to make use of many; half of the photos' size
    makes the first steps cheaper (see `docs/plan.md` for the measurements).

    Args:
        plan: the usual one.
        config: what the user has set stays.
        machine: whose memory limits the cap.
        share: the budget of time over the time of the usual plan.
    """
    cap = plan.cap_max
    if asked_cap(config) is None:
        scale = min(MOST_CAP, max(LEAST_CAP, share**CAP_POWER))
        cap = min(round(plan.cap_max * scale / 1000) * 1000 or plan.cap_max, _fitting(machine))
    seeds = plan.seeds if config.initial.seeds is not None else round(plan.seeds * cap / plan.cap_max)
    coarse_until = COARSE if share < COARSE_SHARE else 0.0
    return replace(plan, cap_max=cap, seeds=min(seeds, cap)), coarse_until


def asked_cap(config: TrainConfig) -> int | None:
    """The user's cap on the number of Gaussians: `cap_max`, or the strategy's own where that is not its default.

    Raises:
        SplatError: when both are given and differ.
    """
    own = config.strategy.asked_limit if isinstance(config.strategy, Strategy) else None  # gsplat's run as they are
    if config.cap_max is not None and own is not None and own != config.cap_max:
        raise contradicting_caps(config.cap_max, own)
    return config.cap_max if config.cap_max is not None else own


def contradicting_caps(cap: int | None, own: int | None) -> SplatError:
    """What to raise where `cap_max` and `strategy.cap_max` differ."""
    return SplatError(f"cap_max={cap} and strategy.cap_max={own} contradict each other; give one of them")


def too_long(seconds: float, plan: Plan) -> str | None:
    """A sentence that says how to be done sooner, for a training that will take very long; None for others.

    Args:
        seconds: the estimate for this plan. Time grows with the steps, and with the pixels of a photo.
    """
    if seconds <= LONG_SECONDS:
        return None
    ways = []
    if seconds * FAST_STEPS / plan.max_steps < LONG_SECONDS:
        ways.append(f"preset=fast (about {duration(seconds * FAST_STEPS / plan.max_steps)} or less)")
    steps = int(0.5 * LONG_SECONDS * plan.max_steps / seconds) // 100 * 100
    if steps >= FAST_STEPS:
        ways.append(f"max_steps={steps}")
    factor = math.ceil(4 * plan.data_factor * (seconds / (0.5 * LONG_SECONDS)) ** 0.5) / 4
    ways.append(f"data_factor={factor:g}")
    words = " or ".join([", ".join(ways[:-1]), ways[-1]] if len(ways) > 1 else ways)
    return f"this will take about {duration(seconds)}; sooner with {words}, each about an hour unless said"


def estimated_bytes(
    plan: Plan, pixels: int, views: int, cache_bytes: float, base: float, reading: float = 0.0
) -> float:
    """Peak memory of training with this plan, in bytes: at least the peak, and at most a quarter more.

    Args:
        pixels: of one photo.
        views: photos that training and testing read.
        cache_bytes: the most that decoded photos may take.
        base: what the process takes before it begins: libraries, loaded photos.
        reading: what it takes to read one photo, beside the result.
    """
    photos = min(views * pixels * 3, cache_bytes)
    return base + SCRATCH_BYTES + plan.cap_max * BYTES_PER_GAUSSIAN + pixels * BYTES_PER_PIXEL + photos + reading


def occupied_bytes() -> float:
    """Main memory that this process takes now."""
    return float(psutil.Process().memory_info().rss)


def _fitting(machine: Machine) -> int:
    """Gaussians that leave half of the free memory to everything else."""
    return max(1_000, int(0.5 * machine.free_bytes / (4 * BYTES_PER_GAUSSIAN)))
