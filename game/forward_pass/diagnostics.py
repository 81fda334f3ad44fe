"""The table of diagnostic codes and their meanings; ``python -m forward_pass.diagnostics`` prints ``docs/diagnostics.md``.

The letter is the severity: E the world is refused or fails its check, W warning, I information. The first digit is the group.
The code of a removed diagnostic is never reused.
"""

from __future__ import annotations

import sys

from forward_pass.errors import SEVERITIES

GROUPS = {
    "0": "Files and YAML",
    "1": "Conditions, effects and texts",
    "2": "Keys and values",
    "3": "Targets and flow",
    "4": "Found by the check",
    "5": "The model, spans and acts",
}

CODES = {
    "E000": "The world has more problems than are listed.",
    "E001": "A folder or file does not exist or cannot be read, or a folder contains no world.",
    "E002": "A world is too large.",
    "E003": "A file is not UTF-8.",
    "E004": "A file contains, literally or as an escape, a character that could confuse a terminal or a reader.",
    "E005": "A file is not valid YAML; the message is the parser's, with the usual cause.",
    "E006": "A file uses an anchor or an alias.",
    "E007": "A file uses a tag.",
    "E008": "A file contains a second document.",
    "E009": "A file is nested too deeply or contains too many values.",
    "E010": "A mapping contains a key twice.",
    "E011": "The content of a file is not a mapping.",
    "E012": "A link leads out of the world's folder.",
    "W013": "A file ends in .yml and is therefore not read.",
    "W014": "A folder below a world has YAML files, which are not read.",
    "E101": "An expression or text is too long, too deeply nested, or contains a number that is too large.",
    "E102": "An expression is not valid in the grammar.",
    "E103": "An expression uses an unknown name.",
    "E104": "An expression combines values of different types: a number and a boolean, or a word of another enumeration.",
    "E105": "The definition of a threshold is not valid.",
    "E106": "Brackets or braces in a text are not valid.",
    "W107": "A text is cut short: a number sign begins a comment.",
    "W108": "A text has blank lines and is not a block, so that its paragraphs are joined.",
    "W109": "A text that is shown says TODO.",
    "W110": "A text contains a character that cannot be seen.",
    "W111": "An effect sets or adds a number that its variable cannot hold.",
    "W112": "A blank at the edge of an alternative is dropped, so that two words are joined.",
    "W113": "A star in a text marks no emphasis.",
    "E201": "A key is unknown.",
    "E202": "A required key is missing.",
    "E203": "A value has the wrong type or is empty.",
    "E204": "An id, a position or a file name is not valid.",
    "E205": "A name is reserved.",
    "E206": "A number is out of range.",
    "E207": "An id is defined twice.",
    "E301": "A goto, or the start, names an unknown scene or ending.",
    "E302": "A list of cases is incomplete, or contains cases that cannot be reached.",
    "E303": "A goto mixes scenes with the decoder, or a word leads to the decoder.",
    "E304": "Tokens, prompt and files contradict each other.",
    "E305": "A distribution is not valid, or one of its cases reads the state of the story.",
    "E306": "A cost, an until or a cut is combined with a key that excludes it.",
    "E307": "A word of the last token leads to a scene.",
    "W308": "A world has hints, but none for one of its endings.",
    "E309": "A story without a pass has something of one.",
    "E401": "No goto leads to a scene or an ending.",
    "E402": "Every choice of a scene leads back to it.",
    "W403": "Every choice of a scene has a condition or can be used up (reported only if the exploration was incomplete).",
    "E404": "A goto leads to a scene of another token.",
    "E405": "A choice costs more layers than any token has.",
    "W406": "A variable or a threshold is never read.",
    "W407": "A variable is never changed.",
    "W408": "No choice performs an act.",
    "E409": "A choice performs more acts than one token allows.",
    "W410": "A world without a model asks about a word that it never produces.",
    "E411": "A scene or an ending is unreachable.",
    "E412": "A choice is never offered in a reachable scene.",
    "E413": "A choice is offered but never open.",
    "E414": "The cost of a choice exceeds the layers left wherever it is offered.",
    "E415": "Deadlock: a run can reach a scene with no open choice.",
    "E416": "Livelock: a run can enter a cycle that no choice leaves.",
    "E417": "Something is reachable with the abstract pass, but in no run with the measured pass.",
    "E418": "No run shows a paragraph or an alternative of a text.",
    "E419": "A measured or written number is within 0.0001 of a threshold.",
    "W420": "The two most likely words of a decoding are within 0.2 nats of each other.",
    "W421": "A condition is always true where it is evaluated.",
    "E422": "A case of a goto, or of the targets of a word, is never selected.",
    "W423": "A token has a target for a word to which no pass gives any probability.",
    "I424": "A token can produce words that only its `otherwise` covers.",
    "I425": "A choice is never cut short.",
    "W426": "Something was not reached, but the exploration was incomplete.",
    "I427": "Something is reachable only at a temperature above 0.",
    "W428": "There are more passes, or states with measured passes, than the limits allow; the rest uses the abstract pass.",
    "W429": "The exploration stopped at its limit.",
    "W430": "A choice is always cut short.",
    "E431": "A choice lets the decoder come and is not answered: it has no `then` (a world may say `answers: optional`).",
    "W432": "Two choices of a scene cannot be told apart: the same verb, the same target, the same cost.",
    "E433": "A claim (`holds`) or a property (`claims`) is false of a run, which is shown.",
    "W434": "A claim or a property is not proven: what it asks about could not be followed.",
    "I435": "A property is proven, or holds sometimes; the run that shows it is named.",
    "I436": "A text says nobody, never, nothing or the like of the run and has no `holds`.",
    "I437": "A figure is written by hand and no `measured` names the test that holds it to the model.",
    "E501": "The model cannot be read, or is not a file in the world's folder.",
    "E502": "A span is not valid, or the prompt does not contain its words.",
    "E503": "An act has no kind or several, or a key that its kind does not accept.",
    "E504": "The model does not have this word or probe.",
    "E505": "A token of a world with a model declares written words.",
    "E506": "An act uses positions that the pass has not reached.",
    "W507": "calibration.json cannot be read, or was measured on other weights.",
}


def page() -> str:
    """Return docs/diagnostics.md: a table of codes for each group."""
    lines = [
        "# Diagnostics",
        "",
        "Every problem has a location (`file:line:column`), a code and a message. *E* is an error: the world is refused, or",
        "its check fails. *W* is a warning and *I* is information: neither fails the check. This page is generated from",
        "`game/forward_pass/diagnostics.py` by `python -m forward_pass.diagnostics`.",
    ]
    for digit, title in GROUPS.items():
        lines += ["", f"## {digit}xx: {title}", "", "| code | | meaning |", "|---|---|---|"]
        lines += [
            f"| {code} | {SEVERITIES[code[0]]} | {meaning} |"
            for code, meaning in sorted(CODES.items(), key=_code_number)
            if code[1] == digit
        ]
    return "\n".join(lines) + "\n"


def _code_number(row: tuple[str, str]) -> str:
    return row[0][1:]


if __name__ == "__main__":
    sys.stdout.write(page())
