"""Signals as a process should find them that starts anew: nothing ignored, nothing blocked, whatever its parent did."""

import signal

IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}


def reset() -> None:
    """Undo what ``nohup``, ``trap ''``, a background job or a blocking parent left to this process."""
    for number in signal.valid_signals() - IGNORED_BY_PYTHON:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
