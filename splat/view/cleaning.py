"""What a clean-up would take, by sliders: the options of `prune` that they stand for, and live counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch

from splat.edit.operations import operation_options
from splat.edit.operations.base import NO_PHOTOS
from splat.edit.photos import photos_of
from splat.edit.prune.finding import Examined, Found, find
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.options import check
from splat.view.editing import Wish, in_word, unusual
from splat.view.opened import OpenedScene


@dataclass(frozen=True)
class Cleaning:
    """What is to go; 0 is nothing of that kind."""

    faint: float = 0.0  # opacity below this, 0 to 1
    large: float = 0.0  # longest axis over this times the usual one
    isolated: float = 0.0  # neighbours over this times as far as usual
    far: float = 0.0  # outside of a box about the cameras, with sides of twice this times the usual distance
    unseen: int = 0  # fewer training views show it
    floaters: bool = False
    count: int = 0  # then only so many stay

    @property
    def asks_views(self) -> bool:
        """Whether what the training views show is asked, which takes a while for the first time."""
        return self.unseen > 0 or self.floaters or self.count > 0

    @property
    def nothing(self) -> bool:
        """Whether everything is off."""
        return not any(getattr(self, item.name) for item in fields(self))

    def wish(self, scene: OpenedScene, force: bool = False) -> Wish:
        """The command of it."""
        options: dict[str, Any] = {
            "min_opacity": self.faint,
            "max_size": self.large or None,
            "isolated": self.isolated or None,
            "keep_box": self._box(scene) if self.far else None,
            "min_views": self.unseen if scene.run is not None else 1,
            "floaters": self.floaters if scene.run is not None else True,
            "count": self.count or None,
        }
        return Wish("prune", unusual("prune", options), force)

    def _box(self, scene: OpenedScene) -> str:
        reach = self.far * max(scene.depth, 1e-9)
        middle = torch.stack([camera.position.double().cpu() for camera in scene.cameras]).mean(dim=0)
        corners = [*(middle - reach).tolist(), *(middle + reach).tolist()]
        return ",".join(f"{value:.12g}" for value in corners)  # of maps' coordinates six digits are nothing


def examine(scene: OpenedScene) -> Examined:
    """Of a scene, before anything is asked."""
    photos = NO_PHOTOS if scene.run is None else photos_of(scene.run, scene.renderer.background)
    return Examined(scene.renderer, scene.run is not None, photos)


def found_by(cleaning: Cleaning, scene: OpenedScene, examined: Examined) -> Found:
    """What goes, the same that the command takes.

    Raises:
        SplatError: values that cannot be.
    """
    options = operation_options("prune", typed(cleaning.wish(scene).options))
    check(options)
    everything = torch.ones(len(scene.renderer.scene), dtype=torch.bool, device=scene.renderer.device)
    return find(options, examined, everything)


def typed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as the command line would have them, with six digits."""
    return {key: float(in_word(value)) if isinstance(value, float) else value for key, value in options.items()}


def as_selection(found: Found) -> Selection | None:
    """What goes, for the page; None for nothing."""
    if not bool(found.gone.any()):
        return None
    return Selection.from_mask(found.gone, f"clean-up ({found.in_words(torch.ones_like(found.gone))})")


def counts_in_words(found: Found) -> str:
    """How many each filter finds, and all of them together, as Markdown."""
    total, gone = len(found.gone), int(found.gone.sum())
    lines = [f"- {name}: {int(mask.sum()):,}" for name, mask in found.each.items()]
    if over := gone - int(found.filtered.sum()):
        lines.append(f"- over the count: {over:,}")
    return "\n".join([*lines, f"\n**{gone:,} of {total:,} Gaussians would go** ({gone / max(total, 1):.1%})"])


class Stopped(SplatError):
    """Somebody stopped what was being found out."""
