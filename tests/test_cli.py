"""The command line as users meet it: help, mistakes, exit codes, odd paths and Hydra's habits."""

from __future__ import annotations

import dataclasses
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from splat import __version__
from splat.cli import load, main
from splat.commands import SUMMARIES
from splat.commands.app import launch
from splat.commands.conf import conf_folder, shared_primary
from splat.commands.resume import guessed_folder
from splat.errors import SplatError
from splat.train.strategies import STRATEGIES

REPOSITORY = Path(__file__).resolve().parent.parent


def splat(*words: str, cwd: Path | None = None, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `splat` in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
    environment = {name: value for name, value in environment.items() if value}
    done = subprocess.run(
        [sys.executable, "-m", "splat", *words], capture_output=True, text=True, cwd=cwd, env=environment, check=False
    )
    assert done.returncode == code, done.stderr
    return done


def fails(capsys: pytest.CaptureFixture[str], *words: str, code: int = 2) -> str:
    """The one line that a mistake gets."""
    assert main(words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1 and captured.err.startswith("error: "), captured.err
    return captured.err.removeprefix("error: ").rstrip()


def config_of(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """What `--cfg job` composes."""
    import yaml

    assert main([*words, "--cfg", "job"]) == 0
    return yaml.safe_load(capsys.readouterr().out)


def test_help_teaches_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    alone = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert capsys.readouterr().out == alone
    assert all(f"\n  {name} " in alone for name in SUMMARIES)
    assert max(map(len, alone.splitlines())) <= 80
    assert alone.count("\n  splat ") >= 3


@pytest.mark.parametrize("name", SUMMARIES)
def test_help_of_each_command_lists_its_keys(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for choice in [f"{group}={option}" for group, options in load(name).schemas.items() for option in options]:
        assert main(["help", name, choice]) == 0
        text += capsys.readouterr().out
    for key in load(name).all_keys():
        assert f"  {key.name}=" in text or f"  {key.name} " in text, key.name
        assert key.help, f"{key.name} has no help"
    assert (conf_folder() / f"{name}.yaml").is_file() != bool(shared_primary(name))


def test_help_of_training_shows_one_strategy(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--help"]) == 0
    usual = capsys.readouterr().out
    assert re.search(r"strategy=auto +\(default\) ", usual) and re.search(r"preset=auto +\(default\) ", usual)
    assert (
        re.search(r"weather=none +\(default\) ", usual)
        and re.search(r"appearance=none +\(default\) ", usual)
        and re.search(r"poses=auto +\(default\) ", usual)
        and usual.count("(default)") == 6
        and usual.count("strategy.cap_max=") == 1
        and "noise_lr" not in usual
    )
    assert main(["train", "photos", "strategy=mcmc", "--help"]) == 0
    assert "strategy.noise_lr=" in capsys.readouterr().out
    assert "did you mean mcmc?" in fails(capsys, "train", "strategy=mcmcc", "--help")


def test_help_offers_sweeps_where_they_make_sense(capsys: pytest.CaptureFixture[str]) -> None:
    for name in SUMMARIES:
        assert main([name, "--help"]) == 0
        assert ("--multirun" in capsys.readouterr().out) == (name not in ("doctor", "demo", "clean", "view"))


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from splat.cli import main
from splat.commands import SUMMARIES
for words in ([], ["--help"], ["--version"], *[[name, "--help"] for name in SUMMARIES]):
    assert main(words) == 0
heavy = {"torch", "numpy", "hydra", "omegaconf", "rich", "cv2", "open3d", "transformers", "pycolmap", "av"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=True)
    assert done.stderr == "[]\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"splat {__version__}\n"


def test_wrong_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, "exprot") == "there is no command 'exprot'; did you mean `splat export`?"
    assert "`splat --help` lists them" in fails(capsys, "zzz")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["info", "x", "jsn=true"], "there is no key jsn; did you mean json?"),
        (["info", "x", "zzzzz=1"], "there is no key zzzzz; `splat info --help` lists them"),
        (["info", "x", "json=maybe"], "json=maybe: the value must be true or false (print JSON"),
        (["info", "x", "y"], "'y' is one word too many; everything else is set as key=value"),
        (["info", "x", "json=[a"], "json=[a: the value is not understood; put it in quotes: \"json='[a'\""),
        (["info", "x", "json=true,false"], "json=true,false: several values need --multirun; one value with commas"),
        (["info", "--confg", "job"], "there is no option --confg; did you mean --cfg?"),
        (["info", "x", "--cfg", "job", "-m"], "--cfg and --multirun cannot be combined"),
        (["info", "x", "--resolve"], "--resolve goes with --cfg"),
        (["info", "--config-dir"], "--config-dir needs a value"),
        (["info", "--config-dir", "/nowhere/at/all"], "Additional config directory '/nowhere/at/all' not found"),
        (["info", "x", "hydra/launcher=nowhere"], "hydra/launcher=nowhere: there is no such choice (basic"),
        (["query", "x", "red mug", "text=vase"], "text=vase and a word without a key both say what `text` is"),
        (["train", "x", "+data=y"], "+data=y and a word without a key both say what `data` is"),
        (["compare", "x", "y", "runs=[z]"], "runs=[z] and a word without a key both say"),
        (["info", "x", "+jsn=true"], "there is no key jsn; did you mean json?"),
        (["info", "/nowhere/at/all"], "/nowhere/at/all does not exist"),
        (["info"], "which one? splat info FILE or splat info RUN"),
    ],
)
def test_mistakes_get_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, *words).startswith(message)


def test_a_key_given_again_is_said_and_the_last_one_counts(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["train", "data", "seed=1", "seed=2", "max_steps=5", "max_steps=5", "name=a=b"]
    assert main([*words, "--cfg", "job"]) == 0
    out, err = capfd.readouterr()
    assert "seed: 2" in out and err == "warning: seed=1 is not used: seed=2 comes later\n"


def test_debug_shows_the_traceback() -> None:
    quiet = splat("info", "/nowhere/at/all", code=2)
    assert quiet.stderr == "error: /nowhere/at/all does not exist\n" and quiet.stdout == ""
    loud = splat("info", "/nowhere/at/all", code=1, SPLAT_DEBUG="1")
    assert "Traceback" in loud.stderr and "splat.errors.SplatError: /nowhere/at/all does not exist" in loud.stderr


@pytest.mark.parametrize(
    ("failure", "code", "line"),
    [
        (SplatError("no photos in x"), 2, "error: no photos in x\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (OSError(28, "No space left on device", "/a/b.ply"), 2, "error: the disk is full (/a/b.ply); free some space"),
        (OSError(27, "File too large", "/a/b.ply"), 2, "error: /a/b.ply: File too large\n"),
        (PermissionError(13, "Permission denied", "/a/b.ply"), 2, "error: /a/b.ply: Permission denied\n"),
        (OSError(36, "File name too long", "/a/b.ply"), 2, "error: /a/b.ply: File name too long\n"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), 2, "error: cannot write: No space left on"),
        (MemoryError(), 2, "error: not enough memory; raise data_factor"),
        (ValueError("bad\nnews"), 1, "error: ValueError: bad (a defect of splat: set SPLAT_DEBUG=1"),
    ],
)
def test_failures_of_a_command(
    failure: BaseException, code: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, picture: Path | None) -> None:
        raise failure

    monkeypatch.setattr("splat.commands.info.describe", fail)
    monkeypatch.delenv("SPLAT_DEBUG", raising=False)
    assert main(["info", "x"]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith(line) and captured.err.count("\n") == 1


ODD = [
    "a b",
    "a=b",
    "x,y",
    "größe/照片",
    "[1]",
    "{a: b}",
    "it's",
    "back\\slash\\",
    "q\\'",
    "${x}",
    "a:b#c",
    "1e3",
    "null",
    "true",
    "~x",
    "(1",
    "???",
    "_",
    "@x",
    "{}",
    "[]",
    "${oc.env:HOME}",
]


@pytest.mark.parametrize("name", [*ODD, "-dash", "--"])
def test_odd_paths_arrive_unchanged(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    assert fails(capsys, "info", str(path)) == f"{path} does not exist"
    assert fails(capsys, "info", "--", name) == f"{name} does not exist"


@pytest.mark.parametrize("name", ODD)
def test_odd_values_of_text_keys_need_no_second_quotes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, "info", f"path=/no/{name}") == f"/no/{name} does not exist"


@pytest.mark.parametrize("value", ["???", "'???'", "${x}", "'${x}'", "\\${x}", "null", "1e3", "_"])
def test_words_that_hydra_knows_are_plain_text_of_text_keys(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str | None, str]] = []
    command = load("train")
    command = dataclasses.replace(command, run=lambda config: seen.append((config.name, config.out, config.data)))
    monkeypatch.chdir(tmp_path)
    launch(command, [value, f"name={value}", f"out={value}"])
    text = value.strip("'")
    assert seen == [(text, None if value == "null" else text, value)]
    launch(command, ["photos", f"name={value},a b", "-m"])
    assert [name for name, _, _ in seen[1:]] == [text, "a b"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("max_steps=???", "max_steps=???: a value is missing; give one, or leave the key out"),
        ("max_steps=${x}", "max_steps: Interpolation key 'x' not found"),
        ("strategy=???", "You must specify 'strategy'"),
    ],
)
def test_words_that_hydra_knows_elsewhere_get_one_line(
    word: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fails(capsys, "train", "photos", word).startswith(message)


def test_a_path_with_an_equals_sign_is_a_path_when_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a=b").mkdir()
    (tmp_path / "json=true").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_of(capsys, "info", "a=b") == {"path": "a=b", "picture": "", "json": False}
    assert config_of(capsys, "info", "json=true") == {"path": "", "picture": "", "json": True}
    assert config_of(capsys, "info", "${x}") == {"path": "${x}", "picture": "", "json": False}


def test_cfg_job_prints_the_configuration_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = config_of(capsys, "export", "runs/a", "format=splat")
    assert found.pop("mesh")["min_views"] == 2
    assert found == {
        "run": "runs/a", "format": "splat", "output": None, "frame": "scene", "version": None, "overwrite": False
    }  # fmt: skip


def test_users_can_bring_a_configuration_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "web.yaml").write_text("# @package _global_\nformat: splat\n")
    for word in ("+experiment=web", "experiment=web"):
        found = config_of(capsys, "export", "a", word, "--config-dir", str(tmp_path))
        assert found["format"] == "splat"


def test_normal_runs_leave_no_trace(tmp_path: Path) -> None:
    splat("info", "nothing", cwd=tmp_path, code=2)
    splat("demo", "--cfg", "job", cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_multirun_runs_every_value(tmp_path: Path) -> None:
    splat("info", "nothing", "json=true,false", "--multirun", cwd=tmp_path, code=2)
    (record,) = (tmp_path / "runs" / "multirun").iterdir()
    assert [path.name for path in record.iterdir()] == ["multirun.yaml"]


def test_completion_of_commands_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    def complete(line: str) -> list[str]:
        done = splat("-sc", "query=bash", COMP_LINE=line, COMP_POINT=str(len(line)))
        return done.stdout.split()

    assert complete("splat do") == ["doctor"]
    assert set(complete("splat export a b=c ov")) == {"overwrite="}
    assert set(complete("splat export my/run form")) == {"format="}
    assert "hydra_bash_completion" in splat("-sc", "install=bash").stdout


def test_python_m_splat_and_pipe_closed_early() -> None:
    done = subprocess.run(
        f"{sys.executable} -m splat --help | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        check=True,
    )
    assert done.stdout.startswith("splat ") and done.stderr == ""


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("--resume", "there is no option --resume; did you mean resume=true?"),
        ("--max-steps=100", "there is no option --max-steps; did you mean max_steps=100?"),
        ("--backend", "there is no option --backend; did you mean render.backend=...?"),
        ("renderer=gsplat", "there is no key renderer; did you mean render.backend?"),
        ("device=cuda", "there is no key device; did you mean render.backend?"),
        ("iterations=100", "there is no key iterations; did you mean max_steps?"),
        ("iteratons=100", "there is no key iteratons; did you mean max_steps?"),
        ("max_stepz=100", "there is no key max_stepz; did you mean max_steps?"),
        ("ssim_lambda=0.3", "there is no key ssim_lambda; did you mean loss.ssim_lambda?"),
        ("strategy.refine_evry=3", "there is no key strategy.refine_evry; did you mean strategy.refine_every?"),
        ("strategy.noise_lr=3", "strategy.noise_lr is a key of strategy=mcmc; add that, or leave the key out"),
        ("max_steps=abc", "max_steps=abc: the value must be a whole number or null (training steps"),
        ("cap_max=1.5", "cap_max=1.5: the value must be a whole number or null"),
        ("strategy=mcmcc", "strategy=mcmcc: there is no such choice; did you mean mcmc? (absgrad, auto, default, "),
        ("preset=fsat", "preset=fsat: there is no such choice; did you mean fast?"),
        ("experiment=nothing", "experiment=nothing: there is no such choice (published_mcmc)"),
        ("loss.background=blak", "loss.background=blak: there is no such choice; did you mean black?"),
    ],
)
def test_mistakes_in_training_keys(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert fails(capsys, "train", "photos", word).startswith(message)


def test_the_value_after_a_flag_is_kept_in_the_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    said = fails(capsys, "train", "photos", "--max_steps", "100")
    assert said.startswith("there is no option --max_steps; did you mean max_steps=100?")


def test_groups_and_experiments_compose(capsys: pytest.CaptureFixture[str]) -> None:
    plain = config_of(capsys, "train", "photos")
    assert plain["max_steps"] is None and plain["loss"]["opacity_reg"] is None  # type: ignore[index]
    assert "agreement" in plain["strategy"] and "noise_lr" not in plain["strategy"]  # type: ignore[operator]
    mcmc = config_of(capsys, "train", "photos", "strategy=mcmc", "preset=fast", "max_steps=7")
    assert "noise_lr" in mcmc["strategy"] and "grow_grad2d" not in mcmc["strategy"]  # type: ignore[operator]
    assert mcmc["loss"]["opacity_reg"] is None and mcmc["preset"] == "fast"  # type: ignore[index]
    assert mcmc["max_steps"] == 7  # the words win over the preset
    named = config_of(capsys, "train", "photos", "+experiment=published_mcmc")
    assert named["name"] == "published_mcmc" and named["preset"] == "paper" and "noise_lr" in named["strategy"]  # type: ignore[operator]
    assert named["cap_max"] == 1_000_000  # the experiment wins over its preset


@pytest.mark.parametrize("preset", ["auto", "fast", "cpu", "gpu", "paper"])
@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_every_preset_becomes_a_training_configuration(preset: str, strategy: str) -> None:
    from hydra import compose, initialize_config_dir

    from splat.commands.app import register, to_config

    command = load("train")
    register(command)
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = to_config(compose("train", [f"preset={preset}", f"strategy={strategy}"]), command.config)
    assert config.preset == preset and type(config.strategy) is STRATEGIES[strategy]


def test_each_job_of_a_multirun_gets_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str | None]] = []
    monkeypatch.chdir(tmp_path)
    command = dataclasses.replace(load("train"), run=lambda config: seen.append((config.name, config.out)))

    def jobs(*words: str) -> list[tuple[str, str | None]]:
        seen.clear()
        launch(command, ["photos", *words, "-m"])
        return list(seen)

    assert jobs("seed=1,2", "max_steps=5") == [("seed=1", None), ("seed=2", None)]
    assert jobs("name=mine", "seed=1,2") == [("mine,seed=1", None), ("mine,seed=2", None)]
    assert jobs("name=a,b", "max_steps=5") == [("a", None), ("b", None)]
    assert jobs("out=here", "seed=1,2") == [("default", "here/seed=1"), ("default", "here/seed=2")]
    assert jobs("strategy=none,mcmc", "seed=range(2)") == [
        (f"seed={seed},strategy={strategy}", None) for strategy in ("none", "mcmc") for seed in (0, 1)
    ]
    launch(command, ["photos", "seed=7"])
    assert seen[-1] == ("default", None)


def test_jobs_on_captures_of_one_name_get_their_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    for video in ("a.mp4", "a.mov"):
        (tmp_path / "b" / video).touch()

    def folders(*words: str) -> list[str]:
        seen.clear()
        command = dataclasses.replace(load("train"), run=lambda config: seen.append(guessed_folder(config) or Path()))
        launch(command, [*words, "-m"])
        return [folder.as_posix() for folder in seen]

    same = folders("data=one/colmap,two/colmap/,two/../one/colmap")
    assert same == [f"runs/colmap/data={name}_colmap" for name in ("one", "two")] + [
        "runs/colmap/data=two_.._one_colmap"
    ]
    assert folders("data=one/a b,two/a b", "seed=1") == ["runs/a b/data=one_a b", "runs/a b/data=two_a b"]
    assert folders("data=b/a.mp4,b/a.mov") == ["runs/a/data=b_a.mp4", "runs/a/data=b_a.mov"]
    assert folders("data=one/x,two/y") == ["runs/x/default", "runs/y/default"]
    assert folders("data=one/x,two/x", "name=n") == ["runs/x/n,data=one_x", "runs/x/n,data=two_x"]


def test_commands_travel_to_a_launchers_workers() -> None:
    for name in SUMMARIES:
        assert pickle.loads(pickle.dumps(load(name))) == load(name)
