"""Densification: how the number of Gaussians grows and shrinks while training.

Every strategy is a dataclass of options that speaks gsplat's protocol, so that gsplat's own strategies can stand in for
these and the other way round. Importing this package needs no torch.
"""

from splat.train.strategies.absgrad import AbsGradStrategy
from splat.train.strategies.auto import AutoStrategy
from splat.train.strategies.base import CaptureFacts, NoneStrategy, Strategy
from splat.train.strategies.default import DefaultStrategy
from splat.train.strategies.fast import FastStrategy
from splat.train.strategies.geotex import GeoTexDefaultStrategy, GeoTexStrategy
from splat.train.strategies.improved import ImprovedStrategy
from splat.train.strategies.mcmc import MCMCStrategy

STRATEGIES: dict[str, type[Strategy]] = {
    "auto": AutoStrategy,
    "none": NoneStrategy,
    "default": DefaultStrategy,
    "absgrad": AbsGradStrategy,
    "mcmc": MCMCStrategy,
    "improved": ImprovedStrategy,
    "geotex": GeoTexStrategy,
    "geotex_default": GeoTexDefaultStrategy,
    "fast": FastStrategy,
}

__all__ = [
    "STRATEGIES",
    "AbsGradStrategy",
    "AutoStrategy",
    "CaptureFacts",
    "DefaultStrategy",
    "FastStrategy",
    "GeoTexDefaultStrategy",
    "GeoTexStrategy",
    "ImprovedStrategy",
    "MCMCStrategy",
    "NoneStrategy",
    "Strategy",
]
