"""Models in the library's own format, by hub name or folder: found, checked and never unpickled."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splat.errors import SplatError
from splat.files import read_json
from splat.language.teachers.options import TeacherOptions
from splat.language.types import Teacher
from splat.options import nearest

TEXT_IMAGE = ("clip", "siglip", "siglip2")
PATCHES = ("dinov2", "dinov2_with_registers", "dinov3_vit")
SAM = ("sam", "sam2", "sam2_video")
WITHOUT = "teacher=demo works without any download (small vocabulary), teacher=files takes features that you bring"
# only what is read: weights of one safe format, configurations and vocabularies, never code or pickles
FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]


def load(options: TeacherOptions) -> Teacher:
    """The teacher in a folder or under a hub name, by the model type in its config.json.

    Raises:
        SplatError: when it is not there, or is of a type that cannot teach.
    """
    folder = find_model(options.teacher, "teacher", options.offline, WITHOUT)
    kind = model_type(folder)
    if kind in TEXT_IMAGE:
        from splat.language.teachers.text_image import TextImageTeacher

        return TextImageTeacher(folder, options)
    if kind in PATCHES:
        from splat.language.teachers.patches import PatchTeacher

        return PatchTeacher(folder, options)
    raise SplatError(
        f"teacher={options.teacher} is a model of type {kind!r}, which cannot teach here; "
        f"use one of the types {', '.join(TEXT_IMAGE)} (words) or {', '.join(PATCHES)} (similarity only)"
    )


def find_model(name: str, key: str, offline: bool, without: str) -> Path:
    """The folder with a model's files; a hub name is downloaded once, into the hub's own cache.

    Args:
        key: the option that named it, for messages.
        without: what works without this model, for messages.

    Raises:
        SplatError: naming the model, the folder that was looked in, and what works without it.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _complete(folder, f"{key}={name}")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        near = nearest(name, ("demo", "files"))
        hint = f"; did you mean {near}?" if near else ""
        raise SplatError(f"{key}={name}: neither a folder nor a hub name (OWNER/MODEL){hint}; {without}")
    needs = "a folder with its config.json, tokenizer, preprocessor_config.json and model.safetensors"
    folder = snapshot(name, key, offline, without, FILES, [], lambda one: any(one.glob("model*.safetensors")), needs)
    return _complete(folder, f"{key}={name}")


def snapshot(
    name: str,
    key: str,
    offline: bool,
    without: str,
    files: list[str],
    unused: list[str],
    complete: Callable[[Path], bool],
    needs: str,
) -> Path:
    """The folder of a hub model: from the cache if it lies there, else downloaded.

    Args:
        key, without: as in `find_model`.
        files, unused: patterns of the files that are read, and of those among them that are not.
        complete: whether a folder in the cache has all that it needs.
        needs: what a folder should hold, for the message.

    Raises:
        SplatError: naming the model, the folder that was looked in, and what works without it.
    """
    from huggingface_hub import constants, snapshot_download

    try:
        folder = Path(snapshot_download(name, local_files_only=True, allow_patterns=files, ignore_patterns=unused))
        if complete(folder):
            return folder
    except Exception:  # not there yet; what is wrong is told by the download below
        folder = Path()
    reason = "offline=true" if offline else "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else ""
    if not reason:
        try:
            return Path(snapshot_download(name, allow_patterns=files, ignore_patterns=unused))
        except Exception as error:  # the library raises many kinds, of its own and of its HTTP client
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
    where = constants.HF_HUB_CACHE
    raise SplatError(
        f"{key}={name} is not in {where} and was not downloaded ({reason}); give {key}= {needs}; {without}"
    )


def _complete(folder: Path, what: str) -> Path:
    if not (folder / "config.json").is_file():
        raise SplatError(f"{what}: {folder} has no config.json; it should be a folder made by `save_pretrained`")
    if not any(folder.glob("model*.safetensors")):
        raise SplatError(
            f"{what}: {folder} has no model.safetensors; pickled weights are not read because they can run code: "
            "choose a repository with safetensors, or save the model again with `save_pretrained`"
        )
    return folder


def model_type(folder: Path) -> str:
    """The type in a folder's config.json."""
    return str(read_json(folder / "config.json").get("model_type", "unknown"))


def signature(folder: Path) -> str:
    """What tells these weights from others: file names, sizes and times."""
    files = sorted(folder.glob("model*.safetensors"))
    return " ".join(f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in files)


def load_pretrained(auto: str, folder: Path, **options: Any) -> Any:
    """`transformers.AUTO.from_pretrained` on a folder that lies here: no download, no code from it, no pickle.

    Raises:
        SplatError: when the library cannot read it.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import transformers

    transformers.utils.logging.disable_progress_bar()
    if auto in ("AutoModel", "AutoModelForMaskGeneration"):
        options["use_safetensors"] = True
    try:
        return getattr(transformers, auto).from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SplatError(
            f"{folder} cannot be loaded: {line}; is it complete, and this version of transformers new enough?"
        ) from error


def torch_device(name: str) -> str:
    """`auto` is CUDA where it works."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise SplatError("device=cuda: PyTorch sees no CUDA device; use device=cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
