"""Using the controls of the viewer's page in a browser, by what is written on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab


def open_folder(tab: Tab, title: str, folder: str) -> None:
    """Show a tab of the controls and open one of its folders."""
    tab.get_by_role("tab", name=title).click()
    tab.get_by_text(folder, exact=True).first.click()
    tab.wait_for_timeout(500)  # it unfolds


def press(tab: Tab, label: str) -> None:
    """Press a button."""
    tab.get_by_role("button", name=label, exact=True).click()


def choose(tab: Tab, label: str, option: str) -> None:
    """Choose from a dropdown."""
    tab.get_by_label(label, exact=True).first.click()
    tab.get_by_role("option", name=option, exact=True).click()


def fill(tab: Tab, label: str, value: str) -> None:
    """Type into a field."""
    field = tab.get_by_label(label, exact=True).first
    field.fill(value)
    field.press("Enter")
