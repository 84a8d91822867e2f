"""What the library makes of names of files of conf/ is what Hydra makes of them for the command."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from splat.commands.app import register, to_config
from splat.commands.train import COMMAND
from splat.errors import SplatError
from splat.options import flat
from splat.presets import training_config, with_options
from splat.shipped import conf_folder
from splat.training import HookedTrainConfig

NAMES = {group: sorted(path.stem for path in (conf_folder() / group).glob("*.yaml")) for group in COMMAND.groups()}


def test_every_combination_is_hydras() -> None:
    from hydra import compose, initialize_config_dir

    register(COMMAND)
    cases = [(preset, None, "none", None, None) for preset in NAMES["preset"]]
    cases += [("auto", strategy, "none", None, None) for strategy in NAMES["strategy"]]
    cases += [("auto", None, weather, None, None) for weather in NAMES["weather"]]
    cases += [("auto", None, "none", appearance, None) for appearance in NAMES["appearance"]]
    cases += [("auto", None, "none", None, poses) for poses in NAMES["poses"]]
    cases += itertools.product(
        ("fast", "paper"), ("mcmc", "geotex"), ("rain", "auto"), (None, "affine"), (None, "refine")
    )
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        for preset, strategy, weather, appearance, poses in cases:
            words = [f"preset={preset}", f"weather={weather}", *([f"strategy={strategy}"] if strategy else [])]
            words += [f"appearance={appearance}"] if appearance else []
            words += [f"poses={poses}"] if poses else []
            expected = to_config(compose(config_name="train", overrides=words), COMMAND.config).unwatched()
            found = training_config(
                preset=preset, strategy=strategy, weather=weather, appearance=appearance, poses=poses
            )
            assert type(found.strategy) is type(expected.strategy), words
            assert flat(found) == flat(expected), words
        made = to_config(compose(config_name="train", overrides=["transients=robust"]), COMMAND.config)
        assert flat(training_config(transients="robust")) == flat(made.unwatched())


def test_options_have_the_command_lines_names() -> None:
    config = with_options(HookedTrainConfig(), {"loss.ssim_lambda": 0.3, "strategy.agreement": 0.7})
    assert config.loss.ssim_lambda == 0.3 and config.strategy.agreement == 0.7  # type: ignore[attr-defined]
    with pytest.raises(SplatError, match=r"no option max_step; did you mean max_steps\?"):
        with_options(replace(config), {"max_step": 3})
