"""A question to a run, and the answer as files: summary, overlays, masks, selection."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from splat.cameras import Camera
from splat.errors import SplatError
from splat.files import atomic_path, read_json, slug, write_json
from splat.gaussians import Gaussians
from splat.language.ask import Answer2D, Answer3D, Asker
from splat.language.clusters import Cluster, find_clusters
from splat.language.config import QueryConfig
from splat.language.field import find_field, load_field
from splat.language.pictures import overlay
from splat.language.selection import write_selection
from splat.language.teachers import word_teacher
from splat.render import select_backend
from splat.render.pictures import SceneRenderer
from splat.run import Run
from splat.train.normalize import capture_options

KINDS = ("overlay", "mask")  # of pictures


@dataclass
class Question:
    """Texts and their vectors."""

    texts: list[str]
    without: list[str]
    vectors: Tensor  # [T, D]
    negatives: Tensor  # [W, D]


def query_run(run: Run, config: QueryConfig) -> list[dict[str, Any]]:
    """Answer the question of the configuration; writes a folder for each text and returns the summaries.

    Raises:
        SplatError: no field, a level or field that is not there, or words that the teacher does not know.
    """
    started = time.monotonic()
    folder = find_field(run.path, config.field)
    field = load_field(run.path, config.field)
    level = level_index(field.levels, config.level)
    question = read_question(config, word_teacher(field.teacher))
    folders = [answer_folder(run, config, text, len(question.texts)) for text in question.texts]
    backend = select_backend(config.backend)
    scene = run.scene()
    asker = Asker(scene.to(backend.device), field, capture_options(run, backend.name).arguments())
    loaded = time.monotonic()
    scores = asker.gaussians(question.vectors, question.negatives, config.mask)
    answers = [asker.answer(row, level, config.mask) for row in scores]
    asked = time.monotonic()
    summaries = []
    for number, (text, answer) in enumerate(zip(question.texts, answers)):
        out = folders[number]
        summary = describe(text, question.without, folder.name, field.levels, answer, config)
        clusters = find_clusters(scene, answer.relevancy, answer.selected, config.top) if summary["found"] else []
        summary["objects"] = [object_entry(rank, cluster) for rank, cluster in enumerate(clusters, start=1)]
        if summary["found"]:
            summary["selection"] = str(out / "selection.safetensors")
            summary["because"] = explain(asker, answer, question.vectors[number], folder)
        summary["views"], pictures = draw_views(run, asker, question, number, answer, config)
        summary["seconds"] = {
            "load": round(loaded - started, 3),
            "ask": round(asked - loaded, 4),
            "all": round(time.monotonic() - started, 3),
        }
        facts = {"text": text, "without": question.without, "field": folder.name, "scene": field.facts.get("scene")}
        write_answer(out, summary, pictures, answer, clusters, facts)
        summaries.append({**summary, "folder": str(out)})
    return summaries


def write_answer(
    out: Path,
    summary: dict[str, Any],
    pictures: dict[str, np.ndarray],
    answer: Answer3D,
    clusters: list[Cluster],
    facts: dict[str, Any],
) -> None:
    """Write an answer in the place of an earlier one: all files are ready before the first takes its place.

    Raises:
        SplatError: when the disk is full; the earlier answer stays then.
    """
    old = old_pictures(out)
    selection = out / "selection.safetensors"
    with ExitStack() as files:  # closed in reverse order: the summary, which makes the rest count, comes last
        write_json(files.enter_context(atomic_path(out / "summary.json")), summary)
        if summary["found"]:
            write_selection(files.enter_context(atomic_path(selection)), answer, clusters, facts)
        for name, picture in pictures.items():
            Image.fromarray(picture).save(files.enter_context(atomic_path(out / name)), quality=92)
    if not summary["found"]:
        selection.unlink(missing_ok=True)
    for path in old - {out / name for name in pictures}:
        path.unlink(missing_ok=True)


def read_question(config: QueryConfig, teacher: Any) -> Question:
    """The texts, split at bars, and what the teacher makes of them."""
    texts, without = (
        [part.strip() for part in text.split("|") if part.strip()] for text in (config.text, config.without)
    )
    if not texts:
        raise SplatError('what is looked for? splat query RUN "red mug"')
    vectors = torch.from_numpy(np.ascontiguousarray(teacher.encode_text(texts + without), np.float32))
    return Question(texts, without, vectors[: len(texts)], vectors[len(texts) :])


def level_index(levels: tuple[str, ...], name: str | None) -> int | None:
    """The number of a level by its name.

    Raises:
        SplatError: when the field has no such level.
    """
    if name is None:
        return None
    if name not in levels:
        raise SplatError(f"level={name}: this field has {', '.join(levels)}")
    return levels.index(name)


def answer_folder(run: Run, config: QueryConfig, text: str, count: int) -> Path:
    """Where the answer goes; asking again replaces it.

    Raises:
        SplatError: when the user's own choice holds something else, which stays as it is.
    """
    if config.out is None:
        return run.path / "queries" / slug(text)
    folder = Path(config.out).expanduser()
    folder = folder / slug(text) if count > 1 else folder
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


def describe(
    text: str, without: list[str], name: str, levels: tuple[str, ...], answer: Answer3D, config: QueryConfig
) -> dict[str, Any]:
    """The head of the summary."""
    found = answer.best > config.mask.found and bool(answer.selected.any())
    return {
        "text": text,
        "without": without,
        "found": found,
        "relevancy": round(answer.best, 4),
        "level": levels[answer.level],
        "field": name,
        "gaussians": int(answer.selected.sum()) if found else 0,
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
    from splat.language.compress.memory import Memory

    path, compression = folder / "provenance.json", asker.field.compression  # where the scene is
    if not isinstance(compression, Memory) or not path.exists():
        return []
    memory = compression.memory
    chosen = answer.selected.nonzero()[:, 0]
    attention = compression.attention(asker.field.codes[chosen[:20_000], answer.level]).mean(0)
    cosines = memory @ asker.field.inside(vector.to(memory.device))
    rows = (attention * cosines.clamp(min=0)).topk(min(count, len(memory))).indices
    places = read_json(path)
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


def draw_views(
    run: Run, asker: Asker, question: Question, number: int, answer: Answer3D, config: QueryConfig
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The views that show most of the answer: where the best place is, and overlays and masks by file name."""
    entries: list[dict[str, Any]] = []
    pictures: dict[str, np.ndarray] = {}
    if config.views == 0:
        return entries, pictures
    cameras = run.cameras(None if config.split == "all" else config.split)  # type: ignore[arg-type]
    renderer = SceneRenderer(asker.scene, capture_options(run, config.backend), run.background)
    taken: set[str] = set()
    for camera in best_views(asker.scene, cameras, answer, config.views):
        seen = asker.view(camera, question.vectors[number : number + 1], question.negatives, answer.level, config.mask)[
            0
        ]
        name = free_name(slug(str(Path(camera.name or "view").with_suffix(""))), taken)
        found = seen.best > config.mask.found and bool(seen.mask.any())
        mask = seen.mask.numpy() if found else np.zeros(seen.mask.shape, bool)
        picture = overlay(renderer.render(camera)[0], seen.relevancy.numpy(), mask, seen.place if found else None)
        pictures[f"overlays/{name}.jpg"] = picture
        pictures[f"masks/{name}.png"] = mask.astype(np.uint8) * 255
        entries.append(view_entry(camera, seen, mask, name))
    return entries, pictures


def free_name(name: str, taken: set[str]) -> str:
    """The name, with a number where photos of other folders have taken it; it is taken from now on."""
    found, number = name, 2
    while found in taken:
        found, number = f"{name}-{number}", number + 1
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


def best_views(scene: Gaussians, cameras: list[Camera], answer: Answer3D, count: int) -> list[Camera]:
    """The cameras that see most of the selection, judged by Gaussians' centres, not all of them neighbours."""
    chosen = answer.selected.nonzero()[:, 0]
    if len(chosen) == 0:
        chosen = answer.relevancy.topk(min(50, len(answer.relevancy))).indices
    chosen = chosen[:: max(1, len(chosen) // 2000)]
    means = scene.means[chosen].double().cpu()
    scores = []
    for camera in cameras:
        local = means @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = local @ camera.K.T
        x, y, z = pixels[:, 0] / pixels[:, 2], pixels[:, 1] / pixels[:, 2], local[:, 2]
        inside = (z > 0) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
        scores.append(float((inside / z.clamp(min=1e-6).square()).sum()))
    order = np.argsort(-np.array(scores), kind="stable")[: max(count * 3, count)]
    return [cameras[i] for i in order[:: max(1, len(order) // count)][:count]]
