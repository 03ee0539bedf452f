"""The command ``ftdata``, also as ``python -m ftdata``."""

from __future__ import annotations

import atexit
import os
import sys
import threading


def main() -> None:
    """Run the command line; every error a user can meet ends here as words and an exit code, never a traceback."""
    import click

    from ftdata.cli import cli
    from ftdata.errors import FtdataError, place_of

    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except FtdataError as error:
        _say(error.message, error.hint)
        code = error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        code = 2
    except click.UsageError as error:
        hint = f"See `{error.ctx.command_path} --help`." if error.ctx else None
        _say(error.format_message(), hint)
        code = 2
    except click.ClickException as error:
        _say(error.format_message(), None)
        code = 2
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; nothing was changed", None)
        code = 130
        # Compiled code on another thread cannot be stopped: Python would wait for it, or torch abort the process.
        if threading.active_count() > 1:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    except BrokenPipeError:
        # The reader of our output has gone (`ftdata lint ... | head`): say nothing, as other tools do.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except MemoryError:
        _say("out of memory", "Try `--jobs 1`, or fewer files at a time.")
        code = 2
    except Exception as error:
        if os.environ.get("FTDATA_TRACEBACK"):
            raise
        _say(f"internal error: {type(error).__name__}: {str(error)[:300]}", place_of(error))
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _say(message: str, hint: str | None) -> None:
    from ftdata.report.escape import escape

    print(f"error: {escape(message)}", file=sys.stderr)
    if hint:
        print(f"  help: {escape(hint)}", file=sys.stderr)


if __name__ == "__main__":
    main()
