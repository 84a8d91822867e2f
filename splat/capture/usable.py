"""Photos that a capture lists: those that are there and can be read, and the others counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from splat import console
from splat.capture.damage import damage, report_damaged
from splat.errors import SplatError

_warned: set[str] = set()


@dataclass
class UsablePhotos:
    """Remembers which listed photos cannot be used, and why."""

    missing: list[str] = field(default_factory=list)  # names
    damaged: list[tuple[str, str]] = field(default_factory=list)  # names and what is wrong
    left_out: list[Path] = field(default_factory=list)  # files that are there and not used

    def take(self, name: str, path: Path | None) -> Path | None:
        """The file of a photo, or None where it is not there (`path` is None) or damaged, which is remembered."""
        if path is None:
            self.missing.append(name)
            return None
        if reason := damage(path):
            self.damaged.append((name, reason))
            self.left_out.append(path)
            return None
        return path

    def notes(self, listed_in: str, good: int) -> list[str]:
        """What is missing and damaged, a note each, each also warned of.

        Args:
            listed_in: the file or folder that lists them.
            good: photos that can be used.

        Raises:
            SplatError: all are missing, or all that are there are damaged.
        """
        note = report_missing(self.missing, good + len(self.damaged), listed_in)
        return [*([note] if note else []), *report_damaged(self.damaged, good)]


def report_missing(missing: list[str], found: int, listed_in: str) -> str | None:
    """One warning that counts the photos that are listed but not there; returns it as a note.

    Raises:
        SplatError: when none is left.
    """
    if not missing:
        return None
    if found == 0:
        which = f"none of the {len(missing)} photos" if len(missing) > 1 else "the only photo"
        be, first = ("exists", "first: ") if len(missing) > 1 else ("does not exist", "")
        raise SplatError(f"{which} listed in {listed_in} {be} ({first}{missing[0]}); put them where the list says")
    note = f"{len(missing)} of {len(missing) + found} photos listed in {listed_in} are missing (first: {missing[0]})"
    if note not in _warned:  # commands may read a capture more than once
        _warned.add(note)
        console.warn(f"{note}; going on with the other {found}")
    return note
