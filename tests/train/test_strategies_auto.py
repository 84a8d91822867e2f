"""AutoStrategy: which strategy it stands for."""

import pytest

from splat.train.strategies import AutoStrategy, CaptureFacts, ImprovedStrategy, MCMCStrategy, NoneStrategy, Strategy


@pytest.mark.parametrize(
    ("agreed", "transparent", "kind"),
    [
        (0.8, False, ImprovedStrategy),
        (0.6, False, ImprovedStrategy),
        (0.59, False, MCMCStrategy),
        (0.2, True, ImprovedStrategy),
        (None, False, MCMCStrategy),
        (None, True, ImprovedStrategy),
    ],
)
def test_agreement_of_the_photos_chooses(agreed: float | None, transparent: bool, kind: type[Strategy]) -> None:
    assert type(AutoStrategy().chosen(CaptureFacts(agreed, transparent))) is kind


def test_what_a_user_asks_for_stays() -> None:
    asked = NoneStrategy()
    assert asked.chosen(CaptureFacts(0.1, False)) is asked
    assert type(AutoStrategy(agreement=0.9).chosen(CaptureFacts(0.8, False))) is MCMCStrategy
