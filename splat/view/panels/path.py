"""A camera path: keyframes recorded where one stands, edited on a timeline, tried out, kept in a file and filmed."""

from __future__ import annotations

import dataclasses
import itertools
import shlex
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splat.errors import SplatError
from splat.render.track import LEAST_SECONDS, LONGEST, Keyframe, Track, load_track, save_track
from splat.view.controls import put
from splat.view.marked import block, code
from splat.view.placing import Placing, page_pose, scene_camera
from splat.view.written import Download, file_written, files_in, free_file

if TYPE_CHECKING:
    from splat.view.page import Page

KEY, CHOSEN, LINE = (240, 200, 60), (255, 90, 60), (240, 200, 60)
STEPS = 24  # of the line between two keyframes
NEAR = 0.45  # units of the page: a keyframe in which one stands would hide what is looked at
FRAME = 1 / 15  # seconds between movements of the camera while a path is played
NOTHING = "none yet"


def line_points(track: Track, placing: Placing) -> np.ndarray:
    """[S, 2, 3] pieces of the path's line in the page."""
    ends = np.append(track.knots, track.duration) if track.loop else track.knots
    pieces = [np.linspace(begin, end, STEPS, endpoint=False) for begin, end in itertools.pairwise(ends)]
    points = placing.to_page(track.poses(np.append(np.concatenate(pieces), ends[-1]))[1])
    return np.stack([points[:-1], points[1:]], axis=1)


def entries(track: Track) -> list[str]:
    """The keyframes as lines of a list: their number and when they are reached."""
    return (
        [f"{number + 1} at {knot:.1f} s" for number, knot in enumerate(track.knots)] if track.keyframes else [NOTHING]
    )


def picture_size(width: int, aspect: float) -> tuple[int, int]:
    """Width and height of a video in pixels, both even, which its encoder asks for."""
    return 2 * round(width / 2), max(2, 2 * round(width / aspect / 2))


def build(page: Page) -> None:
    """Put the panel into the tab."""
    with page.gui.add_folder("Camera path", expand_by_default=False):
        PathPanel(page)


class PathPanel:
    """The path of a tab, its controls and what is drawn of it."""

    def __init__(self, page: Page) -> None:
        self.page, self.track, self.chosen = page, Track(), 0
        self.saved: Path | None = None  # the file that holds the path as it is
        self._setting = False  # controls are set, which is nobody's wish
        self._playing = threading.Event()
        self._nodes: list[Any] = []
        self._placed: list[tuple[np.ndarray, Any]] = []  # those of keyframes, and where they stand in the page
        self._drawing = threading.Lock()
        self._build_keyframes()
        self._build_timing()
        self._build_files()
        self._show()
        page.client.camera.on_update(lambda camera: self._see())

    # -- keyframes

    def _build_keyframes(self) -> None:
        gui, answering = self.page.gui, self.page.answering
        add = gui.add_button("Add keyframe here", color="violet", hint="behind the chosen one")
        self.list = gui.add_dropdown("Keyframe", [NOTHING])
        self.fov = gui.add_slider("Field of view", 5.0, 120.0, 1.0, 60.0, hint="vertical, degrees, of this keyframe")
        self.step = gui.add_number(
            "Seconds to it", 2.0, min=LEAST_SECONDS, max=LONGEST, step=0.1, hint="from the keyframe before"
        )
        buttons = {
            "Go to keyframe": self._go,
            "Move keyframe here": self._update,
            "Earlier": lambda: self._swap(-1),
            "Later": lambda: self._swap(1),
            "Delete keyframe": self._delete,
        }
        add.on_click(answering(lambda event: self._add()))
        self.needing = []
        for label, action in buttons.items():
            button = gui.add_button(label)
            button.on_click(answering(lambda event, action=action: action()))  # type: ignore[misc]
            self.needing.append(button)
        self.list.on_update(answering(lambda event: self._choose()))
        self.fov.on_update(answering(lambda event: self._change(fov=float(self.fov.value))))
        self.step.on_update(answering(lambda event: self._change(seconds=float(self.step.value))))

    def _here(self) -> Keyframe:
        return Keyframe.of(scene_camera(self.page.pose(), self.page.app.placing, 1080))

    def _add(self) -> None:
        after = self.chosen if self.track.keyframes else -1
        self.chosen = after + 1
        self._set(self.track.with_added(self._here(), after))

    def _update(self) -> None:
        here = self._here()
        self._set(self.track.with_changed(self.chosen, rotation=here.rotation, position=here.position, fov=here.fov))

    def _change(self, **changes: float) -> None:
        if not self._setting and self.track.keyframes:
            self._set(self.track.with_changed(self.chosen, **changes))

    def _delete(self) -> None:
        track = self.track.without(self.chosen)
        self.chosen = max(0, min(self.chosen, len(track.keyframes) - 1))
        self._set(track)

    def _swap(self, by: int) -> None:
        other = self.chosen + by
        if 0 <= other < len(self.track.keyframes):
            track = self.track.with_swapped(self.chosen, other)
            self.chosen = other
            self._set(track)

    def _choose(self, number: int | None = None) -> None:
        if self._setting or not self.track.keyframes:
            return
        self.chosen = entries(self.track).index(self.list.value) if number is None else number
        self._show()

    def _go(self) -> None:
        self._stand(float(self.track.knots[self.chosen]))
        self._scrub_to(float(self.track.knots[self.chosen]))

    # -- time

    def _build_timing(self) -> None:
        gui, answering = self.page.gui, self.page.answering
        self.scrub = gui.add_slider("Moment of the path", 0.0, 1.0, 0.01, 0.0, hint="the camera follows")
        self.play = gui.add_button("Play path")
        self.total = gui.add_number("Total seconds", 0.0, min=0.0, max=LONGEST, step=0.5)
        even = gui.add_button("Even out the speed", hint="each step gets seconds by its length")
        self.smooth = gui.add_slider("Smoothness", 0.0, 1.0, 0.05, 1.0, hint="0: straight lines; 1: a curve")
        self.loop = gui.add_checkbox("Loop", False, hint="from the last keyframe back to the first")
        self.fps = gui.add_slider("Frames a second", 1, 60, 1, 30)
        self.drawn = gui.add_checkbox("Path in the scene", True)
        self.said = gui.add_markdown("")
        self.needing += [self.play, even]
        self.drawn.on_update(answering(lambda event: self._see()))
        self.scrub.on_update(answering(lambda event: self._scrubbed()))
        self.play.on_click(answering(lambda event: self._play()))
        even.on_click(answering(lambda event: self._set(self.track.with_even_speed())))
        self.total.on_update(answering(lambda event: self._last()))
        for control in (self.smooth, self.loop, self.fps):
            control.on_update(answering(lambda event: self._timing()))

    def _timing(self) -> None:
        if not self._setting:
            smoothness, loop, fps = float(self.smooth.value), bool(self.loop.value), float(self.fps.value)
            self._set(dataclasses.replace(self.track, smoothness=smoothness, loop=loop, fps=fps))

    def _last(self) -> None:
        if not self._setting and self.track.duration > 0 and self.total.value > 0:
            self._set(self.track.lasting(float(self.total.value)))

    def _scrubbed(self) -> None:
        if not self._setting and self.track.keyframes:
            self._stand(float(self.scrub.value))

    def _scrub_to(self, moment: float) -> None:
        self._quietly(lambda: put(self.scrub, min(moment, float(self.scrub.max))))

    def _stand(self, moment: float) -> None:
        """Have the tab's camera where the path is at a moment."""
        lines = self.page.lines
        width = max(2, round(lines * self.page.pose().aspect))
        self.page.stand_at(self.track.at(moment).camera(width, lines))

    def _play(self) -> None:
        if self._playing.is_set():
            self._playing.clear()
            return
        if self.track.duration == 0:
            raise SplatError("a path that can be played has two keyframes at least")
        self._playing.set()
        self.play.label = "Stop playing"
        threading.Thread(target=self._run, args=(float(self.scrub.value),), daemon=True).start()

    def _run(self, begin: float) -> None:
        """Follow the path until its end, a stop, or the tab's end."""
        track = self.track
        begin = 0.0 if begin >= track.duration - FRAME else begin
        began, moment = time.monotonic(), begin
        step = self.page.answering(lambda event: self._played(moment))
        while self._playing.is_set() and self.page.open:
            moment = min(begin + time.monotonic() - began, track.duration)
            step(None)
            if moment >= track.duration or self.track is not track:
                break
            time.sleep(FRAME)
        self._playing.clear()
        self.play.label = "Play path"
        self._see()

    def _played(self, moment: float) -> None:
        self._stand(moment)
        self._scrub_to(moment)

    # -- what is seen of it

    def _set(self, track: Track) -> None:
        self.track, self.saved = track, None
        self._show()

    def _quietly(self, work: Any) -> None:
        """Set controls without their callbacks taking it for somebody's wish."""
        before, self._setting = self._setting, True
        try:
            work()
        finally:
            self._setting = before

    def _show(self) -> None:
        self._quietly(self._show_controls)
        self._draw()

    def _show_controls(self) -> None:
        track = self.track
        listed = entries(track)
        self.list.options = listed
        put(self.list, listed[min(self.chosen, len(listed) - 1)])
        if track.keyframes:
            frame = track.keyframes[self.chosen]
            put(self.fov, float(np.clip(frame.fov, 5.0, 120.0)))
            put(self.step, frame.seconds)
        self.scrub.max = max(track.duration, 0.01)
        put(self.scrub, float(min(self.scrub.value, self.scrub.max)))
        put(self.total, track.duration)
        put(self.smooth, track.smoothness)
        put(self.loop, track.loop)
        put(self.fps, round(track.fps))
        for control in (*self.needing, self.fov, self.step):
            control.disabled = not track.keyframes
        count = len(track.keyframes)
        keyframes = f"{count} keyframe{'' if count == 1 else 's'}"
        pictures = max(1, round(track.duration * track.fps)) if count else 0
        self.said.content = f"{keyframes}, {track.duration:.1f} s, about {pictures:,} pictures"

    def _draw(self) -> None:
        """Frusta and line in the scene of this tab."""
        scene, placing, track = self.page.client.scene, self.page.app.placing, self.track
        with self._drawing, self.page.client.atomic():
            for node in self._nodes:
                node.remove()
            self._nodes, self._placed = [], []
            for number, frame in enumerate(track.keyframes):
                pose = page_pose(frame.camera(160, 90), placing)
                color = CHOSEN if number == self.chosen else KEY
                frustum = scene.add_camera_frustum(
                    f"/path/keyframe/{number}", pose.fov, pose.aspect, scale=0.15, color=color,
                    thickness=2.0, thickness_units="screen",
                    wxyz=pose.wxyz, position=pose.position,
                )  # fmt: skip
                frustum.on_click(self.page.answering(lambda event, number=number: self._choose(number)))  # type: ignore[misc]
                label = scene.add_label(f"/path/number/{number}", str(number + 1), position=pose.position)
                self._nodes += [frustum, label]
                self._placed += [(np.array(pose.position), node) for node in (frustum, label)]
            if len(track.keyframes) > 1:
                points = line_points(track, placing).astype(np.float32)
                self._nodes.append(
                    scene.add_line_segments("/path/line", points, LINE, thickness=2.0, thickness_units="screen")
                )

        self._see()

    def _see(self) -> None:
        """Hide keyframes in which the tab's camera stands, and all while the path is played."""
        wanted = self.drawn.value and not self._playing.is_set()
        here = np.array(self.page.client.camera.position)
        with self._drawing:
            near = {id(node): bool(np.linalg.norm(place - here) < NEAR) for place, node in self._placed}
            for node in self._nodes:
                visible = wanted and not near.get(id(node), False)
                if node.visible != visible:
                    node.visible = visible

    # -- files

    def _build_files(self) -> None:
        gui, page = self.page.gui, self.page
        self.name = gui.add_text("Path name", "walk")
        if page.scene.run is not None:
            save = gui.add_button("Save path", hint="as RUN/paths/NAME.json, which splat render path= takes")
            save.on_click(page.answering(lambda event: self._save()))
            self.needing.append(save)
            self.files = gui.add_dropdown("Saved paths", self._saved_names())
            gui.add_button("Load path").on_click(page.answering(lambda event: self._load()))
        self.width = gui.add_slider("Video width", 160, 3840, 16, 1280)
        render = gui.add_button("Render the path to a video", color="violet")
        render.on_click(page.answering(lambda event: self._render()))
        self.needing.append(render)
        self.written = gui.add_markdown("")
        self.download = Download(page, "Download path video")

    @property
    def _folder(self) -> Path:
        """Where paths are kept; of a scene file, in the viewer's own folder of the moment."""
        scene = self.page.scene
        return (scene.root if scene.run is not None else self.page.app.scratch) / "paths"

    def _saved_names(self) -> list[str]:
        return [path.name for path in files_in(self._folder, ".json")] or [NOTHING]

    def _saved_file(self) -> Path:
        """The file with the path as it is, written where there is none."""
        if self.saved is None or not self.saved.is_file():
            width, height = picture_size(int(self.width.value), self.page.pose().aspect)
            file = free_file(self._folder, self.page.text(self.name.value) or "walk", ".json")
            save_track(file, self.track, width, height)
            self.saved = file
        if self.page.scene.run is not None:
            self.files.options = self._saved_names()
            put(self.files, self.saved.name)
        self.written.content = f"The path is in {code(self.saved)}."
        return self.saved

    def _save(self) -> None:
        self._saved_file()

    def _load(self) -> None:
        names = self._saved_names()
        self.files.options = names
        if self.files.value == NOTHING:
            raise SplatError("no path was saved yet")
        file = self._folder / self.files.value
        self.chosen = 0
        self._set(load_track(file))
        self.saved = file

    def _render(self) -> None:
        file = self._saved_file()
        words = ["render", str(self.page.scene.place), f"path={file}", f"width={self.width.value}", "pictures=false"]
        self.written.content = block(shlex.join(["splat", *words]))

        def done(ended: Any) -> None:
            video = file_written(ended, [".mp4"])
            if video is None:
                raise SplatError("the command named no video; run it by hand to see what it says")
            self.written.content += f"\n\nThe video is {code(video)}."
            self.download.offer(video)
            self.page.tell(f"the video is {video}", "path", good=True)

        self.page.do(words, done)
