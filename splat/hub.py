"""Models in the format of transformers, by hub name or folder: found, checked, never unpickled, offline if asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from splat.errors import SplatError
from splat.files import read_json
from splat.options import nearest

# only what is read: weights of one safe format, configurations and vocabularies, never code or pickles
FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]


def find_model(name: str, key: str, offline: bool, without: str, names: Sequence[str] = ()) -> Path:
    """The folder with a model's files; a hub name is downloaded once, into the hub's own cache.

    Args:
        name: a folder, or OWNER/MODEL on the hub.
        key: the option that named it, for messages.
        offline: whether nothing may be downloaded.
        without: what works without this model, for messages.
        names: other values of the option, one of which may have been meant.

    Raises:
        SplatError: naming the model, the folder that was looked in, and what works without it.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _complete(folder, f"{key}={name}")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        near = nearest(name, names)
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
        name: OWNER/MODEL.
        key: as in `find_model`.
        offline: as in `find_model`.
        without: as in `find_model`.
        files: patterns of the files that are read.
        unused: patterns of those among them that are not.
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

    Args:
        auto: name of one of the library's Auto classes.
        folder: what `find_model` gave.
        options: more of `from_pretrained`.

    Raises:
        SplatError: when the library cannot read it, or its weights are a mixture of here and elsewhere.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import transformers

    transformers.utils.logging.disable_progress_bar()
    if auto.startswith("AutoModel"):
        options["use_safetensors"] = True
        _refuse_other_weights(folder)
    try:
        return getattr(transformers, auto).from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SplatError(
            f"{folder} cannot be loaded: {line}; is it complete, and this version of transformers new enough?"
        ) from error


def _refuse_other_weights(folder: Path) -> None:
    """The library fetches the weights of some backbones from elsewhere, past all rules here."""
    if read_json(folder / "config.json").get("use_pretrained_backbone"):
        raise SplatError(
            f"{folder / 'config.json'} takes its backbone's weights from elsewhere (use_pretrained_backbone), which "
            "is not done here; load the model with transformers and save it whole with `save_pretrained`"
        )


def torch_device(name: str) -> str:
    """The device to run on; `auto` is CUDA where it works.

    Raises:
        SplatError: cuda, where there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise SplatError("device=cuda: PyTorch sees no CUDA device; use device=cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
