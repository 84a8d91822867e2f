"""The table of docs/weather.md: what was measured now stands there, the rest stays and is named."""

from __future__ import annotations

from tools.weather_tables import HEAD, OLDER, merged

CLEAR = "| clear photos | plain | rain | snow |\n| --- | --- | --- | --- |\n"


def page(*rows: str, clear: str = "| demo 1/2 | 30.00 | +0.01 | +0.02 |") -> str:
    return "\n".join([HEAD, *rows, "", CLEAR + clear])


RAIN = "| demo 1/2 | rain 1 | 29.00 | 29.50 | 29.60 | 30.00 | 60 % | 0.9 | 0.1 |"
FOG = "| demo 1/2 | fog 1 | 19.00 | – | 28.00 | 30.00 | 82 % | 0.9 | 0.1 |"
NEWER = RAIN.replace("29.60", "29.40")


def test_only_what_was_measured_is_replaced() -> None:
    found = merged(page(NEWER, "| demo 1/2 | fog 1 | – | – | – | 30.00 | – | – | – |"), page(FOG, RAIN))
    assert NEWER in found and FOG in found and RAIN not in found
    assert found.endswith(OLDER + "demo 1/2 fog 1.")
    assert found.count(HEAD) == 1 and found.count("| clear photos") == 1
    assert merged(page(NEWER), found) == found  # again: nothing changes


def test_nothing_is_called_older_where_all_is_new() -> None:
    assert merged(page(FOG, NEWER), page(FOG, RAIN)) == page(FOG, NEWER)


def test_a_row_half_measured_stays_old() -> None:
    half = RAIN.replace("29.50", "–")
    found = merged(page(half, clear="| demo 1/2 | 30.00 | – | +0.02 |"), page(RAIN))
    assert RAIN in found and half not in found and "+0.01" in found
    assert found.endswith(OLDER + "demo 1/2 rain 1; demo 1/2 without weather.")


def test_rows_of_other_columns_stay_old() -> None:
    fewer = page(NEWER).replace(" | rain | snow |", " | rain |").replace("| +0.01 | +0.02 |", "| +0.05 |")
    found = merged(fewer, page(RAIN))
    assert NEWER in found and "| demo 1/2 | 30.00 | +0.01 | +0.02 |" in found and "+0.05" not in found
