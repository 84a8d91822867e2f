"""The numbers that define the image are those of the installed gsplat."""

from __future__ import annotations

import re
from pathlib import Path

import gsplat
import pytest

from splat import native
from tests import reference

CUDA = Path(gsplat.__file__).parent / "cuda"


def gsplat_source(*parts: str) -> str:
    path = CUDA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"this gsplat does not ship {'/'.join(parts)}")
    return path.read_text()


def test_alpha_and_transmittance() -> None:
    source = gsplat_source("csrc", "RasterizeToPixels3DGSFwd.cu")
    alpha_max = re.search(r"min\((0\.99\d*)f, opac", source)
    transmittance = re.search(r"next_T <= (1e-\d)f", source)
    threshold = re.search(r"ALPHA_THRESHOLD \((1\.f / 255\.f)\)", gsplat_source("include", "Common.h"))
    if alpha_max is None or transmittance is None or threshold is None:
        pytest.skip("this gsplat keeps its constants elsewhere")
    numbers = native.kernels().constants
    assert pytest.approx(float(alpha_max[1])) == numbers.ALPHA_MAX == pytest.approx(reference.ALPHA_MAX)
    assert pytest.approx(float(transmittance[1])) == numbers.TRANSMITTANCE_MIN
    assert pytest.approx(reference.TRANSMITTANCE_MIN) == numbers.TRANSMITTANCE_MIN
    assert pytest.approx(1 / 255) == numbers.ALPHA_MIN == pytest.approx(reference.ALPHA_MIN)


def test_extent_and_clamp() -> None:
    extent = re.search(r"extend = (3\.\d+)f", gsplat_source("csrc", "ProjectionEWA3DGSFused.cu"))
    margin = re.search(r"\+ (0\.\d+)f \* tan_fovx", gsplat_source("include", "Utils.cuh"))
    if extent is None or margin is None:
        pytest.skip("this gsplat keeps its constants elsewhere")
    numbers = native.kernels().constants
    assert pytest.approx(float(extent[1])) == numbers.EXTENT_MAX
    assert pytest.approx(float(margin[1])) == numbers.FOV_MARGIN
