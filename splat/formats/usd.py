"""Gaussians in OpenUSD: the schema ParticleField3DGaussianSplat (UsdVol, OpenUSD 26.03), through usd-core.

Positions, orientations (quaternions), scales (standard deviations), opacities (0 to 1) and SH coefficients, all
coefficients of a Gaussian together, in 3DGS's order and with its signs. Files are written y up; a stage's upAxis and
metersPerUnit are followed when reading.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from splat.console import count
from splat.errors import SplatError
from splat.formats.common import drop_unusable, logit, sigmoid, to_numpy
from splat.formats.placed import HALF_TURN, Part, assemble, to_y_up, turned_origin
from splat.formats.scene_file import NO_NOTES, NO_ORIGIN, Notes, SceneFile
from splat.gaussians import Gaussians

ADVICE = "USD needs usd-core 26.3 or later: pip install 'splat[usd]'"
_CHILD = Path(__file__).with_name("usd_child.py")
_MEMORY, _MEMORY_PER_BYTE = 4 << 30, 100  # address space of the reading process; libraries alone take 1 GB
_SECONDS, _BYTES_PER_SECOND = 60.0, 200_000  # text is read at some 10 MB/s
_NOTES = "splat"  # key of customLayerData
_SPREAD = 3.0  # standard deviations that the extent holds
_HIGHEST = 3  # SH degree that scenes have
_NO_LIBRARY = 3  # exit code of `usd_child`
_QUIET = {"PXR_WORK_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def read(path: Path) -> SceneFile:
    """Read all Gaussians of a stage that are shown, with their world transforms, in PLY's axes and in metres.

    Other files that the stage refers to are not opened, see `usd_child`.

    Raises:
        SplatError: when usd-core is missing, the file is damaged, has no Gaussians, or a transform is no similarity.
    """
    _require()
    told, data = _read_apart(path)
    axes = HALF_TURN @ (to_y_up("z") if told["up"] == "Z" else np.eye(4))
    remarks = list(told["remarks"])
    metres = told["metres"]
    if metres is not None and metres != 1:
        if 1e-9 < metres < 1e9:
            remarks.append(f"1 unit of it is {metres:g} m; it is read in metres")
            axes[:3, :3] *= metres
        else:
            remarks.append(f"its metersPerUnit of {metres:g} is not followed")
    whole, moved, said = assemble(_parts(path, told, data, axes))
    x, y, z = turned_origin(tuple(told["notes"].get("origin", NO_ORIGIN)), axes)
    origin = (x + moved[0], y + moved[1], z + moved[2])
    unused = list(told["unused"])
    if above := sum(part["degree"] > _HIGHEST for part in told["parts"]):
        unused.append(f"directional colour above degree {_HIGHEST} in {count(above, 'part')}")
    notes = Notes(told["notes"].get("antialiased"), origin)
    return SceneFile(whole, notes, tuple(unused), (*remarks, *said))


def _parts(path: Path, told: dict[str, Any], data: memoryview, axes: np.ndarray) -> list[Part]:
    found: list[Part] = []
    start = 0
    for place in told["parts"]:
        columns: dict[str, np.ndarray] = {}
        for name, rows, width in place["arrays"]:
            size = 4 * rows * width
            columns[name] = np.frombuffer(data[start : start + size], "<f4").reshape(rows, width)
            start += size
        found.append(_part(f"{path}: {place['where']}", axes @ np.array(place["matrix"]).reshape(4, 4), columns))
    return found


@np.errstate(divide="ignore", invalid="ignore")  # zeros become flat Gaussians, NaN goes with the unusable rows
def _part(where: str, matrix: np.ndarray, columns: dict[str, np.ndarray]) -> Part:
    """What the file has no values for is as the schema says: opaque, of size 1, not turned, grey."""
    rows = len(columns["means"])
    given = {name: column for name, column in columns.items() if len(column) or not rows}
    quats = given.get("quats", np.tile(np.array([0, 0, 0, 1], np.float32), (rows, 1)))
    scales = np.abs(given.get("scales", np.ones((rows, 3), np.float32)).astype(np.float64))
    opacities = given.get("opacities", np.ones((rows, 1), np.float32))
    bands = given["sh"].reshape(rows, -1, 3) if rows and "sh" in given else np.zeros((rows, 1, 3), np.float32)
    bands = bands[:, : (_HIGHEST + 1) ** 2]
    return Part(
        where,
        matrix,
        columns["means"],
        quats[:, [3, 0, 1, 2]],
        np.log(scales),
        logit(opacities[:, 0]),
        bands[:, 0],
        bands[:, 1:],
    )


def _require() -> None:
    """
    Raises:
        SplatError: when usd-core is not installed.
    """
    if importlib.util.find_spec("pxr") is None:
        raise SplatError(ADVICE)


def _read_apart(path: Path) -> tuple[dict[str, Any], memoryview]:
    """What `usd_child` finds, and the bytes of its arrays; in another process, since damaged files may end it.

    Raises:
        SplatError: when it refuses the file, takes too long or too much memory, or crashes.
    """
    size = path.stat().st_size
    limit, seconds = _MEMORY + _MEMORY_PER_BYTE * size, _SECONDS + size / _BYTES_PER_SECOND
    command = [sys.executable, str(_CHILD), str(path.absolute()), str(limit), _NOTES]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env={**os.environ, **_QUIET},
        )
    except subprocess.TimeoutExpired as error:
        raise SplatError(f"{path} takes OpenUSD longer than {seconds:.0f} s; it may be damaged") from error
    line, _, _ = done.stdout.partition(b"\n")
    if not line:
        raise SplatError(f"{path} cannot be read: {_ending(done.returncode)}")
    told: dict[str, Any] = json.loads(line)
    if "error" in told:
        raise SplatError(f"{path} {told['error']}")
    return told, memoryview(done.stdout)[len(line) + 1 :]


def _ending(code: int) -> str:
    if code == _NO_LIBRARY:
        return ADVICE
    name = signal.Signals(-code).name if -code in list(signal.Signals) else f"exit code {code}"
    return f"OpenUSD ended on it ({name}); it is damaged, or there is not enough memory"


def write(path: Path, gaussians: Gaussians, notes: Notes = NO_NOTES) -> None:
    """Write `.usda` (text), `.usdc` and `.usd` (binary) or a `.usdz` package: one prim, y up, one unit a metre.

    USD has no word for antialiasing or an origin; they stand in customLayerData, in the file's axes. Gaussians that
    cannot be rendered are left out.

    Raises:
        SplatError: when usd-core is missing, or cannot write.
    """
    _require()
    from pxr import Sdf, Tf, UsdUtils

    usable, _ = drop_unusable(gaussians.detach().to("cpu"))
    stage = _stage(usable, notes)
    layer = stage.GetRootLayer()  # which lives as long as the stage
    try:
        if path.suffix.lower() != ".usdz":
            done = layer.Export(str(path))
        else:
            with tempfile.TemporaryDirectory(dir=path.parent) as folder:
                inner = Path(folder) / "scene.usdc"
                done = layer.Export(str(inner)) and UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(inner)), str(path))
    except Tf.ErrorException as error:  # long, and never about the disk's own reason
        raise SplatError(f"OpenUSD cannot write {path.name} whole; the disk may be full") from error
    if not done:
        raise SplatError(f"OpenUSD cannot write {path.name}; the disk may be full")


def _stage(gaussians: Gaussians, notes: Notes) -> Any:
    """The stage (Usd.Stage, in memory) of a scene."""
    try:
        from pxr import Gf, Usd, UsdGeom, UsdVol, Vt

        define = UsdVol.ParticleField3DGaussianSplat.Define
    except (ImportError, AttributeError) as error:
        raise SplatError(ADVICE) from error
    turn = to_y_up(notes.up)
    arrays = to_numpy(gaussians.transformed(torch.from_numpy(turn)))
    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetDefaultPrim(UsdGeom.Xform.Define(stage, "/scene").GetPrim())
    splat = define(stage, "/scene/gaussians")
    quats = arrays["quats"].astype(np.float64)
    quats /= np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-30)
    scales = np.exp(arrays["scales"].astype(np.float64)).clip(max=3e38).astype(np.float32)
    bands = np.concatenate([arrays["sh0"], arrays["shN"]], axis=1)
    splat.CreatePositionsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(arrays["means"])))
    splat.CreateOrientationsAttr(Vt.QuatfArray.FromNumpy(quats[:, [1, 2, 3, 0]].astype(np.float32)))
    splat.CreateScalesAttr(Vt.Vec3fArray.FromNumpy(scales))
    splat.CreateOpacitiesAttr(Vt.FloatArray.FromNumpy(sigmoid(arrays["opacities"]).astype(np.float32)))
    splat.CreateRadianceSphericalHarmonicsDegreeAttr(gaussians.sh_degree)
    colors = splat.CreateRadianceSphericalHarmonicsCoefficientsAttr()
    colors.Set(Vt.Vec3fArray.FromNumpy(bands.reshape(-1, 3)))
    colors.SetMetadata("elementSize", bands.shape[1])  # without the two, Omniverse's renderer does not take them
    colors.SetMetadata("interpolation", UsdGeom.Tokens.vertex)
    splat.CreateProjectionModeHintAttr(UsdVol.Tokens.perspective)
    splat.CreateSortingModeHintAttr(UsdVol.Tokens.zDepth)
    Usd.ColorSpaceAPI.Apply(splat.GetPrim()).CreateColorSpaceNameAttr("srgb_rec709_display")
    if len(scales):
        radius = _SPREAD * scales.max(axis=1, keepdims=True)
        box = np.stack([(arrays["means"] - radius).min(axis=0), (arrays["means"] + radius).max(axis=0)])
        splat.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(box.clip(-3e38, 3e38).astype(np.float32)))
    said: dict[str, Any] = {} if notes.antialiased is None else {"antialiased": notes.antialiased}
    if any(notes.origin):
        said["origin"] = Gf.Vec3d(*turned_origin(notes.origin, turn))
    if said:
        stage.GetRootLayer().customLayerData = {_NOTES: said}
    return stage


def lost(gaussians: Gaussians) -> list[str]:
    """Gaussians that are left out, and who does not know the schema."""
    dropped = drop_unusable(gaussians.detach().to("cpu"))[1]
    found = [f"{count(dropped, 'Gaussian')} with NaN or infinite values left out"] if dropped else []
    return [*found, "programs with OpenUSD before 26.03 do not know its Gaussians and show nothing"]
