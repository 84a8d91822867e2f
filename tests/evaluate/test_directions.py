"""The map of directions: a dot where each photo was taken, a band where the step to the next is wide."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from splat.capture.coverage import measured_coverage
from splat.evaluate.directions import directions_map, directions_section
from splat.files import write_json
from tests.capture.test_coverage import ring
from tests.evaluate.test_report import check


def dots(svg: str) -> dict[str, tuple[float, float]]:
    found = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" [^>]*><title>([^<]*)</title>', svg)
    return {name: (float(x), float(y)) for x, y, name in found}


def bands(svg: str) -> list[tuple[float, float]]:
    return [(float(a), float(b)) for a, b in re.findall(r'<path d="M([\d.]+) \d+H([\d.]+)V[^>]*fill="#e8a31a44"', svg)]


def test_photos_stand_where_they_were_taken() -> None:
    """Degrees are as long to the right as upwards, and the higher photo stands higher."""
    svg = directions_map(measured_coverage([*ring([-20, 0, 20]), *ring([5], elevation=30)], None))
    placed = dots(svg)
    scale = (placed["20"][0] - placed["-20"][0]) / 40
    assert abs(scale) > 1 and placed["0"][1] - placed["5"][1] == pytest.approx(30 * abs(scale), abs=0.2)
    assert placed["0"][0] - placed["-20"][0] == pytest.approx(20 * scale, abs=0.2)
    check(svg)


def test_a_band_lies_between_the_photos_beside_the_gap() -> None:
    svg = directions_map(measured_coverage(ring([0, 8, 16, 60, 68]), None))
    placed = dots(svg)
    ((left, right),) = bands(svg)
    assert {left, right} == {placed["16"][0], placed["60"][0]}


def test_a_gap_over_the_edge_of_the_map_is_in_two_bands() -> None:
    cameras = ring([*range(-150, 151, 10)])  # a circle with 60 degrees missing
    coverage = measured_coverage(cameras, None)
    shift = coverage.azimuths[15]  # of the photo in the middle
    assert coverage.closed and len(coverage.gaps) == 1 and abs(shift) < 1e-6
    spans = bands(directions_map(coverage))
    assert len(spans) == 2 and sum(right - left for left, right in spans) == pytest.approx(60 * 640 / 360, abs=0.5)


def test_a_runs_page_says_from_where_more_photos_would_help(tmp_path: Path) -> None:
    assert directions_section(tmp_path) == []
    frames = [
        {"name": f"<{c.name}>.jpg", "split": "train", "viewmat": c.viewmat.tolist(), "K": c.K.tolist(),
         "width": c.width, "height": c.height}
        for c in ring([0, 8, 16, 60])
    ]  # fmt: skip
    write_json(tmp_path / "cameras.json", {"frames": frames})
    page = "".join(directions_section(tmp_path))
    check(page)
    assert "4 training photos are few; more help most between" in page and "(44° apart)" in page
    assert "&lt;16&gt;.jpg" in page and "<16>" not in page


def test_a_single_photo_has_a_map() -> None:
    placed = dots(directions_map(measured_coverage(ring([40]), None)))
    assert list(placed) == ["40"] and np.isfinite(placed["40"]).all()
