"""What language fields cost and keep: every compression, on the demo, in one table.

    python -m tools.bench_language RUN                  # RUN: of data/demo, trained with data_factor=1
    python -m tools.bench_language RUN --write-docs     # and into docs/language.md

Two teachers: the demo's own, and the truth (true regions with CLIP's vectors of words, asked in other words), which
shows what is lost behind the teacher. Test views, thresholds as they stand in splat/language/config.py.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from splat.errors import SplatError
from splat.files import write_text
from splat.images import nearest_cells
from splat.language.ask import Asker
from splat.language.config import DistillConfig, MaskOptions
from splat.language.distill import Sources, compress, gather
from splat.language.evaluate import evaluate_views, matching
from splat.language.truth import read_truth
from splat.render.scene import SceneRenderer
from splat.run import open_run
from tools.language_truth import write_files_teacher

ROOT = Path(__file__).resolve().parents[1]
KINDS = (
    ("memory", "softmax"), ("memory", "gaussian"), ("memory", "learned"), ("codebook", ""), ("none", ""),
)  # fmt: skip
MARKS = "<!-- language table: written by tools/bench_language.py --write-docs -->", "<!-- end of the language table -->"
HEAD = "| teacher | kept as | bytes/Gaussian | shared kB | cosine | mIoU | localisation | mIoU 3D | fit s | ask ms |"


@dataclass
class Row:
    """One line of the table."""

    teacher: str
    kind: str
    facts: dict[str, Any]
    cosine: float
    scores: dict[str, Any]
    ask_ms: float

    def text(self) -> str:
        """As Markdown."""
        found, facts = self.scores, self.facts
        return (
            f"| {self.teacher} | {self.kind} | {facts['bytes_per_gaussian']:.0f} | {facts['shared_bytes'] / 1e3:.0f} "
            f"| {self.cosine:.3f} | {found['miou']:.3f} | {found['localisation']:.3f} | {found['miou_3d']:.3f} "
            f"| {facts['seconds']['compress']:.1f} | {self.ask_ms:.1f} |"
        )


def measure(
    renderer: SceneRenderer,
    sources: Sources,
    config: DistillConfig,
    name: str,
    truth: list[Any],
    kinds: list[tuple[str, str]],
) -> list[Row]:
    """A row for each compression; features and lifting are shared."""
    rows = []
    views = matching(truth, sources.capture.frames, "test")
    some = list(sources.views())[::8]
    for kind, kernel in kinds:
        config.compress = replace(config.compress, kind=kind, kernel=kernel or "softmax")
        field = compress(renderer, sources, config)
        asker = Asker(renderer, field)
        scores = evaluate_views(asker, sources.teacher, views, MaskOptions())
        cosine = teacher_cosine(renderer, field, some)
        label = f"{kind}, {kernel}" if kernel else kind
        rows.append(Row(name, label, field.facts, cosine, scores, ask_milliseconds(renderer, field)))
        print(rows[-1].text(), flush=True)
    return rows


@torch.no_grad()
def teacher_cosine(renderer: SceneRenderer, field: Any, views: list[tuple[Any, Any]]) -> float:
    """Mean cosine of the rendered field to the teacher's own features, over all pixels that both know."""
    total, count = 0.0, 0
    for camera, view in views:
        codes, seen = field.render(renderer, camera)
        vectors = field.inside(torch.from_numpy(view.vectors))
        for level in range(len(field.levels)):
            labels = torch.from_numpy(nearest_cells(view.labels[level], camera.height, camera.width)).long()
            both = (labels >= 0) & (seen[..., level] > 0.1)
            decoded = field.decode(codes[:, :, level][both])
            total += float((decoded * vectors[labels[both]]).sum())
            count += int(both.sum())
    return total / max(count, 1)


def ask_milliseconds(renderer: SceneRenderer, field: Any, count: int = 100_000, repeats: int = 10) -> float:
    """The shortest time of one question to `count` Gaussians: those of the scene, repeated."""
    pick = torch.arange(count) % len(renderer.scene)
    many = replace(field, codes=field.codes[pick], confidence=field.confidence[pick])
    asker = Asker(renderer.of(renderer.scene[pick]), many)
    text = field.negatives[:1]
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        asker.answer(asker.gaussians(text, None, MaskOptions())[0], None, MaskOptions())
        times.append(time.perf_counter() - started)
    return min(times) * 1e3


def write_docs(rows: list[Row], notes: list[str], path: Path) -> None:
    """Replace the measured rows and notes between the marks; what was not measured now stays as it is."""
    text = path.read_text(encoding="utf-8")
    if MARKS[0] not in text or MARKS[1] not in text:
        raise SplatError(f"{path} has no place for the table: it needs the lines {MARKS[0]} and {MARKS[1]}")
    before, rest = text.split(MARKS[0])
    old, after = rest.split(MARKS[1])
    measured = tuple(f"| {row.teacher} | {row.kind} |" for row in rows) + tuple(f"{row.teacher}: " for row in rows)
    kept = [line for line in old.splitlines() if not line.startswith(measured)]
    lines = [line for line in kept if line.startswith("| ") and line != HEAD and not line.startswith("| ---")]
    lines += [row.text() for row in rows]
    remarks = [line for line in kept if line and not line.startswith("|")] + notes
    table = "\n".join([HEAD, "|" + " --- |" * (HEAD.count("|") - 1), *lines])
    write_text(path, f"{before}{MARKS[0]}\n{table}\n\n" + "\n".join(remarks) + f"\n{MARKS[1]}{after}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--demo", type=Path, default=ROOT / "data" / "demo")
    parser.add_argument("--teacher", choices=("both", "demo", "truth"), default="both")
    parser.add_argument(
        "--kept", nargs="+", choices=sorted({kind for kind, _ in KINDS}), help="these compressions only"
    )
    parser.add_argument("--write-docs", action="store_true")
    arguments = parser.parse_args()
    run = open_run(arguments.run)
    renderer = run.renderer()
    rows: list[Row] = []
    notes = []
    kinds = [pair for pair in KINDS if arguments.kept is None or pair[0] in arguments.kept]
    print(HEAD)
    with torch.no_grad(), tempfile.TemporaryDirectory() as temporary:
        for name in ("truth", "demo"):
            if arguments.teacher not in ("both", name):
                continue
            files = Path(temporary) / "files"
            queries = write_files_teacher(arguments.demo, files) if name == "truth" else None
            config = DistillConfig(teacher="files" if queries else "demo", files=str(files) if queries else None)
            sources = gather(run, renderer, config, Path(temporary) / name)
            rows += measure(renderer, sources, config, name, read_truth(arguments.demo / "truth", queries), kinds)
            seconds = sources.seconds
            notes.append(
                f"{name}: features {seconds['features']:.0f} s, lifting {seconds['lift']:.0f} s for "
                f"{len(sources.indices)} photos and {len(renderer.scene):,} Gaussians; "
                f"{rows[-1].scores['queries']} queries on "
                f"{rows[-1].scores['views']} test views.  "
            )
            print(notes[-1])
    if arguments.write_docs:
        write_docs(rows, notes, ROOT / "docs" / "language.md")


if __name__ == "__main__":
    main()
