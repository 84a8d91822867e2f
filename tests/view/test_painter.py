import threading

from splat.view.painter import Painter
from splat.view.schedule import Schedule
from tests.view.pages import wait_until


class Canvas:
    def __init__(self, fails: int = 0) -> None:
        self.schedule, self.scales, self.fails = Schedule(), [], fails
        self.free = threading.Event()
        self.free.set()

    def paint(self, scale: float) -> None:
        self.free.wait(10)
        if self.fails:
            self.fails -= 1
            raise ValueError("cannot")
        self.scales.append(scale)


def test_every_canvas_gets_its_whole_picture() -> None:
    painter, canvases = Painter(), [Canvas(), Canvas(), Canvas()]
    for canvas in canvases:
        painter.add(canvas)
        painter.touch(canvas)
    wait_until(lambda: all(canvas.scales and canvas.scales[-1] == 1.0 for canvas in canvases), "three pictures")
    painter.stop()


def test_a_canvas_that_fails_is_left_alone_until_it_changes_and_others_are_served() -> None:
    painter, bad, good = Painter(), Canvas(fails=1), Canvas()
    painter.add(bad)
    painter.add(good)
    painter.touch(bad)
    painter.touch(good)
    wait_until(lambda: 1.0 in good.scales and not bad.fails, "the good one")
    assert not bad.scales
    painter.touch(bad)
    wait_until(lambda: 1.0 in bad.scales, "the second try")
    painter.stop()


def test_nothing_is_drawn_for_a_canvas_that_left() -> None:
    painter, canvas = Painter(), Canvas()
    painter.add(canvas)
    painter.remove(canvas)
    painter.touch(canvas)
    other = Canvas()
    painter.add(other)
    painter.touch(other)
    wait_until(lambda: 1.0 in other.scales, "the other one")
    painter.stop()
    assert not canvas.scales


def test_a_movement_while_drawing_is_drawn_afterwards() -> None:
    painter, canvas = Painter(), Canvas()
    painter.add(canvas)
    canvas.free.clear()
    painter.touch(canvas)
    painter.touch(canvas, moved=True)
    canvas.free.set()
    wait_until(lambda: canvas.schedule.due(0) is None, "the last picture")
    painter.stop()
    assert canvas.scales[-1] == 1.0
