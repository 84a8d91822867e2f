"""Densification chosen by what the photos agree on; importing this needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from splat.options import option
from splat.train.strategies.base import CappedStrategy, CaptureFacts, Strategy
from splat.train.strategies.improved import ImprovedStrategy
from splat.train.strategies.mcmc import MCMCStrategy


@dataclass
class AutoStrategy(CappedStrategy):
    """`improved` where photos agree on what they show, else `mcmc`.

    Gradients of single photos say where Gaussians are missing, as long as the surfaces are known; then `improved` gets
    the most out of as many Gaussians. Where depth is a guess, the same gradients grow for each photo what explains it
    alone, before the lens of all others. `mcmc` moves Gaussians only to where others have proved themselves.

    Photos with transparency show where there is nothing, which is as good as agreement.
    """

    agreement: float = option(
        0.6,
        "share of what the photos show on whose depth they must agree for improved; else mcmc",
        minimum=0,
        maximum=1,
    )

    def chosen(self, facts: CaptureFacts) -> Strategy:
        """The strategy for a capture; mcmc where nothing is known of it."""
        agreed = facts.agreed is not None and facts.agreed >= self.agreement
        return ImprovedStrategy() if agreed or facts.transparent else MCMCStrategy()
