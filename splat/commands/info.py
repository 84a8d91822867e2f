"""`splat info`: what is in a run, a scene file or a capture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.options import option

CAPTURE_SUFFIXES = (".json", ".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")  # files that are no scenes


@dataclass
class InfoConfig:
    """`splat info`."""

    path: str = option("", "a run folder, a scene file (ply, splat, spz, ...) or a capture")
    json: bool = option(False, "print JSON instead of lines for people")


def run(config: InfoConfig) -> None:
    """Print what is known about a path."""
    if not config.path:
        raise SplatError("which one? splat info FILE or splat info RUN")
    found = describe(user_path(config.path))
    if config.json:
        print(json.dumps(found, indent=2))
        return
    metrics = found.pop("metrics", None)
    print("\n".join(lines(found)))
    if metrics:
        from splat.commands.tables import metrics_table

        print("\n" + metrics_table({Path(found["run"]).name: metrics}))


def describe(path: Path) -> dict[str, Any]:
    """What is known about a run folder, a scene file or a capture, as plain data.

    Raises:
        SplatError: when it is none of them.
    """
    if not path.exists():
        raise SplatError(f"{path} does not exist")
    if (path / "config.yaml").is_file():
        return _run(path)
    if path.is_file() and path.suffix.lower() not in CAPTURE_SUFFIXES:
        from splat.formats import scene_info

        return {"kind": "scene", **scene_info(path)}
    return _capture(path)


def lines(found: dict[str, Any], indent: str = "") -> list[str]:
    """The same for people: one aligned line for each entry."""
    width = max((len(name) for name in found), default=0)
    result = []
    for name, value in found.items():
        label = name.replace("_", " ")
        if isinstance(value, dict) and any(isinstance(part, (dict, list)) for part in value.values()):
            result += [f"{indent}{label}:", *lines(value, indent + "  ")]
        else:
            result.append(f"{indent}{label + ':':<{width + 1}} {_text(value)}")
    return result


def _run(path: Path) -> dict[str, Any]:
    from splat.run import open_run

    run = open_run(path)
    found: dict[str, Any] = {"kind": "run", "run": str(path), "capture": str(run.config["capture"]["data"])}
    found |= {f"{split}_cameras": len(run.cameras(split)) for split in ("train", "test")}
    return {**found, "scene": describe(run.scene_path), "metrics": run.metrics}


def _capture(path: Path) -> dict[str, Any]:
    from splat.capture import load_capture
    from splat.capture.load import capture_format

    kind = capture_format(path)
    if kind in ("photos", "video"):  # finding their poses takes minutes, which is not what a question should cost
        return {"kind": f"{kind} without poses", "path": str(path), "next": f"splat train {path} finds the poses"}
    capture = load_capture(path, points="capture")
    sizes = sorted({(frame.camera.width, frame.camera.height) for frame in capture.frames})
    return {
        "kind": f"capture ({capture.kind})",
        "path": str(path),
        "photos": len(capture.frames),
        "train": len(capture.indices("train")),
        "test": len(capture.indices("test")),
        "sizes": [f"{width}x{height}" for width, height in sizes],
        "points": 0 if capture.points is None else len(capture.points.xyz),
        "notes": capture.notes,
    }


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
