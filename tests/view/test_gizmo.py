import math

import numpy as np
import pytest
import torch

from splat.edit.operations.transform import similarity
from splat.view.gizmo import Movement
from splat.view.placing import Placing

PLACING = Placing(np.array([1.0, 2.0, 3.0]), 2.0, np.array([0.0, 0.0, 1.0]))


def dragged(position: tuple[float, float, float], wxyz: tuple[float, float, float, float]) -> Movement:
    return Movement.dragged(np.array([1.0, 1.0, 1.0]), np.array(position), np.array(wxyz), PLACING)


def test_a_drag_is_a_move_in_units_of_the_scene() -> None:
    assert dragged((2, 1, -3), (1, 0, 0, 0)) == Movement((0.5, 0.0, -2.0))


@pytest.mark.parametrize("sign", [1, -1])
def test_a_turn_is_an_axis_and_degrees_whichever_of_both_quaternions_comes(sign: int) -> None:
    half = math.radians(35)
    found = dragged((1, 1, 1), tuple(sign * v for v in (math.cos(half), 0, -math.sin(half), 0)))  # type: ignore[arg-type]
    assert found.degrees == pytest.approx(70) and found.axis == pytest.approx((0, -1, 0))
    assert found.wxyz == pytest.approx((math.cos(half), 0, -math.sin(half), 0))


def test_where_the_handle_shows_a_point_the_operation_puts_it() -> None:
    movement = Movement((0.3, -0.1, 0.7), (0.6, 0.0, 0.8), 50.0)
    pivot, point = np.array([0.4, 0.5, -1.0]), np.array([1.0, 0.0, 0.2])
    start = PLACING.to_page(pivot)
    handle = start + PLACING.scale * np.array(movement.offset)
    w, v = movement.wxyz[0], np.array(movement.wxyz[1:])
    arm = PLACING.scale * (point - pivot)
    turned = arm + 2 * np.cross(v, np.cross(v, arm) + w * arm)
    shown = PLACING.to_scene(handle + turned)
    matrix = similarity(torch.from_numpy(pivot), list(movement.offset), list(movement.axis), movement.degrees).numpy()
    assert shown == pytest.approx(matrix[:3, :3] @ point + matrix[:3, 3])
    again = Movement.dragged(start, handle, np.array(movement.wxyz), PLACING)
    assert again.offset == pytest.approx(movement.offset) and again.degrees == pytest.approx(50)
