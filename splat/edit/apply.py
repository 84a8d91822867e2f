"""An operation done to a selection, with what holds for all of them."""

from __future__ import annotations

from typing import Any

from splat.edit.operations.base import Edited, Operation
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.formats.common import usable_rows
from splat.render.scene import SceneRenderer


def apply(
    name: str,
    operation: Operation[Any],
    renderer: SceneRenderer,
    chosen: Selection,
    candidates: Selection | None = None,
) -> Edited:
    """Do one operation.

    Args:
        name: of the operation, for messages.
        operation: with its options.
        renderer: the scene before, with its cameras.
        chosen: what is changed.
        candidates: what may be changed later; None for the same.

    Raises:
        SplatError: nothing selected, more than half of the scene without force=true, or a result that no file holds.
    """
    if chosen.count == 0 and not operation.blends:
        raise SplatError(f"{chosen.source} selects nothing surely enough; lower select.threshold")
    if not operation.allows(chosen):
        raise SplatError(
            f"{name} would touch {chosen.share:.0%} of the scene, {chosen.count:,} Gaussians; force=true does it anyway"
        )
    edited = operation.edited(renderer, chosen, chosen if candidates is None else candidates)
    if len(edited.scene) == 0:
        raise SplatError(f"{name} would leave nothing of the scene")
    # a reader drops such rows, so they would be gone from the scene without a word
    lost = int((~usable_rows(edited.scene)).sum()) - int((~usable_rows(renderer.scene)).sum())
    if lost > 0:
        raise SplatError(f"{name} would take {lost:,} Gaussians beyond what 32-bit numbers hold; give smaller numbers")
    return edited
