"""A camera path that people edit: keyframes, the curve through them, and the file that `splat render path=` takes."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.spatial.transform import Rotation, RotationSpline, Slerp

from splat.cameras import Camera
from splat.errors import SplatError
from splat.files import read_json, write_json
from splat.records import Record
from splat.render.camera_file import HIGHEST_RATE, cameras_of, placed

MOST_KEYFRAMES = 1000
MOST_FRAMES = 20_000
LEAST_SECONDS = 0.1  # between two keyframes
LONGEST = 3600.0  # seconds between two keyframes
ROUNDS = 20  # in which speeds become even
SAMPLES = 64  # of the curve between two keyframes, where its length is measured
_FLIP = np.array([1.0, -1.0, -1.0])  # from OpenCV's axes to OpenGL's, and back


@dataclass(frozen=True, eq=False)
class Keyframe:
    """A camera that the path goes through, in the frame and units of the scene."""

    rotation: np.ndarray  # [3, 3] camera to world; x right, y down, z forward
    position: np.ndarray  # [3]
    fov: float  # vertical, in degrees
    seconds: float = 2.0  # from the keyframe before; of the first: from the last, in a loop

    @classmethod
    def of(cls, camera: Camera, seconds: float = 2.0) -> Keyframe:
        """A keyframe where a camera stands; its principal point is taken for the middle of the picture."""
        to_world = camera.camtoworld.double().cpu().numpy()
        fov = 2 * np.degrees(np.arctan(0.5 * camera.height / float(camera.K[1, 1])))
        return cls(to_world[:3, :3], to_world[:3, 3], float(fov), seconds)

    def camera(self, width: int, height: int, name: str = "") -> Camera:
        """The camera, with pictures of that size in pixels."""
        focal = 0.5 * height / np.tan(np.radians(self.fov) / 2)
        K = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=torch.float64)
        template = Camera(torch.eye(4, dtype=torch.float64), K, width, height, name)
        return placed(template, self.rotation, self.position)


@dataclass(frozen=True, eq=False)
class Track:
    """Keyframes in their order, and how the camera goes through them."""

    keyframes: tuple[Keyframe, ...] = ()
    fps: float = 30.0
    loop: bool = False  # from the last back to the first
    smoothness: float = 1.0  # 0: straight from one to the next; 1: a curve without corners

    @property
    def knots(self) -> np.ndarray:
        """[K] float64 seconds at which the keyframes are reached, the first at 0."""
        return np.cumsum([0.0, *(frame.seconds for frame in self.keyframes[1:])])

    @property
    def duration(self) -> float:
        """Seconds from start to end; 0 for fewer than two keyframes."""
        if len(self.keyframes) < 2:
            return 0.0
        return float(self.knots[-1]) + (self.keyframes[0].seconds if self.loop else 0.0)

    # -- editing

    def with_added(self, frame: Keyframe, after: int) -> Track:
        """With a keyframe more, behind the one of that number (-1: as the first).

        Raises:
            SplatError: there are as many as there may be.
        """
        if len(self.keyframes) >= MOST_KEYFRAMES:
            raise SplatError(f"a path has {MOST_KEYFRAMES:,} keyframes at most; delete some first")
        return self._with([*self.keyframes[: after + 1], frame, *self.keyframes[after + 1 :]])

    def with_changed(self, number: int, **changes: Any) -> Track:
        """With other values of one keyframe."""
        changed = dataclasses.replace(self.keyframes[number], **changes)
        return self._with([*self.keyframes[:number], changed, *self.keyframes[number + 1 :]])

    def without(self, number: int) -> Track:
        """Without one keyframe."""
        return self._with([*self.keyframes[:number], *self.keyframes[number + 1 :]])

    def with_swapped(self, first: int, second: int) -> Track:
        """With two keyframes in each other's place; the seconds stay where they were."""
        frames = list(self.keyframes)
        a, b = frames[first], frames[second]
        frames[first] = dataclasses.replace(b, seconds=a.seconds)
        frames[second] = dataclasses.replace(a, seconds=b.seconds)
        return self._with(frames)

    def lasting(self, seconds: float) -> Track:
        """The same at another speed, so that all of it takes so long; no step gets shorter than `LEAST_SECONDS`."""
        factor = seconds / self.duration if self.duration > 0 else 1.0
        return self._timed([frame.seconds * factor for frame in self.keyframes])

    def with_even_speed(self) -> Track:
        """Each step takes as long as it is, all of it as long as before; turns on the spot keep their seconds."""
        track = self
        if len(self.keyframes) < 2:
            return track
        for _ in range(ROUNDS):  # the curve depends on the times
            lengths = track.lengths()
            moves = lengths > 1e-6 * max(float(lengths.sum()), 1e-12)
            steps = np.array([frame.seconds for frame in track._steps()])
            if not moves.any():
                return track
            halfway = np.sqrt(steps[moves] * lengths[moves])  # or it would swing about what is right
            steps[moves] = steps[moves].sum() * halfway / halfway.sum()
            track = track._timed(
                [*([] if self.loop else [track.keyframes[0].seconds]), *np.roll(steps, int(self.loop))]
            )
        return track

    def lengths(self) -> np.ndarray:
        """[S] float64 lengths of the steps from keyframe to keyframe, in the scene's units; a loop's last is back."""
        ends = np.append(self.knots, self.duration) if self.loop else self.knots
        found = []
        for begin, end in itertools.pairwise(ends):
            positions = self._positions(np.linspace(begin, end, SAMPLES + 1))
            found.append(float(np.linalg.norm(np.diff(positions, axis=0), axis=1).sum()))
        return np.array(found)

    def _steps(self) -> tuple[Keyframe, ...]:
        """The keyframes at the ends of the steps."""
        return (*self.keyframes[1:], *(self.keyframes[:1] if self.loop else ()))

    def _timed(self, seconds: list[float]) -> Track:
        kept = np.clip(seconds, LEAST_SECONDS, LONGEST)
        return self._with([dataclasses.replace(frame, seconds=float(s)) for frame, s in zip(self.keyframes, kept)])

    def _with(self, keyframes: list[Keyframe]) -> Track:
        return dataclasses.replace(self, keyframes=tuple(keyframes))

    # -- the curve

    def poses(self, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the camera is at times [T] in seconds, which are clipped to the track.

        Returns:
            Rotations [T, 3, 3], camera to world; positions [T, 3]; vertical fields of view [T] in degrees. At the knots
            they are those of the keyframes.
        """
        times = np.clip(np.asarray(times, float), 0.0, self.duration)
        frames = list(self.keyframes)
        if len(frames) == 1:
            (frame,) = frames
            return (
                np.repeat(frame.rotation[None], len(times), axis=0),
                np.repeat(frame.position[None], len(times), axis=0),
                np.full(len(times), frame.fov),
            )
        knots, around = self._rounds()
        frames = [frames[index] for index in around]
        rotations = Rotation.from_matrix(np.stack([frame.rotation for frame in frames]))
        straight = Slerp(knots, rotations)(times)
        bend = (straight.inv() * RotationSpline(knots, rotations)(times)).as_rotvec()
        turned = straight * Rotation.from_rotvec(self.smoothness * bend)
        fovs = PchipInterpolator(knots, [frame.fov for frame in frames])(times)  # never wider than its keyframes
        return turned.as_matrix(), self._positions(times), fovs

    def _positions(self, times: np.ndarray) -> np.ndarray:
        """[T, 3] of two keyframes or more."""
        knots, around = self._rounds()
        positions = np.stack([self.keyframes[index].position for index in around])
        line = np.stack([np.interp(times, knots, along) for along in positions.T], axis=1)
        curve = CubicSpline(knots, positions, bc_type="natural")(times)
        moved: np.ndarray = line + self.smoothness * (curve - line)
        return moved

    def _rounds(self) -> tuple[np.ndarray, list[int]]:
        """Times and numbers of keyframes; a loop's round before and after make the curve close without a corner."""
        knots, numbers = self.knots, list(range(len(self.keyframes)))
        if not self.loop:
            return knots, numbers
        return np.concatenate([knots - self.duration, knots, knots + self.duration]), numbers * 3

    def at(self, time: float) -> Keyframe:
        """Where the camera is at one time."""
        rotations, positions, fovs = self.poses(np.array([time]))
        return Keyframe(rotations[0], positions[0], float(fovs[0]))

    def frames(self) -> list[Keyframe]:
        """The pictures of the film, `fps` a second; the last keyframe is the last picture, in a loop the one before.

        Raises:
            SplatError: no keyframe, or more pictures than `MOST_FRAMES`.
        """
        if not self.keyframes:
            raise SplatError("the path has no keyframe; add some first")
        count = max(1, round(self.duration * self.fps)) + (0 if self.loop or self.duration == 0 else 1)
        if count > MOST_FRAMES:
            raise SplatError(f"the path has {count:,} pictures, and {MOST_FRAMES:,} are the most; make it shorter")
        poses = self.poses(np.linspace(0, self.duration, count, endpoint=not self.loop))
        return [Keyframe(rotation, position, float(fov)) for rotation, position, fov in zip(*poses)]


def save_track(path: Path, track: Track, width: int, height: int) -> None:
    """Write a camera path as nerfstudio does, with the keyframes in it; `splat render path=` takes the file.

    Args:
        path: the file, which is replaced.
        track: with one keyframe at least.
        width, height: of the pictures in pixels.

    Raises:
        SplatError: as `Track.frames`, or the file cannot be written.
    """
    aspect = width / height
    keyframes = [
        {
            "matrix": _matrix(frame),
            "fov": frame.fov,
            "aspect": aspect,
            "override_transition_enabled": True,
            "override_transition_sec": frame.seconds,
        }
        for frame in track.keyframes
    ]
    film = [{"camera_to_world": _matrix(frame), "fov": frame.fov, "aspect": aspect} for frame in track.frames()]
    content = {
        "camera_type": "perspective",
        "render_width": width,
        "render_height": height,
        "fps": track.fps,
        "seconds": track.duration,
        "is_cycle": track.loop,
        "smoothness_value": track.smoothness,
        "keyframes": keyframes,
        "camera_path": film,
    }
    write_json(path, content)


def load_track(path: Path) -> Track:
    """The keyframes of a camera path, ours or nerfstudio's.

    Raises:
        SplatError: another file, no keyframes in it, or values out of range.
    """
    content = read_json(path)
    entries = content.get("keyframes") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise SplatError(f"{path} has no keyframes to edit; splat render path={path.name} takes cameras as they are")
    if len(entries) > MOST_KEYFRAMES:
        raise SplatError(f"{path} has {len(entries):,} keyframes; {MOST_KEYFRAMES:,} are the most")
    unsized = Camera(torch.eye(4, dtype=torch.float64), torch.eye(3, dtype=torch.float64), 640, 480)
    try:
        listed = [{"camera_to_world": entry["matrix"], "fov": entry["fov"]} for entry in entries]
    except (LookupError, TypeError) as error:
        raise SplatError(f"{path}: a keyframe has no matrix or no fov") from error
    cameras = cameras_of({"camera_path": listed}, path, unsized)
    found = Record(content, str(path))
    usual = _number(found, "default_transition_sec", 2.0, LEAST_SECONDS, LONGEST)
    seconds = [
        _number(Record(entry, f"{path}: keyframe {number}"), "override_transition_sec", usual, LEAST_SECONDS, LONGEST)
        if entry.get("override_transition_enabled")
        else usual
        for number, entry in enumerate(entries)
    ]
    frames = tuple(Keyframe.of(camera, each) for camera, each in zip(cameras, seconds))
    fps = _number(found, "fps", 30.0, 0.1, HIGHEST_RATE)
    return Track(frames, fps, bool(content.get("is_cycle")), _number(found, "smoothness_value", 1.0, 0.0, 1.0))


def _number(found: Record, key: str, usual: float, least: float, most: float) -> float:
    """A number of a file, brought into its range; `usual` where it is missing."""
    if found.values.get(key) is None:
        return usual
    return float(np.clip(found.number(key), least, most))


def _matrix(frame: Keyframe) -> list[float]:
    """[16] camera to world with OpenGL's axes, row by row."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = frame.rotation * _FLIP, frame.position
    return [float(value) for value in matrix.ravel()]
