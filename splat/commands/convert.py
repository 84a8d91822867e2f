"""`splat convert`: scene files into another format, several of them into one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.commands.export import VERSIONS, WRITABLE
from splat.errors import SplatError
from splat.formats.registry import detect_format, format_for_writing, is_run_folder
from splat.options import option
from splat.run import open_run

if TYPE_CHECKING:
    from splat.merging import ScenePart

SCENES = tuple(name for name, entry in WRITABLE.items() if entry.content == "scene")


@dataclass
class ConvertConfig:
    """`splat convert`."""

    files: list[str] = option([], "scene files or run folders, and last the file to write, [IN,...,OUT]")
    format: str | None = option(None, "the format that is written (null: from the name of OUT)", choices=SCENES)
    transforms: list[str] | None = option(
        None,
        "where each scene is moved before they become one: a JSON file with the 4 x 4 matrix (a rotation, one scale, a"
        " shift) or a run's frame.json, or none; [none,FILE,...], as many as scenes",
    )
    align: bool = option(
        False,
        "find where the second and later scenes lie in the first: by photos that their runs share, else by what their"
        " pictures show",
    )
    frame: str = option(
        "scene",
        "scene: each in its own coordinates; aligned: runs in metres with z up, as splat align has found",
        choices=("scene", "aligned"),
    )
    version: int | None = option(None, f"of the format: {VERSIONS} (null: the usual one, named first)", minimum=1)
    score: bool = option(True, "read the file again and say how near its pictures come to the scene's")
    overwrite: bool = option(False, "replace the file if it exists")


def run(config: ConvertConfig) -> None:
    """Write the file and print its name."""
    if len(config.files) < 2:
        raise SplatError("which ones? splat convert IN OUT, or several: splat convert IN IN OUT")
    sources, output = [user_path(text) for text in config.files[:-1]], user_path(config.files[-1])
    for source in sources:
        look_at(source)
    refuse_contradictions(config, sources)
    format_for_writing(output, config.format).version_to_write(config.version)
    refuse_output(output, sources, config.overwrite)
    from splat.edit.history import say_without_edits
    from splat.exporting import aligned_frame, export_scene  # torch, which takes seconds: all else is refused before

    moved = config.transforms is not None or len(sources) > 1
    opened = open_run(sources[0]) if is_run_folder(sources[0]) else sources[0]
    if not moved:
        placed = None
        if not isinstance(opened, Path):
            say_without_edits(opened.path)
            placed = aligned_frame(opened) if config.frame == "aligned" else None
        written = export_scene(
            opened, output, config.format, config.overwrite, placed, score=config.score, version=config.version
        )
    else:
        from splat.merging import merge

        gaussians, notes = merge(in_place(config, sources))
        written = export_scene(
            gaussians, output, config.format, config.overwrite, notes=notes, score=config.score, version=config.version
        )
    console.info(f"{console.count(len(written), 'Gaussian')}, {output.stat().st_size / 1e6:.1f} MB")
    print(output)


def in_place(config: ConvertConfig, sources: list[Path]) -> list[ScenePart]:
    """The scenes, each where it belongs."""
    from splat.merging import ScenePart, found_place, placed, read_transform

    transforms = [read_transform(text) for text in config.transforms or ()]
    parts = [ScenePart.read(source, config.frame) for source in sources]
    for part in parts:
        console.info(f"{part.name}: {console.count(len(part.gaussians), 'Gaussian')}")
    if config.align:
        return [parts[0], *(found_place(part, parts[0]) for part in parts[1:])]
    if not transforms and len(parts) > 1 and config.frame == "scene":
        console.warn("the scenes are put together as they lie; align=true or transforms= move them to each other")
    return placed(parts, transforms) if transforms else parts


def refuse_contradictions(config: ConvertConfig, sources: list[Path]) -> None:
    """Raises SplatError for keys that do not go together, or with what is read."""
    if config.transforms is not None and len(config.transforms) != len(sources):
        raise SplatError(
            f"transforms= has {len(config.transforms)} entries for"
            f" {console.count(len(sources), 'scene')}; one for each, none where it stays"
        )
    if config.transforms is not None and config.align:
        raise SplatError("align=true finds what transforms= gives; leave one of them out")
    if config.frame == "aligned" and (no_run := next((path for path in sources if not is_run_folder(path)), None)):
        raise SplatError(f"{no_run} has no frame; frame=aligned is for run folders")
    if config.align and len(sources) < 2:
        raise SplatError("align=true moves the second scene to the first; there is only one (splat align places a run)")


def refuse_output(output: Path, sources: list[Path], overwrite: bool) -> None:
    """Raises SplatError where the file must not be written."""
    if output.is_dir():
        raise SplatError(f"{output} is a folder; name a file")
    if not output.exists():
        return
    if not overwrite:
        raise SplatError(f"{output} exists already; overwrite=true replaces it, or name another file")
    if any(output.samefile(open_run(source).scene_path if is_run_folder(source) else source) for source in sources):
        raise SplatError(f"{output} is also one of the scenes to read; name another file")


def look_at(source: Path) -> None:
    """Raises SplatError where a path is neither a run nor a scene file."""
    if not source.exists():
        raise SplatError(f"{source} does not exist; give a run folder or a scene file")
    detect_format(open_run(source).scene_path if is_run_folder(source) else source)


COMMAND = Command(
    name="convert",
    summary=SUMMARIES["convert"],
    config=ConvertConfig,
    run=run,
    words=("files*",),
    examples=(
        "splat convert scene.ply scene.splat",
        "splat convert runs/demo/default demo.ply frame=aligned",
        "splat convert runs/kitchen/default runs/hall/default flat.ply align=true",
        "splat convert a.ply b.ply both.ply transforms=[none,b.json]",
    ),
)
