"""A map of the directions from which a scene was photographed, as inline SVG for the page of a run."""

from __future__ import annotations

from pathlib import Path

from splat.capture.coverage import FEW_PHOTOS, Coverage, measured_coverage
from splat.capture.ply import recorded_points
from splat.evaluate.charts import ticks
from splat.evaluate.page import text
from splat.run import POINTS, Run

_WIDTH, _MOST_HEIGHT = 640, 300  # pixels of the map itself
_LEFT, _TOP, _BOTTOM, _RIGHT = 44, 8, 24, 8
_MARGIN = 8.0  # degrees around the outermost photos
_NAMED = 12  # photos up to which their names stand beside them; every photo has its name as a tooltip


def directions_section(folder: Path) -> list[str]:
    """What a run's page says of the directions of its training photos; nothing where the run holds no cameras."""
    if not (folder / "cameras.json").is_file():
        return []
    cameras = Run(folder, {}).cameras("train")
    if not cameras:
        return []
    points = recorded_points(folder / POINTS)
    coverage = measured_coverage(cameras, None if points is None else points.xyz)
    body = ["<h2>Directions of the training photos</h2>", directions_map(coverage)]
    body.append(f'<p class="note">{text(coverage.in_words())}</p>')
    advice = coverage.advice()
    if coverage.photos >= FEW_PHOTOS and coverage.gaps:
        advice.append(f"the widest steps are {coverage.from_where()}")
    return body + [f'<p class="warn">{text(sentence[0].upper() + sentence[1:])}.</p>' for sentence in advice]


def directions_map(coverage: Coverage) -> str:
    """Azimuth to the right, elevation upwards, in degrees: a dot for each photo, and bands where steps are wide."""
    x0, x1 = (-180.0, 180.0) if coverage.closed else _range(coverage.azimuths)
    y0, y1 = _range(coverage.elevations)
    scale = min(_WIDTH / (x1 - x0), _MOST_HEIGHT / (y1 - y0))
    width, height = (x1 - x0) * scale, (y1 - y0) * scale

    def at_x(azimuth: float) -> float:
        return _LEFT + (azimuth - x0) * scale

    def at_y(elevation: float) -> float:
        return _TOP + (y1 - elevation) * scale

    parts = []
    places = dict(zip(coverage.names, zip(coverage.azimuths, coverage.elevations)))
    for gap in coverage.gaps:
        start, end = places[gap.first][0], places[gap.second][0]
        bands = [(start, end)] if start <= end else [(start, x1), (x0, end)]  # over the edge of the map
        for left, right in bands:
            parts.append(
                f'<path d="M{at_x(left):.1f} {_TOP}H{at_x(right):.1f}V{_TOP + height:.1f}H{at_x(left):.1f}Z"'
                ' fill="#e8a31a44"/>'
            )
    for y in ticks(y0, y1, 3):
        parts.append(f'<path d="M{_LEFT} {at_y(y):.1f}H{_LEFT + width:.1f}" stroke="#8884"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{at_y(y) + 4:.1f}" text-anchor="end">{y:g}°</text>')
    for x in ticks(x0, x1, 6):
        parts.append(f'<path d="M{at_x(x):.1f} {_TOP}V{_TOP + height:.1f}" stroke="#8882"/>')
        parts.append(
            f'<text x="{at_x(x):.1f}" y="{_TOP + height + _BOTTOM - 8:.1f}" text-anchor="middle">{x:g}°</text>'
        )
    for name, (azimuth, elevation) in places.items():
        x, y = at_x(azimuth), at_y(elevation)
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#2f6fde"><title>{text(name)}</title></circle>')
        if len(places) <= _NAMED:
            parts.append(f'<text x="{x + 6:.1f}" y="{y - 4:.1f}">{text(Path(name).name)}</text>')
    full = f"{_LEFT + width + _RIGHT:.0f}", f"{_TOP + height + _BOTTOM:.0f}"
    svg = f'<svg viewBox="0 0 {full[0]} {full[1]}" width="{full[0]}" height="{full[1]}">{"".join(parts)}</svg>'
    where = "from the scene's centre" if coverage.inward else "in which the photos look"
    caption = f"directions {where}: around (to the right) and up, in degrees; bands: wide steps between neighbours"
    return f"<figure>{svg}<figcaption>{text(caption)}</figcaption></figure>"


def _range(values: tuple[float, ...]) -> tuple[float, float]:
    return min(values) - _MARGIN, max(values) + _MARGIN
