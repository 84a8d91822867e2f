"""Rooms to learn from, to choose with and to judge by: no seed, palette, place, light, shape or texture is shared."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.spatial import cKDTree

from tools.demo_teacher import plans, worlds
from tools.demo_teacher.things import COLOURS, METALS, paint, shade, wood
from tools.demo_world import demo, furniture, objects, registry, textures
from tools.demo_world.forms import PROPORTIONS, draw_form, recolored, reshaped
from tools.demo_world.light import Lighting
from tools.demo_world.mesh import Mesh
from tools.demo_world.scene import SceneObject

ROOMS = [room for rooms in registry.ROOMS.values() for room in rooms]
PLANS = {room: plans.make_plan(room) for room in ROOMS}


def test_rooms_and_seeds_are_disjoint() -> None:
    assert len(registry.TRAINING) >= 10 and len(registry.CHOOSING) >= 2 and len(registry.JUDGING) >= 4
    assert len(set(ROOMS)) == len(ROOMS)
    assert {registry.purpose(room) for room in ROOMS} == {"training", "choosing", "judging"}
    seeds = [registry.demo_texture_seeds(), *(registry.texture_seeds(room) for room in ROOMS)]
    assert len(set().union(*seeds)) == sum(map(len, seeds))
    with pytest.raises(ValueError, match="registered for nothing"):
        plans.make_plan(8)  # of an earlier generator, which had the demo's basket in it


def test_seeds_of_things_leave_room_for_their_parts() -> None:
    """Makers count on from their seed; none counts past the next thing's."""
    assert sorted(registry.SEEDS) == sorted(registry.THINGS)
    for room in (ROOMS[0], ROOMS[-1]):
        ordered = [registry.seed(room, thing) for thing in registry.THINGS]
        assert all(later - earlier >= registry.APART for earlier, later in pairwise(ordered))
        assert ordered[-1] + registry.APART <= registry.seed(room + 1, registry.THINGS[0])


def test_the_registry_has_every_paint_that_the_demo_takes_by_default() -> None:
    known = {paint for paints in registry.PAINTS.values() for paint in paints}
    makers = [maker for module in (objects, furniture) for maker in vars(module).values() if inspect.isfunction(maker)]
    designs = (furniture.RoomDesign(), furniture.PALETTE, objects.STACK)
    used = set(_paints(designs))
    for maker in makers:
        used |= set(_paints([parameter.default for parameter in inspect.signature(maker).parameters.values()]))
    assert len(used) > 40
    assert used <= known


def _paints(value: object) -> Iterator[str]:
    """All '#rrggbb' anywhere in a value."""
    if isinstance(value, str) and value.startswith("#"):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _paints(part)
    elif hasattr(value, "__dataclass_fields__"):
        yield from _paints(list(vars(value).values()))


def test_no_room_has_a_palette_of_another_or_of_the_demo() -> None:
    for room, plan in PLANS.items():
        paints = set(_paints(plan)) - {"#9fa3a6"}  # walls are painted anew in every photo
        assert len(paints) > 20
        assert all(registry.is_free(paint) for paint in paints), room
    # whole palettes: one dark ink may be another's by chance, as there are few dark ones
    cloths = [pair for plan in PLANS.values() for pair in plan.books]
    others = [part for plan in PLANS.values() for part in (plan.rug.colors, plan.design.paper)]
    woods = [wood for plan in PLANS.values() for wood in (plan.table_wood, plan.shelf_wood, plan.design.boards)]
    for palettes in (cloths, others, woods):
        assert len(set(palettes)) == len(palettes)


def test_paints_keep_away_from_the_demos() -> None:
    rng = np.random.default_rng(0)
    drawn = [paint(word, rng) for word in [*COLOURS, *METALS] * 40] + [shade("#b3171b", rng) for _ in range(200)]
    drawn += [colour for _ in range(100) for colour in wood(rng)]
    assert all(registry.is_free(colour) for colour in drawn)
    assert not registry.is_free("#b3171b") and not registry.is_free("#b61a19")  # the demo's mug, and almost


def test_no_room_has_places_of_the_demo_or_of_another() -> None:
    places = {room: np.array([*plan.table_places, *plan.floor_places]) for room, plan in PLANS.items()}
    taken = np.array([*registry.TABLE_PLACES.values(), *registry.FLOOR_PLACES.values()])
    for room, found in places.items():
        assert cKDTree(taken).query(found)[0].min() > registry.PLACE_GAP, room
    for first, second in combinations(ROOMS, 2):
        assert cKDTree(places[first]).query(places[second])[0].min() > 1e-4
    hung = {(plan.picture[2], plan.clock[3], plan.shelf_at, plan.table_at, plan.rug.place) for plan in PLANS.values()}
    assert len(hung) == len(ROOMS)


def _lights(light: Lighting) -> list[tuple[float, ...]]:
    """Shape and place of each window as numbers."""
    return [(*window.corner, *np.add(window.u, window.v), *window.radiance) for window in light.windows]


def test_no_room_has_the_light_or_the_designs_of_another() -> None:
    lights = [demo.lighting(), *(plan.light for plan in PLANS.values())]
    windows = np.array([row for light in lights for row in _lights(light)])
    nearest = cKDTree(windows).query(windows, k=2)[0][:, 1]
    assert nearest.min() > 0.05  # metres and radiance
    for plan in PLANS.values():
        if plan.light.sun is not None:
            assert plans.sun_angle(plan.light.sun.direction, registry.SUN) > registry.SUN_GAP
    suns = [light.sun.direction for light in lights if light.sun is not None]
    assert len(suns) > 5
    assert min(plans.sun_angle(a, b) for a, b in combinations(suns, 2)) > 0.05
    assert len({(plan.size, plan.design.repeat, plan.design.boards, plan.rug.size) for plan in PLANS.values()}) == len(
        PLANS
    )
    standard = furniture.RoomDesign()
    for plan in PLANS.values():
        design = plan.design
        assert design.board != standard.board and abs(design.repeat - standard.repeat) > 0.01
        assert design.swing != standard.swing and design.leaves != standard.leaves
        assert plan.rug.design.motif != furniture.RugDesign().motif
        assert set(plan.ball[1]) != {12, 6}


def shape_key(mesh: Mesh) -> list[float]:
    """The same for a mesh wherever it stands and however it is turned: its singular values about the mean."""
    centred = mesh.vertices - mesh.vertices.mean(0)
    return [float(len(centred)), *np.log(np.maximum(np.linalg.svd(centred, compute_uv=False), 1e-9))]


def pattern_key(texture: textures.Texture) -> list[float]:
    """The same for a texture in whatever tint: some texels relative to the mean, and their spread."""
    share = texture.albedo / texture.albedo.reshape(-1, 3).mean(0)
    rows, columns = share.shape[0], share.shape[1]
    picked = share[[0, rows // 3, rows // 2, -1], [0, columns // 4, columns - 1, columns // 2]]
    return [float(rows), float(columns), *picked.mean(-1), float(share.std())]


def shared(keys: dict[int, np.ndarray], gap: float) -> list[tuple[int, int]]:
    """Pairs of rooms with a key in common."""
    owner = np.repeat(list(keys), [len(rows) for rows in keys.values()])
    pairs = cKDTree(np.concatenate(list(keys.values()))).query_pairs(gap, p=np.inf, output_type="ndarray")
    between = owner[pairs]
    return sorted({(int(a), int(b)) for a, b in between[between[:, 0] != between[:, 1]]})


def keys_of(items: list[SceneObject]) -> tuple[np.ndarray, np.ndarray]:
    """Keys of all meshes and of all textures of a scene."""
    parts = [part for item in items for part in item.parts]
    made = {id(material): material for _, material in parts}.values()
    patterns = [pattern_key(material.texture) for material in made]  # panes of windows: see the test of lights
    return np.array([shape_key(mesh) for mesh, _ in parts]), np.array(patterns)


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textures of a tenth of the texels each way: the same draws of chance, in seconds."""
    fine = textures.shape_of

    def shape_of(size: tuple[float, float], texel: float = textures.TEXEL) -> tuple[int, int]:
        return fine(size, 10 * texel)

    monkeypatch.setattr(textures, "shape_of", shape_of)


def scene_of(room: int) -> list[SceneObject]:
    """What a room is made of."""
    plan = PLANS[room]
    placed = worlds.make_scene(plan, 0, worlds.make_walls(plan), worlds.make_furniture(plan))
    return [item for _, item in placed]


def test_what_is_made_is_in_no_two_rooms(coarse: None) -> None:
    """Every mesh (up to rigid motion) and every texture (up to its tint) of the demo and of rooms of each purpose."""
    rooms = [*registry.TRAINING[::5], registry.CHOOSING[0], *registry.JUDGING[::3]]
    made = {0: keys_of(demo.demo_scene()), **{room: keys_of(scene_of(room)) for room in rooms}}
    assert all(len(meshes) > 200 and len(patterns) > 100 for meshes, patterns in made.values())
    assert shared({room: meshes for room, (meshes, _) in made.items()}, 1e-6) == []
    assert shared({room: patterns for room, (_, patterns) in made.items()}, 1e-4) == []


def test_a_shared_thing_would_be_found(coarse: None) -> None:
    """The keys know a basket that was moved, turned and tinted, and tell it from another."""
    basket = objects.basket(seed=registry.SEEDS["basket"])
    planted = recolored(basket.at(1.0, 2.0, 0.3, 40), np.random.default_rng(0))
    other = reshaped(objects.basket(seed=registry.seed(1001, "basket")), PLANS[1001].forms["basket"])
    meshes, patterns = zip(*(keys_of([item]) for item in (basket, planted, other)))
    assert shared(dict(enumerate(meshes)), 1e-6) == [(0, 1)]
    assert shared(dict(enumerate(patterns)), 1e-4) == [(0, 1)]
    mug = objects.mug()  # its maker takes no seed for its shape
    assert shared({0: keys_of([mug])[0], 1: keys_of([objects.mug(seed=5)])[0]}, 1e-6) == [(0, 1)]
    formed = reshaped(objects.mug(seed=5), PLANS[1001].forms["mug"])
    assert shared({0: keys_of([mug])[0], 1: keys_of([formed])[0]}, 1e-6) == []


def test_forms_change_proportions_and_keep_normals_upright() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        form = draw_form(rng)
        assert abs(np.log(form.wide / form.high)) >= PROPORTIONS[0] - 1e-9
    vase = objects.vase()
    mesh = reshaped(vase, form).parts[0][0]
    corners = mesh.vertices[mesh.triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    face /= np.maximum(np.linalg.norm(face, axis=1, keepdims=True), 1e-12)
    agree = np.einsum("mk,mk->m", face, mesh.normals[mesh.triangles].mean(1))
    before = vase.parts[0][0]
    old = before.vertices[before.triangles]
    old_face = np.cross(old[:, 1] - old[:, 0], old[:, 2] - old[:, 0])
    old_face /= np.maximum(np.linalg.norm(old_face, axis=1, keepdims=True), 1e-12)
    old_agree = np.einsum("mk,mk->m", old_face, before.normals[before.triangles].mean(1))
    assert np.median(agree) > 0.999
    assert np.percentile(agree, 2) > np.percentile(old_agree, 2) - 0.02
