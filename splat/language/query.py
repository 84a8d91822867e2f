"""A question to a run, and the answer as files: summary, overlays, masks, selection."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from splat.cameras import Camera
from splat.files import first_free, slug
from splat.gaussians import Gaussians
from splat.images import to_bytes
from splat.language.answer import AnswerSelection, answer_folder, write_answer
from splat.language.ask import Answer2D, Answer3D, Asker
from splat.language.clusters import Cluster, find_clusters
from splat.language.compress.memory import Memory
from splat.language.config import QueryConfig
from splat.language.inquiry import Inquiry, read_inquiry
from splat.language.pictures import overlay
from splat.language.provenance import read_places
from splat.language.question import Question
from splat.run import Run


def query_run(run: Run, config: QueryConfig) -> list[dict[str, Any]]:
    """Answer the question of the configuration; writes a folder for each text and returns the summaries.

    A text that says nothing (`splat.language.meaning`) finds nothing, and nothing is asked for it.

    Raises:
        SplatError: no field, a level or field that is not there, or words that the teacher does not know.
    """
    started = time.monotonic()
    inquiry = read_inquiry(run, config.text, config.without, config.field, config.level, config.mask)
    question = inquiry.question
    taken: set[str] = set()
    names = {text: free_name(slug(text), taken) for text in dict.fromkeys(question.texts)}  # "red mug | red-mug"
    folders = {text: answer_folder(run, config, name, len(names)) for text, name in names.items()}
    summaries = {text: unasked(text, why, question, inquiry.folder.name) for text, why in question.nothing.items()}
    for text, summary in summaries.items():
        summary["seconds"] = {"load": 0.0, "ask": 0.0, "all": round(time.monotonic() - started, 3)}
        write_answer(folders[text], summary)
    if question.asked:
        summaries |= ask(run, config, inquiry, folders, started)
    return [{**summaries[text], "folder": str(folders[text])} for text in folders]


def ask(
    run: Run, config: QueryConfig, inquiry: Inquiry, folders: dict[str, Path], started: float
) -> dict[str, dict[str, Any]]:
    """The summaries of the texts that say something, by text; see `query_run`."""
    renderer = run.renderer(config.backend)
    loaded = time.monotonic()
    asker, answers = inquiry.answers(renderer)
    asked = time.monotonic()
    question, scene, name = inquiry.question, renderer.scene.to("cpu"), inquiry.folder.name
    views = look(run, asker, question, answers, config)
    summaries = {}
    for number, (text, answer) in enumerate(zip(question.asked, answers)):
        out = folders[text]
        summary = describe(text, question.without, name, inquiry.field.levels, answer, config)
        clusters = find_clusters(scene, answer.relevancy, answer.selected, config.top) if summary["found"] else []
        summary["objects"] = [object_entry(rank, cluster) for rank, cluster in enumerate(clusters, start=1)]
        if summary["found"]:
            summary["selection"] = str(out / "selection.safetensors")
            summary["because"] = explain(asker, answer, question.vectors[number], inquiry.folder)
        summary["views"], pictures = draw_views(views[number], config)
        summary["seconds"] = {
            "load": round(loaded - started, 3),
            "ask": round(asked - loaded, 4),
            "all": round(time.monotonic() - started, 3),
        }
        scene_facts = {"field": name, "scene": inquiry.field.facts.get("scene")}
        found = AnswerSelection(answer, clusters, {"text": text, "without": question.without, **scene_facts})
        write_answer(out, summary, pictures, found if summary["found"] else None)
        summaries[text] = summary
    return summaries


def describe(
    text: str, without: list[str], name: str, levels: tuple[str, ...], answer: Answer3D, config: QueryConfig
) -> dict[str, Any]:
    """The head of the summary."""
    found = answer.best > config.mask.found and bool(answer.selected.any())
    needed = f"relevancy {answer.best:.2f}, more than {config.mask.found:.2f} needed"
    return {
        "text": text,
        "without": without,
        "found": found,
        "reason": None if found else f"nothing in the scene matches ({needed})",
        "relevancy": round(answer.best, 4),
        "level": levels[answer.level],
        "field": name,
        "gaussians": int(answer.selected.sum()) if found else 0,
    }


def unasked(text: str, why: str, question: Question, name: str) -> dict[str, Any]:
    """The summary of a text that says nothing."""
    return {
        "text": text,
        "without": question.without,
        "found": False,
        "reason": why,
        "relevancy": 0.0,
        "level": None,
        "field": name,
        "gaussians": 0,
        "objects": [],
        "views": [],
    }


def object_entry(rank: int, cluster: Cluster) -> dict[str, Any]:
    """One object of the summary, in the capture's own frame and units."""
    rounded = [[round(float(v), 5) for v in row] for row in (cluster.centre, cluster.low, cluster.high)]
    return {
        "rank": rank,
        "relevancy": round(cluster.score, 4),
        "gaussians": len(cluster.indices),
        "centre": rounded[0],
        "size": [round(b - a, 5) for a, b in zip(rounded[1], rounded[2])],
        "box": {"min": rounded[1], "max": rounded[2]},
    }


def explain(asker: Asker, answer: Answer3D, vector: Tensor, folder: Path, count: int = 3) -> list[dict[str, Any]]:
    """The memory's rows that the answer rests on, with the photos' regions that they were learned from."""
    path, compression = folder / "provenance.json", asker.field.compression  # where the scene is
    if not isinstance(compression, Memory) or not path.exists():
        return []
    memory = compression.memory
    chosen = answer.selected.nonzero()[:, 0]
    attention = compression.attention(asker.field.codes[chosen[:20_000], answer.level]).mean(0)
    cosines = memory @ asker.field.inside(vector.to(memory.device))
    rows = (attention * cosines.clamp(min=0)).topk(min(count, len(memory))).indices
    places = read_places(path, len(memory))
    return [
        {
            "row": int(row),
            "share": round(float(attention[row]), 4),
            "cosine_to_text": round(float(cosines[row]), 4),
            "photos": places[int(row)],
        }
        for row in rows
        if float(attention[row]) > 0.02
    ]


@dataclass
class AnsweredView:
    """What one view shows of one text."""

    camera: Camera
    picture: np.ndarray  # [H, W, 3] uint8, the scene
    seen: Answer2D


def look(
    run: Run, asker: Asker, question: Question, answers: list[Answer3D], config: QueryConfig
) -> list[list[AnsweredView]]:
    """For each answer the views that show most of it; what several answers share is rendered once."""
    if config.views == 0:
        return [[] for _ in answers]
    cameras = run.cameras(None if config.split == "all" else config.split)  # type: ignore[arg-type]
    chosen = [best_views(asker.scene, cameras, answer, config.views) for answer in answers]
    texts: dict[tuple[int, int], list[int]] = {}  # of a view and a level
    for number, views in enumerate(chosen):
        for view in views:
            texts.setdefault((view, answers[number].level), []).append(number)
    seen = {}
    for (view, level), numbers in texts.items():
        vectors = question.vectors[numbers]
        for number, found in zip(numbers, asker.view(cameras[view], vectors, question.negatives, level, config.mask)):
            seen[view, number] = found
    pictures = {view: to_bytes(asker.renderer.image(cameras[view])) for view in {view for view, _ in texts}}
    return [
        [AnsweredView(cameras[view], pictures[view], seen[view, number]) for view in views]
        for number, views in enumerate(chosen)
    ]


def draw_views(views: list[AnsweredView], config: QueryConfig) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The views of an answer: where the best place is, and overlays and masks by file name."""
    entries: list[dict[str, Any]] = []
    pictures: dict[str, np.ndarray] = {}
    taken: set[str] = set()
    for view in views:
        seen = view.seen
        name = free_name(slug(str(Path(view.camera.name or "view").with_suffix(""))), taken)
        found = seen.best > config.mask.found and bool(seen.mask.any())
        mask = seen.mask.numpy() if found else np.zeros(seen.mask.shape, bool)
        picture = overlay(view.picture, seen.relevancy.numpy(), mask, seen.place if found else None)
        pictures[f"overlays/{name}.jpg"] = picture
        pictures[f"masks/{name}.png"] = mask.astype(np.uint8) * 255
        entries.append(view_entry(view.camera, seen, mask, name))
    return entries, pictures


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number where another photo or text has taken it; it is taken from now on."""
    found = first_free(name, taken.__contains__)
    taken.add(found)
    return found


def view_entry(camera: Camera, seen: Answer2D, mask: np.ndarray, name: str) -> dict[str, Any]:
    """One view of the summary."""
    ys, xs = np.nonzero(mask)
    box = [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1] if len(xs) else None
    return {
        "view": camera.name,
        "overlay": f"overlays/{name}.jpg",
        "mask": f"masks/{name}.png",
        "relevancy": round(seen.best, 4),
        "pixels": len(xs),
        "box": box,
        "place": list(seen.place),
    }


def best_views(scene: Gaussians, cameras: list[Camera], answer: Answer3D, count: int) -> list[int]:
    """Numbers of the cameras that see most of the selection, judged by its centres, not all of them neighbours."""
    chosen = answer.selected.nonzero()[:, 0]
    if len(chosen) == 0:
        chosen = answer.relevancy.topk(min(50, len(answer.relevancy))).indices
    chosen = chosen[:: max(1, len(chosen) // 2000)]
    means = scene.means[chosen].double().cpu()
    scores = []
    for camera in cameras:
        pixels, depth = camera.project(means)
        inside = (depth > 0) & camera.contains(pixels)
        scores.append(float((inside / depth.clamp(min=1e-6).square()).sum()))
    order = np.argsort(-np.array(scores), kind="stable")[: max(count * 3, count)]
    return [int(i) for i in order[:: max(1, len(order) // count)][:count]]
