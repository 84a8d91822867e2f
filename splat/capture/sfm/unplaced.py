"""Photos that structure from motion could not place, and why, as far as its database tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from splat import console
from splat.errors import SplatError
from splat.files import read_json, write_json

FILE = "unplaced.json"  # beside the model in the cache
FEWEST_FEATURES = 100  # fewer make no photo that can be placed
FEWEST_MATCHES = 15  # that two photos must share to count as neighbours, as COLMAP has it
FEATURES = f"with fewer than {FEWEST_FEATURES} features (plain, dark or blurred)"
ALONE = "that match no other photo"
APART = "that match only others that are not placed"
WEAK = "that match placed photos, but in no way that gives a pose"
UNKNOWN = "for a reason that was not kept"
MOST_NAMED = 6  # of one reason on the screen


def unplaced_reasons(database: Path, placed: Collection[str]) -> dict[str, str]:
    """Why each image of COLMAP's database that is not among the `placed` ones has no pose, by its name."""
    import pycolmap

    with pycolmap.Database.open(str(database)) as opened:
        names = {image.image_id: image.name for image in opened.read_all_images()}
        features = {number: opened.num_keypoints_for_image(number) for number in names}
        pairs, counts = opened.read_two_view_geometry_num_inliers()
    neighbours: defaultdict[str, set[str]] = defaultdict(set)
    for pair, count in zip(pairs, counts):
        if count >= FEWEST_MATCHES:
            one, other = (names[number] for number in pycolmap.pair_id_to_image_pair(pair))
            neighbours[one].add(other)
            neighbours[other].add(one)
    reasons = {}
    for number, name in names.items():
        if name in placed:
            continue
        near = neighbours[name]
        if near:
            reasons[name] = WEAK if near.intersection(placed) else APART
        else:
            reasons[name] = FEATURES if features[number] < FEWEST_FEATURES else ALONE
    return reasons


def keep_reasons(folder: Path, reasons: Mapping[str, str]) -> None:
    """Write the reasons beside the model."""
    write_json(folder / FILE, dict(reasons))


def kept_reasons(folder: Path) -> dict[str, str]:
    """The reasons that were written; empty where none were, as by older versions, or where they are damaged."""
    try:
        kept = read_json(folder / FILE) if (folder / FILE).is_file() else {}
    except SplatError:
        return {}
    return {name: str(reason) for name, reason in kept.items()} if isinstance(kept, dict) else {}


def unplaced_note(reasons: Mapping[str, str], total: int) -> list[str]:
    """A note that names every photo that is not placed, by reason; the first few of each are warned of.

    Args:
        reasons: by the photo's name, in order.
        total: photos that were to be placed.
    """
    if not reasons:
        return []
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for name, reason in reasons.items():
        groups[reason].append(name)

    def listed(most: int) -> str:
        parts = []
        for reason, names in sorted(groups.items(), key=lambda group: -len(group[1])):
            more = f" and {len(names) - most:,} more" if len(names) > most else ""
            parts.append(f"{len(names):,} {reason}: {', '.join(names[:most])}{more}")
        return f"{len(reasons):,} of {console.count(total, 'photo')} could not be placed and are left out: " + (
            "; ".join(parts)
        )

    console.warn(listed(MOST_NAMED))
    return [listed(len(reasons))]
