"""Tables of tools/bench_captures.py."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.captures_at_hand import CAPTURES
from tools.captures_runs import Run

TIE = 0.05  # dB: means that are nearer count as equal, seeds differ by as much
HALVES = ("A", "B")
TITLES = {"psnr": "PSNR", "cc_psnr": "colour-corrected PSNR"}
COLUMNS = {  # entries of a run: title and digits
    "psnr": ("PSNR dB", 2), "train_psnr": ("training", 2), "gap": ("gap", 2), "cc_psnr": ("corrected", 2),
    "ssim": ("SSIM", 4), "lpips": ("LPIPS", 4), "flip": ("FLIP", 4), "worst": ("worst view dB", 2),
    "gaussians": ("Gaussians", 0), "train_seconds": ("seconds", 0), "processor_seconds": ("processor seconds", 0),
}  # fmt: skip
BEGIN, END = "<!-- captures -->", "<!-- end of captures -->"


@dataclass(frozen=True)
class Block:
    """Runs of one number of steps, of settings that all have the same seeds."""

    steps: int
    seeds: tuple[int, ...]
    runs: list[Run]

    @property
    def captures(self) -> list[str]:
        return [name for name in CAPTURES if any(run["job"]["capture"] == name for run in self.runs)]

    @property
    def settings(self) -> list[str]:
        return list(dict.fromkeys(run["job"]["setting"] for run in self.runs))

    def of(self, capture: str, setting: str) -> list[Run]:
        """By seed."""
        mine = [run for run in self.runs if (run["job"]["capture"], run["job"]["setting"]) == (capture, setting)]
        return sorted(mine, key=lambda run: run["job"]["seed"])

    def mean(self, capture: str, setting: str, score: str) -> float | None:
        """Over the seeds; None where nothing is known, or not of all seeds."""
        values = [run[score] for run in self.of(capture, setting) if run[score] is not None]
        return statistics.fmean(values) if len(values) == len(self.seeds) else None

    def complete(self, score: str, half: str = "") -> list[str]:
        """The captures of a half (or all) whose mean all settings have."""
        mine = [name for name in self.captures if half in ("", CAPTURES[name].half)]
        return [name for name in mine if all(self.mean(name, setting, score) is not None for setting in self.settings)]

    def mean_over(self, captures: Sequence[str], setting: str, score: str) -> float:
        return statistics.fmean(self.mean(capture, setting, score) or 0.0 for capture in captures)


def blocks(runs: Sequence[Run]) -> list[Block]:
    """For each number of steps all settings with the first seed, then those that have more seeds with all of these."""
    found = []
    for steps in dict.fromkeys(run["job"]["steps"] for run in runs):
        mine = [run for run in runs if run["job"]["steps"] == steps]
        seeds = list(dict.fromkeys(run["job"]["seed"] for run in mine))
        found.append(Block(steps, (seeds[0],), [run for run in mine if run["job"]["seed"] == seeds[0]]))
        others = {run["job"]["setting"] for run in mine if run["job"]["seed"] != seeds[0]}
        if others:
            found.append(Block(steps, tuple(seeds), [run for run in mine if run["job"]["setting"] in others]))
    return found


def spread(values: Sequence[float | None], digits: int, sign: str = "") -> str:
    """The mean and, of several values, its standard error; a dash where nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    mean = f"{statistics.fmean(known):{sign},.{digits}f}"
    if len(known) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(known) / len(known) ** 0.5:,.{digits}f}"


def row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def head(*titles: str) -> list[str]:
    return [row(*titles), "|" + " --- |" * len(titles)]


def matrix(block: Block, score: str) -> list[str]:
    """Captures by settings: held out, behind it in brackets training."""
    lines = head(f"{TITLES[score]} held out (training PSNR), dB", *block.settings)
    for capture in block.captures:
        cells = []
        for setting in block.settings:
            runs = block.of(capture, setting)
            cells.append(f"{spread([run[score] for run in runs], 2)} ({_mean(runs)})" if runs else "–")
        lines.append(row(f"{CAPTURES[capture].half} {capture}", *cells))
    return lines


def _mean(runs: Sequence[Run]) -> str:
    known = [run["train_psnr"] for run in runs if run["train_psnr"] is not None]
    return f"{statistics.fmean(known):.2f}" if known else "–"


def paired(block: Block, score: str) -> list[str]:
    """Captures by settings: what a setting gains over the first one, mean over pairs of one seed with standard error.

    The last lines are over captures, each counted once.
    """
    first, *others = block.settings
    if not others:
        return []
    lines = head(f"{TITLES[score]} over {first}, dB", *others)
    means: dict[str, dict[str, float]] = {setting: {} for setting in others}
    for capture in block.captures:
        cells = []
        for setting in others:
            gains = gains_of(block, capture, setting, score)
            cells.append(spread(gains, 2, "+"))
            if gains:
                means[setting][capture] = statistics.fmean(gains)
        lines.append(row(f"{CAPTURES[capture].half} {capture}", *cells))
    for title, half in (("mean of A", "A"), ("mean of B", "B"), ("mean of all", "")):
        chosen = block.complete(score, half)
        if chosen:
            cells = [spread([means[setting][capture] for capture in chosen], 2, "+") for setting in others]
            lines.append(row(f"{title} ({len(chosen)})", *cells))
    return lines


def gains_of(block: Block, capture: str, setting: str, score: str) -> list[float]:
    """Score of a setting less that of the first setting, of each seed that both have."""
    reference = {run["job"]["seed"]: run[score] for run in block.of(capture, block.settings[0])}
    return [
        run[score] - reference[run["job"]["seed"]]
        for run in block.of(capture, setting)
        if run[score] is not None and reference.get(run["job"]["seed"]) is not None
    ]


def ranks(block: Block, capture: str, score: str) -> dict[str, float]:
    """1 for the best setting on a capture; equal ones share the mean of their ranks."""
    values = {setting: block.mean(capture, setting, score) or 0.0 for setting in block.settings}
    return {
        setting: 1 + sum(other > value for other in values.values()) + (list(values.values()).count(value) - 1) / 2
        for setting, value in values.items()
    }


def worst_on(block: Block, setting: str, captures: Sequence[str], score: str) -> list[str]:
    """The captures on which a setting is the worst of all, by more than `TIE`."""
    found = []
    for capture in captures:
        own = block.mean(capture, setting, score)
        others = [block.mean(capture, other, score) for other in block.settings if other != setting]
        if own is not None and others and all(value is not None and value - own > TIE for value in others):
            found.append(capture)
    return found


def halves(block: Block, score: str) -> list[str]:
    """A line for each setting: means of the halves, mean rank, gap on captures of others, where it is the worst."""
    sides = {half: block.complete(score, half) for half in HALVES}
    everything = block.complete(score)
    if not everything:
        return ["No capture has all settings yet."]
    titles = [f"mean of {half} ({len(sides[half])})" for half in HALVES]
    lines = head("setting", *titles, f"mean of all ({len(everything)})", "mean rank", "gap on captures/", "worst on")
    for setting in block.settings:
        means = [
            f"{block.mean_over(side, setting, score):.2f}" if side else "–" for side in (*sides.values(), everything)
        ]
        rank = statistics.fmean(ranks(block, capture, score)[setting] for capture in everything)
        others = [capture for capture in everything if CAPTURES[capture].of_others]
        gaps = [block.mean(capture, setting, "gap") for capture in others]
        worst = ", ".join(worst_on(block, setting, everything, score)) or "none"
        lines.append(row(setting, *means, f"{rank:.2f}", spread(gaps, 2), worst))
    left = [capture for capture in block.captures if capture not in everything]
    return [*lines, *([f"\nLeft out, because not all settings have them: {', '.join(left)}."] if left else [])]


def choice(block: Block, captures: Sequence[str], score: str) -> str:
    """The setting that is best on the mean of these captures among those that are never the worst on them.

    Where every setting is the worst somewhere, the best on the mean.
    """
    safe = [setting for setting in block.settings if not worst_on(block, setting, captures, score)]
    return best_mean(block, captures, score, safe or block.settings)


def best_mean(block: Block, captures: Sequence[str], score: str, settings: Sequence[str] = ()) -> str:
    """The setting (of some, or all) with the best mean over captures."""
    return max(settings or block.settings, key=lambda setting: block.mean_over(captures, setting, score))


def holds(block: Block, chosen: str, captures: Sequence[str], score: str) -> bool:
    """Whether a choice is right on captures that it was not made on: never the worst, and not behind the first setting.

    If it is the first setting itself, no other may be ahead of it by more than `TIE`.
    """
    means = {setting: block.mean_over(captures, setting, score) for setting in block.settings}
    rival = max(means.values()) if chosen == block.settings[0] else means[block.settings[0]]
    return means[chosen] >= rival - TIE and not worst_on(block, chosen, captures, score)


def verdicts(block: Block, score: str) -> list[str]:
    """What would be chosen on each half, and whether the other half agrees; then what would be on all."""
    sides = {half: block.complete(score, half) for half in HALVES}
    first = block.settings[0]
    if len(block.settings) < 2 or not all(sides.values()):
        return []
    lines = []
    for half, other in (HALVES, HALVES[::-1]):
        chosen = choice(block, sides[half], score)
        own, there = (
            block.mean_over(sides[side], chosen, score) - block.mean_over(sides[side], first, score)
            for side in (half, other)
        )
        rank = statistics.fmean(ranks(block, capture, score)[chosen] for capture in sides[other])
        word = "holds" if holds(block, chosen, sides[other], score) else "does not hold"
        worst = ", ".join(worst_on(block, chosen, sides[other], score)) or "nowhere"
        lines.append(
            f"- Chosen on {half}: {chosen} ({own:+.2f} dB over {first}). On {other}: {there:+.2f} dB over {first}, mean"
            f" rank {rank:.2f} of {len(block.settings)}, the worst {worst}: the choice {word}."
        )
    everything = block.complete(score)
    parts = {**{f"of {half}": side for half, side in sides.items()}, "of all": everything}
    best = ", ".join(f"{part} {best_mean(block, captures, score)}" for part, captures in parts.items())
    safe = choice(block, everything, score)
    never = "never the worst" if not worst_on(block, safe, everything, score) else "though it is the worst somewhere"
    lines.append(f"- Best on the mean {best}. Best on the mean and never the worst: {safe} ({never}).")
    return lines


def long_table(block: Block) -> list[str]:
    """All that is known: a line for each capture and setting, means over seeds."""
    titles = [title for title, _ in COLUMNS.values()]
    lines = head("capture", "setting", *titles, "worst view")
    for capture in block.captures:
        for setting in block.settings:
            runs = block.of(capture, setting)
            if not runs:
                continue
            cells = []
            for name, (_, digits) in COLUMNS.items():
                known = [run[name] for run in runs if run[name] is not None]
                cells.append(f"{statistics.fmean(known):,.{digits}f}" if known else "–")
            lines.append(row(capture, setting, *cells, ", ".join(dict.fromkeys(run["worst_view"] for run in runs))))
    return lines


def notes(runs: Sequence[Run]) -> list[str]:
    """What the settings are, and what the figures stand on."""
    lines = []
    for setting in dict.fromkeys(run["job"]["setting"] for run in runs):
        mine = [run for run in runs if run["job"]["setting"] == setting]
        words = " ".join(mine[0]["job"]["words"]) or "what the program does by itself"
        commits = ", ".join(dict.fromkeys(run["commit"] or run["job"]["program"] for run in mine))
        lines.append(f"- {setting}: {words} ({commits})")
    nets = ", ".join(dict.fromkeys(str(run["lpips_net"]) for run in runs))
    lines.append(f"- LPIPS: {nets}. ± is the standard error of the mean. Nearer than {TIE} dB counts as equal.")
    return lines


def report(runs: Sequence[Run]) -> str:
    """Everything, as Markdown; the headings are of the third level."""
    parts = ["\n".join(notes(runs))]
    for block in blocks(runs):
        seeds = f"seed {block.seeds[0]}" if len(block.seeds) == 1 else f"{len(block.seeds)} seeds"
        parts.append(f"### {block.steps:,} steps, {seeds}")
        for score in TITLES:
            tables = (matrix(block, score), paired(block, score), halves(block, score), verdicts(block, score))
            parts += ["\n".join(lines) for lines in tables if lines]
        parts.append("\n".join(long_table(block)))
    return "\n\n".join(parts) + "\n"


def write_tables(runs: Sequence[Run], folder: Path) -> str:
    """Write table.md into `folder`; returns it."""
    text = report(runs)
    (folder / "table.md").write_text(text, encoding="utf-8")
    return text


def put_into_docs(runs: Sequence[Run], command: str, page: Path, picture: str = "") -> None:
    """Put the tables, and a picture of the demo if there is one, between the marks of a page, with the command."""
    shown = f"![the demo]({picture})\n\n" if picture else ""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n`{command.strip()}`\n\n{shown}{report(runs)}\n{END}{after}", encoding="utf-8")
