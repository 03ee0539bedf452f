"""``python -m ftdata.train.local RUN``: train the run in a folder; ``accelerate launch -m ftdata.train.local RUN`` on several devices."""

from __future__ import annotations

import sys

from ftdata.errors import FtdataError


def main() -> int:
    """Train, and say in words what went wrong."""
    from ftdata.train.local.loop import train

    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m ftdata.train.local RUN\n")
        return 2
    try:
        train(sys.argv[1])
    except FtdataError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"  help: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
