"""The room's public list."""

from __future__ import annotations

import subprocess
import sys

from spondyl import core


def test_every_public_name_is_there():
    assert sorted(core.__all__) == sorted(set(core.__all__))
    assert all(hasattr(core, name) for name in core.__all__)


def test_core_needs_numpy_and_nothing_else():
    code = (
        "import sys, spondyl.core, spondyl.core.identity, spondyl.core.study\n"
        "own = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'}\n"
        "print(sorted(name for name in own if getattr(sys.modules.get(name), '__file__', None) and not name.startswith('_')))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['numpy', 'spondyl']"
