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

Answer = tuple[str, str, str]  # good | note | bad, what there is, how to mend it ("" where nothing is to mend)

MARK = "splat-doctor:"  # libraries print things of their own while they are imported

# The file of each LPIPS backbone as torchvision names it; the lpips package brings the linear layers on top.
BACKBONES = {"alex": "alexnet-owt-*.pth", "vgg": "vgg16-*.pth", "squeeze": "squeezenet1_1-*.pth"}


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
    cache = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folder = Path(os.environ.get("TORCH_HOME", cache / "torch")) / "hub" / "checkpoints"
    offline = [net for net, pattern in BACKBONES.items() if list(folder.glob(pattern))]
    if offline:
        return "good", f"weights here for {', '.join(offline)} ({folder})", ""
    mend = "LPIPS will be null; `splat evaluate RUN lpips_download=true` fetches them, or copy them there"
    return "note", f"no weights in {folder}", mend


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
    for probe in (torch, renderer, kernels, gsplat, opencv, open3d, pycolmap, torchvision, lpips, video, hub)
}


def answer(name: str) -> dict[str, str]:
    """One probe's answer: state, text and mend, or the problem that its import raised."""
    try:
        state, text, mend = PROBES[name]()
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        return {"problem": f"{type(error).__name__}: {lines[0]}"}
    return {"state": state, "text": text, "mend": mend}


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        print("\n" + MARK + json.dumps(answer(asked)), flush=True)
