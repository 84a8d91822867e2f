"""From photos and a teacher to a language field."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from splat import console
from splat.capture.types import Capture
from splat.errors import SplatError
from splat.files import slug
from splat.language.ask import noise_of
from splat.language.cache import cached_features
from splat.language.compress.cover import spherical_kmeans
from splat.language.compress.registry import make_compression
from splat.language.config import DistillConfig
from splat.language.field import LanguageField, scene_digest
from splat.language.gradient import polish
from splat.language.lifting import Lifted, confidence, feature_basis, lift_features
from splat.language.provenance import Examples, gather_examples, row_sources
from splat.language.relevancy import CANONICAL
from splat.language.smoothing import smooth_features
from splat.language.teachers import KINDS, TeacherOptions, load_teacher
from splat.language.types import Teacher
from splat.render.scene import SceneRenderer
from splat.run import Run
from splat.running import held

VIEWS = 32  # photos that a model is asked about: neighbours say the same about the Gaussians they share
SMOOTH = 2
SMALL = 240  # pixels of a photo's longer side
NEUTRAL = 4  # as many as there are canonical phrases …
WORDS = 8  # … if each stands for at least so many words


@dataclass
class Sources:
    """What the photos give before anything is compressed; several compressions can be fitted to it."""

    teacher: Teacher
    options: TeacherOptions
    capture: Capture
    indices: list[int]  # of the training photos
    folder: Path  # of the cached features
    examples: Examples
    basis: Tensor | None
    lifted: Lifted
    seconds: dict[str, float]

    def views(self) -> Any:
        """(camera, features) of each training photo."""
        features = cached_features(self.teacher, self.capture, self.indices, self.folder, quiet=True)
        return ((self.capture.frames[i].camera, view) for i, view in zip(self.indices, features))


def distill_run(run: Run, config: DistillConfig) -> tuple[LanguageField, Path]:
    """Make a field of a run and write it to RUN/language/NAME.

    Raises:
        SplatError: the teacher, its files or the photos are missing, the field exists already, or is being made.
    """
    folder = field_folder(run, config)
    with held(folder, "distill"):
        return _distilled(run, config, folder), folder


def _distilled(run: Run, config: DistillConfig, folder: Path) -> LanguageField:
    """Make the field in a folder that nobody else works in."""
    if (folder / "field.json").exists() and not config.overwrite:
        raise SplatError(f"{folder} holds a field already; overwrite=true replaces it, name=OTHER makes another one")
    renderer = run.renderer()
    sources = gather(run, renderer, config, folder / "features")
    field = compress(renderer, sources, config)
    field.facts = {**field.facts, "scene": scene_digest(run.scene_path), "gaussians": len(renderer.scene)}
    with_rows = getattr(field.compression, "source", None)
    rows = None if with_rows is None else row_sources(sources.examples, with_rows)
    field.save(folder, rows)
    return field


def field_folder(run: Run, config: DistillConfig) -> Path:
    """RUN/language/NAME, by default named after the teacher."""
    name = config.name or Path(config.teacher).name or config.teacher
    return run.path / "language" / slug(name)


def gather(run: Run, renderer: SceneRenderer, config: DistillConfig, folder: Path) -> Sources:
    """Features of all training photos, lifted onto the scene."""
    started = time.monotonic()
    options = teacher_options(config)
    teacher = load_teacher(options)
    capture = run.capture()
    indices = asked_photos(capture.indices("train") or list(range(len(capture.frames))), config)
    warn_of_small_photos(capture, indices)
    examples = gather_examples(teacher, capture, indices, folder)
    if not len(examples.vectors):
        raise SplatError(f"teacher {teacher.name} found nothing in any photo")
    known = time.monotonic()
    limit = examples.vectors.shape[1] if config.compress.kind == "none" else config.lift.max_dims
    energy = 1.0 if config.compress.kind == "none" else config.lift.energy
    basis = feature_basis(examples.vectors, energy, limit) if energy < 1 else None
    sources = Sources(teacher, options, capture, indices, folder, examples, basis, None, {})  # type: ignore[arg-type]
    near = None if basis is None else basis.to(renderer.device)
    with console.progress("Lifting features", len(indices), "view") as bar:
        sources.lifted = lift_features(renderer, sources.views(), len(teacher.levels), near, bar.advance)
    sources.lifted = Lifted(*(getattr(sources.lifted, f.name).cpu() for f in dataclasses.fields(Lifted)))
    rounds = config.lift.smooth if config.lift.smooth is not None else (0 if config.teacher == "files" else SMOOTH)
    if rounds:
        sources.lifted.features = smooth_features(renderer.scene.means.cpu(), sources.lifted, rounds)
    sources.seconds = {"features": known - started, "lift": time.monotonic() - known}
    return sources


def warn_of_small_photos(capture: Capture, indices: list[int]) -> None:
    """Say where photos are so small that things in them are a few pixels, of which a teacher can tell little."""
    cameras = [capture.frames[index].camera for index in indices]
    small = [camera for camera in cameras if max(camera.width, camera.height) < SMALL]
    if small:
        size = f"{small[0].width}x{small[0].height}"
        console.warn(
            f"{len(small)} of {len(cameras)} photos are small (first: {size}), as the run was trained: answers will be "
            "vague; train with a smaller data_factor to ask for small things"
        )


def asked_photos(indices: list[int], config: DistillConfig) -> list[int]:
    """Which of the training photos the teacher is asked about."""
    count = config.lift.views or (len(indices) if config.teacher == "files" else VIEWS)
    if count >= len(indices):
        return indices
    return [indices[int(place)] for place in np.floor(np.arange(count) * len(indices) / count)]


def compress(renderer: SceneRenderer, sources: Sources, config: DistillConfig) -> LanguageField:
    """Fit a compression to what was lifted, and improve it by gradient where that is asked for."""
    started = time.monotonic()
    lifted, basis = sources.lifted, sources.basis
    gate = confidence(lifted, config.lift.min_agreement, config.lift.min_coverage, config.lift.min_weight)
    known = gate > 0
    if not bool(known.any()):
        raise SplatError("no Gaussian passes the gate; lower lift.min_agreement, lift.min_coverage or lift.min_weight")
    vectors, weights = lifted.features[known], lifted.weight[known]
    examples = sources.examples.vectors if basis is None else normalize(sources.examples.vectors @ basis.T, dim=1)
    compression = make_compression(config.compress, vectors.shape[1])
    console.info(f"compressing {len(vectors):,} features of {vectors.shape[1]} dimensions: {compression.kind}")
    found = compression.fit(vectors, weights, examples, config.seed)
    codes = torch.zeros(*known.shape, compression.code_dim)
    codes[known] = found
    field = LanguageField(
        teacher=dataclasses.asdict(sources.options),
        levels=tuple(sources.teacher.levels),
        compression=compression,
        codes=codes,
        confidence=gate,
        basis=basis,
        negatives=negatives_of(sources.teacher),
    )
    fitted = time.monotonic()
    if config.lift.method == "gradient":
        polish(renderer, field, list(sources.views()), config.lift, config.seed)
    field.facts = {
        "method": config.lift.method,
        "rivals": bool(sources.teacher.names()),
        "photos": len(sources.indices),
        "known_share": round(float(known.any(1).float().mean()), 4),
        "dims": vectors.shape[1],
        "teacher_dims": sources.teacher.dim,
        "bytes_per_gaussian": field.bytes_per_gaussian(),
        "shared_bytes": compression.shared_bytes() + (0 if basis is None else 2 * basis.numel()),
        "noise": round(noise_of(lifted.agreement[known], weights, examples), 5),
        "cosine_to_lifted": round(fidelity(field, lifted, known), 5),
        "seconds": {
            **{key: round(value, 2) for key, value in sources.seconds.items()},
            "compress": round(fitted - started, 2),
            "gradient": round(time.monotonic() - fitted, 2),
        },
    }
    return field


@torch.no_grad()
def fidelity(field: LanguageField, lifted: Lifted, known: Tensor) -> float:
    """Mean cosine, by weight, of the decoded codes to what was lifted."""
    decoded = field.decode(field.codes[known])
    cosines = (decoded * lifted.features[known]).sum(1)
    weights = lifted.weight[known]
    return float((cosines * weights).sum() / weights.sum())


def negatives_of(teacher: Teacher) -> Tensor | None:
    """[n, D] what stands for "anything" in relevancy; None where the teacher knows no words.

    The names of all that the teacher knows, where it was taught so few things that it can list them; else the canonical
    phrases of LERF. A teacher with a small vocabulary has not all of them: the centres of all of its words stand for
    them.
    """
    try:
        return torch.from_numpy(np.ascontiguousarray(teacher.encode_text(teacher.names() or CANONICAL), np.float32))
    except SplatError:
        known = teacher.words()
        if not known:
            return None
    table = torch.from_numpy(np.ascontiguousarray(teacher.encode_text(known), np.float32))
    return spherical_kmeans(table, torch.ones(len(table)), min(max(len(table) // WORDS, 1), NEUTRAL), seed=0)


def teacher_options(config: DistillConfig) -> TeacherOptions:
    """The part of the configuration that is the teacher's; folders in full, since the field may be asked elsewhere."""
    names = [item.name for item in dataclasses.fields(TeacherOptions)]
    found = {name: getattr(config, name) for name in names}
    for name in ("teacher", "sam", "files"):
        named = name == "teacher" and found[name] in KINDS
        if found[name] is not None and not named and Path(found[name]).expanduser().is_dir():
            found[name] = str(Path(found[name]).expanduser().absolute())
    return TeacherOptions(**found)
