"""The folder of an answer: summary, pictures and selection, in the place of an earlier answer."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splat.errors import SplatError
from splat.files import atomic_path, read_json, save_image, write_json
from splat.language.ask import Answer3D
from splat.language.clusters import Cluster
from splat.language.config import QueryConfig
from splat.language.selection import write_selection
from splat.run import Run

KINDS = ("overlay", "mask")  # of pictures


@dataclass
class AnswerSelection:
    """What the selection of an answer is written from."""

    answer: Answer3D
    clusters: list[Cluster]
    facts: dict[str, Any]


def answer_folder(run: Run, config: QueryConfig, name: str, count: int) -> Path:
    """Where the answer goes; asking again replaces it.

    Args:
        name: of the folder, made of the text.
        count: how many texts are asked at once.

    Raises:
        SplatError: when the user's own choice holds something else, which stays as it is.
    """
    if config.out is None:
        return run.path / "queries" / name
    folder = Path(config.out).expanduser()
    folder = folder / name if count > 1 else folder
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and earlier_answer(folder) is None):
        raise SplatError(f"{folder} holds other things than an answer and stays as it is; choose another out=")
    return folder


def earlier_answer(folder: Path) -> dict[str, Any] | None:
    """The summary of the answer that a folder holds; None where it holds none."""
    try:
        found = read_json(folder / "summary.json")
    except SplatError:
        return None
    return found if isinstance(found, dict) and {"text", "relevancy", "field", "views"} <= found.keys() else None


def old_pictures(folder: Path) -> set[Path]:
    """The pictures of an earlier answer; only those, since a folder of the user's choice may hold others."""
    names = [Path(str(view[kind])) for view in (earlier_answer(folder) or {}).get("views", []) for kind in KINDS]
    return {folder / name.parent.name / name.name for name in names}


def write_answer(
    out: Path,
    summary: dict[str, Any],
    pictures: dict[str, np.ndarray] | None = None,
    found: AnswerSelection | None = None,
) -> None:
    """Write an answer in the place of an earlier one: all files are ready before the first takes its place.

    Raises:
        SplatError: when the disk is full; the earlier answer stays then.
    """
    old, pictures = old_pictures(out), pictures or {}
    selection = out / "selection.safetensors"
    with ExitStack() as files:  # closed in reverse order: the summary, which makes the rest count, comes last
        write_json(files.enter_context(atomic_path(out / "summary.json")), summary)
        if found is not None:
            write_selection(files.enter_context(atomic_path(selection)), found.answer, found.clusters, found.facts)
        for name, picture in pictures.items():
            save_image(files.enter_context(atomic_path(out / name)), Image.fromarray(picture), quality=92)
    if found is None:
        selection.unlink(missing_ok=True)
    for path in old - {out / name for name in pictures}:
        path.unlink(missing_ok=True)
