"""`python -m stemma.dvc WORDS` is `dvc WORDS`, begun in two thirds of the time: see `stemma.garbage`."""

import sys

COMMAND = [sys.executable, "-m", "stemma.dvc"]

if __name__ == "__main__":
    from dvc.cli import main

    sys.exit(main(sys.argv[1:]))
