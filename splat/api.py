"""The library: what `import splat` offers, as plain functions that a notebook calls.

They do what the commands of the same names do, with the same defaults, and return what there is to go on with. Every
mistake is a `splat.errors.SplatError`, one sentence that says what to do. Progress and remarks go to stderr.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from splat.alignment.align import align_run
from splat.alignment.config import AlignOptions
from splat.capture.load import load_capture
from splat.capture.types import Capture
from splat.edit.history import editing, load_history, redo, undo
from splat.edit.operations import HISTORY, OPERATIONS, operation_options
from splat.edit.select.options import SelectOptions
from splat.edit.select.text import TextQuery
from splat.edit.session import Request, prepare
from splat.edit.session import edit as apply_edit
from splat.errors import SplatError
from splat.evaluate.config import EvaluateConfig
from splat.evaluate.evaluate import usual_options
from splat.evaluate.run_evaluation import evaluate_run, evaluate_scene
from splat.exporting import aligned_frame, export_mesh, export_points, export_scene
from splat.formats import FORMATS, read_scene_file
from splat.formats.registry import is_run_folder
from splat.formats.scene_file import NO_NOTES
from splat.frame import SceneFrame
from splat.gaussians import Gaussians
from splat.language.config import DistillConfig, QueryConfig
from splat.language.distill import distill_run
from splat.language.query import query_run
from splat.options import check, wrong_choice
from splat.presets import training_config, with_options
from splat.render.api import rasterize
from splat.render.config import MeshOptions
from splat.run import Run, open_run
from splat.train.strategies import Strategy
from splat.training import train as train_scene

__all__ = [
    "align",
    "distill",
    "edit",
    "evaluate",
    "export",
    "load_capture",
    "load_scene",
    "open_run",
    "query",
    "rasterize",
    "train",
]


def train(
    data: str | Path,
    *,
    out: str | Path | None = None,
    name: str = "default",
    preset: str = "auto",
    strategy: str | Strategy | None = None,
    weather: str = "none",
    appearance: str | None = None,
    poses: str | None = None,
    transients: str = "none",
    max_steps: int | None = None,
    max_seconds: float | None = None,
    data_factor: float | None = None,
    test_every: int = 8,
    split: str = "auto",
    cap_max: int | None = None,
    seed: int = 42,
    resume: bool = False,
    overwrite: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Run:
    """Train a scene from photos, as `splat train` does; it is not scored yet, see `evaluate`.

    Args:
        data: a folder of photos, a video, a COLMAP, nerfstudio, instant-ngp or Blender folder.
        out: the run folder; None for runs/CAPTURE/NAME.
        name: of the run.
        preset: auto, fast, cpu, gpu or paper.
        strategy: how Gaussians are added and removed: a name (improved, default, mcmc, fast, none, ...) or an instance
            of a class of `splat.train.strategies`; None for the preset's.
        weather: what the photos were taken in and is left out of the scene: none, rain, snow, drops, fog or auto.
        appearance: what is learned of each photo's exposure and colours: none, exposure, affine, bilateral, ppisp or
            auto, which measures; None for the preset's.
        poses: whether cameras are refined with the scene: none, refine, or auto, where they do not fit their points;
            None for the preset's.
        transients: robust leaves out what only single photos show, such as people who walk through; or none.
        max_steps: training steps; None for the preset's.
        max_seconds: instead of steps: as many as fit into this time of training; None for no such budget.
        data_factor: divides the photos' width and height; None for what fits the machine.
        test_every: every n-th photo is held out (0: none); a capture's own split wins.
        split: where counting begins: 3dgs (the first photo), inside (no end of the path), or auto: inside for photos
            and videos whose cameras are found here.
        cap_max: the most Gaussians; None for the preset's.
        seed: of every random choice.
        resume: continue an interrupted run.
        overwrite: move a finished run of that name aside.
        options: any other key of `splat train` by its name with dots, `{"loss.ssim_lambda": 0.3}`.

    Returns:
        The run: `run.scene()` are its Gaussians in the capture's frame and units, `run.cameras("test")` its cameras.

    Raises:
        SplatError: no photos, a key that there is not, a folder that is taken.
        Interrupted: after Ctrl-C, with a checkpoint written.
    """
    named = strategy if isinstance(strategy, str) else None
    config = training_config(
        preset=preset, strategy=named, weather=weather, appearance=appearance, poses=poses, transients=transients
    )
    if isinstance(strategy, Strategy):
        config.strategy = strategy
    config.data, config.out, config.name = str(Path(data).expanduser()), None if out is None else str(out), name
    if max_seconds is not None:
        config.max_steps, config.max_seconds = None, max_seconds  # a preset's steps give way
    config.max_steps = config.max_steps if max_steps is None else max_steps
    config.data_factor = config.data_factor if data_factor is None else data_factor
    config.cap_max = config.cap_max if cap_max is None else cap_max
    config.test_every, config.split = test_every, split
    config.seed, config.resume, config.overwrite = seed, resume, overwrite
    return open_run(train_scene(with_options(config, options or {})).folder)


def load_scene(path: str | Path | Run) -> Gaussians:
    """The Gaussians of a run or of a scene file (PLY, compressed PLY, SPLAT, SPZ, KSPLAT, SOG), on the CPU.

    Args:
        path: a run, its folder, or a file.

    Returns:
        means [N, 3] in the scene's units, quats [N, 4] wxyz, scales [N, 3] (logarithms), opacities [N] (logits), sh0
        [N, 1, 3] and shN [N, K-1, 3], all float32.

    Raises:
        SplatError: no run or scene there, or a damaged file.
    """
    if isinstance(path, Run):
        return path.scene()
    path = Path(path)
    return open_run(path).scene() if is_run_folder(path) else read_scene_file(path).gaussians


def distill(
    run: str | Path | Run,
    *,
    teacher: str = "demo",
    name: str | None = None,
    overwrite: bool = False,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Bring what a teacher knows about the photos onto the Gaussians, so that `query` and `edit` understand words.

    Args:
        run: a run or its folder.
        teacher: demo (small vocabulary, no download), files, or a CLIP, SigLIP or DINO model by hub name or folder.
        name: of the field, a folder in RUN/language; None for the teacher's.
        overwrite: replace a field of that name.
        options: any other key of `splat distill` by its name with dots, `{"masks": "sam", "compress.kind": "none"}`.

    Returns:
        The folder of the field.

    Raises:
        SplatError: the teacher or the photos are missing, or the field exists.
    """
    config = DistillConfig(teacher=teacher, name=name, overwrite=overwrite)
    check(with_options(config, options or {}))
    return distill_run(_opened(run), config)[1]


def query(
    run: str | Path | Run,
    text: str,
    *,
    without: str = "",
    field: str | None = None,
    level: str | None = None,
    top: int = 3,
    views: int = 0,
    out: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Find what a text names.

    Args:
        run: a run or its folder, after `distill`.
        text: what to look for; several with " | " between them.
        without: what it is not.
        field: name of the field; None for the newest.
        level: part, object or whole; None for where the best answer is.
        top: objects that are listed.
        views: pictures and masks that are written, of the views that show most of the answer.
        out: folder for the answer; None for RUN/queries/TEXT.
        options: any other key of `splat query` by its name with dots, `{"mask.rule": "otsu"}`.

    Returns:
        A summary for each text: `found`, `relevancy` (0..1), `objects` with their centres and boxes in the scene's
        units, `folder`, and `selection`, a file that `edit` takes as `select={"file": ...}`.

    Raises:
        SplatError: no field, or words that the teacher does not know.
    """
    if not text:
        raise SplatError('what is looked for? query(run, "red mug")')
    config = QueryConfig(text=text, without=without, field=field, level=level, top=top, views=views)
    config.out = None if out is None else str(out)
    check(with_options(config, options or {}))
    return query_run(_opened(run), config)


def edit(
    run: str | Path | Run,
    operation: str,
    text: str = "",
    *,
    without: str = "",
    select: Mapping[str, Any] | None = None,
    fill: Mapping[str, Any] | None = None,
    guide: Mapping[str, Any] | None = None,
    refit: Mapping[str, Any] | None = None,
    field: str | None = None,
    level: str | None = None,
    force: bool = False,
    name: str | None = None,
    backend: str = "auto",
    **options: Any,
) -> Run:
    """Change what is selected and keep the rest; the scene before stays where it is.

    Args:
        run: a run, its folder, or that of one of its edits; the newest edit of a run is edited.
        operation: remove, extract, crop, recolor, opacity, scale, move, rotate, duplicate, replace, restyle or prune;
            or undo and redo.
        text: what is edited, in words, after `distill`; several with " | " between them.
        without: what the text does not mean.
        select: keys of `splat.edit.select.options.SelectOptions`, `{"box": "0,0,0,1,1,1"}` or `{"file": selection}`.
        fill: keys of FillOptions: how the hole that remove leaves is filled.
        guide: keys of GuideOptions: how restyle follows its pictures.
        refit: keys of RefitOptions: how prune fits colours where a count is asked for.
        field: name of the language field; None for the newest.
        level: of the field; None for where the best answer is.
        force: edit even if more than half of the scene is touched.
        name: words for the edit's folder.
        backend: renderer: auto, gsplat or cpu.
        options: what the operation needs (`splat.edit.operations`): color="blue", offset="0,0,0.2", degrees=90.

    Returns:
        The scene that is in force now, as a run.

    Raises:
        SplatError: nothing selected, too much selected, or an option that the operation does not use.
    """
    path = _opened(run).path
    if operation in ("undo", "redo"):
        with editing(path):
            history = undo(load_history(path)) if operation == "undo" else redo(load_history(path))
        return open_run(history.place)
    changing = tuple(word for word in OPERATIONS if word != "select")
    if operation not in changing:
        raise SplatError(wrong_choice("operation", operation, (*changing, *HISTORY[1:])))
    dotted = {f"{group}.{key}": value for group, given in (("fill", fill), ("guide", guide), ("refit", refit))
              for key, value in (given or {}).items()}  # fmt: skip
    made = operation_options(operation, {**options, **dotted})
    chosen = with_options(SelectOptions(), select or {})
    check(made)
    check(chosen)
    words = TextQuery(text, without, field, level)
    request = Request(operation, words, chosen, made, force, name, backend)
    with editing(path):
        return open_run(apply_edit(prepare(path, request), request))


def evaluate(
    scene: str | Path | Run | Gaussians,
    *,
    capture: str | Path | Capture | None = None,
    out: str | Path | None = None,
    protocol: str = "gsplat",
    split: str = "test",
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """PSNR (dB), SSIM, LPIPS and FLIP of a scene on photos; writes metrics.json, renders and report.html.

    Args:
        scene: a run or its folder; or a scene file or Gaussians of any program, in the frame of `capture`.
        capture: the photos of a scene that is no run.
        out: where the results of such a scene go.
        protocol: gsplat (float renders) or 3dgs (8-bit pictures).
        split: test or train.
        options: any other key of `splat evaluate`, `{"lpips_net": "none", "flip": False}`.

    Returns:
        The content of metrics.json: psnr, ssim, lpips, protocol, per_view, ...

    Raises:
        SplatError: no photos to score, or a scene without its capture.
    """
    config = EvaluateConfig(protocol=protocol, split=split)
    with_options(config, options or {})
    if isinstance(scene, Run) or (not isinstance(scene, Gaussians) and is_run_folder(scene)):
        if capture is not None or out is not None:
            raise SplatError("a run knows its photos and is scored in its folder; leave out capture= and out=")
        return evaluate_run(_opened(scene), config)
    if capture is None or out is None:
        raise SplatError("a scene that is no run needs the photos, capture=, and a folder for the results, out=")
    photos = capture if isinstance(capture, Capture) else load_capture(capture)
    if isinstance(scene, Gaussians):
        gaussians, notes = scene, NO_NOTES
    else:
        found = read_scene_file(Path(scene))
        gaussians, notes = found.gaussians, found.notes
        if any(notes.origin) and tuple(notes.origin) != tuple(photos.origin):
            raise SplatError(f"{scene} lacks the origin {notes.origin}; load the capture with origin={[*notes.origin]}")
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    return evaluate_scene(gaussians, photos, folder, config, options=usual_options(photos, bool(notes.antialiased)))


def align(run: str | Path | Run, **options: Any) -> SceneFrame:
    """Find scale, up and origin of a run and write them to RUN/frame.json, as `splat align` does.

    Args:
        run: the run or its folder; nothing else in it changes.
        options: keys of `splat.alignment.config.AlignOptions`: gps, accuracy, points, distance, between, markers, to,
            up, ground, origin, ...; without any: GPS in the photos' EXIF.

    Returns:
        The frame: `metres` a unit, `up` [3] in the scene's axes, `similarity.apply(points)`.

    Raises:
        SplatError: a key that there is not, or what was given does not determine the frame.
    """
    return align_run(_opened(run), with_options(AlignOptions(), options))


def export(
    source: str | Path | Run | Gaussians,
    output: str | Path,
    *,
    format: str | None = None,
    overwrite: bool = False,
    frame: str = "scene",
    mesh: Mapping[str, Any] | None = None,
    version: int | None = None,
) -> Path:
    """Write a scene in another format, or its surface as triangles.

    Args:
        source: a run, its folder, a scene file, or Gaussians.
        output: the file.
        format: a name in `splat.formats.FORMATS`: of a scene, mesh for the surface of a run (needs Open3D), or points
            for a point cloud; None for the scene format of the file's suffix.
        overwrite: whether the file may exist already.
        frame: scene for the capture's own coordinates; aligned for metres with z up, of a run that `align` has placed.
        mesh: keys of `splat.render.config.MeshOptions`, lengths in the scene's units.
        version: of the format, where it has several; None for the usual one.

    Returns:
        The file.

    Raises:
        SplatError: no such format or version, the file exists, the source is no scene, or it has no frame.
    """
    output = Path(output)
    if isinstance(source, (str, Path)):
        source = open_run(source) if is_run_folder(source) else Path(source)
    if frame not in ("scene", "aligned"):
        raise SplatError(wrong_choice("frame", frame, ("scene", "aligned")))
    if frame == "aligned" and not isinstance(source, Run):
        raise SplatError("only a run has a frame; give its folder, or frame=scene")
    placed = aligned_frame(source) if isinstance(source, Run) and frame == "aligned" else None
    if format == "mesh":
        if not isinstance(source, Run):
            raise SplatError("a mesh needs the cameras that saw the surface; give a run")
        FORMATS["mesh"].version_to_write(version)
        options = with_options(MeshOptions(), mesh or {})
        check(options)
        export_mesh(source, output, options, overwrite, placed)
    elif format == "points":
        export_points(source, output, overwrite, placed)
    else:
        export_scene(source, output, format, overwrite, placed, version=version)
    return output


def _opened(run: str | Path | Run) -> Run:
    return run if isinstance(run, Run) else open_run(run)
