"""`splat clean` from beginning to end: look, decide once, restore, mask, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from splat import __version__, console
from splat.capture.config import CaptureOptions
from splat.capture.split import rule_for
from splat.errors import SplatError
from splat.files import atomic_path, write_json
from splat.images import evenly
from splat.options import flat
from splat.weather.clean import folder as folders
from splat.weather.clean.config import CleanConfig
from splat.weather.clean.contact_sheet import Row, make_row, make_sheet
from splat.weather.clean.detect import Verdict, look
from splat.weather.clean.lens import LensMasks, find_lens_masks
from splat.weather.clean.restore import Restored, choose_restorer
from splat.weather.clean.source import Source, SourcePhoto, open_source, say_notes

RECORD, SHEET = "clean.json", "clean.png"


@dataclass(frozen=True)
class CleaningPlan:
    """What was decided, once for the whole capture."""

    weather: tuple[str, ...]  # of rain, snow, fog, drops; empty for none
    verdict: Verdict
    lens: LensMasks | None


def clean(config: CleanConfig) -> Path:
    """Write a new capture folder without the weather; returns it. The capture itself is only read.

    Raises:
        SplatError: no capture, a folder that is taken, or a restorer that does not fit.
    """
    data = Path(config.data)
    if not data.exists():
        raise SplatError(f"no such capture: {data}; give a folder of photos, a capture folder or a video")
    out = Path(config.out) if config.out else folders.default_folder(data)
    folders.require_free(out, data)
    with folders.staged(out) as folder:
        options = CaptureOptions(
            fps=config.fps, max_frames=config.max_frames, test_every=config.test_every, split=config.split
        )
        source = open_source(data, options, lambda: _made(folder / "images"))
        say_notes(source)
        plan = decide(source, config)
        restorer = choose_restorer(plan.weather, plan.verdict, source, config)
        console.info(sentence(plan, restorer.name, source, config.weather))
        rows, photos = [], []
        shown = {photo.name for photo in evenly(source.photos, config.sheet)}
        with console.progress("Writing photos", len(source.photos), "photo") as bar:
            for photo in source.photos:
                row, facts = _write(photo, restorer.restore(photo), plan, folder, config, photo.name in shown)
                rows += [row] if row else []
                photos.append(facts)
                bar.advance()
        folders.copy_cameras(source, folder)
        if source.own_split or any(facts["restored_share"] or facts["masked_share"] for facts in photos):
            console.info(split_sentence(source, config, folders.keep_split(source, folder)))
        write_sheet(folder / SHEET, rows)
        write_json(folder / RECORD, record(config, source, plan, restorer, photos))
    return out


def decide(source: Source, config: CleanConfig) -> CleaningPlan:
    """Which weather it is, by the vote of photos from the whole capture, and what sits on the lens."""
    verdict = look(source, config)
    asked = config.weather
    air = verdict.kind if asked == "auto" else asked
    weather = [] if air in ("none", "drops") else [air]
    search = config.lens.masks == "find" or (config.lens.masks == "auto" and asked in ("auto", "drops"))
    lens = find_lens_masks(source, config.lens) if search else None
    if lens is not None and lens.found:
        weather.append("drops")
    return CleaningPlan(tuple(weather), verdict, lens)


def sentence(plan: CleaningPlan, restorer: str, source: Source, asked: str) -> str:
    """The decision in one line."""
    found = plan.verdict.sentence()
    parts = [found if asked == "auto" else f"weather={asked} as asked (found: {found})"]
    if plan.lens is not None:
        parts.append(plan.lens.sentence())
    doing = f"restorer={restorer}" if restorer != "none" else "photos stay as they are"
    return f"{console.count(len(source.photos), 'photo')}: {'; '.join(parts)}; {doing}"


def split_sentence(source: Source, config: CleanConfig, kept_in: str) -> str:
    """Which photos are held out, and where the new capture says so, in one line."""
    held_out, count = len(source.side("test")), console.count(len(source.photos), "photo")
    counting = rule_for(config.split, source.kind)
    rule = "as the capture has it" if source.own_split else f"test_every={config.test_every}, split={counting}"
    if not held_out:
        return f"no photo is held out ({rule}); the new capture has no test views ({kept_in})"
    return f"{held_out} of {count} are held out ({rule}), cleaned without the others; the split is kept in {kept_in}"


def _write(
    photo: SourcePhoto, restored: Restored | None, plan: CleaningPlan, folder: Path, config: CleanConfig, show: bool
) -> tuple[Row | None, dict[str, Any]]:
    """One photo and its mask; a row for the sheet if asked, and what the record says of it."""
    lens = plan.lens.mask(photo) if plan.lens is not None and plan.lens.found else None
    own = photo.mask()
    mask = own if lens is None else lens if own is None else own & lens
    if mask is not None:
        folders.write_mask(photo, mask, folder)
    before = photo.pixels() if show or restored is not None else None
    after = before
    if restored is None or restored.share == 0:  # written anew it would only lose: JPEG's quality, 16 bits
        folders.copy_photo(photo, folder)
    else:
        assert before is not None
        after = restored.pixels if before.shape[2] == 3 else np.dstack([restored.pixels, before[..., 3]])
        folders.write_photo(photo, after, folder, config.quality)
    facts = {
        "name": photo.name,
        "file": photo.target,
        "split": photo.split,
        "restored_share": 0.0 if restored is None else round(restored.share, 5),
        "masked_share": 0.0 if lens is None else round(float(1 - lens.mean()), 5),
    }
    if not show:
        return None, facts
    assert before is not None and after is not None
    shown, result = (photo.upright(np.ascontiguousarray(pixels[..., :3])) for pixels in (before, after))
    return make_row(photo.name, shown, result, None if mask is None else photo.upright(mask)), facts


def write_sheet(path: Path, rows: list[Row]) -> None:
    """The contact sheet as PNG."""
    with atomic_path(path) as temporary:
        Image.fromarray(make_sheet(rows)).save(temporary)


def record(
    config: CleanConfig, source: Source, plan: CleaningPlan, restorer: Any, photos: list[dict[str, Any]]
) -> dict:
    """What was found, decided and done, as plain data."""
    return {
        "splat": __version__,
        "data": config.data,
        "kind": source.kind,
        "weather": {"asked": config.weather, "found": list(plan.weather), **plan.verdict.facts()},
        "lens": None if plan.lens is None else plan.lens.facts(),
        "restorer": {"asked": config.restorer.name, "chosen": restorer.name, **restorer.facts()},
        "settings": {name: value for name, value in flat(config).items() if name not in ("data", "out")},
        "photos": photos,
    }


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
