"""The scene as a file of another format, and the picture that is seen as a PNG of any height."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from splat.errors import SplatError
from splat.files import atomic_path
from splat.formats.registry import FORMATS, Format
from splat.view.marked import block, code, plain
from splat.view.opened import OpenedScene
from splat.view.placing import scene_camera
from splat.view.written import Download, file_written, free_file, size_in_words

if TYPE_CHECKING:
    from splat.cameras import Camera
    from splat.view.page import Page

MOST_LINES = 4320  # of a picture
WIDEST = 16_384  # pixels
USUAL = "the usual one"


def formats_of(scene: OpenedScene) -> list[str]:
    """Names of the formats that the scene can be written in; a mesh needs a run's cameras."""
    return [
        entry.name
        for entry in FORMATS.values()
        if entry.writable and (scene.run is not None or entry.content != "mesh")
    ]


def output_of(scene: OpenedScene, name: str, suffix: str) -> Path:
    """A free name: in RUN/exports, or beside a scene file."""
    return free_file(scene.root / "exports" if scene.run is not None else scene.root, name, suffix)


def export_words(scene: OpenedScene, format: str, output: Path, version: int | None, aligned: bool) -> list[str]:
    """The command that writes the scene in force."""
    words = ["export", str(scene.place), f"format={format}", f"output={output}"]
    words += [] if version is None else [f"version={version}"]
    return [*words, "frame=aligned"] if aligned else words


def described(entry: Format) -> str:
    """A format in words, with what it needs."""
    needs = {"mesh": " Made of the depths that the photos' cameras see; takes a while."}
    return f"{entry.description}.{needs.get(entry.content, '')}"


def picture_camera(page: Page, lines: int) -> Camera:
    """The tab's camera with pictures of so many lines.

    Raises:
        SplatError: more lines, or a wider picture, than are drawn at once.
    """
    pose = page.pose()
    if not 2 <= lines <= MOST_LINES:
        raise SplatError(f"a picture has 2 to {MOST_LINES} lines")
    if lines * pose.aspect > WIDEST:
        raise SplatError(f"the picture would be {lines * pose.aspect:,.0f} pixels wide; {WIDEST:,} are the most")
    return scene_camera(pose, page.app.placing, lines)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a picture [H, W, 3] uint8 RGB under a name that is free."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise SplatError("the picture could not be made a PNG; choose fewer lines")
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.tobytes())


def build(page: Page) -> None:
    """Put the panel into the tab."""
    with page.gui.add_folder("Export", expand_by_default=False):
        build_export(page)
    with page.gui.add_folder("Screenshot", expand_by_default=False):
        build_screenshot(page)


def build_export(page: Page) -> None:
    """The part for scene files."""
    gui = page.gui
    kind = gui.add_dropdown("Format", formats_of(page.scene))
    about = gui.add_markdown("")
    ending = gui.add_dropdown("File ending", [".ply"])
    version = gui.add_dropdown("Format version", [USUAL])
    aligned = gui.add_checkbox("Metres, z up", False, hint="in the frame that measuring or splat align has found")
    name = gui.add_text("File name", "scene")
    write = gui.add_button("Export", color="violet")
    said = gui.add_markdown("")
    download = Download(page, "Download export")

    def chosen() -> None:
        entry = FORMATS[kind.value]
        about.content = described(entry)
        ending.options, ending.visible = entry.suffixes, len(entry.suffixes) > 1
        version.options = [USUAL, *map(str, entry.versions[1:])]
        version.visible = len(entry.versions) > 1
        aligned.visible = page.scene.run is not None

    @write.on_click
    @page.answering
    def _(event: object) -> None:
        scene = page.scene
        if aligned.value and (scene.run is None or scene.run.frame() is None):
            raise SplatError("the run has no frame yet; set its scale or its up under Measure, or use splat align")
        output = output_of(scene, page.text(name.value) or "scene", ending.value)
        number = None if version.value == USUAL else int(version.value)
        words = export_words(scene, kind.value, output, number, aligned.value)
        said.content = block(shlex.join(["splat", *words]))

        def done(ended: Any) -> None:
            path = file_written(ended, [ending.value]) or output
            about_file = [line for line in ended.said if line.startswith((path.name, f"warning: {path.name}"))]
            size = size_in_words(path.stat().st_size)
            said.content = "\n\n".join([f"{code(path)}, {size}", *map(plain, about_file)])
            download.offer(path)
            page.tell(f"{path}, {size}", "exported", good=True)

        page.do(words, done)

    kind.on_update(page.answering(lambda event: chosen()))
    chosen()


def build_screenshot(page: Page) -> None:
    """The part for pictures."""
    gui = page.gui
    lines = gui.add_slider("Picture height", 240, MOST_LINES, 60, 1080, hint="in pixels; large ones take a while")
    run = page.scene.run is not None
    keep = gui.add_checkbox("Keep it in the run", run, visible=run, hint="in RUN/screenshots")
    send = gui.add_checkbox("Download it", not run)
    name = gui.add_text("Picture name", "picture")
    take = gui.add_button("Take picture", color="violet")
    said = gui.add_markdown("")

    @take.on_click
    @page.answering
    def _(event: object) -> None:
        if not (keep.value or send.value):
            raise SplatError("keep the picture in the run or download it; tick one of the two")
        camera = picture_camera(page, int(lines.value))
        said.content = f"Drawing {camera.width} x {camera.height} pixels …"
        stem = page.text(name.value) or "picture"
        folder = page.scene.root / "screenshots" if keep.value else page.app.scratch
        path = free_file(folder, stem, ".png")
        try:
            write_png(path, page.picture(camera))
        except SplatError:
            said.content = ""
            raise
        where = f"{code(path)}, " if keep.value else ""
        said.content = f"{where}{camera.width} x {camera.height}, {size_in_words(path.stat().st_size)}"
        if send.value:
            page.client.send_file_download(path.name, path.read_bytes(), save_immediately=True)
        if not keep.value:
            path.unlink()
