"""`splat view`: a scene in the browser, to look at, ask and edit."""

from __future__ import annotations

from dataclasses import dataclass

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.options import option


@dataclass
class ViewConfig:
    """`splat view`."""

    scenes: list[str] = option([], "a run, one of its edits or a scene file; or two, which are then compared")
    port: int = option(8080, "of this machine where the page is (0: any that is free)", minimum=0, maximum=65_535)
    host: str = option("127.0.0.1", "the address; others than this machine's own are refused, with a safe way instead")
    splats: int = option(
        500_000, "Gaussians that the browser draws at most while you walk; pictures at rest have all", minimum=1_000
    )
    backend: str = option("auto", "renderer", choices=("auto", "gsplat", "cpu"))


def run(config: ViewConfig) -> None:
    """Serve the page until Ctrl-C; prints its address."""
    if not 1 <= len(config.scenes) <= 2:
        raise SplatError("which one? splat view RUN, or splat view RUN RUN to compare two")
    from splat.view.app import ViewOptions
    from splat.view.serving import open_app

    sources = [user_path(text) for text in config.scenes]
    app = open_app(sources, ViewOptions(config.host, config.port, config.splats, config.backend))
    try:
        print(f"http://127.0.0.1:{app.server.get_port()}", flush=True)
        console.info("open this address in a browser; Ctrl-C ends the viewer")
        app.wait()
    except KeyboardInterrupt:
        console.info("the viewer ends")
    finally:
        app.stop()


COMMAND = Command(
    name="view",
    summary=SUMMARIES["view"],
    config=ViewConfig,
    run=run,
    words=("scenes*",),
    examples=(
        "splat view runs/demo/default",
        "splat view runs/demo/default runs/demo/mcmc",
        "splat view scene.ply port=0",
    ),
    sweeps=False,
)
