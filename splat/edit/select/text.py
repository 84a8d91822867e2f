"""Selections in words, through a run's language field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splat.console import info
from splat.edit.select.refine import Evidence, confirm_in_views, refine, refine_inputs
from splat.edit.select.selection import Selection
from splat.errors import SplatError
from splat.language.ask import Answer3D, Asker, logit, noise_limit
from splat.language.clusters import Cluster, find_clusters
from splat.language.config import MaskOptions
from splat.language.inquiry import read_inquiry
from splat.render.scene import SceneRenderer
from splat.run import Run

PIECES = 32  # of an answer that are looked at, the largest
CRUMB = 0.02  # of the largest piece's mass: what is smaller says nothing about what is meant
CLOSE = 0.25  # of the noise below the surest piece's logit a piece is meant too
COMPANION = 0.1  # of the largest meant piece's mass: what is smaller is no object of that name but a stray
NEAREST = 3  # objects that are named when nothing matches
LOOKED_AT = (300, 1000, 5000, 20_000)  # of the best Gaussians, until they make as many objects


@dataclass(frozen=True)
class TextQuery:
    """What to look for."""

    text: str
    without: str = ""
    field: str | None = None
    level: str | None = None


def select_by_text(renderer: SceneRenderer, run: Run, words: TextQuery) -> Selection:
    """The objects that a text names: the large pieces of the field's answer, made whole by `splat.edit.select.refine`.

    Raises:
        SplatError: no field, unknown words, or nothing that matches; names the three nearest objects then.
    """
    inquiry = read_inquiry(run, words.text, words.without, words.field, words.level)
    question, options = inquiry.question, inquiry.mask
    if question.nothing:
        reasons = "; ".join(f"{text!r}: {why}" for text, why in question.nothing.items())
        raise SplatError(f"{reasons}; nothing is changed")
    names = inquiry.teacher.names() if inquiry.field.facts.get("rivals") else []
    scene = renderer.scene.to("cpu")
    asker, answers = inquiry.answers(renderer)
    inputs = refine_inputs(scene)
    chosen = np.zeros(len(scene), bool)
    for text, answer in zip(question.asked, answers):
        objects = find_clusters(scene, answer.relevancy, answer.selected, PIECES)
        if answer.best <= options.found or not objects:
            near = _nearest(asker, answer, objects, options.found, names)
            raise SplatError(f"nothing matches {text!r}{near}; nothing is changed")
        evidence = evidence_of(asker, answer, options)
        named = meant(objects, evidence.noise)
        info(f"{text!r}: {len(named)} of {len(objects)} pieces, relevancy {answer.best:.2f}")
        found = np.zeros(len(scene), bool)
        for one in named:
            seeds = np.zeros(len(scene), bool)
            seeds[one.indices] = True
            found |= refine(inputs, evidence, seeds)
        chosen |= confirm_in_views(renderer, found)
    return Selection.from_mask(torch.from_numpy(chosen).to(renderer.scene.means.device), f"text({words.text})")


def evidence_of(asker: Asker, answer: Answer3D, options: MaskOptions) -> Evidence:
    """The answer as evidence about each Gaussian, in logits."""
    noise = options.temperature * asker.noise
    return Evidence(
        logits=torch.logit(answer.relevancy.double(), eps=1e-4).cpu().numpy(),
        known=asker.known[:, answer.level].cpu().numpy(),
        best=logit(answer.best),
        limit=noise_limit(answer.best, options, asker.noise, asker.rivals),
        noise=noise,
    )


def meant(objects: list[Cluster], noise: float) -> list[Cluster]:
    """The pieces that answer about as surely as the surest one and are no crumbs beside them.

    Size alone does not make a piece the one that is meant: a large thing that answers half as surely is another thing.
    """
    largest = max(one.mass for one in objects)
    solid = [one for one in objects if one.mass >= CRUMB * largest]
    limit = max(logit(one.score) for one in solid) - CLOSE * noise
    sure = [one for one in solid if logit(one.score) >= limit]
    mass = max(one.mass for one in sure)
    return [one for one in sure if one.mass >= COMPANION * mass]


def _nearest(asker: Asker, answer: Answer3D, objects: list[Cluster], needed: float, names: list[str]) -> str:
    """The three nearest objects in words: what they are to a teacher that has names for things, and where."""
    for count in LOOKED_AT:
        if len(objects) >= NEAREST:
            break
        selected = torch.zeros(len(answer.relevancy), dtype=torch.bool)
        selected[answer.relevancy.topk(min(count, len(answer.relevancy))).indices] = True
        objects = find_clusters(asker.scene.to("cpu"), answer.relevancy, selected, 8)
    places = []
    for one in sorted(objects, key=lambda one: -one.score)[:NEAREST]:
        alike = asker.rival_cosines(torch.from_numpy(one.indices), answer.level)
        name = f"{names[int(alike.argmax())]} " if len(names) == len(alike) and alike.isfinite().all() else ""
        places.append(f"{name}at ({', '.join(f'{v:.2f}' for v in one.centre)}) with {one.score:.2f}")
    if not places:
        return ""
    return f" (relevancy {answer.best:.2f}, needs more than {needed:g}); the nearest objects are {', '.join(places)}"
