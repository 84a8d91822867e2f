"""Generating a capture: render all views of a scene and write images, COLMAP model and truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from splat.console import info, progress
from splat.errors import SplatError
from splat.files import atomic_path, write_json
from tools.demo_world import demo, render
from tools.demo_world.cameras import View, handheld_path
from tools.demo_world.colmap_model import sparse_points, write_model
from tools.demo_world.light import Tracer, bake
from tools.demo_world.scene import SceneObject, flatten

TEST_EVERY = 8
DEPTH_UNIT = 0.001  # metres in one step of the 16-bit depth images


@dataclass(frozen=True)
class Options:
    """How a capture is made."""

    out: Path
    width: int = 480
    views: int = 72
    samples: int = 3  # samples x samples rays for each pixel
    mirrored: int = 3  # reflected rays of each sample on a glossy surface
    direct_rays: int = 100
    bounce_rays: tuple[int, ...] = (25, 25, 100)
    seed: int = 1
    threads: int = 0  # 0: all cores
    quality: int = 92  # of the JPEG files
    twin: str | None = demo.REMOVED  # object that the twin capture lacks
    twin_every: int = 7  # of the training views, every so-manyth belongs to the twin; test views always do
    exposure: float = 1.1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, 4:3."""
        return self.width, self.width * 3 // 4


def quick(options: Options) -> Options:
    """The same with few rays and small images: seconds instead of minutes, grainy light."""
    return replace(options, samples=1, mirrored=1, direct_rays=4, bounce_rays=(4,), width=min(options.width, 96))


SceneBuilder = Callable[[], list[SceneObject]]


def generate(options: Options, build: SceneBuilder = demo.demo_scene) -> list[SceneObject]:
    """Make a whole capture with its truth and its twin; returns the objects of the scene.

    Raises:
        SplatError: when the twin's object does not exist.
    """
    objects = build()
    if options.twin is not None and options.twin not in [item.name for item in objects]:
        raise SplatError(
            f"no object is called {options.twin!r}; choose one of: {', '.join(item.name for item in objects)}"
        )
    views = handheld_path(options.views, options.size, options.seed)
    names = [f"{k:04d}" for k in range(len(views))]
    scene = light_scene(objects, options, "the scene")
    images, labels, depths = [], [], []
    with progress("Rendering", len(views)) as bar:
        for k, (view, name) in enumerate(zip(views, names)):
            picture = render.render(scene, view, options.samples, options.mirrored)
            photo = options.out / "images" / f"{name}.jpg"
            write_jpeg(photo, render.develop(picture.radiance, options.exposure), options.quality)
            write_png(options.out / "truth" / "labels" / f"{name}.png", picture.labels)
            _write_geometry(options.out / "truth", name, picture if k % TEST_EVERY == 0 else None, scene, view)
            images.append(read_image(photo))
            labels.append(picture.labels)
            depths.append(picture.depth)
            bar.advance()
    model = sparse_points(views, images, depths, options.seed)
    write_model(options.out / "sparse" / "0", views, [f"{name}.jpg" for name in names], model)
    write_json(options.out / "truth" / "objects.json", _object_table(objects, labels))
    if options.twin is not None:
        _write_twin(options, objects, views, names)
    info(f"{len(views)} views, {len(model.xyz)} points and {len(objects) - 1} objects in {options.out}")
    return objects


def light_scene(objects: list[SceneObject], options: Options, what: str) -> render.LitScene:
    """Flatten a scene and bake its light."""
    geometry = flatten(objects)
    tracer = Tracer(geometry, options.threads)
    info(f"Lighting {what}: {len(geometry.vertices)} vertices")
    light = bake(geometry, demo.lighting(options.direct_rays, options.bounce_rays), tracer, options.seed)
    return render.LitScene(geometry, light, tracer)


def _write_twin(options: Options, objects: list[SceneObject], views: list[View], names: list[str]) -> None:
    """The same views, or some of them, of the scene without one object and lit anew."""
    assert options.twin is not None
    left = [item for item in objects if item.name != options.twin]
    scene = light_scene(left, options, f"the scene without the {options.twin}")
    chosen = twin_views(len(views), options.twin_every)
    folder = options.out / f"without_{options.twin.replace(' ', '_')}" / "images"
    with progress(f"Rendering without the {options.twin}", len(chosen)) as bar:
        for k in chosen:
            picture = render.render(scene, views[k], options.samples, options.mirrored)
            image = render.develop(picture.radiance, options.exposure)
            write_jpeg(folder / f"{names[k]}.jpg", image, options.quality)
            bar.advance()


def twin_views(count: int, every: int) -> list[int]:
    """All test views and every so-manyth of the training views."""
    training = [k for k in range(count) if k % TEST_EVERY]
    return sorted({*range(0, count, TEST_EVERY), *training[every // 2 :: every]})


def _half(view: View) -> View:
    """The same camera with half as many pixels each way."""
    return replace(view, focal=view.focal / 2, width=view.width // 2, height=view.height // 2)


def _write_geometry(folder: Path, name: str, picture: render.Truth | None, scene: render.LitScene, view: View) -> None:
    """Depth and normals of a test view at full size (`picture`), of another view depth alone at half size."""
    shown = picture or render.truth(scene, _half(view))
    write_png(folder / "depth" / f"{name}.png", np.round(shown.depth / DEPTH_UNIT).astype(np.uint16))
    if picture is not None:
        write_png(folder / "normals" / f"{name}.png", np.round((picture.normals * 0.5 + 0.5) * 255).astype(np.uint8))


def _object_table(objects: list[SceneObject], labels: list[np.ndarray]) -> list[dict[str, object]]:
    """One row for each object that any view shows."""
    pixels = np.stack([np.bincount(image.reshape(-1), minlength=len(objects) + 1) for image in labels])
    rows: list[dict[str, object]] = []
    for number, item in enumerate(objects, start=1):
        if not pixels[:, number].any():
            continue
        low, high = item.box
        rows.append(
            {
                "id": number,
                "name": item.name,
                "colour": item.color,
                "material": item.material,
                "captions": item.captions,
                "box": {"min": _rounded(low), "max": _rounded(high)},
                "centre": _rounded((low + high) / 2),
                "size": _rounded(high - low),
                "views": int((pixels[:, number] > 0).sum()),
                "pixels": int(pixels[:, number].sum()),
            }
        )
    return rows


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]


def write_jpeg(path: Path, image: np.ndarray, quality: int) -> None:
    """RGB uint8 to JPEG without chroma subsampling."""
    import cv2

    with atomic_path(path) as temporary:
        settings = [
            cv2.IMWRITE_JPEG_QUALITY,
            quality,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
            cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
            cv2.IMWRITE_JPEG_OPTIMIZE,
            1,
        ]
        write_encoded(temporary, np.ascontiguousarray(image[..., ::-1]), settings)


def read_image(path: Path) -> np.ndarray:
    """[H, W, 3] uint8 RGB of an image file.

    Raises:
        SplatError: when it cannot be read.
    """
    import cv2

    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SplatError(f"cannot read {path} as an image")
    return np.ascontiguousarray(image[..., ::-1])


def write_png(path: Path, image: np.ndarray) -> None:
    """Grey (uint8, uint16) or RGB uint8 to PNG at the strongest compression."""
    import cv2

    with atomic_path(path) as temporary:
        pixels = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
        settings = [cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT]
        write_encoded(temporary, pixels, settings)


def write_encoded(path: Path, pixels: np.ndarray, settings: list[int]) -> None:
    """An image (BGR) as OpenCV encodes it; writing by itself, it does not notice all that a full disk loses."""
    import cv2

    done, data = cv2.imencode(path.suffix, pixels, settings)
    assert done, path
    path.write_bytes(data.tobytes())
