"""The frame of the HTML pages and their small parts: one script of ours, nothing from the network, texts escaped."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from splat.evaluate.pictures import data_uri, thumbnail
from splat.images import read_image

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2f6fde; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1120px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th { text-align: left; font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
img { display: block; max-width: 100%; border-radius: 3px; } .note { color: #888; } pre { overflow-x: auto; }
.warn { background: #e8a31a33; border-left: 4px solid #e8a31a; padding: .5rem .8rem; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.card { background: var(--soft); border-radius: 6px; padding: .5rem 1rem; }
.card b { display: block; font-size: 1.4rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
svg { max-width: 100%; height: auto; } td, th, p { overflow-wrap: break-word; }
td img { min-width: 110px; }
.slides { display: grid; gap: 1rem; margin-bottom: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
.stack { display: grid; position: relative; overflow: hidden; border-radius: 3px; }
.stack img { grid-area: 1 / 1; width: 100%; height: 100%; visibility: hidden; }
.stack img.right, .stack img.left { visibility: visible; }
.stack img.left { z-index: 1; clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.stack img.left.right { clip-path: none; }
.stack i { position: absolute; z-index: 2; top: 0; bottom: 0; left: var(--at); width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 3px #000; pointer-events: none; }
.stack input { grid-area: 1 / 1; z-index: 3; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
  touch-action: pan-y; }
.stack:focus-within { outline: 3px solid var(--accent); outline-offset: 2px; }
.sides { display: flex; justify-content: space-between; gap: 1rem; font-size: .85rem; color: #888; }
.turn { max-width: 480px; } .turn .frame { overflow: hidden; border-radius: 3px; position: relative; }
.turn img { width: calc(100% * var(--columns)); max-width: none; position: absolute; left: 0; top: 0;
  transform: translate(calc(-100% / var(--columns) * var(--column)), calc(-100% / var(--rows) * var(--row))); }
.turn .hand { display: flex; gap: .6rem; align-items: center; margin-top: .4rem; } .turn .hand input { flex: 1; }
@media (max-width: 600px) { body { margin: 1rem auto; padding: 0 .7rem; } .card b { font-size: 1.1rem; } }
figcaption { color: #888; font-size: .85rem; overflow-wrap: anywhere; }
svg text { font: 11px system-ui, sans-serif; fill: #888; }
"""

# What sliders and turntables do. A page allows this script alone, by its digest, whatever else should get into it.
SCRIPT = """
const slide = figure => {
  figure.style.setProperty("--at", figure.querySelector("input").value + "%");
  const images = figure.querySelectorAll("img");
  for (const side of ["left", "right"]) {
    const choice = figure.querySelector("select." + side);
    if (choice) images.forEach((image, at) => image.classList.toggle(side, at === choice.selectedIndex));
  }
};
const turn = figure => {
  const at = Number(figure.querySelector("input").value), columns = Number(figure.dataset.columns);
  figure.style.setProperty("--column", at % columns);
  figure.style.setProperty("--row", Math.floor(at / columns));
};
const pause = (figure, paused) => {
  figure.dataset.paused = paused ? "yes" : "";
  figure.querySelector("button").textContent = paused ? "turn" : "stop";
};
document.addEventListener("input", event => {
  const slider = event.target.closest(".slide"), table = event.target.closest(".turn");
  if (slider) slide(slider);
  if (table) { pause(table, true); turn(table); }
});
document.addEventListener("click", event => {
  if (event.target.matches(".turn button")) {
    const table = event.target.closest(".turn");
    pause(table, !table.dataset.paused);
  }
});
document.querySelectorAll(".slide").forEach(slide);
document.querySelectorAll(".turn").forEach(table => {
  pause(table, matchMedia("(prefers-reduced-motion: reduce)").matches);
  setInterval(() => {
    if (table.dataset.paused || document.hidden) return;
    const hand = table.querySelector("input");
    hand.value = (Number(hand.value) + 1) % (Number(hand.max) + 1);
    turn(table);
  }, 120);
});
"""


def text(value: object) -> str:
    """The value as text that is safe anywhere in a page, attribute values included."""
    return html.escape(str(value), quote=True)


def number(value: float | None, digits: int) -> str:
    """The number with that many decimals, a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def lpips_number(block: Mapping[str, Any]) -> str:
    """LPIPS of some scores with its network, without which the number compares with nothing."""
    return number(block.get("lpips"), 4) + (f" ({block['lpips_net']})" if block.get("lpips_net") else "")


def page(title: str, body: Sequence[str]) -> str:
    """A whole page; `body` is HTML."""
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    head += f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    content = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>{text(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{content}\n<script>{SCRIPT}</script></body></html>\n"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table. Cells are HTML; the columns in `numeric` are aligned to the right."""
    kinds = [' class="n"' if index in numeric else "" for index in range(len(header))]
    head = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, header))
    lines = ["<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row)) + "</tr>" for row in rows]
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def picture_link(path: Path, link: str, caption: str) -> str:
    """A thumbnail inside the page that leads to the file itself; empty where there is no picture.

    Args:
        path: the picture.
        link: its place relative to the page.
        caption: alternative text.
    """
    picture = read_image(path)
    if picture is None:
        return ""
    source = data_uri(thumbnail(picture))
    return f'<a href="{text(quote(link))}"><img src="{source}" alt="{text(caption)}" loading="lazy"></a>'


def file_link(folder: Path, name: str, words: str | None = None) -> str:
    """A link to a file or folder below the page's folder; the words alone where there is none.

    Args:
        folder: of the page.
        name: relative to it, with slashes.
        words: what is shown; None for the name.
    """
    shown = text(name if words is None else words)
    return f'<a href="{text(quote(name))}">{shown}</a>' if (folder / name).exists() else shown


def left_out(number: int, what: str) -> list[str]:
    """A line that says how many of something a page leaves out; nothing for none."""
    return [f'<p class="note">{number:,} more {text(what)}, not shown here</p>'] if number > 0 else []
