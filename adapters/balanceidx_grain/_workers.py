"""What Grain's worker processes need before they start."""

from absl import flags


def enable_workers() -> None:
    """Let Grain start worker processes in a script, a notebook or a test.

    Grain reads command-line flags of absl when it starts a worker, and absl refuses to be read before it has parsed a
    command line, which happens in programs that start with `absl.app.run` only. Call this once before iterating with
    workers; it leaves flags alone that were parsed, and a later `app.run` parses as ever.

    In a script, start the training under `if __name__ == "__main__":`, because workers import the script again.

    >>> import balanceidx_grain
    >>> balanceidx_grain.enable_workers()
    """
    flags.FLAGS.mark_as_parsed()
