"""Worlds that are made by a few loops, as large as they are asked to be."""

from __future__ import annotations

from collections.abc import Iterator

PROMPT = "Why? Because the"
FIRST = 5  # the token of the prompt's last word, with the document's mark


def hub_world(tokens: int = 5, scenes: int = 18, *, model: bool = False, banded: bool = False, first: int = FIRST) -> str:
    """Return a world in one file: a token is a hub of twelve acts, six of which change the pass, and side scenes.

    At most two acts change the pass of a token; each token has ``scenes`` scenes and forty layers. Where it is ``banded``,
    acts begin at three layers only. With a ``model``, its prompt has yet to be put in.
    """
    lines = ["format: 1", "title: Hubs", "version: 1.0.0", "layers: 96", "waking: 32", "boundary: 72", "start: hub-0"]
    lines += ["acts_per_token: 2", "lasting_per_token: 1"]
    lines += ["model: weights.fpw"] if model else [f"prompt: {PROMPT}"]
    lines += ["variables:", "  nerve: {from: 0, to: 2}", "acts:"]
    for act in range(6):
        how = f", push: doubt, by: {0.2 + act / 10:.1f}" if model else ""
        lines.append(f"  push-{act}: {{about: A push., lasts: {'true' if act == 5 else 'false'}{how}}}")
    lines.append("tokens:")
    for token in range(tokens):
        lines += _token(first + token, token, last=token == tokens - 1, model=model)
    lines.append("scenes:")
    for token in range(tokens):
        lines += _hub(token, scenes, banded=banded)
    lines += [
        "answers: optional",
        "endings:",
        "  plain: {title: Plain, text: It was plain.}",
        "  strange: {title: Strange, text: It was strange.}",
    ]
    return "\n".join(lines) + "\n"


def _token(position: int, token: int, *, last: bool, model: bool) -> Iterator[str]:
    yield f"  {position}:"
    if not model:
        yield "    written:"
        yield f"      - {{if: 'acted(push-0, {position})', say: {{two: 0.5, no: 0.3, zero: 0.2}}}}"
        yield f"      - {{if: 'acted(push-1, {position}) or acted(push-5)', say: {{no: 0.6, two: 0.4}}}}"
        yield "      - say: {two: 0.7, no: 0.2, zero: 0.1}"
    there = f"hub-{token + 1}"
    yield "    then:"
    yield f"      two: {'plain' if last else there}"
    yield f"      otherwise: {'strange' if last else there}"


def _hub(token: int, scenes: int, *, banded: bool) -> Iterator[str]:
    """Yield a token's scenes: the hub, and for each act a side scene that leads back or on."""
    yield f"  hub-{token}:"
    yield "    text: |"
    yield f"      [nerve == 2] I was at token {token} and had nerve."
    yield ""
    yield f"      I was at token {token}, with {{left}} layers left."
    yield "    choices:"
    for act in range(12):
        yield f"      act-{token}-{act}:"
        yield f"        say: Do the thing of number {act}."
        yield "        once: true"
        yield f"        cost: {13 if banded else (3, 5, 9, 2, 7, 4)[act % 6]}"
        if act < 6:
            yield f"        act: push-{act}"
        elif act < 8:
            yield "        do: nerve += 1"
        yield f"        goto: {f'side-{token}-{act}' if act < scenes - 1 else f'hub-{token}'}"
    yield f"      wait-{token}:"
    yield "        say: Wait."
    yield "        goto: decode"
    for side in range(scenes - 1):
        yield f"  side-{token}-{side}:"
        yield f"    text: This was side scene {side}."
        yield "    choices:"
        yield f"      back-{token}-{side}: {{say: Go back., cost: {int(not banded)}, goto: hub-{token}, cut: nothing}}"
        if side + 12 < scenes - 1:
            there = f"cost: {0 if banded else 2}, goto: side-{token}-{side + 12}"
            yield f"      deeper-{token}-{side}: {{say: Go deeper., {there}, cut: nothing}}"
        yield f"      stay-{token}-{side}: {{say: Stay., goto: decode}}"


def counter_world(switches: int = 15, steps: int = 4) -> str:
    """Return a world without a model that has about ``steps`` x 2 ^ ``switches`` states: switches in a ring of rooms."""
    lines = ["format: 1", "title: Switches", "version: 1.0.0", "layers: 12", "waking: 3", "boundary: 9", "start: room-0"]
    lines += [f"prompt: {PROMPT}", "variables:", *(f"  s{at}: false" for at in range(switches))]
    lines += ["tokens:", f"  {FIRST}:", "    written: {two: 0.9, no: 0.1}", "    then:"]
    every = f"s0 and s{switches - 1}"
    lines += [f"      two: [{{if: {every}, goto: lit}}, {{goto: dark}}]", "      otherwise: dark", "scenes:"]
    each = -(-switches // steps)
    for room in range(steps):
        lines += [f"  room-{room}:", f"    text: This is room {room}.", "    choices:"]
        for at in range(room * each, min((room + 1) * each, switches)):
            lines.append(
                f"      on-{at}: {{say: Put on switch {at}., if: not s{at}, cost: 0, do: s{at} = true, goto: room-{room}}}"
            )
        lines.append(f"      go-{room}: {{say: Go on., cost: 0, goto: room-{(room + 1) % steps}}}")
        lines.append(f"      stop-{room}: {{say: Stop., goto: decode}}")
    lines += [
        "answers: optional",
        "endings:",
        "  lit: {title: Lit, text: It was light.}",
        "  dark: {title: Dark, text: It was dark.}",
    ]
    return "\n".join(lines) + "\n"
