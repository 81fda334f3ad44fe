"""Every code that a problem can carry, with its meaning; ``python -m forward_pass.diagnostics`` prints ``docs/diagnostics.md``.

The letter says how bad it is: E a world that is refused or fails its check, W a warning, I something worth knowing. The first
digit says who found it. A code is never used again for something else.
"""

from __future__ import annotations

import sys

GROUPS = {
    "0": "Files and YAML",
    "1": "Conditions, effects and texts",
    "2": "Keys and values",
    "3": "What leads where",
    "4": "What a check finds",
    "5": "The model, spans and acts",
}

SEVERITIES = {"E": "error", "W": "warning", "I": "info"}

CODES = {
    "E000": "There are more problems than are listed.",
    "E001": "A folder or a file cannot be found, or cannot be read, or there is no world in it.",
    "E002": "A world is too large to be read.",
    "E003": "A file is not UTF-8.",
    "E004": "A character that could confuse a terminal, or whoever reads the file, stands in it, written out or as an escape.",
    "E005": "The file is not YAML; the message is the parser's, with the usual cause.",
    "E006": "An anchor or an alias.",
    "E007": "A tag.",
    "E008": "A second document in one file.",
    "E009": "A file is nested too deep or holds too many values.",
    "E010": "A key stands twice in one mapping.",
    "E011": "A file is something else than a mapping.",
    "E012": "A link leads out of the world's folder.",
    "W013": "A file ends in .yml and so is not read.",
    "E101": "An expression or a text is too long, too deep, or holds too large a number.",
    "E102": "An expression is not in the grammar.",
    "E103": "An expression names something that there is not.",
    "E104": "An expression puts together what does not fit: a number and a truth, a word of another enumeration.",
    "E105": "A threshold is not one.",
    "E106": "Brackets or braces of a text are wrong.",
    "E201": "A key that there is not.",
    "E202": "A key that is needed is missing.",
    "E203": "A value is of the wrong kind, or empty.",
    "E204": "An id, a position or a file's name cannot be one.",
    "E205": "A name already means something.",
    "E206": "A number is out of its bounds.",
    "E207": "An id is there already.",
    "E301": "A goto, or the start, names a scene or ending that there is not.",
    "E302": "A list of cases leaves something out, or has cases that come too late.",
    "E303": "A goto mixes scenes and the decoder, or a word leads to the decoder.",
    "E304": "Tokens, prompt and files do not fit each other.",
    "E305": "A distribution is not one, or a case of it reads the story.",
    "E306": "A cost, an until or a cut stands beside what leaves it no place.",
    "E307": "A word of the last token leads to a scene.",
    "W308": "A world has hints, and none for an ending.",
    "E401": "Nothing that is written leads to a scene or an ending.",
    "E402": "Every choice of a scene leads back to it.",
    "W403": "Every choice of a scene has a condition or can be used up (said only where the world could not be walked whole).",
    "E404": "A goto leads to a scene of another token.",
    "E405": "A choice costs more layers than any token has.",
    "W406": "A variable or a threshold is never read.",
    "W407": "A variable is never changed.",
    "W408": "No choice makes an act.",
    "E409": "A choice changes the pass more than any token bears.",
    "W410": "A written world asks about a word that it never says.",
    "E411": "No run ever comes to a scene or an ending.",
    "E412": "A choice is never on offer in a scene that runs come to.",
    "E413": "A choice is on offer and never open.",
    "E414": "A choice's cost can never be paid where it is on offer.",
    "E415": "A run can stand in a scene with nothing open.",
    "E416": "A run can go round for ever, with no choice that leads out.",
    "E417": "Only a supposed pass leads to something, no run on the measured one.",
    "E418": "No run ever shows a paragraph or an alternative of a text.",
    "E419": "A measured or a written number comes within 0.0001 of a threshold.",
    "W420": "The best two words of a decoding are within 0.2 nats.",
    "W421": "A condition always holds where it stands.",
    "E422": "A case of a goto, or of what a word leads to, is never selected.",
    "W423": "A token answers a word that no pass gives a chance.",
    "I424": "A token can say words that it answers by no name.",
    "I425": "A choice is never cut short.",
    "W426": "Something was not met, and not everything could be walked.",
    "I427": "Something is met only where words are drawn, at a temperature above 0.",
    "W428": "There are more passes, or states with their passes measured, than are allowed: beyond, the walk is abstract.",
    "W429": "The walk stopped at its limit.",
    "W430": "A choice is always cut short.",
    "E501": "The model cannot be read, or is no file of the world's folder.",
    "E502": "A span is not one, or the prompt has no such words.",
    "E503": "An act is of no kind or of two, or is told what its kind cannot use.",
    "E504": "The model has no such word or probe.",
    "E505": "The words of a token are written, in a world with a model.",
    "E506": "An act names positions that the pass has not reached.",
    "W507": "What was measured on a model (calibration.json) was measured on other weights, or cannot be read.",
}


def page() -> str:
    """Return the table of all codes as a page."""
    lines = [
        "# Diagnostics",
        "",
        "Every problem has a place (`file:line:column`), a code and a sentence. *E* is an error: the world is refused, or its",
        "check fails. *W* is a warning and *I* something worth knowing: both pass. This page is made from",
        "`game/forward_pass/diagnostics.py` by `python -m forward_pass.diagnostics`.",
    ]
    for digit, title in GROUPS.items():
        lines += ["", f"## {digit}xx: {title}", "", "| code | | meaning |", "|---|---|---|"]
        lines += [
            f"| {code} | {SEVERITIES[code[0]]} | {meaning} |"
            for code, meaning in sorted(CODES.items(), key=_number)
            if code[1] == digit
        ]
    return "\n".join(lines) + "\n"


def _number(row: tuple[str, str]) -> str:
    return row[0][1:]


if __name__ == "__main__":
    sys.stdout.write(page())
