"""Print the requirements of some extras of pyproject.toml, one a line: `requirements.py dev docs`.

The Makefile feeds them to pip beside the installed package: adding tools must not build the native kernel again.
"""

import sys
import tomllib
from pathlib import Path


def main(extras: list[str]) -> None:
    """Print what `extras` list; an unknown name is a KeyError."""
    pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    table = pyproject["project"]["optional-dependencies"]
    sys.stdout.write("".join(f"{requirement}\n" for extra in extras for requirement in table[extra]))


if __name__ == "__main__":
    main(sys.argv[1:])
