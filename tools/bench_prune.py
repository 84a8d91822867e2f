"""How well `splat edit RUN prune` finds floaters: some are planted into a run's scene, and what it removes is counted.

    python -m tools.bench_prune RUN [--planted 300] [--seed 0] [--picture FILE.jpg]

A floater stands at a random pixel of a random training view, 25 to 75 % of the way to what is seen there; it is about
as large as the scene's Gaussians, of any colour, and of an opacity from 0.1 to 0.95. Precision counts everything else
that goes as wrong, the scene's own floaters too; what that costs is told by the PSNR of the scene without the planted.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from splat.cameras import Camera
from splat.edit.photos import photos_of
from splat.edit.prune import filters
from splat.edit.prune.evidence import gather_evidence
from splat.edit.score import score_run
from splat.gaussians import Gaussians
from splat.images import to_bytes, write_image
from splat.render.scene import SceneRenderer
from splat.run import open_run
from splat.sh import rgb_to_sh0


def planted(renderer: SceneRenderer, count: int, seed: int) -> Gaussians:
    """Floaters before the surfaces that the renderer's cameras see."""
    random = torch.Generator().manual_seed(seed)
    scene, places = renderer.scene, list[torch.Tensor]()
    while len(places) < count:
        camera: Camera = renderer.cameras[int(torch.randint(len(renderer.cameras), (1,), generator=random))]
        depth = renderer.depth(camera)
        for _ in range(10):
            pixel = torch.rand(2, generator=random, dtype=torch.float64) * torch.tensor([camera.width, camera.height])
            far = float(depth[int(pixel[1]), int(pixel[0])])
            part = 0.25 + 0.5 * float(torch.rand(1, generator=random))
            if far > 0:
                places.append(camera.unproject(pixel[None], torch.tensor([part * far]).double())[0])
    usual = float(scene.scales.amax(dim=1).median())
    return Gaussians(
        means=torch.stack(places[:count]).float(),
        quats=torch.randn(count, 4, generator=random),
        scales=usual + 0.5 * torch.randn(count, 3, generator=random),
        opacities=torch.logit(0.1 + 0.85 * torch.rand(count, generator=random)),
        sh0=rgb_to_sh0(torch.rand(count, 1, 3, generator=random)),
        shN=torch.zeros(count, *scene.shN.shape[1:]),
    )


def main() -> None:
    """Print recall, precision and what it does to the PSNR."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--planted", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="a held-out view: planted, pruned, as it was trained")
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    renderer = run.renderer()
    more = planted(renderer, arguments.planted, arguments.seed).to(renderer.device)
    both = Gaussians.cat([renderer.scene, more])
    mixed = renderer.of(both)
    truth = torch.arange(len(both), device=renderer.device) >= len(renderer.scene)
    photos = photos_of(run, renderer.background)
    found = filters.floating(mixed, gather_evidence(mixed, list(renderer.cameras)), photos.training)
    right, wrong = int((found & truth).sum()), int((found & ~truth).sum())
    print(f"{right} of {arguments.planted} planted found (recall {right / arguments.planted:.2f}), {wrong} of the")
    print(f"{len(renderer.scene):,} others with them (precision {right / max(right + wrong, 1):.2f})")
    print("planted -> pruned:")
    score_run(run, photos, mixed, both[~found])
    print("trained -> without what was wrongly pruned:")
    score_run(run, photos, renderer, both[~found & ~truth])
    if arguments.picture is not None:
        camera = run.cameras("test")[1]
        shown = [mixed.image(camera), mixed.of(both[~found]).image(camera), renderer.image(camera)]
        write_image(arguments.picture, np.concatenate([to_bytes(picture) for picture in shown], axis=1))


if __name__ == "__main__":
    main()
