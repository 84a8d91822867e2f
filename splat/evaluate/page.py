"""The frame of the HTML pages and their small parts: no scripts, nothing from the network, every text escaped."""

from __future__ import annotations

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
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); }
th { text-align: left; font-weight: 600; } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
img { display: block; max-width: 100%; border-radius: 3px; } .note { color: #888; } pre { overflow-x: auto; }
.warn { background: #e8a31a33; border-left: 4px solid #e8a31a; padding: .5rem .8rem; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.card { background: var(--soft); border-radius: 6px; padding: .5rem 1rem; }
.card b { display: block; font-size: 1.4rem; }
.charts { display: flex; flex-wrap: wrap; gap: 1rem; } figure { margin: 0; }
figcaption { color: #888; font-size: .85rem; }
svg text { font: 11px system-ui, sans-serif; fill: #888; }
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
    content = "\n".join(body)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<title>{text(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{content}\n</body></html>\n"
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> str:
    """A table. Cells are HTML; the columns in `numeric` are aligned to the right."""
    kinds = [' class="n"' if index in numeric else "" for index in range(len(header))]
    head = "".join(f"<th{kind}>{cell}</th>" for kind, cell in zip(kinds, header))
    lines = ["<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row)) + "</tr>" for row in rows]
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


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
