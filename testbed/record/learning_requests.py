"""Learning that is paused and resumed while a run goes on: whoever may write in the run's folder may do so.

A run's learners are paused as long as there is a file ``learning.paused`` beside its record, whoever dies meanwhile.
What they have learned so far is beside it too.
"""

from pathlib import Path

from testbed.record.files import unwritable

PAUSED_FILE, LEARNED_FILE = "learning.paused", "learned.npz"


def is_paused(run: Path) -> bool:
    """Whether those that learn from the run in the folder ``run`` are to pause."""
    return (run / PAUSED_FILE).exists()


def pause(run: Path) -> bool:
    """Let them pause; False if they did already. Raises `StartError` where nothing can be written."""
    try:
        (run / PAUSED_FILE).touch(exist_ok=False)
    except FileExistsError:
        return False
    except OSError as error:
        raise unwritable(run / PAUSED_FILE, error) from None
    return True


def resume(run: Path) -> bool:
    """Let them go on; False if they did not pause. Raises `StartError` where nothing can be written."""
    try:
        (run / PAUSED_FILE).unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unwritable(run / PAUSED_FILE, error) from None
    return True
