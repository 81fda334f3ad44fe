"""The schema of worlds: current, true of every world there is, and working in the real YAML language server."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
import yaml
from jsonschema import Draft7Validator

from building import TINY, WORLDS
from fixtures_checker import random_world
from fixtures_play import command
from forward_pass.loading.scaffold import scaffold_text
from forward_pass.loading.schema import schema, schema_text
from made_worlds import hub_world

SERVER = "yaml-language-server@1.15.0"


class Yaml12(yaml.SafeLoader):
    """YAML as editors read it, in which *no* is a word."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if tag != "tag:yaml.org,2002:bool"]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile("^(?:true|false)$"), list("tf"))


def errors(text: str) -> list[str]:
    """Return what the schema has against a file of a world."""
    loaded = yaml.load(text, Yaml12)  # noqa: S506 - it is the safe one
    found = json.loads(json.dumps(loaded))  # every key a text, as in JSON
    return [error.message for error in Draft7Validator(schema()).iter_errors(found)]


def test_the_schema_is_one_and_is_current() -> None:
    Draft7Validator.check_schema(schema())
    assert (WORLDS / "SCHEMA.json").read_text() == schema_text(), "python -m forward_pass.loading.schema > worlds/SCHEMA.json"


@pytest.mark.parametrize("path", sorted(WORLDS.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_file_of_every_world_is_as_the_schema_says(path: Path) -> None:
    assert errors(path.read_text()) == []


@pytest.mark.parametrize("text", [TINY, hub_world(), scaffold_text("my-world"), random_world(3)])
def test_every_made_world_is_as_the_schema_says(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("title: Tiny", "titles: Tiny"),
        ("layers: 12", "layers: many"),
        ("      go-on:", "      Go-On:"),
        ("        say: Go on.", "        says: Go on."),
        ("        goto: decode\n", ""),
        ("      otherwise: done", "      end: done"),
        ("    title: Done\n", ""),
    ],
)
def test_what_the_loader_refuses_by_its_keys_the_schema_refuses_too(old: str, new: str) -> None:
    assert old in TINY
    assert errors(TINY.replace(old, new)) != []


def test_a_key_that_the_loader_knows_and_the_schema_does_not_describe_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forward_pass.loading.schema.BAND_KEYS", ("from", "to", "by"))
    with pytest.raises(KeyError, match="first and last layer: \\['by'\\]"):
        schema()


def test_the_module_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(RuntimeWarning, match="found in sys.modules"):
        runpy.run_module("forward_pass.loading.schema", run_name="__main__")
    assert capsys.readouterr().out == schema_text()


# -- the real server --------------------------------------------------------------------------------------------------


class Server:
    """A language server on pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin
        assert process.stdout
        self.input: IO[bytes] = process.stdin
        self.output: IO[bytes] = process.stdout
        self.number = 0

    def notify(self, method: str, params: Any, number: int | None = None) -> None:
        """Send a message; one with a number is a request."""
        message = {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": number} if number else {})
        body = json.dumps(message).encode()
        self.input.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.input.flush()

    def request(self, method: str, params: Any) -> Any:
        """Return the result of a request."""
        self.number += 1
        self.notify(method, params, self.number)
        return next(message for message in self.messages() if message.get("id") == self.number and "method" not in message)[
            "result"
        ]

    def messages(self) -> Iterator[Any]:
        """Yield the messages of the server, having answered its own requests."""
        while True:
            length = 0
            while line := self.output.readline().strip():
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert length, "the server has gone"
            message = json.loads(self.output.read(length))
            if "method" in message and "id" in message:
                body = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": None}).encode()
                self.input.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                self.input.flush()
            yield message

    def open(self, path: Path, text: str) -> list[str]:
        """Open a file; return what the server has against it."""
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        for message in self.messages():
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == path.as_uri():
                return [one["message"] for one in message["params"]["diagnostics"]]
        return []


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("npm is not here")
    folder = Path(sys.prefix) / SERVER.replace("@", "-")
    if not (folder / "node_modules" / ".bin" / "yaml-language-server").exists():
        command = [npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), SERVER]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=90)
        except (subprocess.SubprocessError, OSError):
            pytest.skip("the server could not be installed")
    main = folder / "node_modules" / "yaml-language-server" / "bin" / "yaml-language-server"
    at = tmp_path_factory.mktemp("editor")
    with subprocess.Popen([node, str(main), "--stdio"], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, cwd=at) as process:
        server = Server(process)
        server.request("initialize", {"processId": None, "rootUri": at.as_uri(), "capabilities": {}})
        server.notify("initialized", {})
        yield server
        process.kill()


def test_the_language_server_finds_a_good_world_good_and_completes_it(server: Server, tmp_path: Path) -> None:
    text = f"# yaml-language-server: $schema={(WORLDS / 'SCHEMA.json').as_uri()}\n{TINY}"
    path = tmp_path / "world.yaml"
    assert server.open(path, text) == []
    line = text[: text.index("        goto: decode")].count("\n")
    place = {"textDocument": {"uri": path.as_uri()}, "position": {"line": line, "character": 8}}
    offered = {item["label"] for item in server.request("textDocument/completion", place)["items"]}
    assert {"cost", "needs", "once"} <= offered


def test_the_language_server_names_a_key_that_there_is_not(server: Server, tmp_path: Path) -> None:
    text = f"# yaml-language-server: $schema={(WORLDS / 'SCHEMA.json').as_uri()}\n{TINY.replace('cost', 'coost')}"
    found = server.open(tmp_path / "other.yaml", text.replace("        say: Go on.", "        say: Go on.\n        coost: 1"))
    assert any("coost" in message for message in found), found


def test_the_schema_of_a_world_completes_its_ids_and_refuses_no_other(tmp_path: Path) -> None:
    done = command("schema", "first-light")
    described = json.loads(done.out)
    target = described["definitions"]["target"]["anyOf"]
    assert target[0]["enum"][:2] == ["waking", "question"]
    assert {"by-the-door", "decode"} <= set(target[0]["enum"])
    assert described["definitions"]["act"]["anyOf"][0]["enum"] == ["lean", "label"]
    assert described["definitions"]["verb"]["anyOf"][0]["enum"] == ["lean", "leave", "ask", "let"]
    assert described["definitions"]["threshold"]["anyOf"][0]["enum"] == ["dark_is_likely"]
    assert len(target) == 2  # or any text: what is unknown is told by the loader, with what was meant
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "world.yaml").write_text("scenes:\n  hall: {}\n")
    assert json.loads(command("schema", broken).out)["definitions"]["scene"]["anyOf"][0]["enum"] == ["hall"]
    assert command("schema").out == (WORLDS / "SCHEMA.json").read_text(encoding="utf8")
