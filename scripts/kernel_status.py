"""Say which kernel this installation runs on."""

import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if importlib.util.find_spec("guidedgen.kernel._native") is not None:
    sys.stdout.write("native kernel: built\n")
else:
    sys.stdout.write(
        "native kernel: not built (no C++17 compiler, or the build failed: `pip install -v -e .` shows why).\n"
        "guidedgen runs on the reference kernel: same results, much slower.\n"
    )
    sys.exit(int(bool(os.environ.get("GUIDEDGEN_REQUIRE_NATIVE"))))
