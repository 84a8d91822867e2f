"""USD: values by hand, round trips, what OpenUSD's validators say, and files that lead elsewhere or are damaged."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from splat.errors import SplatError
from splat.formats import Notes, detect_format, read_scene, read_scene_file, usd, write_scene
from splat.formats.losses import losses
from splat.gaussians import Gaussians, quat_to_matrix
from splat.sh import sh_basis

pytest.importorskip("pxr")

RandomScene = Callable[..., Gaussians]
TWO = """
    point3f[] positions = [(1, 2, 3), (4, 5, 6)]
    quatf[] orientations = [(1, 0, 0, 0), (0.8, 0, 0, 0.6)]
    float3[] scales = [(1, 2, 4), (0.5, 0.25, 1)]
    float[] opacities = [0.25, 0.75]
    uniform int radiance:sphericalHarmonicsDegree = 0
    float3[] radiance:sphericalHarmonicsCoefficients = [(0.5, -0.25, 0), (1, 2, 3)]
"""
SPLAT = 'def ParticleField3DGaussianSplat "g"'


def text(prims: str, metadata: str = 'upAxis = "Y"') -> str:
    return f"#usda 1.0\n(\n{metadata}\n)\n{prims}\n"


def covariances(scene: Gaussians) -> torch.Tensor:
    half = quat_to_matrix(scene.quats.double()) * scene.scales.double().exp()[:, None, :]
    return half @ half.transpose(1, 2)


def test_values_by_hand(tmp_path: Path) -> None:
    (tmp_path / "hand.usda").write_text(text(f"{SPLAT}{{{TWO}}}"))
    assert detect_format(tmp_path / "hand.usda").name == "usd"
    found = read_scene_file(tmp_path / "hand.usda")
    scene = found.gaussians
    assert found.notes == Notes() and found.unused == () and found.remarks == ()
    assert scene.means.tolist() == [[1, -2, -3], [4, -5, -6]]
    assert torch.allclose(scene.scales.exp(), torch.tensor([[1, 2, 4], [0.5, 0.25, 1]]))
    assert torch.allclose(scene.opacities.sigmoid(), torch.tensor([0.25, 0.75]))
    assert scene.sh0[:, 0].tolist() == [[0.5, -0.25, 0], [1, 2, 3]] and scene.sh_degree == 0
    turn = torch.tensor([[0.28, -0.96, 0], [0.96, 0.28, 0], [0, 0, 1]])  # about z by 2 atan(0.6 / 0.8)
    expected = torch.diag(torch.tensor([1.0, -1, -1])) @ turn
    assert torch.allclose(quat_to_matrix(scene.quats)[1], expected, atol=1e-6)


def test_axes_units_transforms_and_halves(tmp_path: Path) -> None:
    half = TWO.replace("point3f[] positions", "point3h[] positionsh").replace("float3[] scales", "half3[] scalesh")
    half = half.replace("quatf[] orientations", "quath[] orientationsh").replace(
        "float[] opacities", "half[] opacitiesh"
    )
    half = half.replace(
        "float3[] radiance:sphericalHarmonicsCoefficients", "half3[] radiance:sphericalHarmonicsCoefficientsh"
    )
    moved = "double3 xformOp:translate = (10, 20, 30)\nfloat xformOp:rotateZ = 90\nfloat3 xformOp:scale = (2, 2, 2)\n"
    order = 'uniform token[] xformOpOrder = ["xformOp:translate", "xformOp:rotateZ", "xformOp:scale"]\n'
    prims = f'def Xform "x"{{\n{moved}{order}{SPLAT}{{{half}}}\ndef Cube "c"{{}}\n{SPLAT.replace("g", "h")}{{{TWO}'
    prims += 'token visibility = "invisible"\n}\n}'
    (tmp_path / "z.usda").write_text(text(prims, 'upAxis = "Z"\nmetersPerUnit = 0.01'))
    found = read_scene_file(tmp_path / "z.usda")
    # (1, 2, 3) turned and doubled is (-4, 2, 6), moved (6, 22, 36); up is z, and 100 units are a metre
    assert torch.allclose(found.gaussians.means[0], torch.tensor([0.06, -0.36, 0.22]))
    assert torch.allclose(found.gaussians.scales.exp()[0], torch.tensor([1.0, 2, 4]) * 0.02, rtol=1e-3)
    expected = torch.tensor([[0, -1, 0], [0, 0, -1], [1, 0, 0]]).float()
    assert torch.allclose(quat_to_matrix(found.gaussians.quats)[0], expected, atol=1e-6)
    assert found.remarks == ("1 unit of it is 0.01 m; it is read in metres",)
    assert found.unused == ("1 prim of type Cube", "1 prim invisible")


@pytest.mark.parametrize("suffix", ["usd", "usda", "usdc", "usdz"])
def test_round_trip(tmp_path: Path, random_scene: RandomScene, suffix: str) -> None:
    scene = random_scene(100, 3)
    path = tmp_path / f"scene.{suffix}"
    write_scene(path, scene, notes=Notes(False, (100.0, -200.0, 300.0)))
    found = read_scene_file(path)
    back = found.gaussians
    assert found.notes == Notes(False, (100.0, -200.0, 300.0)) and found.unused == () and found.remarks == ()
    assert torch.equal(back.means, scene.means) and torch.equal(back.sh0, scene.sh0)
    for name in ("scales", "opacities", "shN"):
        assert torch.allclose(back.as_dict()[name], scene.as_dict()[name], atol=1e-5), name
    assert torch.allclose(covariances(back), covariances(scene), rtol=1e-4, atol=1e-7)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_what_openusd_reads_of_it(tmp_path: Path, random_scene: RandomScene) -> None:
    from pxr import Usd, UsdGeom, UsdUtils, UsdValidation, UsdVol  # noqa: F401 - UsdUtils has validators of its own

    scene = random_scene(20, 2)
    write_scene(tmp_path / "scene.usdz", scene, notes=Notes(True, (1.0, 2.0, 3.0)))
    stage = Usd.Stage.Open(str(tmp_path / "scene.usdz"))
    checks = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
    assert len(checks) > 10
    assert [error.GetMessage() for error in UsdValidation.ValidationContext(checks).Validate(stage)] == []
    assert UsdGeom.GetStageUpAxis(stage) == "Y" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    assert dict(stage.GetRootLayer().customLayerData["splat"]) == {"antialiased": True, "origin": (1, -2, -3)}
    splat = UsdVol.ParticleField3DGaussianSplat(stage.GetPrimAtPath("/scene/gaussians"))
    assert splat.GetProjectionModeHintAttr().Get() == "perspective" and splat.GetSortingModeHintAttr().Get() == "zDepth"
    assert np.array_equal(np.array(splat.GetPositionsAttr().Get()), scene.means.numpy() * np.float32([1, -1, -1]))
    low, high = np.array(splat.GetExtentAttr().Get())
    reach = 3 * scene.scales.exp().amax(dim=1, keepdim=True).numpy()
    turned = scene.means.numpy() * [1, -1, -1]
    assert np.allclose(low, (turned - reach).min(axis=0)) and np.allclose(high, (turned + reach).max(axis=0))
    # the same colour is seen along the same direction, in the file's axes and in ours
    stored = torch.from_numpy(np.array(splat.GetRadianceSphericalHarmonicsCoefficientsAttr().Get())).reshape(20, 9, 3)
    direction = torch.nn.functional.normalize(torch.tensor([0.3, -0.7, 0.5]), dim=0)
    ours = torch.einsum("k,nkc->nc", sh_basis(direction, 2), torch.cat([scene.sh0, scene.shN], dim=1))
    theirs = torch.einsum("k,nkc->nc", sh_basis(direction * torch.tensor([1.0, -1, -1]), 2), stored)
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_scene_with_z_up_stands_upright(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 0)
    write_scene(tmp_path / "up.usdc", scene, notes=Notes(up="z"))
    back = read_scene(tmp_path / "up.usdc")  # y down
    assert torch.equal(back.means, scene.means[:, [0, 2, 1]] * torch.tensor([1, -1, 1]))


# --- files that lead elsewhere


def test_nothing_is_read_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "secret.usda").write_text(text(f"{SPLAT}{{{TWO}}}"))
    (tmp_path / "in").mkdir()
    secret = str(tmp_path / "secret.usda")
    prims = [f'def "r" (references = @{secret}@</g>) {{}}', 'def "p" (payload = @../secret.usda@</g>) {}']
    prims.append('def "v" (variants = {string a = "b"}\nprepend variantSets = "a"){')
    prims.append(f'variantSet "a" = {{\n"b" (references = @{secret}@</g>) {{\n}}\n}}\n}}')
    alone = text("\n".join(prims), f"subLayers = [@{secret}@, @x.usda@]")
    (tmp_path / "in" / "scene.usda").write_text(alone)
    with pytest.raises(SplatError, match=r"no prim .* that is shown .*other files are not followed"):
        read_scene(tmp_path / "in" / "scene.usda")
    (tmp_path / "in" / "scene.usda").write_text(f"{alone}\n{SPLAT}{{{TWO}}}")
    found = read_scene_file(tmp_path / "in" / "scene.usda")
    assert len(found.gaussians) == 2
    assert set(found.unused) == {
        "2 sublayers to other files",
        "2 references to other files",
        "1 payload to other files",
    }


def test_a_package_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "secret.usda").write_text(text(f"{SPLAT}{{{TWO}}}"))
    root = 'def "r" (references = @./parts/part.usda@</g>) {}\ndef "s" (references = @../secret.usda@</g>) {}\n'
    root += 'def "circle" (references = @scene.usda@</circle>) {}'
    with zipfile.ZipFile(tmp_path / "scene.usdz", "w") as package:
        package.writestr("scene.usda", text(root, "subLayers = [@parts/part.usda@]"))
        package.writestr(
            "parts/part.usda", text(f'{SPLAT}{{{TWO}}}\ndef "back" (references = @../scene.usda@</r>) {{}}')
        )
    found = read_scene_file(tmp_path / "scene.usdz")
    assert len(found.gaussians) == 6  # of /r, of the sublayer's /g, and of its /back that is /r again
    assert found.unused == ("1 reference to other files",)


def test_a_few_gaussians_shown_many_times_take_no_memory(tmp_path: Path) -> None:
    row = ", ".join(["(1, 2, 3)"] * 2000)
    prims = [f'def ParticleField3DGaussianSplat "g"{{ point3f[] positions = [{row}]\n}}']
    prims += [f'def "r{number}" (references = </g>) {{}}' for number in range(1500)]
    (tmp_path / "many.usda").write_text(text("\n".join(prims)))
    with pytest.raises(SplatError, match="made to fill memory"):
        read_scene(tmp_path / "many.usda")


# --- what is missing, wrong or damaged


def test_what_the_schema_says_of_missing_values(tmp_path: Path) -> None:
    few = "point3f[] positions = [(1, 2, 3), (4, 5, 6)]\nfloat[] opacities = [0.5]\n"
    few += "float3[] scales = [(1, 1, 1), (2, 2, 2), (3, 3, 3)]"
    (tmp_path / "few.usda").write_text(text(f"{SPLAT}{{{few}\n}}"))
    found = read_scene_file(tmp_path / "few.usda")
    assert found.gaussians.opacities.sigmoid().tolist() == pytest.approx([1, 1], abs=2e-6)
    assert torch.allclose(found.gaussians.scales.exp(), torch.tensor([[1.0] * 3, [2.0] * 3]))
    assert not found.gaussians.sh0.any() and found.gaussians.sh_degree == 0
    assert sorted(found.remarks) == [
        "more scales than positions; the last are left out",
        "no orientations; no rotation as the schema says",
        "no radiance:sphericalHarmonicsCoefficients; grey as the schema says",
        "too few opacities; 1 as the schema says",
    ]


def test_refusals(tmp_path: Path) -> None:
    stretched = 'float3 xformOp:scale = (1, 2, 1)\nuniform token[] xformOpOrder = ["xformOp:scale"]\n'
    cases = {
        "is stretched unevenly": text(f"{SPLAT}{{{TWO}{stretched}}}"),
        "SH degree -1": text(f"{SPLAT}{{{TWO.replace('Degree = 0', 'Degree = -1')}}}"),
        r"is not a Gaussian scene.*\(it holds prims 1 of type Mesh\)": text('def Mesh "m"{}'),
        "it holds nothing that is drawn": text(""),
        "cannot be read as USD": "#usda 1.0\ndef {",
        "is empty": "",
    }
    for message, content in cases.items():
        (tmp_path / "bad.usda").write_text(content)
        with pytest.raises(SplatError, match=message) as refused:
            read_scene(tmp_path / "bad.usda")
        assert "\n" not in str(refused.value)
    with zipfile.ZipFile(tmp_path / "bad.usdz", "w") as package:
        package.writestr("picture.png", "x")
    with pytest.raises(SplatError, match="without a USD file"):
        read_scene(tmp_path / "bad.usdz")


def test_damaged_binary_files_are_one_line(tmp_path: Path, random_scene: RandomScene) -> None:
    write_scene(tmp_path / "whole.usdc", random_scene(50, 1))
    data = (tmp_path / "whole.usdc").read_bytes()
    for piece in (data[:-1], data[:100], data.replace(b"positions", b"possitions")):
        (tmp_path / "bad.usdc").write_bytes(piece)
        with pytest.raises(SplatError, match=r"cannot be read|no prim|too few|damaged"):
            read_scene(tmp_path / "bad.usdc")


def test_a_library_that_crashes_or_never_ends_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.usda").write_text(text(f"{SPLAT}{{{TWO}}}"))
    for script, message in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"ended on it \(SIGSEGV\)"),
        ("import sys; sys.exit(3)", r"pip install 'splat\[usd\]'"),
        ("import time; time.sleep(60)", "longer than 0 s"),
        ("import sys; a = bytearray(200 << 20)", "ended on it"),
    ):
        if sys.platform == "win32" and ("signal" in script or "bytearray" in script):
            continue
        (tmp_path / "child.py").write_text(script)
        monkeypatch.setattr(usd, "_CHILD", tmp_path / "child.py")
        monkeypatch.setattr(usd, "_SECONDS", 0.2 if "sleep" in script else 60)
        with pytest.raises(SplatError, match=message):
            read_scene(tmp_path / "x.usda")


def test_the_memory_of_the_reader_is_bounded() -> None:
    resource = pytest.importorskip("resource")
    script = (
        "from splat.formats.usd_child import hold_memory; hold_memory(3 << 30)\n"
        "try: bytearray(4 << 30)\nexcept MemoryError: print('held')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert resource.RLIMIT_AS and (done.stdout == "held\n" or sys.platform == "darwin")


def test_without_usd_core(tmp_path: Path, random_scene: RandomScene, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.usda").write_text(text(""))
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pxr" else find(name))
    with pytest.raises(SplatError, match=r"pip install 'splat\[usd\]'"):
        read_scene(tmp_path / "x.usda")
    with pytest.raises(SplatError, match=r"pip install 'splat\[usd\]'"):
        write_scene(tmp_path / "y.usda", random_scene(1, 0))
    assert not (tmp_path / "y.usda").exists()


def test_what_is_lost(tmp_path: Path, random_scene: RandomScene) -> None:
    scene = random_scene(3, 0)
    scene.means[0, 0] = torch.nan
    said = losses("usd", scene, Notes(True, (1.0, 0.0, 0.0)))
    assert "customLayerData say so" in said[0] and "customLayerData name it" in said[1]
    assert said[2] == "1 Gaussian with NaN or infinite values left out" and "26.03" in said[3]
    write_scene(tmp_path / "x.usdc", scene)
    assert len(read_scene(tmp_path / "x.usdc")) == 2
    write_scene(tmp_path / "none.usdc", random_scene(0, 0))
    assert len(read_scene(tmp_path / "none.usdc")) == 0
