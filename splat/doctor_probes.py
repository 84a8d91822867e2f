"""What `splat doctor` asks of each library: run as `python -m splat.doctor_probes NAME ...`, in a process of its own.

Each probe's answer is one line of JSON, written at once, so that the caller knows which library took the process down.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

Answer = tuple[str, str, str]  # good | note | bad, what there is, how to fix it ("" where nothing is to fix)

MARK = "splat-doctor:"  # libraries print things of their own while they are imported


def torch() -> Answer:
    import torch

    if not torch.version.cuda:
        return "good", f"{torch.__version__}, built without CUDA: training runs on the CPU", ""
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = properties.total_memory / 2**30
        return "good", f"{torch.__version__}, CUDA {torch.version.cuda}, {properties.name} with {memory:.0f} GiB", ""
    return "good", f"{torch.__version__}, CUDA {torch.version.cuda}, but no usable GPU: training runs on the CPU", ""


def renderer() -> Answer:
    from splat.render import select_backend

    chosen = select_backend("auto")
    return "good", f"{chosen.name}: {chosen.reason}", ""


def kernels() -> Answer:
    from splat import native

    found = native.info()
    if not found.get("available", True):
        return (
            "bad",
            str(found.get("problem", "not built")),
            "pip install -e . (needs g++: apt-get install g++)",
        )
    rest = ", ".join(name for name in found["usable"] if name != found["isa"])
    return "good", f"{found['isa']} ({rest or 'no others'} also usable), {found['threads']} threads", ""


def gsplat() -> Answer:
    import gsplat  # noqa: F401  the import is the question
    import torch

    name = f"{version('gsplat')}"
    if not torch.cuda.is_available():
        return "good", f"{name}, not compiled: it renders on CUDA only, here the CPU renderer does", ""
    if importlib.util.find_spec("gsplat.csrc") is not None:
        return "good", f"{name}, compiled into the package", ""
    from torch.utils.cpp_extension import CUDA_HOME, _get_build_directory

    if list(Path(_get_build_directory("gsplat_cuda", False)).glob("gsplat_cuda*")):
        return "good", f"{name}, compiled", ""
    if CUDA_HOME and (Path(CUDA_HOME) / "bin" / "nvcc").exists():
        return "note", f"{name}, not compiled yet: the first training compiles it (some minutes, once)", ""
    return (
        "note",
        f"{name}, not compiled and no nvcc to compile it, so the GPU stays idle",
        f"install the CUDA {torch.version.cuda} toolkit, or a compiled wheel from docs.gsplat.studio/whl",
    )


def opencv() -> Answer:
    import cv2

    return "good", cv2.__version__, ""


def open3d() -> Answer:
    import open3d

    return "good", open3d.__version__, ""


def pycolmap() -> Answer:
    import pycolmap

    return "good", f"{pycolmap.__version__}: photos without poses can be used", ""


def torchvision() -> Answer:
    import torch
    import torchvision

    torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)  # fails where its kernels were built for another torch
    return "good", f"{torchvision.__version__}, fits torch {torch.__version__}", ""


def lpips() -> Answer:
    if importlib.util.find_spec("lpips") is None:
        return "note", "the package is not installed, LPIPS will be null", "pip install lpips"
    from splat.evaluate.weights import BACKBONES, checkpoint_path, offline, state

    states = {net: state(checkpoint_path(net), backbone.sha256) for net, backbone in BACKBONES.items()}
    folder = checkpoint_path("alex").parent
    damaged = [BACKBONES[net].file for net, found in states.items() if found == "damaged"]
    if damaged:
        return "note", f"damaged weights in {folder}: {', '.join(damaged)}", "delete them"
    usable = [net for net, found in states.items() if found != "absent"]
    remark = "".join(f"; {net} was saved anew by somebody" for net in usable if states[net] == "other")
    if "alex" in usable:
        return "good", f"weights here for {', '.join(usable)} ({folder}){remark}", ""
    text = f"weights here for {', '.join(usable)} only ({folder}){remark}" if usable else f"no weights in {folder}"
    if offline():
        return (
            "note",
            f"{text}, and HF_HUB_OFFLINE is set",
            f"put {BACKBONES['alex'].file} there, or unset it",
        )
    fix = f"the first evaluation fetches {BACKBONES['alex'].megabytes} MB; lpips_download=false leaves LPIPS out"
    return "note", text, fix


def flip() -> Answer:
    from splat.evaluate.flip_metric import why_no_flip

    problem = why_no_flip(True)
    if problem is not None:
        return "note", "FLIP will be null", problem
    return "good", f"{version('flip-evaluator')}, needs no weights", ""


def video() -> Answer:
    import av

    try:
        av.codec.Codec("libx264", "w")
    except Exception:
        return (
            "note",
            f"PyAV {av.__version__} has no libx264: no videos",
            "pip install --force-reinstall av",
        )
    return "good", f"PyAV {av.__version__} writes and reads mp4 (libx264); ffmpeg itself is not needed", ""


def hub() -> Answer:
    home = Path(os.environ.get("HF_HOME", Path("~/.cache/huggingface").expanduser()))
    folder = Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
    models = [path.name.removeprefix("models--").replace("--", "/") for path in folder.glob("models--*")]
    if models:
        return "good", f"{len(models)} models in {folder}: {', '.join(sorted(models)[:4])}", ""
    return "good", f"none in {folder}; training needs none", ""


PROBES: dict[str, Callable[[], Answer]] = {
    probe.__name__: probe
    for probe in (torch, renderer, kernels, gsplat, opencv, open3d, pycolmap, torchvision, lpips, flip, video, hub)
}


def answer(name: str) -> dict[str, str]:
    """One probe's answer: state, text and fix, or the problem that its import raised."""
    try:
        state, text, fix = PROBES[name]()
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        return {"problem": f"{type(error).__name__}: {lines[0]}"}
    return {"state": state, "text": text, "fix": fix}


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        print("\n" + MARK + json.dumps(answer(asked)), flush=True)
