"""Selecting by what Gaussians are: their opacity and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from splat.edit.select import geometry
from splat.edit.select.selection import Selection
from splat.view.controls import put
from splat.view.selecting.taking import Taking

if TYPE_CHECKING:
    from splat.view.page import Page


def build_ranges(page: Page, taking: Taking) -> None:
    """Put the controls into the tab."""
    gui = page.gui
    with gui.add_folder("Opacity and size", expand_by_default=False):
        opacities = gui.add_multi_slider("Opacity", 0.0, 1.0, 0.01, (0.0, 0.1))
        opaque_said = gui.add_markdown("")
        by_opacity = gui.add_button("Select by opacity")
        least = gui.add_number("Size from", 0.0, min=0.0, hint="largest standard deviation, in the scene's units")
        most = gui.add_number("Size to", largest(page), min=0.0)
        size_said = gui.add_markdown("")
        by_size = gui.add_button("Select by size")

    def of_opacity() -> Selection:
        low, high = sorted(map(float, opacities.value))
        return geometry.opacity(page.scene.renderer.scene, low, high)

    def of_size() -> Selection:
        return geometry.size(page.scene.renderer.scene, float(least.value), float(most.value))

    def count() -> None:
        opaque_said.content = f"**{of_opacity().count:,}** Gaussians"
        size_said.content = f"**{of_size().count:,}** Gaussians"

    for control in (opacities, least, most):
        control.on_update(page.answering(lambda event: count()))
    by_opacity.on_click(page.answering(lambda event: taking.take(of_opacity())))
    by_size.on_click(page.answering(lambda event: taking.take(of_size())))

    def renew() -> None:
        put(most, max(float(most.value), largest(page)))
        count()

    page.on("scene", renew)
    count()


def largest(page: Page) -> float:
    """Size of the largest Gaussian, in the scene's units, rounded up to three digits."""
    value = float(page.scene.renderer.scene.scales.amax().exp())
    return float(f"{1.005 * value:.3g}")
