"""What a second network, trained from another seed, shows beside the one that ships: bands, windows, the table of effects.

``publish`` keeps the comparison as ``second-seed.json`` beside the weights, and tells it on the model card. No torch.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

WINDOWS = ("nonsense_readable", "no_readable", "doubt_stirs", "doubt_holds", "word_settled")


def compare(shipped: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two calibrations have in common: bands missed, windows, and by group how many effects are the same word.

    An effect *changes* where the shipped network says another word than untouched; it is the *same* where the second says that.
    """
    bands = {name: {**band, "measured": other["bands"][name]["measured"]} for name, band in shipped["bands"].items()}
    missed = {name: band for name, band in bands.items() if not _is_met(band)}
    theirs = {_key(row): row["winner"] for row in other["effects"]}
    untouched = shipped["effects"][0]["winner"]
    rows, same, changing, same_changing = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in shipped["effects"]:
        group, is_same = row["group"], theirs.get(_key(row)) == row["winner"]
        changes = row["winner"] != untouched
        rows[group] += 1
        same[group] += is_same
        changing[group] += changes
        same_changing[group] += changes and is_same
    return {
        "bands": len(bands),
        "missed": missed,
        "windows": {name: [shipped["windows"][name], other["windows"][name]] for name in WINDOWS},
        "effects": {group: [rows[group], same[group], changing[group], same_changing[group]] for group in rows},
    }


def _is_met(band: Mapping[str, Any]) -> bool:
    return bool(band.get("least", float("-inf")) <= band["measured"] <= band.get("most", float("inf")))


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["group"], row["act"], row["layer"]


def section(second: Mapping[str, Any]) -> str:
    """Return the section of the model card on what `compare` found, with the seed and the snapshot of the second network."""
    rows, same, changing, same_changing = (sum(row[at] for row in second["effects"].values()) for at in range(4))
    missed = [f"- {_missed(name, band)}" for name, band in second["missed"].items()]
    windows = ", ".join(f"{name.replace('_', ' ')} {one} ({other})" for name, (one, other) in second["windows"].items())
    table = [f"| {group} | {' | '.join(map(str, row))} |" for group, row in second["effects"].items() if group != "untouched"]
    return f"""## A second seed

Trained from nothing by the same command with seed {second["seed"]}, and not shipped: of its snapshots the nearest to the \
bands, {second["snapshot"]}, meets {second["bands"] - len(missed)} of {second["bands"]}, so that `train` writes no weights of \
it. It misses

{_lines(missed)}

The schedule was tuned on the seed that ships, so this is what its choice is worth elsewhere. Of the {rows} effects of the \
table, {same} are the same word in both networks; of the {changing} at which an act changes the word in the one that ships, \
{same_changing} ({100 * same_changing / changing:.0f} %) change it to the same word in the second. Which act does what at \
which layer is therefore in part a thing of one network, and every claim of the story is about the one that ships.

| group | rows | the same word | change the word | the same change |
|---|---|---|---|---|
{_lines(table)}

Layers of the windows, in brackets the second network's: {windows}.
"""


def _lines(rows: Sequence[str]) -> str:
    return "\n".join(rows)


def _missed(name: str, band: Mapping[str, Any]) -> str:
    least, most = band.get("least"), band.get("most")
    declared = f"{least} or more" if most is None else f"{least} to {most}" if least is not None else f"at most {most}"
    return f"*{name}* is {band['measured']:.3f}, where {declared} was declared: {band['says']}"
