"""Selections as files of a run: kept under a name, and found again."""

from __future__ import annotations

from pathlib import Path

from splat.edit.select.selection import Selection, load_selection, save_selection
from splat.errors import SplatError
from splat.files import first_free, slug
from splat.view.opened import OpenedScene

FOLDER = "selections"  # in the run's folder, or beside the scene file
SUFFIX = ".safetensors"


def keep(scene: OpenedScene, selection: Selection | None, name: str) -> Path:
    """Write a selection as RUN/selections/NAME.safetensors, or NAME-2 and so on where that is taken.

    Raises:
        SplatError: nothing is selected.
    """
    if selection is None:
        raise SplatError("nothing is selected; select something first")
    folder = scene.root / FOLDER
    folder.mkdir(exist_ok=True)
    free = first_free(slug(name or "selection"), lambda one: (folder / f"{one}{SUFFIX}").exists())
    save_selection(folder / f"{free}{SUFFIX}", selection, scene.digest or None)
    return folder / f"{free}{SUFFIX}"


def kept(scene: OpenedScene) -> list[str]:
    """Files that were kept, and those of `splat query`, as paths within the run's folder, the newest first."""
    root = scene.root
    found = [*(root / FOLDER).glob(f"*{SUFFIX}")]
    if scene.run is not None:
        found += root.glob(f"queries/*/selection{SUFFIX}")
        found += root.glob(f"edits/{scene.place.name}/queries/*/selection{SUFFIX}")
    newest = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.relative_to(root).as_posix() for path in newest]


def load_kept(scene: OpenedScene, name: str) -> Selection:
    """One of `kept`.

    Raises:
        SplatError: it is gone, damaged, or of another state of the scene.
    """
    if name not in kept(scene):
        raise SplatError(f"{name} is not there any more")
    chosen = load_selection(scene.root / name, len(scene.renderer.scene), scene=scene.digest or None)
    return Selection(chosen.weights.to(scene.renderer.device), chosen.source)
