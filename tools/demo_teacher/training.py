"""Contrastive training in which every caption that fits counts, not only the one a picture came with."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from splat.console import info, progress
from splat.errors import SplatError
from splat.files import atomic_path
from tools.demo_teacher.captions import KIND_LIST, Captions
from tools.demo_teacher.crops import Pictures
from tools.demo_teacher.things import GENERIC, KINDS, MIXED


@dataclass(frozen=True)
class TrainingOptions:
    """How the teacher is trained."""

    steps: int = 800  # of a cycle
    cycles: int = 4  # the learning rate rises and falls in each (Loshchilov and Hutter, 2017), a little less high
    batch: int = 64
    learning_rate: float = 2e-3
    warmup: int = 50
    weight_decay: float = 0.05
    generic: float = 0.12  # share of a picture's target on LERF's canonical phrases
    names: float = 1.0  # weight of telling the names of all kinds apart
    checkpoint_seconds: float = 45.0
    bfloat16: bool = False  # several times as fast where the processor has it, several times as slow elsewhere
    seed: int = 0


def train(
    model: Any, tokenizer: Any, pictures: Pictures, captions: Captions, options: TrainingOptions, checkpoint: Path
) -> float:
    """Train in place, going on from `checkpoint` if it exists; returns the processor's seconds that all steps took."""
    import torch

    optimizer = torch.optim.AdamW(
        model.parameters(), options.learning_rate, betas=(0.9, 0.98), weight_decay=options.weight_decay
    )
    made = made_of(options, pictures)
    first, state, spent = _resume(checkpoint, model, optimizer, made)
    schedule = _cycle(optimizer, first // options.steps, options)
    if first % options.steps:
        schedule.load_state_dict(state)
    batches = Batches(pictures, captions, options)
    saved = time.monotonic()
    began = time.process_time() - spent
    model.train()
    model.set_attn_implementation("eager")  # of a few dozen tokens: the fused one's backward pass takes twice as long
    total = options.steps * options.cycles
    with progress("Training the teacher", total, completed=first) as bar:
        for step in range(first, total):
            if step % options.steps == 0:
                schedule = _cycle(optimizer, step // options.steps, options)
            batch = batches.draw(step)
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                images, words = _embed(model, tokenizer, batch.pixels, batch.texts)
            loss = contrastive(images, words, model.logit_scale, batch.there, batch.back)
            for vectors, shares in ((images, batch.shares), (words[: len(batch.kinds)], batch.kinds)):
                loss = loss + options.names * naming(vectors, words[batch.names], model.logit_scale, shares)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, float(np.log(100)))
            bar.advance(loss=float(loss.detach()), scale=float(model.logit_scale.detach().exp()))
            if time.monotonic() - saved > options.checkpoint_seconds:
                saved = time.monotonic()
                facts = {"step": step + 1, "spent": time.process_time() - began, "made_of": made}
                _save(checkpoint, model, optimizer, schedule, facts)
    spent = time.process_time() - began
    facts = {"step": max(first, total), "spent": spent, "made_of": made}
    _save(checkpoint, model, optimizer, schedule, facts)
    model.eval()
    return spent


def _cycle(optimizer: Any, number: int, options: TrainingOptions) -> Any:
    """The learning rate's way through one cycle: a short rise, then a cosine down to almost nothing."""
    from torch.optim.lr_scheduler import OneCycleLR

    for group in optimizer.param_groups:
        for key in ("initial_lr", "max_lr", "min_lr"):
            group.pop(key, None)
    highest = options.learning_rate * 0.75**number
    return OneCycleLR(optimizer, highest, options.steps, pct_start=options.warmup / options.steps, cycle_momentum=False)


def contrastive(images: Any, texts: Any, log_scale: Any, image_targets: Any, text_targets: Any) -> Any:
    """Cross entropy of softmax(scale cos) against soft targets, both ways.

    Args:
        images, texts: unit vectors [N, D], [M, D].
        image_targets: [N, M], rows sum to 1.
        text_targets: [M, N], rows sum to 1 or, where no picture of the batch fits, to 0.
    """
    logits = log_scale.exp() * images @ texts.T
    there = -(image_targets * logits.log_softmax(1)).sum(1).mean()
    back = -(text_targets * logits.T.log_softmax(1)).sum(1).sum() / (text_targets.sum(1) > 0).sum().clamp(min=1)
    return (there + back) / 2


def naming(vectors: Any, names: Any, log_scale: Any, shares: Any) -> Any:
    """Cross entropy of softmax(scale cos) over the names of all kinds against what each region shows or caption means.

    This is what relevancy asks at use, when the names of other things are the negatives; a region of two things learns
    to lie between their names. Captions are told apart in the same way: of a text's names, the nearest is no rival.

    Args:
        vectors, names: unit vectors [N, D], [K, D]; shares: [N, K], rows sum to 1.
    """
    return -(shares * (log_scale.exp() * vectors @ names.T).log_softmax(1)).sum(1).mean()


@dataclass(frozen=True)
class Batch:
    """What a step learns from; N pictures, M texts, K kinds."""

    pixels: Any  # [N, 3, S, S] in -1..1
    texts: list[str]
    there: Any  # [N, M] target of each picture over the texts
    back: Any  # [M, N] target of each text over the pictures
    names: Any  # [K] which of the texts are the names of the kinds
    shares: Any  # [N, K] of the kinds in each picture
    kinds: Any  # [M - phrases, K] the kinds that each caption may mean, alike


class Batches:
    """Random pictures with captions that fit them and the names of all kinds; kinds balanced."""

    def __init__(self, pictures: Pictures, captions: Captions, options: TrainingOptions) -> None:
        self.pictures, self.captions, self.options = pictures, captions, options
        self.names = np.array([captions.texts.index(kind.nouns[0]) for kind in KINDS.values()])
        kind = pictures.things.kind
        share = np.bincount(kind, minlength=len(KIND_LIST))[kind] ** -0.5
        self.mixed = kind == KIND_LIST.index(MIXED)
        share[self.mixed] *= 0.08 * share[~self.mixed].sum() / max(share[self.mixed].sum(), 1e-9)
        self.share = share / share.sum()
        words = np.array([len(text.split()) for text in captions.texts])
        # there are many more long captions than plain names, but people ask with plain names
        popularity = (captions.kinds.sum(1) ** -0.5) * np.where(captions.colors.any(1), 0.25, 1.0) / words**0.5
        # things that are alike share their captions and the running sum of the captions' weights
        described = np.concatenate([kind[:, None], pictures.things.colors], 1)
        _, first, self.alike = np.unique(described, axis=0, return_index=True, return_inverse=True)
        fitting = captions.fits(np.arange(len(captions.texts)), pictures.things[first])
        self.fitting = [np.nonzero(row)[0] for row in fitting]
        self.weight = [np.cumsum(popularity[row]) for row in self.fitting]

    def draw(self, step: int) -> Batch:
        """The batch of a step, the same at each call."""
        import torch

        rng = np.random.default_rng([self.options.seed, step])
        chosen = rng.choice(len(self.pictures), self.options.batch, p=self.share)
        things = self.pictures.things[chosen]
        groups = [group for group in self.alike.reshape(-1)[chosen] if len(self.fitting[group])]
        places = rng.random(len(groups))
        drawn = [
            self.fitting[group][np.searchsorted(self.weight[group], place * self.weight[group][-1])]
            for group, place in zip(groups, places)
        ]
        drawn = np.unique([*drawn, *self.names])
        fits = self.captions.fits(drawn, things)
        own = fits / np.maximum(fits.sum(1, keepdims=True), 1)
        generic = np.where(fits.any(1), self.options.generic, 1.0)[:, None]
        targets = np.concatenate([own * (1 - generic), np.repeat(generic / len(GENERIC), len(GENERIC), 1)], 1)
        back = np.concatenate([fits.T, np.zeros((len(GENERIC), len(chosen)))]).astype(float)
        back /= np.maximum(back.sum(1, keepdims=True), 1)
        pixels = augmented(torch.from_numpy(self.pictures.pixels[chosen]).permute(0, 3, 1, 2).float() / 255, rng)
        kinds = self.captions.kinds[drawn][:, : len(KINDS)].astype(np.float32)
        return Batch(
            pixels * 2 - 1,
            [self.captions.texts[k] for k in drawn] + list(GENERIC),
            torch.from_numpy(targets).float(),
            torch.from_numpy(back).float(),
            torch.from_numpy(np.searchsorted(drawn, self.names)),
            torch.from_numpy(self.pictures.shares[chosen]),
            torch.from_numpy(kinds / kinds.sum(1, keepdims=True)),
        )


def augmented(pixels: Any, rng: np.random.Generator) -> Any:
    """Mirrored, brighter or darker, a little warmer or cooler, blurred, grainy; black stays black."""
    import torch
    from torch.nn.functional import interpolate

    count, _, side, _ = pixels.shape
    flip = torch.from_numpy(rng.random(count) < 0.5)
    pixels = torch.where(flip[:, None, None, None], pixels.flip(3), pixels)
    gain = rng.uniform(0.75, 1.3, (count, 1, 1, 1)) * rng.uniform(0.95, 1.05, (count, 3, 1, 1))
    gamma = rng.uniform(0.85, 1.2, (count, 1, 1, 1))
    pixels = (pixels * torch.from_numpy(gain).float()).clamp(0, 1) ** torch.from_numpy(gamma).float()
    small = torch.from_numpy(rng.random(count) < 0.3)
    coarse = int(rng.integers(12, 40))
    blurred = interpolate(pixels[small], size=(coarse, coarse), mode="area")
    pixels[small] = interpolate(blurred, size=(side, side), mode="bilinear")
    grain = torch.from_numpy(rng.random(pixels.shape, dtype=np.float32)) - 0.5
    return (pixels + 0.07 * grain * (pixels > 0)).clamp(0, 1)


def _embed(model: Any, tokenizer: Any, pixels: Any, texts: list[str]) -> tuple[Any, Any]:
    from torch.nn.functional import normalize

    tokens = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    found = model.get_image_features(pixel_values=pixels)
    words = model.get_text_features(input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"])
    return tuple(normalize(getattr(part, "pooler_output", part).float(), dim=1) for part in (found, words))  # type: ignore


def made_of(options: TrainingOptions, pictures: Pictures) -> str:
    """What a checkpoint must agree in, to be gone on from; more cycles may follow."""
    settings = replace(options, cycles=0, checkpoint_seconds=0)
    return f"{settings} {len(pictures)} {int(pictures.pixels[::64, ::8, ::8].sum())}"


def _save(path: Path, model: Any, optimizer: Any, schedule: Any, facts: dict[str, Any]) -> None:
    import torch

    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}
    with atomic_path(path) as temporary:
        torch.save({**state, **facts}, temporary)


def _resume(path: Path, model: Any, optimizer: Any, made: str) -> tuple[int, dict[str, Any], float]:
    """Steps that are done, the schedule's state, and the processor's seconds that they took.

    Raises:
        SplatError: the checkpoint is of a training with other settings or pictures.
    """
    import torch

    if not path.is_file():
        return 0, {}, 0.0
    state = torch.load(path, weights_only=True)
    if state["made_of"] != made:
        raise SplatError(f"{path} is of a training with other settings or pictures; move it, or give another --work")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    info(f"going on from step {state['step']} of {path}")
    return int(state["step"]), state["schedule"], float(state["spent"])
