"""Pages of runs and scene files: upright, from where a photo was taken, and in a browser what our own render shows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import yaml
from scipy.spatial.transform import Rotation

from splat.cameras import Camera
from splat.cli import main
from splat.evaluate.metrics import psnr
from splat.exporting import export_scene
from splat.files import read_json, write_json
from splat.formats import Notes, write_scene
from splat.frame import SceneFrame, Similarity, write_frame
from splat.gaussians import Gaussians
from splat.pages import first_view, lone_notes, page_frame, run_notes
from splat.render.config import RenderOptions
from splat.render.scene import SceneRenderer
from splat.run import Run, open_run
from tests.browser import chromium, needs_browser, picture  # noqa: F401  the fixture works by being imported
from tests.edit.scenes import camera, renderer_of, three_balls, write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BACKGROUND = (0.25, 0.3, 0.4)
TILT = Rotation.from_euler("xyz", [25, -10, 70], degrees=True).as_matrix()
SHIFT = np.array([0.3, -0.2, 0.5])
PLACE = "window.app.root.findByName('camera').getPosition().toString()"


def tilted_run(folder: Path) -> Path:
    """A run of three balls and level cameras, all of it turned, moved and half as large, as photos alone leave it."""
    write_run(folder)
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = 0.5 * TILT, SHIFT
    write_scene(folder / "scene.ply", three_balls().transformed(torch.from_numpy(move)))
    record = read_json(folder / "cameras.json")
    for frame in record["frames"]:
        viewmat = np.array(frame["viewmat"])
        viewmat[:3, :3] = viewmat[:3, :3] @ TILT.T
        viewmat[:3, 3] = 0.5 * viewmat[:3, 3] - viewmat[:3, :3] @ SHIFT
        frame["viewmat"] = viewmat.tolist()
    write_json(folder / "cameras.json", record)
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    (folder / "config.yaml").write_text(yaml.safe_dump({**settings, "background": list(BACKGROUND)}))
    return folder


def level() -> SceneRenderer:
    """The same as it was before."""
    made = renderer_of()
    return SceneRenderer(made.scene, made.options, torch.tensor(BACKGROUND), made.cameras)


def placed(run: Run, frame: SceneFrame) -> Gaussians:
    return run.scene().transformed(torch.from_numpy(frame.similarity.matrix))


def test_a_run_is_turned_upright_by_its_cameras(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run(tilted_run(tmp_path / "run"))
    frame = page_frame(run, run.scene(), None)
    assert frame.up is not None and frame.up == pytest.approx(TILT @ [0, -1, 0], abs=1e-6)  # y was down
    means = placed(run, frame).means
    assert float(means[:600, 2].std()) == pytest.approx(float(means[:600].std(dim=0).min()), rel=1e-3)  # side by side
    said = capsys.readouterr().err
    assert "up is where the cameras have it; a metre is a guess" in said and "splat align finds both" in said


def test_what_align_has_found_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = open_run(tilted_run(tmp_path / "run"))
    known = SceneFrame(Similarity(3.0, Rotation.from_euler("x", 20, degrees=True).as_matrix(), SHIFT), "gps", "gps")
    assert page_frame(run, run.scene(), known) is known and capsys.readouterr().err == ""
    no_up = page_frame(run, run.scene(), SceneFrame(known.similarity, "distance", ""))
    assert no_up.similarity.scale == pytest.approx(3.0) and no_up.up == pytest.approx(TILT @ [0, -1, 0], abs=1e-6)
    no_scale = page_frame(run, run.scene(), SceneFrame(known.similarity, "", "given"))
    assert no_scale.up == pytest.approx(known.up)
    assert capsys.readouterr().err.count("splat align finds both") == 2


def test_one_stands_where_a_photo_was_taken(tmp_path: Path) -> None:
    """Of these cameras one looks past what the others look at, and one has a picture that is higher than wide."""
    upright = camera(0)
    upright = Camera(upright.viewmat, upright.K, 60, 90)
    astray = Camera(camera(90).crop(40, 0, 96, 72).viewmat.roll(1, 0), camera(90).K, 96, 72)
    view = first_view([astray, upright, camera(180)], three_balls())
    assert view.position == pytest.approx((0, 0, -4), abs=1e-9) or view.position == pytest.approx((0, 0, 4), abs=1e-9)
    alone = first_view([upright], three_balls())
    assert alone.fov == pytest.approx(2 * math.degrees(math.atan(45 / 90)))
    assert first_view([camera(0)], three_balls()).fov == pytest.approx(2 * math.degrees(math.atan(48 / 90)))
    depth = float((three_balls().means[:, 2].double() + 4).median())
    assert alone.target == pytest.approx((0, 0, depth - 4), abs=0.1)  # as far as what is seen


def test_a_page_of_a_run_has_its_name_and_background(tmp_path: Path) -> None:
    run = open_run(tilted_run(tmp_path / "garden" / "may"))
    notes = run_notes(run, run.scene())
    assert notes.title == "garden/may" and notes.background == BACKGROUND and notes.antialiased is False


def test_of_a_scene_alone_the_side_with_most_to_see_is_shown() -> None:
    """A large grey wall stands before the balls on one side."""
    wall = three_balls()[:1].replace(
        means=torch.tensor([[0.0, 0.0, -3.0]]), scales=torch.tensor([[0.5, 0.5, -4.0]]), sh0=torch.zeros(1, 1, 3)
    )
    scene = Gaussians.cat([three_balls(), wall.replace(quats=torch.tensor([[1.0, 0, 0, 0]]))])
    view = lone_notes(Notes(), scene, "x").first_view
    assert view is not None and view.position[2] > 0
    turned = scene.transformed(torch.tensor([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]]))  # z up
    standing = lone_notes(Notes(up="z"), turned, "x").first_view
    assert standing is not None
    assert standing.position == pytest.approx((view.position[0], view.position[2], -view.position[1]), abs=1e-4)
    assert lone_notes(Notes(), scene[:0], "empty").first_view is None


def test_commands_write_pages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tilted_run(tmp_path / "run")
    assert main(["export", str(run), "format=html"]) == 0
    said = capsys.readouterr()
    assert said.out == f"{run / 'exports' / 'scene.html'}\n"
    assert "900 Gaussians, 2.1 MB" in said.err and "background" not in said.err
    assert float(said.err.partition("within ")[2].split()[0]) > 40  # the frame is taken back before scoring
    assert main(["export", str(run), "format=html", "frame=aligned"]) == 2
    assert "no frame yet" in capsys.readouterr().err
    write_frame(run, SceneFrame(Similarity(2.0, TILT, SHIFT), "points", "points"))
    assert main(["export", str(run), "format=html", "frame=aligned"]) == 0
    assert "a guess" not in capsys.readouterr().err
    assert main(["convert", str(run / "scene.ply"), str(tmp_path / "bare.html")]) == 0
    assert main(["convert", str(tmp_path / "bare.html"), str(tmp_path / "back.ply")]) == 2
    assert "which is not read" in capsys.readouterr().err


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a tilted run, alone in its folder."""
    run = open_run(tilted_run(tmp_path_factory.mktemp("tilted") / "run"))
    page = tmp_path_factory.mktemp("page") / "a page.html"
    export_scene(run, page, score=False)
    return page


@pytest.fixture
def opened(chromium: Browser, exported: Path) -> Iterator[Page]:  # noqa: F811  the fixture
    """The page from disk, without a network; what it asks for and complains of is looked at afterwards."""
    context = chromium.new_context(viewport={"width": 640, "height": 480}, offline=True)
    page, asked, wrong = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Security Policy" in line.text else None)
    page.goto(f"{exported.as_uri()}?noanim&noui")
    yield page
    assert wrong == []
    assert asked[0].startswith("file:") and all(url.startswith(("blob:", "data:")) for url in asked[1:]), asked
    context.close()


def on_a_screen(browser: Browser, file: Path, width: int, height: int, **kind: bool) -> torch.Tensor:
    """[H, W, 3] RGB 0..1 of a page on a screen of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **kind)
    page = context.new_page()
    page.goto(f"{file.as_uri()}?noanim&noui")
    seen = shown(page)
    context.close()
    return seen


def shown(page: Page) -> torch.Tensor:
    """[H, W, 3] RGB 0..1 of the scene, once it is there; playwright's waiting wants eval, which the page forbids."""
    for _ in range(600):
        if page.evaluate("window.app !== undefined"):
            return torch.from_numpy(picture(page))
        page.wait_for_timeout(100)
    raise AssertionError("the page shows nothing after a minute")


class TestInABrowser:
    pytestmark = needs_browser

    def test_it_shows_what_our_own_render_shows(self, opened: Page) -> None:
        seen, ours = shown(opened), level()
        scores = {one.name: psnr(ours.image(one.resized(640, 480)).clamp(0, 1), seen) for one in ours.cameras}
        best, second = sorted(scores.values(), reverse=True)[:2]
        assert best > 35 and second < 25, scores

    def test_keys_walk(self, opened: Page) -> None:
        before = shown(opened)
        place = opened.evaluate(PLACE)
        opened.keyboard.down("w")
        opened.wait_for_timeout(700)
        opened.keyboard.up("w")
        after = torch.from_numpy(picture(opened))
        assert opened.evaluate(PLACE) != place and psnr(after, before) < 30

    def test_a_phone_shows_it(self, chromium: Browser, exported: Path) -> None:  # noqa: F811  the fixture
        """The longer side of its picture shows what the longer side of the photo shows."""
        seen, ours = on_a_screen(chromium, exported, 270, 480, is_mobile=True, has_touch=True), level()
        assert seen.shape == (480, 270, 3)
        K = torch.tensor([[450.0, 0, 135], [0, 450, 240], [0, 0, 1]], dtype=torch.float64)
        scores = [psnr(ours.image(Camera(one.viewmat, K, 270, 480)).clamp(0, 1), seen) for one in ours.cameras]
        assert max(scores) > 35, scores

    @pytest.mark.parametrize("antialiased", [False, True])
    def test_small_gaussians_are_drawn_as_the_notes_say(
        self,
        chromium: Browser,  # noqa: F811  the fixture
        tmp_path: Path,
        antialiased: bool,
    ) -> None:
        """The viewer blurs by 0.3 of half a pixel squared, which is 0.075 of a pixel's."""
        balls, one = three_balls(), camera(0)
        scene = balls.replace(scales=balls.scales - 1.7, opacities=balls.opacities - 3)  # half a pixel
        write_scene(tmp_path / "x.html", scene, notes=Notes(antialiased, first_view=first_view([one], scene)))
        seen, scores = on_a_screen(chromium, tmp_path / "x.html", 320, 240), {}
        for drawn in (False, True):
            ours = SceneRenderer(scene, RenderOptions("cpu", eps2d=0.075, antialiased=drawn), cameras=[one])
            scores[drawn] = psnr(ours.image(one.resized(320, 240)).clamp(0, 1), seen)
        assert scores[antialiased] > 38 and scores[not antialiased] < scores[antialiased] - 6, scores
