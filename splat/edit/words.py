"""Selections in words, through a run's language field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from splat.console import info
from splat.edit.selection import Selection
from splat.edit.silhouette import completed
from splat.edit.stage import Stage
from splat.errors import SplatError
from splat.language.ask import Answer3D, Asker
from splat.language.clusters import Cluster, find_clusters
from splat.language.config import QueryConfig
from splat.language.field import LanguageField, load_field
from splat.language.query import level_index, read_question
from splat.language.teachers import TeacherOptions, load_teacher
from splat.run import Run

COMPANION = 0.25  # of the largest object's mass: what is smaller is no object of that name but a stray
NEAREST = 3  # objects that are named when nothing matches
REACH = 2.0  # usual distances between neighbours: what lies so near an object and inside its box is part of it


@dataclass(frozen=True)
class Words:
    """What to look for."""

    text: str
    without: str = ""
    field: str | None = None
    level: str | None = None


def in_words(stage: Stage, run: Run, words: Words) -> Selection:
    """The objects that a text names: the large pieces of the field's answer, made whole by their outlines.

    Raises:
        SplatError: no field, unknown words, or nothing that matches; names the three nearest objects then.
    """
    field = load_field(run.path, words.field)
    level = level_index(field.levels, words.level)
    config = QueryConfig(run=str(run.path), text=words.text, without=words.without, field=words.field)
    question = read_question(config, load_teacher(TeacherOptions(**field.teacher)))
    scene = stage.scene.to("cpu")
    options: dict[str, Any] = {name: stage.render[name] for name in ("eps2d", "rasterize_mode") if name in stage.render}
    asker = Asker(scene, field, options)
    chosen = torch.zeros(len(scene), dtype=torch.bool)
    for text, scores in zip(question.texts, asker.gaussians(question.vectors, question.negatives, config.mask)):
        answer = asker.answer(scores, level, config.mask)
        objects = find_clusters(scene, answer.relevancy, answer.selected, 8)
        if answer.best <= config.mask.found or not objects:
            raise SplatError(f"nothing matches {text!r}{_nearest(asker, field, answer, objects)}; nothing is changed")
        meant = [one for one in objects if one.mass >= COMPANION * objects[0].mass]
        info(f"{text!r}: {len(meant)} of {len(objects)} pieces, relevancy {answer.best:.2f}")
        for one in meant:
            filled = Selection.from_mask(_filled(stage, one).to(stage.scene.means.device))
            chosen |= completed(stage, filled).mask.cpu()
    return Selection.from_mask(chosen.to(stage.scene.means.device), f"text({words.text})")


def _filled(stage: Stage, one: Cluster) -> torch.Tensor:
    """[N] bool: an object's Gaussians, and those amid them that the field knows nothing of, being hidden or faint."""
    from scipy.spatial import cKDTree

    means = stage.scene.means.double().cpu().numpy()
    own = means[one.indices]
    tree = cKDTree(own)
    reach = REACH * float(np.median(tree.query(own, k=2)[0][:, 1]))
    inside = ((means >= one.low) & (means <= one.high)).all(axis=1)
    near = np.zeros(len(means), bool)
    near[inside] = tree.query(means[inside])[0] <= reach
    near[one.indices] = True
    return torch.from_numpy(near)


def _nearest(asker: Asker, field: LanguageField, answer: Answer3D, objects: list[Cluster]) -> str:
    """The three nearest objects in words, with their places."""
    if not objects:
        best = answer.relevancy.topk(min(300, len(answer.relevancy))).indices
        selected = torch.zeros(len(answer.relevancy), dtype=torch.bool)
        selected[best] = True
        objects = find_clusters(asker.scene, answer.relevancy, selected, 8)
    ranked = sorted(objects, key=lambda one: -one.score)[:NEAREST]
    places = [f"at ({', '.join(f'{v:.2f}' for v in one.centre)}) with {one.score:.2f}" for one in ranked]
    if not places:
        return ""
    return f" (relevancy {answer.best:.2f}, needs more than 0.5); the nearest objects are {', '.join(places)}"
