"""The weather of one training: what it explains of a photo, takes out of it or leaves out, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from torch import Tensor

from splat.console import info
from splat.files import atomic_path, write_json
from splat.train.hooks import HookContext, TrainingHook
from splat.weather.network import load_own
from splat.weather.training.brightness import BrighterRule, Fall, along, box, chance, contrast, ramp, without
from splat.weather.training.config import WeatherOptions
from splat.weather.training.haze import Haze, HazeLearner, farthest, measured_haze, ray_lengths, recolor
from splat.weather.training.lens import LensMap
from splat.weather.training.rain_snow import RainSnowModel

if TYPE_CHECKING:
    from splat.train.normalize import Normalization
    from splat.train.params import Params
    from splat.train.state import TrainState
    from splat.train.views import View

LAST = 2 / 3  # share of the steps at which anything is last measured


class WeatherHook(TrainingHook):
    """All parts of the weather that are on; writes RUN/weather.json and what sat on the lens as pictures."""

    name = "weather"

    def __init__(self, context: HookContext, options: WeatherOptions) -> None:
        self.options = options
        self.scene = context.scene
        self.max_steps = context.max_steps
        self.seed = context.seed
        self.resets_opacities = not options.alters  # a reset scene would be compared with photos made like it
        device = context.scene.views.device
        self.brighter = BrighterRule(device)
        self.fall = Fall(device)
        self.weather = 0.0  # running share of the pixels that are taken for weather
        self.lenses: dict[str, LensMap] = {}  # by the size of the photos, WxH
        self.haze = Haze()
        self.fog: HazeLearner | None = None  # once there is fog
        self.farthest: dict[int, float] = {}  # by position, depth in that view
        self.rain_snow = RainSnowModel(self.scene, *load_own(), options.network_misses) if options.network else None
        self.left_out = 0.0  # running share of the pixels

    @property
    def render_mode(self) -> str:
        """Depth too, once there is fog."""
        return "RGB+ED" if self.haze.airlight is not None else "RGB"

    def compared(
        self, step: int, position: int, view: View, image: Tensor, target: Tensor, depth: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The scene as the weather shows it, and the photo less what brightens it as weather does.

        Pixels behind something on the lens are made equal, so that they pull at nothing and SSIM sees no edge around
        them. See `TrainingHook.compared` for the arguments.
        """
        if depth is not None and self.fog is not None:
            image = self._veiled(position, view, image, depth)
        if self.rain_snow is None and not self.options.alters:
            return image, target
        photo = target.float() / 255 if target.dtype == torch.uint8 else target
        if self.rain_snow is not None:
            photo = self._by_network(step, position, photo, image.detach())
        if not self.options.alters or not self._is_full(position, view):
            return image, photo
        scene = image.detach().clamp(0, 1)
        left_out = self._lens(step, photo, scene) if self.options.lens else None
        if self.options.robust:
            counted = view.mask if left_out is None else ~left_out if view.mask is None else view.mask & ~left_out
            photo = self._by_brightness(step, photo, scene, counted)
        if left_out is not None:
            self.left_out += 0.01 * (float(left_out.float().mean()) - self.left_out)
            photo = torch.where(left_out[..., None], image.detach(), photo)
        return image, photo

    def _veiled(self, position: int, view: View, image: Tensor, depth: Tensor) -> Tensor:
        """[H, W, 3]: the scene as it is seen in the fog."""
        if position not in self.farthest:
            self.farthest[position] = farthest(self.scene, position)
        rays = ray_lengths(view.K[0], view.height, view.width)
        return self.haze.veiled(image, depth, rays, self.farthest[position])

    def _by_network(self, step: int, position: int, photo: Tensor, scene: Tensor) -> Tensor:
        """[H, W, 3]: the photo less the veil that the network sees in it.

        At some visits of a photo as much of the veil stays as brings it nearest to the scene, so that nothing pulls
        where the scene lies between the photo with and without it: what the network takes for weather in single views
        only, other views decide.
        """
        assert self.rain_snow is not None
        dry = self.rain_snow.dried(position, photo)
        if self.rain_snow.everywhere is None or chance(step) >= self.options.network_doubt:
            return dry
        return torch.minimum(torch.maximum(scene, dry), photo)

    def _by_brightness(self, step: int, photo: Tensor, scene: Tensor, counted: Tensor | None) -> Tensor:
        """[H, W, 3]: the photo less what is taken for weather at this step; judged by the pixels that count."""
        differs = (photo - scene).mean(dim=2)
        if self.options.robust_shape == "streaks":
            if step < self.options.robust_full * self.max_steps:
                self.fall.look(step, differs)
            differs = along(differs, self.fall.direction)
        else:
            differs = box(differs)
        weather = 1 - self.brighter.clean(differs, contrast(scene), counted)
        self.weather += 0.01 * (float(weather.mean()) - self.weather)
        strength = ramp(step, self.max_steps, self.options.robust_start, self.options.robust_full)
        return without(photo, scene, differs, strength * weather > chance(step))

    def _lens(self, step: int, photo: Tensor, scene: Tensor) -> Tensor:
        """[H, W] bool, True where something sits on the lens."""
        key = f"{photo.shape[1]}x{photo.shape[0]}"
        found = self.lenses.get(key)
        if found is None:
            found = self.lenses[key] = LensMap(photo.shape[0], photo.shape[1], photo.device)
        if step >= self.options.lens_start * self.max_steps:
            found.add(photo, scene, self.options.lens_sharpness, self.options.lens_residual)
        return found.mask

    def _is_full(self, position: int, view: View) -> bool:
        """Whether a view has the size of its photo; early steps may be at half of it."""
        camera = self.scene.views.cameras[position]
        return camera.width == view.width and camera.height == view.height

    def after_step(self, step: int, state: TrainState) -> None:
        """Look for fog and compare photos when it is time."""
        options = self.options
        if self.fog is not None:
            self.fog.step()
        elif options.haze and step in self._steps(options.haze_start, options.haze_looks):
            self._look_for_fog(step, state.params)
        if self.rain_snow is not None and step in self._steps(options.network_start, options.network_updates):
            self._compare(state.params)

    def _compare(self, params: Params) -> None:
        """Compare what the network sees in all views; without weather the photos stay as they are from now on."""
        assert self.rain_snow is not None
        if not self.rain_snow.there:
            return
        self.rain_snow.compare(params)
        if not self.rain_snow.there:
            info("rain and snow: none seen")

    def _look_for_fog(self, step: int, params: Params) -> None:
        """Take the fog that the photos show now, if they do."""
        generator = torch.Generator().manual_seed(self.seed + step)
        fit = measured_haze(self.scene, params, generator)
        if fit is None or fit.evidence < self.options.haze_evidence:
            info("fog: none seen" if fit is not None else "fog: too little is seen in several views to tell")
            return
        device = self.scene.views.device
        self.haze = Haze(torch.tensor(fit.beta, device=device), fit.airlight.float().to(device), fit.evidence)
        recolor(self.scene, params, self.haze)
        self.fog = HazeLearner(self.haze, self.max_steps)

    def _steps(self, first: float, count: int) -> set[int]:
        """`count` steps, evenly spread from a share of the training to its last third."""
        last = max(first, LAST)
        shares = [first + (last - first) * index / max(1, count - 1) for index in range(count)]
        return {max(1, round(share * self.max_steps)) for share in shares}

    def state(self) -> dict[str, Any]:
        """Sums, shares, masks and the fog."""
        return {
            "difference": self.brighter.counts,
            "fall": self.fall.sums,
            "weather": self.weather,
            "lenses": {
                key: {"sums": lens.sums, "mask": lens.mask, "views": lens.views} for key, lens in self.lenses.items()
            },
            "haze": None if self.fog is None else {**self.fog.state(), "evidence": self.haze.evidence},
            "left_out": self.left_out,
            "own": {} if self.rain_snow is None else {str(place): own for place, own in self.rain_snow.own.items()},
            "everywhere": None if self.rain_snow is None else self.rain_snow.everywhere,
        }

    def restore(self, record: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        device = self.scene.views.device
        self.brighter.counts = record["difference"].to(device)
        self.fall.sums = record["fall"].to(device)
        self.weather = record["weather"]
        for key, held in record["lenses"].items():
            width, height = map(int, key.split("x"))
            lens = self.lenses[key] = LensMap(height, width, device)
            lens.sums, lens.mask, lens.views = held["sums"].to(device), held["mask"].to(device), held["views"]
        if record["haze"] is not None:
            beta, airlight = (parameter.to(device) for parameter in record["haze"]["parameters"])
            self.haze = Haze(beta, airlight, record["haze"]["evidence"])
            self.fog = HazeLearner(self.haze, self.max_steps)
            self.fog.restore(record["haze"])
        self.left_out = record["left_out"]
        if self.rain_snow is not None:
            self.rain_snow.everywhere = record["everywhere"]
            self.rain_snow.own = {int(position): own.to(device) for position, own in record["own"].items()}

    def write(self, folder: Path, normalization: Normalization) -> None:
        """Write RUN/weather.json and, if the lens was looked at, RUN/weather/lens_<width>x<height>.png.

        Black pixels of these were left out.
        """
        write_json(folder / "weather.json", self.report(normalization.scale))
        for size, lens in self.lenses.items():
            kept = (~lens.mask).cpu().numpy().astype(np.uint8) * 255
            path = folder / "weather" / f"lens_{size}.png"
            path.parent.mkdir(exist_ok=True)
            with atomic_path(path) as temporary:
                temporary.write_bytes(cv2.imencode(".png", kept)[1].tobytes())

    def report(self, scale: float) -> dict[str, Any]:
        """What was found, for the record.

        Args:
            scale: training units per unit of the capture.
        """
        haze = None
        if self.haze.beta is not None and self.haze.airlight is not None:
            haze = {
                "extinction": float(self.haze.beta.detach()) * scale,  # 1 / unit of the capture
                "airlight": [round(value, 4) for value in self.haze.airlight.tolist()],
                "evidence": round(self.haze.evidence, 4),
            }
        return {
            "kind": self.options.kind,
            "weather": round(self.weather, 4) if self.options.robust else None,
            "opacity": None if self.rain_snow is None else round(self.rain_snow.mean(), 4),
            "left_out": round(self.left_out, 4) if self.options.lens else None,
            "lens": {key: round(float(lens.mask.float().mean()), 4) for key, lens in self.lenses.items()},
            "haze": haze,
        }
