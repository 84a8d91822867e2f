"""Diffusion models in the format of `diffusers`, by hub name or folder: found, checked and never unpickled."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from splat.edit.restyle.diffusion import Diffusion
from splat.errors import SplatError
from splat.files import read_json
from splat.hub import snapshot

INSTRUCTED = "StableDiffusionInstructPix2PixPipeline"
KINDS = (INSTRUCTED, "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
LIBRARIES = ("diffusers", "transformers")  # whose classes a part may be of; any other name could be code in the folder
WEIGHTS = {
    "unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model",
}  # fmt: skip
FILES = [
    "model_index.json", "*/config.json", "scheduler/*.json", "tokenizer/*.json", "tokenizer/*.txt",
    *(f"{part}/{name}*.safetensors*" for part, name in WEIGHTS.items()),
]  # fmt: skip
UNUSED = ["safety_checker/*", "*.fp16.*", "*.non_ema.*", "*.bf16.*"]
WITHOUT = "filter= and images= work without any model"


def need_diffusers() -> None:
    """
    Raises:
        SplatError: when the optional packages are not installed.
    """
    if importlib.util.find_spec("diffusers") is None:
        raise SplatError(f"model= needs another package: pip install 'diffusers>=0.30'; {WITHOUT}")


def find_pipeline(name: str, offline: bool) -> Path:
    """The folder of a model; a hub name is downloaded once, into the hub's own cache.

    Raises:
        SplatError: naming the model, the folder that was looked in, and what works without it.
    """
    need_diffusers()
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if name.count("/") != 1 or name.startswith((".", "/", "~")):
            raise SplatError(f"model={name}: neither a folder nor a hub name (OWNER/MODEL); {WITHOUT}")
        needs = "a folder made by `save_pretrained`, with model_index.json, unet, vae, text_encoder and tokenizer"
        folder = snapshot(name, "model", offline, WITHOUT, FILES, UNUSED, _has_weights, needs)
    _check(folder, name)
    return folder


def load_pipeline(folder: Path, device: str) -> Any:
    """The model of a folder, as a `Diffusion`.

    Raises:
        SplatError: when the library cannot read it.
    """
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.set_verbosity_error()
        library.utils.logging.disable_progress_bar()
    instructed = read_json(folder / "model_index.json")["_class_name"] == INSTRUCTED
    kind = getattr(diffusers, INSTRUCTED if instructed else "StableDiffusionPipeline")
    variant = None if _has_weights(folder) else "fp16"
    try:
        pipeline = kind.from_pretrained(
            str(folder), local_files_only=True, use_safetensors=True, trust_remote_code=False, variant=variant,
            safety_checker=None, feature_extractor=None, image_encoder=None, requires_safety_checker=False,
        )  # fmt: skip
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, AttributeError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SplatError(f"{folder} cannot be loaded: {line}; is it complete, and diffusers new enough?") from error
    return Diffusion(pipeline, instructed, device)


def _check(folder: Path, name: str) -> None:
    """Refuse what is no model of a kind that can guide, before any of its code or weights is touched."""
    index_file = folder / "model_index.json"
    if not index_file.is_file():
        raise SplatError(f"model={name}: {folder} has no model_index.json; it should be made by `save_pretrained`")
    index = read_json(index_file)
    kind = index.get("_class_name")
    if kind not in KINDS:
        raise SplatError(f"model={name} is a {kind}, which cannot guide here; use one of {', '.join(KINDS)}")
    for part in PARTS:
        library = (index.get(part) or [None])[0]
        if library not in LIBRARIES:
            raise SplatError(f"model={name}: its {part} is from {library!r}, not from {' or '.join(LIBRARIES)}")
    missing = [part for part, weights in WEIGHTS.items() if not any((folder / part).glob(f"{weights}*.safetensors"))]
    if missing:
        raise SplatError(
            f"model={name}: {folder / missing[0]} has no {WEIGHTS[missing[0]]}.safetensors; pickled weights are not "
            "read because they can run code: save the model again with `save_pretrained`"
        )


def _has_weights(folder: Path) -> bool:
    """Whether all weights are there in full precision, in one file or several."""
    return all(
        (folder / part / f"{name}.safetensors").is_file()
        or (folder / part / f"{name}.safetensors.index.json").is_file()
        for part, name in WEIGHTS.items()
    )
