"""tools/bench_prune.py: where floaters are planted."""

from __future__ import annotations

import torch

from tests.edit.scenes import renderer_of
from tools.bench_prune import planted


def test_floaters_stand_before_what_a_view_sees() -> None:
    made = renderer_of()
    more = planted(made, 25, seed=3)
    assert len(more) == 25 and more.sh_degree == made.scene.sh_degree
    opacities = torch.sigmoid(more.opacities)
    assert float(opacities.min()) >= 0.1 and float(opacities.max()) <= 0.95
    for point in more.means:  # the cameras are 4 from the middle, the balls at most 1.9
        parts = []
        for camera in made.cameras:
            pixel, depth = camera.project(point[None])
            column, row = int(pixel[0, 0]), int(pixel[0, 1])
            if 0 <= column < camera.width and 0 <= row < camera.height and float(depth) > 0:
                seen = float(made.depth(camera)[row, column])
                parts += [float(depth) / seen] if seen > 0 else []
        assert any(0.24 < part < 0.76 for part in parts)
    again = planted(made, 25, seed=3)
    assert torch.equal(more.means, again.means) and not torch.equal(more.means, planted(made, 25, seed=4).means)
