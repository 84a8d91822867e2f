"""`splat edit`: change what is selected, keep the rest, and keep every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, shown, user_path
from splat.edit.operations import HISTORY, OPERATIONS, operation_options, with_operations
from splat.edit.select.options import SelectOptions
from splat.errors import SplatError
from splat.formats.registry import detect_format, format_for_writing
from splat.options import flat, option, wrong_choice
from splat.run import open_run

if TYPE_CHECKING:
    from splat.edit.session import Request


@dataclass
class EditConfig:
    """The keys of `splat edit` that every operation has."""

    run: str = option(
        "", "the run folder (its newest edit is edited), the folder of one of its edits, or a scene file with out="
    )
    operation: str = option(
        "",
        f"{', '.join(OPERATIONS)} (only look and keep a file), or the history: {', '.join(HISTORY)}",
    )
    text: str = option("", 'what is edited, in words; several with " | " between them (splat distill comes first)')
    without: str = option("", "what the text does not mean")
    field: str | None = option(None, "name of the language field (null: the newest)")
    level: str | None = option(None, "level of the field: part, object, whole (null: where the best answer is)")
    preview: bool = option(False, "only show what would be edited: pictures and a selection file")
    views: int = option(4, "pictures of a preview", minimum=1)
    force: bool = option(False, "edit even if more than half of the scene is touched")
    name: str | None = option(None, "words for the edit's folder (null: operation and selection)")
    out: str | None = option(None, "of a scene file: the file to write, its suffix tells the format")
    overwrite: bool = option(False, "with out: replace the file if it exists")
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))
    select: SelectOptions = option(SelectOptions, "which Gaussians; what several of these select, all must select")


EditKeys = with_operations("EditKeys", EditConfig, *OPERATIONS)  # and the options of all operations


def run(config: EditConfig) -> None:
    """Edit; prints the folder of the edited scene, or of the preview."""
    if not config.run:
        raise SplatError('which one? splat edit RUN remove "red mug"')
    if not config.operation:
        raise SplatError(f"do what? splat edit RUN with one of {', '.join((*OPERATIONS, *HISTORY))}")
    if config.operation not in (*OPERATIONS, *HISTORY):
        raise SplatError(wrong_choice("operation", config.operation, (*OPERATIONS, *HISTORY)))
    path = user_path(config.run)
    if is_scene_file(path):
        run_on_file(path, config)
        return
    open_run(path)  # before torch is imported, which takes seconds
    if config.out is not None or config.overwrite:
        raise SplatError("out= is for scene files; an edit of a run is a folder of it, and splat export writes that")
    if config.operation in HISTORY:
        travel(path, config.operation)
        return
    from splat.edit.history import editing
    from splat.edit.session import edit, prepare, preview

    request = request_of(config)
    if config.preview or config.operation == "select":
        print(shown(preview(prepare(path, request), request)))
        return
    with editing(path):
        folder = shown(edit(prepare(path, request), request))
    console.info(f"look at it: splat render {folder} path=test; take it back: splat edit {config.run} undo")
    print(folder)


def request_of(config: EditConfig) -> Request:
    """What the keys ask for."""
    from splat.edit.select.text import TextQuery
    from splat.edit.session import Request

    return Request(
        config.operation,
        TextQuery(config.text, config.without, config.field, config.level),
        config.select,
        operation_options(config.operation, given_options(config)),
        config.force,
        config.name,
        config.backend,
        config.views,
    )


def is_scene_file(path: Path) -> bool:
    """A file, or a folder that is one scene of several files; runs are folders with a config.yaml."""
    return path.is_file() or ((path / "meta.json").is_file() and not (path / "config.yaml").exists())


def run_on_file(path: Path, config: EditConfig) -> None:
    """Edit a scene file; prints the file that is written, or the folder of the preview."""
    if config.operation in HISTORY:
        raise SplatError(f"{path} is a file and has no history; {config.operation} is for runs")
    detect_format(path)
    looks = config.preview or config.operation == "select"
    if config.out is None and not looks:
        raise SplatError(
            f"where to? splat edit {config.run} {config.operation} out=FILE; files are not edited in place"
        )
    if config.out is not None and not looks:
        format_for_writing(user_path(config.out))
    from splat.edit.scene_files import edit_file, may_be_written, prepare_file, preview_file

    request = request_of(config)
    if looks:
        print(shown(preview_file(prepare_file(path, request), request)))
        return
    out = user_path(str(config.out))
    may_be_written(out, config.overwrite)
    print(shown(edit_file(prepare_file(path, request), request, out, config.overwrite)))


def given_options(config: EditConfig) -> dict[str, Any]:
    """The options of operations that are not as usual, by their names with dots."""
    usual, common = flat(EditKeys()), flat(EditConfig())
    return {key: value for key, value in flat(config).items() if key not in common and value != usual[key]}


def keys_for_help(words: Sequence[str]) -> type:
    """The keys of the operation that is among the words; those of all where none is."""
    named = [word.removeprefix("operation=") for word in words if word.removeprefix("operation=") in OPERATIONS]
    return with_operations("OperationKeys", EditConfig, *named[:1]) if named else EditKeys


def travel(path: Path, word: str) -> None:
    """List the edits, or go one back or forward; prints the folder of the scene that is in force then."""
    from splat.edit.history import editing, load_history, redo, undo

    history = load_history(path)
    if word == "list":
        in_force = history.in_force()
        for entry in history.edits():
            mark = "*" if entry["name"] == history.current else " "
            undone = "  (undone)" if entry["name"] in history.undone else "  (not in force)"
            state = "" if entry["name"] in in_force else undone
            changed = f"{entry['gaussians_before']:,} -> {entry['gaussians_after']:,} Gaussians"
            print(f"{mark} {entry['name']}  after {entry['parent'] or 'training'}, {changed}{state}")
        if not history.edits():
            console.info(f"{history.root} has no edits")
        return
    with editing(path):
        history = undo(load_history(path)) if word == "undo" else redo(load_history(path))
    console.info(f"now at {history.current or 'the trained scene'}")
    print(shown(history.place))


COMMAND = Command(
    name="edit",
    summary=SUMMARIES["edit"],
    config=EditKeys,
    help_config=keys_for_help,
    run=run,
    words=("run", "operation", "text"),
    examples=(
        'splat edit RUN remove "red mug"',
        "splat edit RUN remove select.box=0.6,0.1,0.5,0.9,0.4,0.9",
        "splat edit RUN recolor color=green select.file=mug.safetensors",
        "splat edit RUN move offset=0,0,0.2 select.view=0001 select.click=240,180",
        "splat edit RUN restyle filter=oil select.file=mug.safetensors",
        'splat edit RUN restyle "make the mug golden" model=timbrooks/instruct-pix2pix',
        "splat edit RUN prune",
        "splat edit scene.ply prune count=100000 out=small.spz",
        "splat edit RUN undo",
    ),
)
