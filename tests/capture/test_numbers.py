"""Numbers of other programs' files: what is one, and which lenses some camera may have."""

import numpy as np
import pytest

from splat.capture.numbers import LARGEST_SIDE, MOST_FOCAL, floats, number, sized_lens
from splat.errors import SplatError


@pytest.mark.parametrize("values", ["1 -2.5\n 3e2", [1, "-2.5", 300], (1.0, -2.5, 300.0)])
def test_a_text_or_a_list_is_so_many_numbers(values):
    assert floats(values, 3, "R").tolist() == [1.0, -2.5, 300.0]
    for count in (2, 4):
        with pytest.raises(SplatError, match=f"R must be {count} numbers"):
            floats(values, count, "R")


@pytest.mark.parametrize(
    "values", [None, 5, "1 x 3", [1, True, 3], [1, None, 3], [1, [2], 3], {"a": 1}, [1, 10**400, 3]]
)
def test_what_is_no_list_of_numbers_is_refused(values):
    with pytest.raises(SplatError, match="R must be 3 numbers"):
        floats(values, 3, "R")


def test_unknown_values_of_lists_are_kept():
    assert np.isnan(floats("nan inf 1", 3, "R")[0]) and np.isinf(floats([1, "-inf"], 2, "R")[1])


def test_a_number_may_be_text_and_missing_where_there_is_a_default():
    source = {"a": "2.5", "b": 0, "none": None, "empty": ""}
    assert (number(source, "a", "x"), number(source, "b", "x", 7.0)) == (2.5, 0.0)
    for key in ("none", "empty", "gone"):
        assert number(source, key, "x", 0.0) == 0.0 and number(source, key, "x", -3.0) == -3.0
        with pytest.raises(SplatError, match=f"x has no {key}"):
            number(source, key, "x")


@pytest.mark.parametrize("value", ["x", True, "nan", float("inf"), [1], 10**400])
def test_what_is_no_finite_number_is_refused(value):
    with pytest.raises(SplatError, match=r"f=.* of x must be a finite number"):
        number({"f": value}, "f", "x", 1.0)


def test_a_lens_has_whole_pixels():
    lens = sized_lens("PINHOLE", [200, "210", 50.5, 40], 100.4, 79.6, "x")
    assert (lens.model, lens.params, lens.width, lens.height) == ("PINHOLE", (200.0, 210.0, 50.5, 40.0), 100, 80)


@pytest.mark.parametrize("size", [(0.5, 10), (10, 0), (LARGEST_SIDE + 1, 10), (10, np.nan), (np.inf, 10), (10, -5)])
def test_pictures_of_no_size_are_refused(size):
    with pytest.raises(SplatError, match=r"x is .* pixels large"):
        sized_lens("PINHOLE", (9, 9, 5, 5), *size, "x")


@pytest.mark.parametrize(
    "params", [(0, 9, 5, 5), (-9, 9, 5, 5), (MOST_FOCAL, 9, 5, 5), (9, np.nan, 5, 5), (9, 9, np.inf, 5)]
)
def test_impossible_lenses_are_refused(params):
    with pytest.raises(SplatError, match=r"x has impossible intrinsics \(PINHOLE: "):
        sized_lens("PINHOLE", params, 10, 10, "x")
