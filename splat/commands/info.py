"""`splat info`: what is in a run, a scene file or a capture."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat import running
from splat.capture.beside import MASK_FOLDERS, find_masks, side_folders
from splat.capture.suffixes import PHOTO_SUFFIXES, VIDEO_SUFFIXES
from splat.capture.unused import unused_note
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.formats.registry import detect_format, is_scene_folder, is_scene_meta
from splat.options import option
from splat.run import open_run


@dataclass
class InfoConfig:
    """`splat info`."""

    path: str = option("", "a run folder, a scene file (ply, splat, spz, ...) or a capture")
    picture: str = option(
        "",
        "of a capture: a PNG, SVG or PDF file for its cameras from above, suspicious ones in colour; cameras of photos"
        " and videos are found for it",
    )
    json: bool = option(False, "print JSON instead of lines for people")


def run(config: InfoConfig) -> None:
    """Print what is known about a path."""
    if not config.path:
        raise SplatError("which one? splat info FILE or splat info RUN")
    found = describe(user_path(config.path), user_path(config.picture) if config.picture else None)
    if config.json:
        print(json.dumps(found, indent=2))
        return
    metrics = found.pop("metrics", None)
    print("\n".join(lines(found)))
    if metrics:
        from splat.commands.tables import metrics_table

        print("\n" + metrics_table({Path(found["run"]).name: metrics}))


def describe(path: Path, picture: Path | None = None) -> dict[str, Any]:
    """What is known about a run folder, a scene file or a capture, as plain data.

    Args:
        path: of it.
        picture: of a capture, where its cameras are to be drawn.

    Raises:
        SplatError: when it is none of them; a picture of what is no capture.
    """
    if not path.exists():
        raise SplatError(f"{path} does not exist")
    found = _described(path, picture)
    if picture is not None and "picture" not in found:
        raise SplatError(f"picture={picture}: {path} is no capture; leave picture= out")
    return found


def _described(path: Path, picture: Path | None) -> dict[str, Any]:
    if (path / "config.yaml").is_file() or (path / running.NAME).is_file():
        return _run(path)
    if path.is_file() and path.suffix.lower() in PHOTO_SUFFIXES:
        raise SplatError(f"{path} is a photo; give its folder: {shlex.join(['splat', 'info', str(path.parent)])}")
    file = path.is_file() and path.suffix.lower() not in VIDEO_SUFFIXES | {".json"}
    if file or is_scene_folder(path) or is_scene_meta(path):
        detect_format(path)
        from splat.formats.info import scene_info  # torch, which takes seconds

        return {"kind": "scene", **scene_info(path)}
    if path.is_dir() and not any(path.iterdir()):
        raise SplatError(f"{path} is an empty folder")
    return _capture(path, picture)


def lines(found: dict[str, Any], indent: str = "") -> list[str]:
    """The same for people: one aligned line for each entry."""
    width = max((len(name) for name in found), default=0)
    result = []
    for name, value in found.items():
        label = name.replace("_", " ")
        if name == "origin" and isinstance(value, list):  # millions, of which every digit counts
            value = [f"{part:.12g}" for part in value]
        if name in ("notes", "cameras") and isinstance(value, list):
            value = f"\n{indent}{' ' * (width + 2)}".join(value) or "none"
        if isinstance(value, dict) and any(isinstance(part, (dict, list)) for part in value.values()):
            result += [f"{indent}{label}:", *lines(value, indent + "  ")]
        else:
            result.append(f"{indent}{label + ':':<{width + 1}} {_text(value)}")
    return result


def _run(path: Path) -> dict[str, Any]:
    run = open_run(path)
    from splat.edit.history import load_history  # torch, which takes seconds
    from splat.language.field import field_folders

    capture = (run.config.get("capture") or {}).get("data")
    found: dict[str, Any] = {"kind": "run", "run": str(path), "capture": capture}
    found |= {f"{split}_cameras": len(run.cameras(split)) for split in ("train", "test")}
    found |= {"language": [folder.name for folder in field_folders(path)]}
    frame = run.frame()
    found |= {"frame": None if frame is None else frame.describe()}
    found |= {"edits": load_history(path).in_force()[::-1]}
    notes = {"antialiased": run.notes.antialiased, "origin": list(run.notes.origin)}  # older scenes have no notes
    return {**found, "scene": {**describe(run.scene_path), **notes}, "metrics": run.metrics}


def _capture(path: Path, picture: Path | None) -> dict[str, Any]:
    from splat.capture import load_capture
    from splat.capture.examine.examination import examine
    from splat.capture.examine.picture import check_place, draw_cameras
    from splat.capture.load import capture_root
    from splat.capture.readers.registry import capture_format

    if picture is not None:
        check_place(picture, capture_root(path))
    kind = capture_format(path)
    if (
        kind in ("photos", "video") and picture is None
    ):  # finding their poses takes minutes, which is not what a question should cost
        found = {"kind": f"{kind} without poses", "path": str(path)}
        more = _photos(path) if kind == "photos" else _video(path)
        return {**found, **more, "next": f"{shlex.join(['splat', 'train', str(path)])} finds the poses"}
    capture = load_capture(path, points="capture")
    examination = examine(capture)
    drawn = {} if picture is None else {"picture": str(draw_cameras(capture, examination, picture))}
    sizes = sorted({(frame.camera.width, frame.camera.height) for frame in capture.frames})
    masks = sum(plan.mask_path is not None for plan in capture.images.plans)
    return {
        "kind": f"capture ({capture.kind})",
        "path": str(path),
        "photos": len(capture.frames),
        "photos_found": max(capture.photos_found, len(capture.frames)),
        "train": len(capture.indices("train")),
        "test": len(capture.indices("test")),
        "sizes": [f"{width}x{height}" for width, height in sizes],
        "masks": masks,
        "depth_maps": capture.depth_maps,
        "points": 0 if capture.points is None else len(capture.points.xyz),
        "cameras": examination.in_full(),
        **drawn,
        "notes": capture.notes,
    }


def _photos(path: Path) -> dict[str, Any]:
    """Number and sizes of the photos that training would read; only the files' headers are looked at."""
    from splat.capture.photo import photo_header
    from splat.capture.readers.photos import list_photos

    listing = list_photos(path)
    listing.drop_copies()
    files = listing.photos
    folders = side_folders((path, listing.folder), MASK_FOLDERS)
    masks, notes = find_masks(listing.named(), folders)
    notes = [*listing.notes(), *notes]
    if note := unused_note(listing.walk, {*files, *listing.no_photos(), *masks.values()}):
        notes.append(note)
    sizes: Counter[str] = Counter()
    for file in files:
        try:
            sizes["{}x{}".format(*photo_header(file).upright_size)] += 1
        except SplatError:
            sizes["unreadable"] += 1
    shown = [
        size if count == len(files) else f"{count:,} {size}" if size == "unreadable" else f"{count:,} of {size}"
        for size, count in sizes.most_common()
    ]
    megabytes = round(sum(file.stat().st_size for file in files) / 1e6, 1)
    return {"photos": len(files), "sizes": shown, "megabytes": megabytes, "masks": len(masks), "notes": notes}


def _video(path: Path) -> dict[str, Any]:
    """Length and size of a video, as far as its header says."""
    import av

    from splat.capture.readers.video import videos_in

    file = path if path.is_file() else videos_in(path)[0]
    try:
        with av.open(str(file)) as video:
            stream = video.streams.video[0]
            seconds = video.duration / av.time_base if video.duration else None
            rate = float(stream.average_rate) if stream.average_rate else None
            return {"size": f"{stream.width}x{stream.height}", "seconds": seconds, "frames_per_second": rate}
    except (av.error.FFmpegError, IndexError) as error:
        raise SplatError(f"{file} is not a readable video: {error}") from error


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_text(part) for part in value) or "none"
    return str(value)


COMMAND = Command(
    name="info",
    summary=SUMMARIES["info"],
    config=InfoConfig,
    run=run,
    words=("path",),
    examples=("splat info runs/demo/default", "splat info scene.ply json=true"),
)
