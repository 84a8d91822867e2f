"""The Gaussians that an edit moves: their parameters, optimisers, and what is known of each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splat.edit.operations.base import Edited
from splat.gaussians import Gaussians
from splat.train.optimizers import FusedAdam
from splat.train.strategies import ops

RATES = {"means": 0.02, "quats": 2e-3, "scales": 5e-3, "opacities": 2e-2, "sh0": 3e-2, "shN": 1e-3}  # of Adam
LOOK = ("sh0", "shN")  # colour; the others are shape
LAST = 0.1  # of its start is a learning rate at the end
FAINT = 0.005  # opacity below which a Gaussian shows nothing


class TrainableSubset:
    """M Gaussians under the tools, made from some of a scene's N; the other ones are not here and cannot change.

    `state` holds, one row a Gaussian: `origin` (which of the N it comes from), `live` (whether it moves at all),
    `label` (the attention it gets, 0..1), `pull` (weight of its anchor) and `anchor.NAME` (where that is). The
    functions of `splat.train.strategies.ops` pass all of them on to children.
    """

    def __init__(self, scene: Gaussians, chosen: Tensor, pull: float, shape: bool = True) -> None:
        """
        Args:
            chosen: [N] bool, the ones that are worked on.
            pull: first weight of the anchors.
            shape: whether more than colours change.
        """
        own = scene[chosen]
        free = [name for name in RATES if (shape or name in LOOK) and getattr(own, name).numel()]
        self.params: dict[str, Any] = {
            name: torch.nn.Parameter(value.clone(), requires_grad=name in free) for name, value in own.as_dict().items()
        }
        self.unit = float(own.scales.exp().amax(dim=1).median()) if len(own) else 1.0  # length of a usual Gaussian
        rates = {**RATES, "means": RATES["means"] * self.unit}
        self.rates = {name: rates[name] for name in free}
        self.optimizers: dict[str, Any] = {
            name: FusedAdam([self.params[name]], lr=rate) for name, rate in self.rates.items()
        }
        count, device = len(own), own.means.device
        self.state: dict[str, Any] = {
            "origin": chosen.nonzero()[:, 0],
            "live": torch.ones(count, dtype=torch.bool, device=device),
            "label": torch.ones(count, device=device),
            "pull": torch.full((count,), pull, device=device),
            "grad2d": torch.zeros(count, device=device),
            "count": torch.zeros(count, device=device),
        }
        self.anchor()

    def __len__(self) -> int:
        return len(self.params["means"])

    @property
    def gaussians(self) -> Gaussians:
        """The Gaussians as they are now, with gradients."""
        return Gaussians.from_dict(self.params)

    def anchor(self) -> None:
        """Anchor every Gaussian where it is now."""
        for name, value in self.params.items():
            self.state[f"anchor.{name}"] = value.detach().clone()

    def step(self, progress: float) -> None:
        """One step of Adam for the live ones; the others keep value and moments, bit for bit.

        Args:
            progress: 0 at the start to 1 at the end; learning rates fall exponentially to a tenth.
        """
        for name, optimizer in self.optimizers.items():
            optimizer.param_groups[0]["lr"] = self.rates[name] * LAST**progress
            optimizer.step(visibility=self.state["live"])
            optimizer.zero_grad()

    @torch.no_grad()
    def collect(self, info: dict[str, Any], width: int, height: int) -> None:
        """Add the image-plane gradients of a step, in halves of a picture of that size, as densification sums them."""
        grads, own = info["means2d"].grad[0, : len(self)], info["radii"][0, : len(self)]
        norms = torch.hypot(grads[:, 0] * (width / 2), grads[:, 1] * (height / 2)).to(self.state["grad2d"])
        seen = (own > 0).all(dim=-1).to(norms.device)
        self.state["grad2d"] += torch.where(seen, norms, 0.0)
        self.state["count"] += seen

    @torch.no_grad()
    def densify(self, share: float, room: int, growth: float, pull: float, generator: torch.Generator) -> int:
        """Clone or split the live ones with the largest gradients; children inherit everything known of the parent.

        After GaussianEditor (Chen et al. 2024): a fixed share of the selected, by gradient. Those smaller than usual
        are cloned, larger ones split in two. Older generations are anchored anew, more firmly each time.

        Args:
            share: of the live ones.
            room: new ones at most.
            growth: of the older ones' `pull`.
            pull: of the new ones.
            generator: of the offsets of halves.

        Returns:
            how many there are more.
        """
        score = torch.where(self.state["live"], self.state["grad2d"] / self.state["count"].clamp(min=1), 0.0)
        wanted = min(int(share * int(self.state["live"].sum())), room, int((score > 0).sum()))
        before = len(self)
        self.state["pull"] *= growth
        if wanted > 0:
            picked = torch.zeros_like(self.state["live"])
            picked[score.topk(wanted).indices] = True
            small = self.params["scales"].detach().exp().amax(dim=1) <= self.unit
            self._divide(picked & small, picked & ~small, pull, generator)
        self.state["grad2d"].zero_()
        self.state["count"].zero_()
        self.anchor()
        return len(self) - before

    def _divide(self, cloned: Tensor, halved: Tensor, pull: float, generator: torch.Generator) -> None:
        """Clone and halve the Gaussians of two masks [M] bool; copies and halves come last, with a first pull."""
        old = len(self) - int(halved.sum())
        ops.duplicate(self.params, self.optimizers, self.state, cloned)
        mask = torch.cat([halved, halved.new_zeros(int(cloned.sum()))])
        if bool(mask.any()):
            offsets = ops.split_offsets(self.params, mask, generator)
            ops.split(self.params, self.optimizers, self.state, mask, offsets)
        self.state["pull"][old:] = pull

    @torch.no_grad()
    def finished(self, scene: Gaussians) -> Edited:
        """The whole scene: those never chosen, bit for bit as they were, and these, children beside parents.

        Gaussians that the edit made invisible are dropped.
        """
        own = self.gaussians.detach()
        origin = self.state["origin"]
        was = torch.sigmoid(scene.opacities[origin])
        shown = (torch.sigmoid(own.opacities) >= FAINT) | (was < FAINT)
        rest = torch.ones(len(scene), dtype=torch.bool, device=origin.device)
        rest[origin] = False
        everything = Gaussians.cat([scene[rest], own[shown]])
        origins = torch.cat([rest.nonzero()[:, 0], origin[shown]])
        order = torch.argsort(origins, stable=True)
        return Edited(everything[order], origins[order])
