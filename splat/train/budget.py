"""The plan of a training: for the machine and the capture, and, with `max_seconds`, for a budget of time."""

from __future__ import annotations

import dataclasses

from torch.nn import Parameter

from splat.train.coarse import CoarseViews
from splat.train.config import TrainConfig
from splat.train.estimate import step_seconds
from splat.train.initial import Beginning, first_gaussians
from splat.train.pace import Pace
from splat.train.plan import Machine, Plan, make_plan, plan_for_share
from splat.train.views import TrainingViews


def planned(config: TrainConfig, machine: Machine, views: TrainingViews, found: Beginning) -> Plan:
    """The plan of a training that is about to begin.

    With `max_seconds` the first Gaussians of the usual plan are drawn a few times, to see what share of that plan's
    time the budget is; from that follow the cap and the resolution, and after further drawings the number of steps.

    Args:
        config: of the training.
        machine: on which it runs.
        views: training views.
        found: what the first Gaussians are made of.
    """
    plan = make_plan(config, machine, views.capture.data_factor, len(found.points.xyz), len(views))
    if config.max_seconds is None:
        return plan
    usual = _pace(plan, config, views, found, coarse_until=0.0)
    share = config.max_seconds / usual.between(0, plan.max_steps, plan.max_steps)
    plan, coarse_until = plan_for_share(plan, config, machine, share)
    if config.schedule.coarse_until is not None:
        coarse_until = config.schedule.coarse_until
    pace, max_steps = _pace(plan, config, views, found, coarse_until).planned()
    return dataclasses.replace(plan, max_steps=max_steps, pace=pace)


def _pace(plan: Plan, config: TrainConfig, views: TrainingViews, found: Beginning, coarse_until: float) -> Pace:
    """What steps cost with this plan's first Gaussians."""
    assert config.max_seconds is not None
    gaussians = first_gaussians(config, views, plan.seeds, found)
    params = {name: Parameter(value.to(views.device)) for name, value in gaussians.as_dict().items()}
    full = step_seconds(params, views, config)
    coarse = step_seconds(params, CoarseViews(views), config) if coarse_until > 0 else full
    return Pace(config.max_seconds, full, coarse, len(gaussians), max(plan.cap_max, len(gaussians)), coarse_until)
