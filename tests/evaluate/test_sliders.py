"""A slider holds what can be read of its pictures, under names that stay text."""

from pathlib import Path

import numpy as np

from splat.evaluate.sliders import SIDE, SliderPicture, slider
from splat.images import write_image
from tests.evaluate.test_report import check


def pictures(folder: Path, count: int) -> list[SliderPicture]:
    made = []
    for number in range(count):
        write_image(folder / f"{number}.png", np.full((6, 8, 3), 40 * number, np.uint8))
        made.append(SliderPicture(f"<{number}>", folder / f"{number}.png"))
    return made


def test_two_pictures_need_no_lists(tmp_path: Path) -> None:
    figure = slider('"<b>', pictures(tmp_path, 2), "20 dB")
    assert check(figure).tags == {"figure", "div", "img", "i", "input", "span", "figcaption"}
    assert figure.count('class="left"') == figure.count('class="right"') == 1
    assert "&quot;&lt;b&gt; 20 dB</figcaption>" in figure and "<b>" not in figure
    assert "<span>&lt;0&gt;</span><span>&lt;1&gt;</span>" in figure


def test_of_more_pictures_each_side_takes_its_choice(tmp_path: Path) -> None:
    figure = slider("view", pictures(tmp_path, 3), sides=(1, 2))
    assert "select" in check(figure).tags
    left, right = figure.split("<select")[1:]
    assert "<option selected>&lt;1&gt;" in left and "<option selected>&lt;2&gt;" in right
    assert figure.index('class=""') < figure.index('class="left"') < figure.index('class="right"')


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    three = pictures(tmp_path, 3)
    three[1].path.write_bytes(b"")
    figure = slider("view", three, sides=(1, 2))
    assert "<span>&lt;0&gt;</span><span>&lt;2&gt;</span>" in figure
    three[2].path.unlink()
    assert slider("view", three) == ""


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    two = pictures(tmp_path, 2)
    for picture in two:
        write_image(picture.path, generator.integers(0, 255, (1500, 2000, 3), dtype=np.uint8))
    assert len(slider("view", two)) < 2 * SIDE * SIDE * 2  # noise of 3 million pixels would be 4 MB each
