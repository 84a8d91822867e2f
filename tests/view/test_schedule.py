import pytest

from splat.view.schedule import FIRST, FRAME, REST, Schedule


def test_nothing_is_due_before_anything_is_touched() -> None:
    assert Schedule().due(5.0) is None


def test_a_rested_camera_gets_a_small_picture_and_then_the_whole_one() -> None:
    schedule = Schedule()
    schedule.touch(10.0)
    assert schedule.due(10.0) == (10.0 + REST, FIRST)
    schedule.drawn(FIRST, 0.1, schedule.stamp)
    assert schedule.due(11.0) == (10.0 + REST, 1.0)
    schedule.drawn(1.0, 1.6, schedule.stamp)
    assert schedule.due(12.0) is None


def test_where_whole_pictures_are_quick_there_is_no_small_one() -> None:
    schedule = Schedule()
    schedule.touch(0.0)
    schedule.drawn(1.0, FRAME / 2, schedule.stamp)
    schedule.touch(1.0)
    assert schedule.due(1.0) == (1.0 + REST, 1.0)


def test_what_is_no_movement_is_drawn_at_once() -> None:
    schedule = Schedule()
    schedule.touch(3.0, moved=False)
    assert schedule.due(3.0) == (3.0, FIRST)


@pytest.mark.parametrize(
    ("seconds", "scale"), [(FRAME, 1.0), (FRAME / 0.75**2, 0.75), (FRAME / 0.5**2, 0.5), (100.0, 0.25)]
)
def test_moving_pictures_are_as_large_as_time_allows(seconds: float, scale: float) -> None:
    schedule = Schedule(moving=True)
    schedule.touch(0.0)
    schedule.drawn(1.0, 0.999 * seconds, schedule.stamp)
    schedule.touch(1.0)
    assert schedule.due(1.0) == (1.0, scale)


def test_a_picture_of_an_older_pose_does_not_count() -> None:
    schedule = Schedule()
    schedule.touch(0.0)
    stamp = schedule.stamp
    schedule.touch(0.5)
    schedule.drawn(1.0, 0.01, stamp)
    assert schedule.due(0.5) == (0.5 + REST, 1.0)


def test_what_cannot_be_drawn_waits_for_the_next_touch() -> None:
    schedule = Schedule()
    schedule.touch(0.0)
    schedule.give_up(schedule.stamp)
    assert schedule.due(9.0) is None
    schedule.touch(9.0)
    assert schedule.due(9.0) is not None
