import dataclasses
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from splat.cli import main
from splat.edit.history import edit_record, load_history
from splat.edit.photos import RunPhotos
from splat.edit.prune.finding import Examined
from splat.edit.select.selection import load_selection
from splat.formats import write_scene
from splat.gaussians import Gaussians
from splat.render.camera_file import placed
from splat.view.cleaning import Cleaning, as_selection, counts_in_words, examine, found_by
from splat.view.opened import OpenedScene, open_scene
from splat.view.placing import Placing
from tests.edit.scenes import join, three_balls, write_run
from tests.edit.test_prune import AWAY, front, photos_like, specks, wall


def dirty() -> Gaussians:
    """Three balls (0 to 899), two faint specks in them, three large ones, four that stand alone, two of them far."""
    large = specks([(-0.6, 0, 0), (0.6, 0, 0), (0.6, 0.1, 0)], 0.5, size=0.9)
    return join(
        three_balls(),
        specks([(-0.6, 0.1, 0), (0.6, 0.1, 0)], 0.01),
        large,
        specks([(0, 1.2, 0), (0.2, -1.3, 0.3), (0, 0, 30), (25, 0, 0)], 0.5),
    )


@pytest.fixture
def opened(tmp_path: Path) -> OpenedScene:
    return open_scene(write_run(tmp_path / "dirty", dirty()), "cpu")


CLEANINGS = [
    Cleaning(faint=0.1),
    Cleaning(large=6.0),
    Cleaning(isolated=6.0),
    Cleaning(far=4.0),
    Cleaning(unseen=2),
    Cleaning(faint=0.05, large=5.5, isolated=5.0, far=3.25, unseen=1),
]


@pytest.mark.parametrize("cleaning", CLEANINGS)
def test_what_is_counted_is_what_the_command_takes(opened: OpenedScene, cleaning: Cleaning) -> None:
    found = found_by(cleaning, opened, examine(opened))
    assert 0 < int(found.gone.sum()) < 450
    assert main([*cleaning.wish(opened).words(opened, None), "backend=cpu"]) == 0
    folder = load_history(opened.source).place
    record = edit_record(folder)
    assert record["gaussians_after"] == len(found.gone) - int(found.gone.sum())
    taken = load_selection(folder / "selection.safetensors", len(found.gone)).mask
    assert torch.equal(taken, found.gone)
    assert record["selection"] == found.in_words(torch.ones_like(found.gone))


def test_each_slider_finds_what_was_put_there(opened: OpenedScene) -> None:
    examined = examine(opened)

    def rows(**values: float) -> list[int]:
        return found_by(Cleaning(**values), opened, examined).gone.nonzero()[:, 0].tolist()  # type: ignore[arg-type]

    assert rows(faint=0.1) == [900, 901]
    assert rows(large=6.0) == [902, 903, 904]
    assert rows(isolated=3.0) == [905, 906, 907, 908]
    assert rows(far=4.0) == [907, 908]  # the box is 4 times as large as usual, each way
    assert len(rows(count=600)) == len(opened.renderer.scene) - 600
    assert "evidence" not in vars(examine(opened))  # the views are asked only for what needs them
    found = found_by(Cleaning(faint=0.1, isolated=3.0), opened, examined)
    assert counts_in_words(found).splitlines() == [
        "- faint: 2",
        "- isolated: 4",
        "",
        "**6 of 909 Gaussians would go** (0.7%)",
    ]
    chosen = as_selection(found)
    assert chosen is not None and chosen.count == 6
    assert as_selection(found_by(Cleaning(), opened, examined)) is None


def test_floaters_are_those_that_photos_do_not_miss(tmp_path: Path) -> None:
    made = front(join(wall(), specks(AWAY, 0.5)))
    run = open_scene(write_run(tmp_path / "wall", made.scene), "cpu")
    opened = dataclasses.replace(run, renderer=made, cameras=list(made.cameras))
    examined = Examined(made, True, RunPhotos(photos_like(front(wall()))))
    found = found_by(Cleaning(floaters=True), opened, examined)
    assert found.gone.nonzero()[:, 0].tolist() == list(range(len(made.scene) - 4, len(made.scene)))
    gone = examine(opened)
    assert gone.photos.missing and not found_by(Cleaning(floaters=True), opened, gone).gone.any()


def test_a_file_is_cleaned_by_what_it_knows(tmp_path: Path) -> None:
    path = tmp_path / "dirty.ply"
    write_scene(path, dirty())
    opened = open_scene(path, "cpu")
    cleaning = Cleaning(faint=0.1, isolated=3.0)
    words = cleaning.wish(opened).words(opened, None)
    assert "min_views" not in " ".join(words) and main([*words, "backend=cpu"]) == 0
    gone = found_by(cleaning, opened, examine(opened)).gone
    assert len(open_scene(tmp_path / "dirty-prune.ply", "cpu").renderer.scene) == int((~gone).sum()) == 903


def test_all_off_is_nothing() -> None:
    assert Cleaning().nothing and not Cleaning().asks_views
    for item in fields(Cleaning):
        one = Cleaning(**{item.name: 1})
        assert not one.nothing and one.asks_views == (item.name in ("unseen", "floaters", "count"))


def test_far_is_far_in_coordinates_of_maps_too(opened: OpenedScene) -> None:
    far = int(found_by(Cleaning(far=1.0), opened, examine(opened)).gone.sum())
    assert far == 2
    away = torch.tensor([4_000_000.0, 5_000_000.0, 100.0], dtype=torch.float64)
    moved = Placing(-away.numpy(), 1.0, opened.placing.up)
    cameras = [
        placed(one, one.camtoworld[:3, :3].numpy(), moved.to_page(one.position.numpy())) for one in opened.cameras
    ]
    scene = dataclasses.replace(opened.renderer.scene, means=opened.renderer.scene.means + away.float())
    there = dataclasses.replace(opened, cameras=cameras, renderer=opened.renderer.of(scene))
    assert int(found_by(Cleaning(far=1.0), there, examine(there)).gone.sum()) == far
