"""The weights in the repository: made by the commands that their pages name, measured by code alone."""

from __future__ import annotations

from pathlib import Path

from splat.files import read_json
from tools.command import command_of, fingerprint
from tools.demo_teacher import captions as texts
from tools.demo_teacher.card import write_card
from tools.demo_world import registry
from tools.restorer import report

REPOSITORY = Path(__file__).resolve().parents[2]


def test_the_teacher_is_what_its_command_makes() -> None:
    """metrics.json and the page beside the weights are the command's own words: nobody wrote a figure into them."""
    from tools.demo_teacher.__main__ import ASIDE, MODULE, make_parser

    parser = make_parser()
    defaults = parser.parse_args([])
    metrics = read_json(REPOSITORY / "splat" / "weights" / "teacher" / "metrics.json")
    made = metrics["training"]
    assert made["command"] == command_of(MODULE, parser, defaults, ASIDE) == "python -m tools.demo_teacher"
    assert made["weights_sha256"] == fingerprint(REPOSITORY / "splat" / "weights" / "teacher" / "model.safetensors")
    assert (made["steps"], made["batch"]) == (defaults.steps * defaults.cycles, defaults.batch)
    assert (made["rooms"], made["photos"]) == (defaults.rooms, defaults.rooms * defaults.views)
    for purpose in ("choosing", "judging"):
        rooms = registry.ROOMS[purpose]
        assert metrics[purpose]["rooms"] == len(rooms)
        assert metrics[purpose]["photos"] == len(rooms) * defaults.views


def test_the_teachers_page_is_written_from_its_metrics(tmp_path: Path) -> None:
    folder = REPOSITORY / "splat" / "weights" / "teacher"
    write_card(tmp_path, read_json(folder / "metrics.json"), texts.vocabulary(texts.all_captions()))
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()


def test_the_weather_network_is_what_its_command_makes(tmp_path: Path) -> None:
    """metrics.json and the page beside the weights are the command's own words: nobody wrote a figure into them."""
    from tools.restorer.__main__ import ASIDE, MODULE, make_parser

    folder = REPOSITORY / "splat" / "weights" / "restorer"
    metrics = read_json(folder / "metrics.json")
    parser = make_parser()
    defaults = parser.parse_args([])
    made = metrics["training"]
    assert made["command"] == command_of(MODULE, parser, defaults, ASIDE) == "python -m tools.restorer"
    assert made["weights_sha256"] == fingerprint(folder / "model.safetensors")
    assert made["steps"] == defaults.steps * defaults.cycles
    assert (made["batch"], made["side"]) == (defaults.batch, defaults.side)
    assert made["photos_of_rooms"] == defaults.rooms * defaults.views
    for purpose in ("choosing", "judging"):
        assert metrics[purpose]["photos"] == len(registry.ROOMS[purpose]) * defaults.views
    report.write_card(tmp_path, metrics)
    assert (tmp_path / "README.md").read_text() == (folder / "README.md").read_text()
