"""Restyle with a diffusion model: labels, distillation and the whole loop, on models of a few thousand weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from splat.edit.restyle import attention
from splat.edit.restyle.diffusion import Condition, Diffusion
from splat.edit.restyle.distillation import distillation_loss, moment
from splat.edit.restyle.guided import Guide, GuidedRestyleLoop, threshold_at
from splat.edit.restyle.options import GuideOptions
from splat.edit.restyle.targets import make_target_view
from splat.errors import SplatError
from splat.gaussians import Gaussians
from tests.edit.scenes import camera, renderer_of, three_balls

pytest.importorskip("diffusers", reason="needs the package diffusers")

PROMPT = "make the ball golden"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tests.edit.tiny_diffusion import write_pipeline

    root = tmp_path_factory.mktemp("models")
    return {
        "describe": write_pipeline(root / "describe"),
        "instruct": write_pipeline(root / "instruct", instructed=True),
        "velocity": write_pipeline(root / "velocity", prediction="v_prediction"),
    }


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, Diffusion]:
    from splat.edit.restyle.pipeline import load_pipeline

    return {name: load_pipeline(folder, "cpu") for name, folder in folders.items()}


def picture(height: int = 24, width: int = 32) -> torch.Tensor:
    return torch.rand(height, width, 3, generator=torch.Generator().manual_seed(1))


def test_a_label_is_the_attention_by_blending_weight() -> None:
    scene = three_balls()[::30]
    made = renderer_of(scene)
    g = torch.Generator().manual_seed(0)
    views = made.cameras[:3]
    maps = [(view, torch.rand(view.height, view.width, generator=g)) for view in views]
    labels, seen = attention.lifted(made, scene, maps)
    weights = [made.features(view, torch.eye(len(scene))) for view in views]  # w_ip, each Gaussian a channel of its own
    above = sum((one * values[..., None]).sum(dim=(0, 1)) for one, (_, values) in zip(weights, maps))
    below = sum(one.sum(dim=(0, 1)) for one in weights)
    assert bool(seen.any()) and torch.equal(seen, below > 0.02)
    assert torch.allclose(labels[seen], (above / below)[seen], atol=1e-5)
    new, half = torch.full((len(scene),), 0.8), torch.full((len(scene),), 0.4)
    kept = attention.remembered(half, new, seen, 0.75)
    assert torch.allclose(kept[seen], torch.tensor(0.5)) and bool((kept[~seen] == 0.4).all())


def test_what_no_view_sees_has_no_label() -> None:
    behind = Gaussians(**{name: value[:5] for name, value in three_balls().as_dict().items()})
    behind.means = torch.tensor([[0.0, 0.0, -50.0]]).expand(5, 3).clone()
    labels, seen = attention.lifted(renderer_of(behind), behind, [(camera(0), torch.ones(72, 96))])
    assert not bool(seen.any()) and not bool(labels.any())


def test_the_recorder_keeps_probabilities_and_changes_nothing(models: dict[str, Diffusion]) -> None:
    model = models["describe"]
    condition, latents = model.condition(PROMPT), torch.randn(1, 4, 12, 16, generator=torch.Generator().manual_seed(0))
    plain = model.noise(latents, 300, condition, 7.5, 1.5)
    with attention.recorded(model.unet) as kept:
        watched = model.noise(latents, 300, condition, 7.5, 1.5)
    assert torch.equal(plain, watched) and torch.equal(model.noise(latents, 300, condition, 7.5, 1.5), plain)
    assert [one.shape for one in kept] == [(2, 192, 16), (2, 48, 16), (2, 192, 16), (2, 192, 16)]  # down, middle, up
    for one in kept:
        assert torch.allclose(one.sum(dim=-1), torch.ones(()), atol=1e-5)


def test_recorded_probabilities_are_those_that_the_layer_uses(models: dict[str, Diffusion]) -> None:
    unet = models["describe"].unet
    layer = next(module for name, module in unet.named_modules() if name.endswith("attn2"))
    g = torch.Generator().manual_seed(2)
    hidden, text = torch.randn(1, 20, layer.to_q.in_features, generator=g), torch.randn(1, 16, 32, generator=g)
    with attention.recorded(unet) as kept:
        output = layer(hidden, encoder_hidden_states=text)
    values = layer.to_v(text).unflatten(-1, (layer.heads, -1)).transpose(1, 2)
    heads = layer.to_q(hidden).unflatten(-1, (layer.heads, -1)).transpose(1, 2) @ (
        layer.to_k(text).unflatten(-1, (layer.heads, -1)).permute(0, 2, 3, 1)
    )
    paid = torch.softmax(heads * layer.scale, dim=-1)
    assert torch.allclose(kept[0], paid.mean(dim=1), atol=1e-6)
    expected = layer.to_out[0]((paid @ values).transpose(1, 2).flatten(2))
    assert torch.allclose(output, expected / layer.rescale_output_factor, atol=1e-5)


def test_the_map_is_stretched_and_has_the_pictures_size(models: dict[str, Diffusion]) -> None:
    model = models["instruct"]
    shown = picture()
    condition = model.about(model.condition(PROMPT), shown)
    found = [attention.attention_map(model, shown, condition, [3], torch.Generator().manual_seed(5)) for _ in range(2)]
    assert found[0].shape == (24, 32) and float(found[0].min()) == 0 and float(found[0].max()) == 1
    assert torch.equal(*found)
    other = attention.attention_map(model, shown, condition, [4], torch.Generator().manual_seed(5))
    assert not torch.allclose(found[0], other, atol=1e-3)


def test_layers_halve_rounding_up() -> None:
    assert attention.layer_grid(63 * 47, (63, 47)) == (63, 47)
    assert attention.layer_grid(32 * 24, (63, 47)) == (32, 24)
    assert attention.layer_grid(8 * 6, (63, 47)) == (8, 6)
    with pytest.raises(SplatError, match="another layout"):
        attention.layer_grid(100, (63, 47))


def test_words_find_their_tokens(models: dict[str, Diffusion]) -> None:
    tokenizer = models["describe"].tokenizer
    assert attention.token_places(tokenizer, PROMPT) == [3, 4]  # ball, golden; "make" and "the" are small
    assert attention.token_places(tokenizer, PROMPT, focus="Ball") == [3]
    assert attention.token_places(tokenizer, "the red cup", focus="cup") == [3, 4, 5]  # letter by letter
    assert attention.token_places(tokenizer, "make the", None) == [1, 2]
    long = attention.token_places(tokenizer, "abcdefghij klmnopqrstuvwxyz", None)
    assert max(long) < 15  # the model reads no further
    with pytest.raises(SplatError, match="must be words of the text"):
        attention.token_places(tokenizer, PROMPT, focus="cup")


@pytest.mark.parametrize("name", ["describe", "instruct", "velocity"])
def test_the_distillation_gradient_is_the_formula(models: dict[str, Diffusion], name: str) -> None:
    model, shown = models[name], picture().requires_grad_()
    g = torch.Generator().manual_seed(4)
    noise, time, s, s_image = model.draw_noise((24, 32), g), 400, 9.0, 1.4
    condition = model.about(model.condition(PROMPT, "red"), picture())
    distillation_loss(model, shown, condition, time, noise, s, s_image).backward()

    x = (
        model.vae.encode(2 * shown.detach().movedim(-1, 0)[None] - 1).latent_dist.mode()
        * model.vae.config.scaling_factor
    )
    alpha = float(torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000).double() ** 2, 0)[time])
    noisy = alpha**0.5 * x + (1 - alpha) ** 0.5 * noise

    def guess(text: torch.Tensor, image: torch.Tensor | None) -> torch.Tensor:
        given = noisy if image is None else torch.cat([noisy, image], dim=1)
        raw = model.unet(given, time, encoder_hidden_states=text).sample
        return alpha**0.5 * raw + (1 - alpha) ** 0.5 * noisy if name == "velocity" else raw

    with torch.no_grad():
        if condition.image is None:
            text, empty = guess(condition.text, None), guess(condition.empty, None)
            hat = empty + s * (text - empty)
        else:
            nothing = torch.zeros_like(condition.image)
            text, image, empty = (
                guess(words, seen)
                for words, seen in (
                    (condition.text, condition.image), (condition.empty, condition.image), (condition.empty, nothing)
                )
            )  # fmt: skip
            hat = empty + s * (text - image) + s_image * (image - empty)
    again = picture().requires_grad_()
    latents = model.encode(again)
    (expected,) = torch.autograd.grad(latents, again, (1 - alpha) * (hat - noise) / (12 * 16))
    assert shown.grad is not None and float(expected.abs().max()) > 1e-5
    assert torch.allclose(shown.grad, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_the_schedule_goes_from_much_noise_to_details() -> None:
    options = GuideOptions()
    first, middle, last = (moment(at, options) for at in (0, 0.5, 1))
    assert (first.lowest, first.highest, first.guidance) == (0.02, 0.98, 15.0)
    assert (middle.highest, middle.guidance) == pytest.approx((0.74, 11.25))
    assert (last.highest, last.guidance) == pytest.approx((0.5, 7.5))
    assert threshold_at(0, options) == 0.6 and threshold_at(1, options) == pytest.approx(0.4)


@pytest.mark.parametrize("name", ["describe", "instruct", "velocity"])
def test_repainting_is_ddim(models: dict[str, Diffusion], name: str) -> None:
    """The same steps as the library's own scheduler."""
    model, shown = models[name], picture()
    options = GuideOptions(strength=0.5, inference_steps=6)
    condition = model.about(model.condition(PROMPT), shown)
    noise = model.draw_noise((24, 32), torch.Generator().manual_seed(0))
    made = model.repaint(shown, condition, noise, options)
    from diffusers import DDIMScheduler

    library = DDIMScheduler.from_config({**model.scheduler.config, "set_alpha_to_one": True})
    library.set_timesteps(6)
    times = library.timesteps[-3:]
    latents = library.add_noise(model.encode(shown), noise, times[:1])
    for time in times:
        raw = model.noise(latents, int(time), condition, options.guidance_end, options.image_guidance)
        if name == "velocity":  # the scheduler wants v back
            alpha = model.signal(int(time))
            raw = (raw - (1 - alpha) ** 0.5 * latents) / alpha**0.5
        latents = library.step(raw, time, latents).prev_sample
    assert made.shape == shown.shape and torch.allclose(made, model.decode(latents), atol=2e-3)
    again = model.repaint(shown, condition, noise, options)
    assert torch.equal(made, again) and not torch.allclose(made, model.decode(model.encode(shown)), atol=1e-3)


def tiny(**more: object) -> GuideOptions:
    values = {
        "steps": 12, "views": 3, "resolution": 24, "inference_steps": 2, "refresh_every": 2, "relabel_every": 4,
        "label_views": 3, "densify_every": 3, "densify_share": 0.1, "threshold": 0.5, "threshold_end": 0.3,
    }  # fmt: skip
    return GuideOptions(**{**values, **more})  # type: ignore[arg-type]


def test_labels_spread_and_what_never_takes_part_keeps_its_bits(models: dict[str, Diffusion]) -> None:
    made, options = renderer_of(views=4), tiny()
    guide = Guide(models["describe"], PROMPT, "", options)
    labels = (torch.arange(900) < 200).float() * 0.55  # part of the red ball first
    candidates = torch.arange(900) < 600  # red and green may
    views = [view for one in made.cameras[:3] if (view := make_target_view(made, one, labels > 0, 2)) is not None]
    loop = GuidedRestyleLoop(made, candidates, views, guide, labels, 12, 900)
    assert int(loop.subset.state["live"].sum()) == 200
    alive: list[int] = []
    step, before = loop.subset.step, {name: value.detach().clone() for name, value in loop.subset.params.items()}

    def watched(progress: float) -> None:
        alive.append(int(loop.subset.state["live"].sum()))
        if not alive[1:]:
            step(progress)
            for name, value in loop.subset.params.items():
                assert torch.equal(value.detach()[200:], before[name][200:])
            return
        step(progress)

    loop.subset.step = watched  # type: ignore[method-assign]
    edited = loop.run()
    assert len(alive) == 12 and len(loop.repainted) >= 2
    never = ~candidates[edited.origin]
    assert torch.equal(edited.origin[never], torch.arange(600, 900))
    for name, value in made.scene.as_dict().items():
        assert torch.equal(getattr(edited.scene, name)[never], value[600:])
    assert len(edited.scene) > 900 and bool(torch.isfinite(edited.scene.means).all())
    assert set(edited.origin[:300].tolist()) <= set(range(300)) and not torch.equal(
        edited.scene.sh0[:50], made.scene.sh0[:50]
    )


def test_pictures_of_the_model_are_followed_in_the_end(models: dict[str, Diffusion]) -> None:
    """With repainting alone the render comes nearer to what the model painted."""
    made = renderer_of(views=4)
    options = tiny(coarse=0.0, steps=120, refresh_every=1000, densify_every=0, views=1, strength=0.3, localise=False)
    guide = Guide(models["describe"], PROMPT, "", options)
    chosen = torch.arange(900) // 300 == 1
    view = make_target_view(made, made.cameras[0], chosen, 0)
    assert view is not None
    loop = GuidedRestyleLoop(made, chosen, [view], guide, None, 120, 900)
    edited = loop.run()
    target = view.target
    assert target is not None
    before = (view.original[view.window] - target).abs().mean()
    after = (made.of(edited.scene).image(made.cameras[0])[view.window] - target).abs().mean()
    assert float(after) < 0.5 * float(before)


def test_unknown_kinds_code_and_pickles_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    import json
    import shutil

    from splat.edit.restyle.pipeline import find_pipeline

    assert find_pipeline(str(folders["describe"]), True) == folders["describe"]
    with pytest.raises(SplatError, match="neither a folder nor a hub name"):
        find_pipeline("gone", True)
    with pytest.raises(SplatError, match=r"owner/none is not in .* .offline=true.*model_index.json"):
        find_pipeline("owner/none", True)
    with pytest.raises(SplatError, match="has no model_index"):
        find_pipeline(str(tmp_path), True)
    bad = tmp_path / "bad"
    shutil.copytree(folders["describe"], bad)
    index = json.loads((bad / "model_index.json").read_text())
    for change, message in (
        ({"_class_name": "StableDiffusionXLPipeline"}, "cannot guide here"),
        ({"unet": ["my_code", "Net"]}, "not from diffusers or transformers"),
    ):
        (bad / "model_index.json").write_text(json.dumps({**index, **change}))
        with pytest.raises(SplatError, match=message):
            find_pipeline(str(bad), True)
    (bad / "model_index.json").write_text(json.dumps(index))
    weights = bad / "vae" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(SplatError, match="pickled weights are not"):
        find_pipeline(str(bad), True)


def test_a_condition_without_picture_needs_none(models: dict[str, Diffusion]) -> None:
    condition = models["describe"].condition(PROMPT)
    assert isinstance(condition, Condition) and models["describe"].about(condition, picture()).image is None
    assert models["instruct"].about(models["instruct"].condition(PROMPT), picture()).image is not None


class Oracle:
    """Guesses the noise as one does who knows the picture behind it."""

    dtype = torch.float32

    def __init__(self, model: Diffusion, wanted: torch.Tensor) -> None:
        self.model, self.wanted = model, model.encode(wanted)

    def __call__(self, given: torch.Tensor, timestep: int, encoder_hidden_states: torch.Tensor) -> SimpleNamespace:
        alpha = self.model.signal(timestep)
        return SimpleNamespace(sample=(given - alpha**0.5 * self.wanted) / (1 - alpha) ** 0.5)


def test_distillation_goes_where_the_model_points(
    models: dict[str, Diffusion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that knows a yellow ball: by distillation alone the latents come nearer to that picture's."""
    made, model = renderer_of(views=4), models["describe"]
    options = tiny(coarse=1.0, steps=80, views=1, resolution=72, densify_every=0, localise=False, anchor=0.0)
    chosen = torch.arange(900) // 300 == 1
    view = make_target_view(made, made.cameras[0], chosen, 1)
    assert view is not None
    size = model.size(view.camera, options.resolution)
    covered = made.features(view.camera, chosen[:, None].float())
    wanted = model.fitted(covered * torch.tensor([0.9, 0.8, 0.1]) + (1 - covered) * view.original, size)
    guide = Guide(model, PROMPT, "", options)
    monkeypatch.setattr(model, "unet", Oracle(model, wanted))
    edited = GuidedRestyleLoop(made, chosen, [view], guide, None, options.steps or 0, 900).run()
    after = made.of(edited.scene).image(view.camera)
    far, visible = (
        float((model.encode(model.fitted(one, size)) - model.encode(wanted)).square().mean())
        for one in (view.original, after)
    )
    assert visible < 0.6 * far
    assert float((after - view.original).abs()[covered[..., 0] == 0].mean()) < 0.01
