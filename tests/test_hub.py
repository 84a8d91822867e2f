"""Models from folders and the hub: only what is safe is read, only what was asked for is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splat import hub
from splat.errors import SplatError
from tests.language import tiny_models


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that holds one model, OWNER/clip, as huggingface_hub lays it down; no network."""
    cache = tmp_path / "cache"
    folder = cache / "models--owner--clip" / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    folder.mkdir(parents=True)
    tiny_models.save_clip(folder)
    refs = cache / "models--owner--clip" / "refs"
    refs.mkdir()
    (refs / "main").write_text(folder.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


def test_a_model_in_the_cache_is_found_without_network(hub_cache: Path) -> None:
    folder = hub.find_model("owner/clip", "teacher", False, "nothing else works")
    assert folder.parent.parent.parent == hub_cache and hub.model_type(folder) == "clip"
    assert hub.find_model(str(folder), "teacher", True, "") == folder
    assert hub.load_pretrained("AutoModel", folder).config.model_type == "clip"


def test_offline_is_obeyed_and_says_where_it_looked(hub_cache: Path) -> None:
    with pytest.raises(SplatError) as caught:
        hub.find_model("owner/other", "depth", True, "depth=scene needs no model")
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("depth=owner/other", str(hub_cache), "offline=true", "depth=scene needs"))


def test_other_values_of_the_option_are_suggested() -> None:
    with pytest.raises(SplatError, match=r"depth=captur: neither a folder nor a hub name.*did you mean capture\?"):
        hub.find_model("captur", "depth", True, "", ("capture", "scene"))
    with pytest.raises(SplatError, match=r"hub name \(OWNER/MODEL\); without$"):
        hub.find_model("captur", "depth", True, "without")


def test_pickles_are_refused_whatever_asks_for_them(tmp_path: Path) -> None:
    tiny_models.save_clip(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "pytorch_model.bin").write_bytes(b"anything")
    with pytest.raises(SplatError, match="can run code"):
        hub.find_model(str(tmp_path), "sam", True, "")
    with pytest.raises(SplatError, match="cannot be loaded"):  # nor by one who has not asked find_model
        hub.load_pretrained("AutoModel", tmp_path)


def test_weights_of_a_backbone_from_elsewhere_are_refused(tmp_path: Path) -> None:
    tiny_models.save_dino(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "use_pretrained_backbone": True}))
    with pytest.raises(SplatError, match="use_pretrained_backbone"):
        hub.load_pretrained("AutoModel", tmp_path)


def test_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(SplatError, match=r"no config\.json"):
        hub.find_model(str(tmp_path), "teacher", True, "")
