"""`splat query`: find what a text names, in 3D and in the views."""

from __future__ import annotations

import json

from splat import console
from splat.commands import SUMMARIES
from splat.commands.app import Command, user_path
from splat.errors import SplatError
from splat.language.config import QueryConfig
from splat.run import open_run


def run(config: QueryConfig) -> None:
    """Ask; prints a JSON summary (a list, where several texts were asked)."""
    if not config.run:
        raise SplatError('which one? splat query RUN "red mug"')
    opened = open_run(user_path(config.run))  # before torch is imported, which takes seconds
    if not config.text:
        raise SplatError(f'what is looked for? splat query {config.run} "red mug"')
    from splat.language.query import query_run

    summaries = query_run(opened, config)
    for summary in summaries:
        console.info(_sentence(summary))
    print(json.dumps(summaries[0] if len(summaries) == 1 else summaries, indent=2))


def _sentence(summary: dict) -> str:
    """The answer in words."""
    if not summary["found"]:
        return f"{summary['text']!r}: {summary['reason']}"
    objects = console.count(len(summary["objects"]), "object")
    centre = ", ".join(f"{v:.2f}" for v in summary["objects"][0]["centre"]) if summary["objects"] else "nowhere"
    return (
        f"{summary['text']!r}: {objects}, the first around ({centre}), relevancy {summary['relevancy']:.2f}; "
        f"pictures in {summary['folder']}"
    )


COMMAND = Command(
    name="query",
    summary=SUMMARIES["query"],
    config=QueryConfig,
    run=run,
    words=("run", "text"),
    examples=(
        'splat query runs/demo/default "red mug"',
        'splat query runs/demo/default "red mug | blue vase" views=2',
        'splat query runs/demo/default "books" without="bookshelf" level=object',
    ),
)
