"""Fuzz the native kernel: build the libFuzzer targets with sanitizers, run each for a while on the committed corpus.

    python scripts/fuzz.py [--seconds 60] [--target schema|pattern|table]

Needs clang and the headers of an embeddable Python. What crashes or is slow is left in `build/fuzz/TARGET/found/`; it
becomes a file of `tests/fuzz/corpus/`, which the ordinary tests replay, and a test of what was wrong.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
LONGEST = {"schema": 1600, "pattern": 500, "table": 400}  # bytes of an input


def build(targets: list[str]) -> None:
    """Compile the targets."""
    compiler = shutil.which("clang++")
    if compiler is None:
        raise SystemExit("make fuzz needs clang++ with libFuzzer: apt-get install clang libclang-rt-dev")
    source = ROOT / "guidedgen" / "kernel" / "native"
    settings = [f"-DPython_EXECUTABLE={sys.executable}", f"-DCMAKE_CXX_COMPILER={compiler}", "-DGUIDEDGEN_FUZZ=ON"]
    subprocess.run(["cmake", "-S", source, "-B", BUILD, "-G", "Ninja", *settings], check=True)
    subprocess.run(["cmake", "--build", BUILD, "--target", *(f"fuzz_{target}" for target in targets)], check=True)


def run(target: str, seconds: int) -> int:
    """Fuzz one target; its exit status."""
    folder = BUILD / target
    for name in ("corpus", "found"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    command = [BUILD / "fuzz" / f"fuzz_{target}", folder / "corpus", CORPUS / target]
    options = [f"-max_total_time={seconds}", f"-max_len={LONGEST[target]}", "-timeout=20", "-rss_limit_mb=3000"]
    return subprocess.run(
        [*command, *options, f"-artifact_prefix={folder}/found/"], env=environment(), check=False
    ).returncode


def environment() -> dict[str, str]:
    """Where the embedded interpreter finds its library, this package and what is installed beside it."""
    paths = [str(ROOT), sysconfig.get_path("purelib")]
    library = str(sysconfig.get_config_var("LIBDIR"))
    sanitizer = "detect_leaks=0:allocator_may_return_null=1"
    return {
        **os.environ,
        "PYTHONHOME": sys.base_prefix,
        "PYTHONPATH": os.pathsep.join(paths),
        "LD_LIBRARY_PATH": library,
        "ASAN_OPTIONS": sanitizer,
    }


def main() -> int:
    """Build and run what is asked for; 1 where a target found something."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", choices=list(LONGEST), action="append")
    arguments = parser.parse_args()
    targets = arguments.target or list(LONGEST)
    build(targets)
    failed = [target for target in targets if run(target, arguments.seconds)]
    for target in failed:
        sys.stderr.write(f"{target}: see {BUILD / target / 'found'}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
