"""Scene files and pictures out of the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from splat.cli import main
from splat.errors import SplatError
from splat.formats import read_scene
from splat.formats.registry import FORMATS
from splat.view.app import App
from splat.view.opened import open_scene
from splat.view.panels.export import described, export_words, formats_of, output_of, picture_camera
from splat.view.written import free_file, size_in_words
from tests.browser import needs_browser
from tests.view.pages import open_tab, wait_until
from tests.view.panels.using import choose, open_folder, press

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_every_format_is_offered_where_it_can_be_written(balls_run: Path) -> None:
    of_run = formats_of(open_scene(balls_run, "cpu"))
    assert of_run == [name for name, entry in FORMATS.items() if entry.writable] and "mesh" in of_run
    assert formats_of(open_scene(balls_run / "scene.ply", "cpu")) == [name for name in of_run if name != "mesh"]
    assert all(described(FORMATS[name]).endswith(".") for name in of_run)


def test_the_command_writes_under_a_free_name(balls_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = open_scene(balls_run, "cpu")
    for wanted in ("my-scene.spz", "my-scene-2.spz"):
        output = output_of(scene, "My scene!", ".spz")
        assert output == balls_run / "exports" / wanted
        assert main(export_words(scene, "spz", output, 3, False)) == 0
        assert capsys.readouterr().out.strip() == str(output) and len(read_scene(output)) == 900
    assert output_of(open_scene(balls_run / "scene.ply", "cpu"), "scene", ".ply") == balls_run / "scene-2.ply"
    assert export_words(scene, "ply", Path("a.ply"), None, True)[-1] == "frame=aligned"


def test_names_stay_in_their_folder(tmp_path: Path) -> None:
    assert free_file(tmp_path, "../../etc/passwd", ".png").parent == tmp_path
    assert free_file(tmp_path, "", ".png").name.startswith("untitled")


def test_sizes_in_words() -> None:
    assert size_in_words(12_345_678) == "12.3 MB" and size_in_words(2_048) == "2.0 kB"


@pytest.mark.browser
class TestInTheBrowser:
    pytestmark = needs_browser

    def test_exports_and_screenshots(self, chromium: Browser, viewer: App, balls_run: Path) -> None:
        tab, page = open_tab(chromium, viewer)
        open_folder(tab, "Make", "Export")
        choose(tab, "Format", "splat")
        press(tab, "Export")
        wait_until((balls_run / "exports" / "scene.splat").is_file, "the file")
        tab.get_by_text("28.8 kB").first.wait_for()  # 32 bytes a Gaussian
        assert len(read_scene(balls_run / "exports" / "scene.splat")) == 900
        tab.get_by_text("Screenshot", exact=True).first.click()
        press(tab, "Take picture")
        picture = balls_run / "screenshots" / "picture.png"
        wait_until(picture.is_file, "the picture")
        assert np.array_equal(np.asarray(Image.open(picture)), page.picture(picture_camera(page, 1080)))
        press(tab, "Take picture")
        wait_until((balls_run / "screenshots" / "picture-2.png").is_file, "another picture")
        with pytest.raises(SplatError, match="4320 lines"):
            picture_camera(page, 5000)
        tab.close()
