"""The demo world's building blocks against closed forms, and a tiny generation that repeats itself."""

from __future__ import annotations

import filecmp
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from splat.errors import SplatError
from tools.demo_world import dataset, demo, objects, shapes, textures
from tools.demo_world.cameras import View, handheld_path, look_at
from tools.demo_world.colmap_model import quaternion
from tools.demo_world.light import Lighting, Tracer, Window, bake
from tools.demo_world.materials import matte, satin
from tools.demo_world.mesh import Mesh, rotation
from tools.demo_world.scene import SceneObject, flatten


def _open3d() -> None:
    """Skip with the reason where open3d cannot be imported (it needs system libraries)."""
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"open3d cannot be imported: {error}")


CLOSED: list[tuple[str, Callable[[], Mesh], float]] = [
    ("ellipsoid", lambda: shapes.superellipsoid((0.2, 0.3, 0.4), cell=0.004), 4 / 3 * np.pi * 0.1 * 0.15 * 0.2),
    ("rounded box", lambda: shapes.rounded_box((0.2, 0.3, 0.4), 0.001, 0.02), 0.2 * 0.3 * 0.4),
    ("cylinder", lambda: shapes.lathe([(0, 0), (0.1, 0), (0.1, 0.3), (0, 0.3)], 0.004, rounds=0), np.pi * 0.01 * 0.3),
    ("ring", lambda: shapes.tube(_circle(0.2), 0.02, 0.004, closed=True), 2 * np.pi**2 * 0.2 * 0.0004),
    ("rod", lambda: shapes.tube([(0, 0, 0), (0, 0, 1)], 0.05, 0.005), np.pi * 0.0025 + 4 / 3 * np.pi * 0.05**3),
]


def _circle(radius: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 200)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], -1)


@pytest.mark.parametrize(("make", "volume"), [case[1:] for case in CLOSED], ids=[case[0] for case in CLOSED])
def test_closed_shapes_enclose_their_volume_and_face_outward(make: Callable[[], Mesh], volume: float) -> None:
    mesh = make()
    assert mesh.signed_volume == pytest.approx(volume, rel=0.02)
    corners = mesh.vertices[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    agree = np.einsum("mk,mk->m", face, mesh.normals[mesh.triangles].mean(1)) > 0
    assert agree.mean() > 0.99
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-6)


def test_pillow_and_leaf_are_closed_and_face_outward() -> None:
    assert shapes.pillow(0.4, 0.4, 0.15).signed_volume > 0.004
    assert shapes.leaf(0.2, 0.1).signed_volume > 0


def test_mirroring_keeps_a_mesh_facing_outward() -> None:
    box = shapes.rounded_box((0.1, 0.2, 0.3), 0.01)
    mirrored = box.transformed(np.diag([-1.0, 1, 1, 1]))
    assert mirrored.signed_volume == pytest.approx(box.signed_volume, rel=1e-9)


def test_texture_lookup_hits_texel_centres_and_wraps() -> None:
    image = np.random.default_rng(0).random((8, 16, 3)).astype(np.float32)
    texture = textures.Texture(image, (0.16, 0.08))
    u, v = np.meshgrid((np.arange(16) + 0.5) * 0.01, (np.arange(8) + 0.5) * 0.01)
    uv = np.stack([u, v], -1).reshape(-1, 2)
    np.testing.assert_allclose(texture.sample(uv), image.reshape(-1, 3), atol=1e-4)
    np.testing.assert_allclose(texture.sample(uv + np.array([0.16, -0.16])), image.reshape(-1, 3), atol=1e-4)


def test_relief_slope_is_the_derivative_of_the_height() -> None:
    size = (0.2, 0.1)
    u, v = textures.grid(size, 0.001)
    height = 0.001 * np.sin(2 * np.pi * u / size[0]) * np.cos(2 * np.pi * v / size[1])
    texture = textures.make(np.zeros((*u.shape, 3)), size, height)
    assert texture.slope is not None
    du = 0.001 * 2 * np.pi / size[0] * np.cos(2 * np.pi * u / size[0]) * np.cos(2 * np.pi * v / size[1])
    np.testing.assert_allclose(texture.slope[..., 0], du, atol=2e-5)


def test_camera_projects_what_it_unprojects_and_quaternions_follow_colmap() -> None:
    view = look_at(np.array([2.0, 1.5, 1.2]), np.array([0.1, 0.3, 0.5]), 0.05, 440.0, 480, 360)
    rng = np.random.default_rng(1)
    xy, depth = rng.uniform(0, 300, (50, 2)), rng.uniform(0.5, 4, 50)
    back, z = view.project(view.unproject(xy, depth))
    np.testing.assert_allclose(back, xy, atol=1e-9)
    np.testing.assert_allclose(z, depth, atol=1e-12)
    w, x, y, z3 = quaternion(view.rotation)
    expected = [1 - 2 * (y * y + z3 * z3), 2 * (x * y + w * z3), 2 * (x * z3 - w * y)]  # first column, R from wxyz
    np.testing.assert_allclose(view.rotation[:, 0], expected, atol=1e-12)


def test_held_out_views_have_neighbours_on_both_sides() -> None:
    views = handheld_path(72, (480, 360), 1)
    centres = np.stack([view.position for view in views])
    azimuth = np.arctan2(centres[:, 1] - 0.66, centres[:, 0] - 0.62)
    training = np.arange(72) % 8 != 0
    for k in range(0, 72, 8):
        gap = centres[training] - centres[k]
        assert np.linalg.norm(gap, axis=1).min() < 0.3
        assert azimuth[training].min() < azimuth[k] < azimuth[training].max()
        assert centres[training, 2].min() < centres[k, 2] < centres[training, 2].max()


def test_baked_light_of_a_window_equals_the_form_factor() -> None:
    """A point below the centre of a square window: E = L * pi * F with the textbook form factor."""
    _open3d()
    half, height, radiance = 0.5, 0.8, 2.0
    floor = shapes.plane(0.04, 0.04, 0.02).moved(-0.02, -0.02)
    window = Window((-half, -half, height), (0, 2 * half, 0), (2 * half, 0, 0), (radiance,) * 3)
    geometry = flatten([SceneObject("floor", "white", "matte", [(floor, matte(textures.plain("#ffffff")))])])
    light = bake(geometry, Lighting([window], None, direct_rays=1024, bounce_rays=()), Tracer(geometry, 1))
    a = half / height
    quarter = (a / np.sqrt(1 + a * a) * np.arctan(a / np.sqrt(1 + a * a))) / np.pi  # parallel rectangle over a corner
    centre = np.argmin(np.linalg.norm(geometry.vertices, axis=1))
    np.testing.assert_allclose(light.irradiance[centre], radiance * np.pi * 4 * quarter, rtol=0.01)
    np.testing.assert_allclose(light.vector[centre], [0, 0, radiance * np.pi * 4 * quarter], atol=0.03)


def test_closed_white_furnace_converges_to_the_series() -> None:
    """Inside a closed box that glows evenly with albedo a, k bounces give E = pi * L * (1 + a + ... )."""
    _open3d()
    box = shapes.rounded_box((1, 1, 1), 0.01, 0.1).flipped()
    grey = textures.Texture(np.full((4, 4, 3), 0.5, np.float32), (1.0, 1.0))
    material = matte(grey)
    glowing = type(material)(grey, emission=(1.0, 1.0, 1.0))
    geometry = flatten([SceneObject("box", "grey", "matte", [(box, glowing)])])
    light = bake(geometry, Lighting([], None, bounce_rays=(16, 16, 16)), Tracer(geometry, 1))
    np.testing.assert_allclose(light.irradiance, np.pi * (1 + 0.5 + 0.25), rtol=0.02)


def test_demo_scene_has_distinct_named_things_with_captions() -> None:
    *things, rest = demo.demo_scene()
    assert len({item.name for item in things}) == len(things) >= 16
    assert demo.REMOVED in [item.name for item in things]
    assert all(len(item.captions) >= 3 and item.name in item.captions for item in things)
    assert rest.name == "rest of the room"


def _small_scene() -> list[SceneObject]:
    """A floor, a wall, a big mug and a ball: every kind of material, few vertices."""
    boards = satin(textures.planks("#c79a66", "#8a5a31", 3, size=(0.6, 0.6)), 0.3)
    floor = SceneObject("floor", "brown", "wood", [(shapes.plane(3, 3, 0.1), boards)], ["floor"])
    paint = matte(textures.plaster("#8fa9b3", 4, size=(0.5, 0.5)))
    upright = shapes.plane(3, 3, 0.1).turned("x", 90).turned("z", 90)
    wall = SceneObject("wall", "blue", "paint", [(upright, paint)], ["wall"])
    return [floor, wall, objects.mug(size=4).at(0.6, 0.9), objects.ball().at(0.9, 0.6)]


def test_quick_generation_repeats_itself(tmp_path: Path) -> None:
    _open3d()
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        options = dataset.Options(out=folder, views=2, twin="red mug", threads=1, width=64)
        dataset.generate(dataset.quick(options), _small_scene)
    files = sorted(path.relative_to(folders[0]) for path in folders[0].rglob("*.*"))
    equal, different, missing = filecmp.cmpfiles(*folders, [str(path) for path in files], shallow=False)
    assert (different, missing) == ([], [])
    kinds = {"images": 2, "without_red_mug": 1, "truth/labels": 2, "truth/depth": 2, "truth/normals": 1, "sparse/0": 3}
    assert {kind: sum(name.startswith(kind) for name in equal) for kind in kinds} == kinds


def test_unknown_twin_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match="no object is called 'green vase'; choose one of: floor, "):
        dataset.generate(dataset.Options(out=tmp_path, twin="green vase"), _small_scene)


def test_rotation_is_right_handed() -> None:
    np.testing.assert_allclose(rotation("z", 90)[:3, :3] @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(rotation("x", 90)[:3, :3] @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    view = View(np.eye(3), np.zeros(3), 10.0, 20, 10)
    np.testing.assert_allclose(view.project(np.array([[0.0, 0.0, 1.0]]))[0], [[10.0, 5.0]])
