"""One page of a viewer and a scene: the viewer's document with everything that it would load put into it.

The viewer is PlayCanvas's SuperSplat viewer, whose files lie in `viewer/` (`viewer.json` says which release);
`tools/fetch_html_viewer.py` makes them. Its document takes its settings from one block of JSON.
"""

from __future__ import annotations

import base64
import html
import json
import re
from pathlib import Path
from typing import Any

from splat.errors import SplatError

VIEWER = Path(__file__).resolve().parent / "viewer"
# What the page may load: what it holds. Even a link with ?content=https://… cannot make it reach for the network.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; style-src 'unsafe-inline'; "
    "connect-src data: blob:; img-src data: blob:; media-src data: blob:; font-src data:"
)
TITLE = "<title>SuperSplat Viewer</title>"
CHARSET = '<meta charset="UTF-8" />'
STYLES = '<link rel="stylesheet" href="./index.css" />'
SETTINGS = '<script type="application/json" id="sse-bootstrap">\n            null\n        </script>'
SCRIPT = "import { createViewer } from './index.js';"
SCOPE = "supersplat"  # the object that the script leaves its exports in
ANTIALIASING = "aa: url.searchParams.has('aa'),"
_DATA = re.compile(r'<script type="application/json" id="sse-bootstrap">(.*?)</script>', re.DOTALL)
_PREFIX = "data:application/octet-stream;base64,"


def page_of(scene: bytes, title: str, settings: dict[str, Any], antialiased: bool, viewer: Path = VIEWER) -> str:
    """The whole page.

    Args:
        scene: a SOG bundle.
        title: of the page, any text.
        settings: of the viewer, as its documentation has them (version 2).
        antialiased: whether opacities are made up for the blur when Gaussians are drawn.
        viewer: the folder with the viewer's files.

    Raises:
        SplatError: the viewer's files are missing, or not those that this was written for.
    """
    document, styles, script, licence = (
        _part(viewer, name) for name in ("index.html", "index.css", "index.js", "LICENSE")
    )
    _refuse(styles, r"</style", viewer / "index.css")
    _refuse(script, r"</script|<script|<!--", viewer / "index.js")
    _refuse(licence, r"--", viewer / "LICENSE")
    data = {
        "settings": settings,
        "contentUrl": _PREFIX + base64.b64encode(scene).decode("ascii"),
        "contentFilename": "scene.sog",
        "aa": antialiased,
    }
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}" />'
    # All are looked for in the document alone: a title or a script may hold the words of another.
    return _replaced(
        document,
        {
            TITLE: f"<title>{html.escape(title)}</title>",
            CHARSET: f"{CHARSET}\n        {policy}\n        <!--\n{licence}        -->",
            STYLES: f"<style>\n{styles}</style>",
            SETTINGS: f'<script type="application/json" id="sse-bootstrap">{json_in_html(data)}</script>',
            ANTIALIASING: "aa: bootstrap.aa || url.searchParams.has('aa'),",
            SCRIPT: f"{script}\nconst {{ createViewer }} = {SCOPE};",
        },
        viewer / "index.html",
    )


def held_in(page: str) -> tuple[bytes, dict[str, Any]]:
    """The SOG bundle and the viewer's settings that a page holds.

    Raises:
        SplatError: when it is none of ours.
    """
    try:
        data = json.loads(_DATA.findall(page)[0])
        return base64.b64decode(data["contentUrl"].removeprefix(_PREFIX), validate=True), data["settings"]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise SplatError("this is no page that splat export format=html wrote; give the run or its scene") from error


def json_in_html(value: Any) -> str:
    """JSON that no reader of HTML takes for anything else: it has no `<`, so that nothing in it ends a script."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")  # what is not ASCII is escaped anyway


def _part(viewer: Path, name: str) -> str:
    try:
        return (viewer / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SplatError(
            f"{viewer / name}, a part of the page, cannot be read ({error}); install splat again"
        ) from error


def _refuse(text: str, pattern: str, file: Path) -> None:
    """What a reader of HTML would take for the end of the part that it stands in."""
    if found := re.search(pattern, text, re.IGNORECASE):
        raise SplatError(f"{file} holds {found[0]!r}, which would end it early in a page; take another release of it")


def _replaced(document: str, parts: dict[str, str], file: Path) -> str:
    """The document with texts exchanged, each of which stands in it once, all at the same time."""
    for needle in parts:
        if (times := document.count(needle)) != 1:
            raise SplatError(
                f"{file} has {needle!r} {times} times, not once; it is of another release than this was written for"
            )
    pattern = re.compile("|".join(map(re.escape, parts)))
    return pattern.sub(lambda found: parts[found[0]], document)
