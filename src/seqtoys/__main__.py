"""The command line: `python -m seqtoys` trains an Elman network on "hihello" and shows it."""

import sys

from seqtoys.cli import process

if __name__ == "__main__":  # first of all: Ctrl-C may be pressed at any time
    process.exit_on_interrupt()

from seqtoys.cli.program import main as main

if __name__ == "__main__":
    sys.exit(process.run(main))
