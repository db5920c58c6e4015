"""Write guidedgen/kernel/_native.pyi from the compiled module, or with `--check` say whether it is up to date.

Where the native kernel is not built there is nothing to compare, and that is said; with GUIDEDGEN_REQUIRE_NATIVE
set, as in CI, it is a failure.
"""

import difflib
import importlib
import os
import sys
from pathlib import Path

MODULE = "guidedgen.kernel._native"
ROOT = Path(__file__).resolve().parents[1]
STUB = ROOT / "guidedgen" / "kernel" / "_native.pyi"


def generated() -> str:
    """The stub that nanobind makes of the compiled module. Raises ImportError where the module is not built."""
    sys.path.insert(0, str(ROOT))
    module = importlib.import_module(MODULE)
    from nanobind.stubgen import StubGen

    generator = StubGen(module)
    generator.put(module)
    return str(generator.get())


def main(arguments: list[str]) -> int:
    """Exit code: 0 where all is well, 1 where the stub is stale or a required kernel is missing."""
    try:
        fresh = generated()
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error}: the native kernel is not built, so there is no stub to compare.\n")
        return int(bool(os.environ.get("GUIDEDGEN_REQUIRE_NATIVE")))
    if "--check" not in arguments:
        STUB.write_text(fresh, encoding="utf-8")
        return 0
    stale = STUB.read_text(encoding="utf-8") if STUB.exists() else ""
    difference = difflib.unified_diff(stale.splitlines(True), fresh.splitlines(True), str(STUB.name), "generated")
    text = "".join(difference)
    if text:
        sys.stderr.write(f"{text}The stub is stale: run `make stubs`.\n")
    return int(bool(text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
