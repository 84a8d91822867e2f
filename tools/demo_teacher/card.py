"""The page that lies beside the weights, from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from splat.files import write_text


def write_card(folder: Path, metrics: dict[str, Any], words: list[str]) -> None:
    """README.md of a teacher's folder."""
    template = (Path(__file__).parent / "model_card.md").read_text(encoding="utf-8")
    rows = [
        (f"{metrics['judging']['rooms']} rooms that judge", metrics["judging"]),
        (f"{metrics['choosing']['rooms']} rooms to choose by", metrics["choosing"]),
    ]
    table = [
        f"| {name} | {found['photos']} | {found['true_masks_top1']:.3f} | {found['found_regions_top1']:.3f} "
        f"| {found['named_pixels']:.3f} | {found['named_miou']:.3f} |"
        for name, found in rows
    ]
    made = {**metrics["training"], "words": ", ".join(words), "vocabulary": len(words)}
    filled = template.format(**made, table="\n".join(table), demo=metrics["demo"])
    write_text(folder / "README.md", filled)
