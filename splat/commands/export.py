"""`splat export`: a run or scene file in another format, or a run's surface as a triangle mesh."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.formats.registry import FORMATS, detect_format, format_for_writing, is_run_folder
from splat.options import option
from splat.render.config import MeshOptions
from splat.run import Run, open_run

WRITABLE = {name: entry for name, entry in FORMATS.items() if entry.writable}
SUFFIXES = [suffix for entry in WRITABLE.values() if entry.content == "scene" for suffix in entry.suffixes]
VERSIONS = "; ".join(
    f"{entry.name} has {', '.join(map(str, entry.versions))}" for entry in WRITABLE.values() if entry.versions
)


@dataclass
class ExportConfig:
    """`splat export`."""

    run: str = option("", "a run folder or a scene file")
    format: str | None = option(
        None,
        "the scene's format, mesh for the surface of a run, or points for a point cloud (null: from output's suffix,"
        " else ply)",
        choices=tuple(WRITABLE),
    )
    output: str | None = option(
        None,
        f"the file to write, its name ending in {' or '.join(SUFFIXES)}, a mesh's in"
        f" {', '.join(FORMATS['mesh'].suffixes)} (null: RUN/exports/scene.FORMAT, mesh.ply or points.ply)",
    )
    frame: str = option(
        "scene",
        "scene: the capture's own coordinates; aligned: metres with z up, as splat align has found",
        choices=("scene", "aligned"),
    )
    version: int | None = option(None, f"of the format: {VERSIONS} (null: the usual one, named first)", minimum=1)
    overwrite: bool = option(False, "replace the file if it exists")
    mesh: MeshOptions = field(default_factory=MeshOptions)


def run(config: ExportConfig) -> None:
    """Write the scene and print the file's name."""
    if not config.run:
        raise SplatError("which one? splat export RUN format=splat")
    source = user_path(config.run)
    if not source.exists():
        raise SplatError(f"{source} does not exist; give a run folder or a scene file")
    scene = scene_file(source)
    detect_format(scene)
    output = output_path(source, config.output, config.format, config.frame)
    if output.exists() and output.samefile(scene):
        raise SplatError(f"{output} is the file that is read; output=FILE names another one")
    if output.exists() and not config.overwrite:
        raise SplatError(f"{output} exists already; overwrite=true replaces it, output=FILE writes another one")
    entry = format_for_writing(output, config.format, ("scene", "mesh", "points"))
    entry.version_to_write(config.version)
    if entry.content == "mesh" and not is_run_folder(source):
        raise SplatError(f"{source} has no cameras, which a mesh needs; give the run folder")
    if config.frame == "aligned" and not is_run_folder(source):
        raise SplatError(f"{source} has no frame; frame=aligned is for a run folder")
    from splat.edit.history import say_without_edits
    from splat.exporting import (  # torch, which takes seconds: all else is refused before
        aligned_frame,
        export_mesh,
        export_points,
        export_scene,
    )

    exported = open_run(source) if is_run_folder(source) else source
    frame = aligned_frame(exported) if isinstance(exported, Run) and config.frame == "aligned" else None
    if isinstance(exported, Run):
        say_without_edits(exported.path)
    if frame is not None:
        console.info(frame.describe())
    if isinstance(exported, Run) and entry.content == "mesh":
        count = console.count(export_mesh(exported, output, config.mesh, config.overwrite, frame), "triangle")
    elif entry.content == "points":
        count = console.count(export_points(exported, output, config.overwrite, frame), "point")
    else:
        written = export_scene(exported, output, config.format, config.overwrite, frame, version=config.version)
        count = console.count(len(written), "Gaussian")
    console.info(f"{count}, {output.stat().st_size / 1e6:.1f} MB")
    print(output)


def scene_file(source: Path) -> Path:
    """The scene of a run folder, or the file itself."""
    if is_run_folder(source):
        return open_run(source).scene_path
    return source


def output_path(source: Path, output: str | None, format: str | None, frame: str) -> Path:
    """Where it goes unless the user says: scene.FORMAT, mesh.ply or points.ply, in RUN/exports or beside a file.

    What is aligned is called so: nothing else tells the two files apart.
    """
    if output is not None:
        return user_path(output)
    aligned = "-aligned" if frame == "aligned" else ""
    if format in ("mesh", "points"):
        beside = source.with_suffix(f".{format}.ply")
        return source / "exports" / f"{format}{aligned}.ply" if is_run_folder(source) else beside
    suffix = FORMATS[format or "ply"].suffixes[0]
    return source / "exports" / f"scene{aligned}{suffix}" if is_run_folder(source) else source.with_suffix(suffix)


COMMAND = Command(
    name="export",
    summary=SUMMARIES["export"],
    config=ExportConfig,
    run=run,
    words=("run",),
    examples=(
        "splat export runs/demo/default format=splat",
        "splat export scene.spz output=scene.ply",
        "splat export runs/demo/default format=mesh output=room.glb",
        "splat export runs/demo/default format=points output=room.ply",
        "splat export runs/demo/default format=spz version=3 frame=aligned",
        "splat export runs/demo/default format=html",
    ),
)
