"""The public face of the package: its names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import forward_pass


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    for name in forward_pass.__all__:
        assert getattr(forward_pass, name) is not None
    assert set(forward_pass.__all__) <= set(dir(forward_pass))


def test_there_is_no_other_name() -> None:
    with pytest.raises(AttributeError, match="module 'forward_pass' has no attribute 'load_everything'"):
        _ = forward_pass.load_everything


def test_importing_the_package_imports_nothing_else() -> None:
    source = """
import sys
before = set(sys.modules)
import forward_pass
print(*sorted(set(sys.modules) - before - {"forward_pass"}))
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, encoding="utf8", check=True)
    assert done.stdout.split() == []
