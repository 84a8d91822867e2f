"""A run folder: what training wrote and every other command reads."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from splat.capture.config import CaptureOptions
from splat.errors import SplatError
from splat.files import read_json, write_json
from splat.formats import read_scene
from splat.formats.scene_file import NO_ORIGIN, Notes
from splat.lazy import lazy
from splat.records import Record, record
from splat.render.config import RenderOptions
from splat.run_records import read_config, read_metrics
from splat.running import holder_of

POINTS = "points.ply"  # the points that a run began with, in the capture's frame

if TYPE_CHECKING:
    import torch

    from splat import cameras
    from splat import frame as frames
    from splat.cameras import Camera
    from splat.capture import ply, recorded
    from splat.capture.types import Capture
    from splat.frame import SceneFrame
    from splat.gaussians import Gaussians
    from splat.render import scene as rendering
    from splat.render.scene import SceneRenderer
else:
    torch = lazy("torch")
    cameras, frames, ply, recorded, rendering = (
        lazy(f"splat.{name}") for name in ("cameras", "frame", "capture.ply", "capture.recorded", "render.scene")
    )


@dataclass(frozen=True)
class Run:
    """One run folder. Files are read when asked for; all geometry is in the capture's own frame."""

    path: Path
    config: dict[str, Any] = field(repr=False)  # RUN/config.yaml

    @property
    def name(self) -> str:
        path = self.path.absolute()
        return f"{path.parent.name}/{path.name}"

    @property
    def scene_path(self) -> Path:
        return self.path / "scene.ply"

    @property
    def metrics(self) -> dict[str, Any]:
        """RUN/metrics.json, empty before the first evaluation."""
        return read_metrics(self.path) if (self.path / "metrics.json").exists() else {}

    def scene(self) -> Gaussians:
        """The trained Gaussians."""
        return read_scene(self.scene_path)

    def camera_record(self) -> dict[str, Any]:
        """RUN/cameras.json: what the run was trained on, and what it is scored, resumed and distilled with."""
        record: dict[str, Any] = read_json(self.path / "cameras.json")
        return record

    def cameras(self, split: Literal["train", "test"] | None = None) -> list[Camera]:
        """The cameras of one side of the split, or all, at the resolution that was trained."""
        frames = recorded.frames_of(self.camera_record())
        return [recorded.recorded_camera(frame) for frame in frames if split is None or frame.get("split") == split]

    def frame(self) -> SceneFrame | None:
        """The similarity to metres with z up that `splat align` has found; an edit has its run's; None: nobody said."""
        return frames.read_frame(self.path)

    def photos(self) -> dict[str, Path]:
        """Where the photo of each camera lies, by the camera's name; whether it is still there is not looked at.

        Raises:
            SplatError: when the run does not say, or they come out of one file, such as a video.
        """
        record = self.camera_record()
        loaded = self._settings("capture")
        if recorded.unpacking(record.get("kind")) or not loaded.has("data"):
            raise SplatError(f"{self.path} was not trained on single photos")
        return recorded.photo_paths(record, Path(loaded.text("data")))

    def capture(self, root: Path | None = None) -> Capture:
        """The capture with the cameras and the split that the run was trained with; only pixels come from the photos.

        Args:
            root: where the photos are now; None: where they were.

        Raises:
            SplatError: when the photos are not where they were, or are others.
        """
        loaded = self._settings("capture")
        if not loaded.has("data"):
            raise SplatError(f"{self.path / 'config.yaml'} does not say where the photos are (capture.data)")
        options = loaded.options(CaptureOptions)
        points = ply.recorded_points(self.path / POINTS)
        try:
            return recorded.recorded_capture(self.camera_record(), root or Path(loaded.text("data")), options, points)
        except SplatError as problem:
            raise SplatError(f"{self.path}: {problem}; if they moved, edit capture.data in config.yaml") from problem

    def render_options(self, backend: str = "auto") -> RenderOptions:
        """How the scene was rendered in training, planes in the capture's units; threads are left to this machine."""
        if self._settings().has("render"):
            options = self._settings("render").options(RenderOptions)
        else:  # older runs hold the planes in units of the training frame
            trained = self._settings("train").part("render").options(RenderOptions)
            options = trained.scaled(cameras.radius(self.cameras("train") or self.cameras()))
        return replace(options, backend=backend, num_threads=None)

    def renderer(self, backend: str = "auto") -> SceneRenderer:
        """The scene as it was rendered in training, with its training cameras (all, if it has none).

        Raises:
            SplatError: when the backend cannot run here, or a file of the run is missing or damaged.
        """
        cameras = self.cameras("train") or self.cameras()
        return rendering.SceneRenderer(
            self.scene(), self.render_options(backend), torch.tensor(self.background), cameras
        )

    @property
    def notes(self) -> Notes:
        """What a scene file of this run should say: how it is drawn, and the origin that its coordinates lack."""
        record = read_json(self.path / "cameras.json")
        try:
            x, y, z = map(float, record.get("origin", NO_ORIGIN))
        except (AttributeError, TypeError, ValueError) as error:
            raise SplatError(
                f"{self.path / 'cameras.json'} has an origin that is not three numbers ({error})"
            ) from error
        return Notes(self.render_options().antialiased, (x, y, z))

    @property
    def background(self) -> tuple[float, float, float]:
        """The colour behind the scene in evaluations and pictures, RGB from 0 to 1."""
        red, green, blue = self._settings().numbers("background", 3)
        return red, green, blue

    def _settings(self, part: str | None = None) -> Record:
        """config.yaml, or a part of it, to ask for by type."""
        found = record(self.config, str(self.path / "config.yaml"))
        return found if part is None else found.part(part)


def open_run(path: str | Path) -> Run:
    """Open a finished run folder.

    Raises:
        SplatError: when it is not a run folder or holds no scene yet.
    """
    path = Path(path)
    if not path.is_dir():
        raise SplatError(f"no run folder at {path}; train one with: splat train DATA")
    if not (path / "config.yaml").exists():
        if holder := holder_of(path):
            raise SplatError(f"{path} holds no scene yet; {holder}")
        raise SplatError(
            f"{path} is not a run folder (it has no config.yaml); give the folder that splat train printed"
        )
    if not (path / "scene.ply").exists():
        raise SplatError(f"{path} holds no scene yet; {how_to_finish(path)}")
    return Run(path, read_config(path))


def how_to_finish(path: Path) -> str:
    """What to do with a run folder that has no scene, with the command as it can be typed."""
    if holder := holder_of(path):
        return f"its training is {holder}"
    data = str((read_config(path).get("train") or {}).get("data") or "DATA")
    if any((path / "checkpoints").glob("step_*.safetensors")):
        return f"finish it with: {resume_command(data, path)}"
    return (
        f"it has no checkpoint to go on from; begin again with: {shlex.join(['splat', 'train', data, f'out={path}'])}"
    )


def resume_command(data: str | Path, folder: str | Path) -> str:
    """The command that continues a run, quoted for the shell; settings come from the run's own config.yaml."""
    return shlex.join(["splat", "train", str(data), f"out={folder}", "resume=true"])


def write_cameras(path: Path, capture: Capture) -> None:
    """RUN/cameras.json: every camera with its side of the split and its photo, in the capture's frame, OpenCV axes.

    Adding `origin` to coordinates gives those of the capture's files; it is zero unless they are geo-referenced.
    """
    write_json(path, recorded.capture_record(capture))
