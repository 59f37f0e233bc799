"""Which epoch is played next, and from which step.

Requirements, and what they led to:

* a DataLoader calls iter() once or several times for one epoch: asking changes nothing here;
* many trainers never call `set_epoch`: an epoch whose last element was taken is over, and the next one follows;
* others count the epochs themselves: once `set_epoch` was called, its word counts, over any state loaded;
* workers are fed ahead of the training loop: while the loop is in one epoch, that epoch may be over here;
* a loop that counts wrongly after a restart trains items twice, or never: what can be noticed of it is told.
"""

import warnings
from typing import Protocol


class Playing(Protocol):
    """An iteration of one epoch that has handed out elements."""

    epoch: int
    began: int  # the step at which it began, or to which a state moved it

    def finished(self) -> bool:
        """Whether the last element of the epoch was taken."""
        ...


class Epochs:
    """The epoch counter of one sampler.

    >>> epochs = Epochs()
    >>> epochs.begin()
    (0, 0)
    >>> epochs.start_at(2, 7)
    >>> epochs.begin(), epochs.begin()
    ((2, 7), (2, 7))
    >>> epochs.choose(2)
    >>> epochs.begin()
    (2, 7)
    """

    def __init__(self) -> None:
        self._chosen: int | None = None
        self._start = (0, 0)
        self._untouched = False  # whether a position was given to start at, of which nothing was played yet
        self._last: Playing | None = None

    def choose(self, epoch: int) -> None:
        """Play this epoch from now on: what `set_epoch` does."""
        if self._over(self._start[0]):
            self._start = (0, 0)
        resumed, step = self._start
        if epoch < resumed:
            warnings.warn(
                f"set_epoch({epoch}) was called after a state of epoch {resumed}, step {step} was loaded: epoch "
                f"{epoch} is played from its start. Count the epochs from the one in the state.",
                stacklevel=3,
            )
        elif epoch > resumed and self._untouched:
            self._untouched = False  # said once
            warnings.warn(
                f"set_epoch({epoch}) was called after a state of epoch {resumed}, step {step} was loaded, before "
                f"anything of that epoch was played: what is left of epoch {resumed} is skipped. Count the epochs "
                f"from the one in the state, not from the one after it.",
                stacklevel=3,
            )
        self._chosen, self._last = epoch, None

    def start_at(self, epoch: int, step: int) -> None:
        """Start at a step of an epoch, until that epoch is over or another is chosen."""
        self._start, self._untouched, self._last = (epoch, step), True, None

    def note(self, playing: Playing) -> None:
        """Remember who handed out elements last."""
        if playing.epoch != self._start[0]:
            self._start = (0, 0)
        self._untouched = False
        self._last = playing

    def accepts(self, epoch: int, finished: bool) -> bool:
        """Whether an iterator may load a state of this epoch; not when `set_epoch` has chosen another one."""
        if self._chosen is None or self._chosen == epoch:
            return True
        if not (finished and self._chosen == epoch + 1):
            warnings.warn(
                f"A state of epoch {epoch} was loaded after set_epoch({self._chosen}): epoch {self._chosen} is played "
                f"from its start. Call set_epoch with the epoch of the state, or not at all.",
                stacklevel=3,
            )
        return False

    @property
    def next(self) -> int:
        """The epoch that an iteration begun now plays."""
        if self._chosen is not None:
            return self._chosen
        if self._last is not None:
            return self._last.epoch + self._last.finished()
        return self._start[0]

    @property
    def current(self) -> int:
        """The epoch that was iterated last, or the one chosen since."""
        if self._chosen is None and self._last is not None:
            return self._last.epoch
        return self.next

    @property
    def began(self) -> int:
        """The step at which the iteration of the current epoch began, or would begin."""
        if self._last is not None and self._last.epoch == self.current:
            return self._last.began
        resumed, step = self._start
        return step if self.current == resumed else 0

    def begin(self) -> tuple[int, int]:
        """Epoch and step at which an iteration begun now starts."""
        epoch = self.next
        resumed, step = self._start
        return epoch, step if epoch == resumed and not self._over(epoch) else 0

    def _over(self, epoch: int) -> bool:
        return self._last is not None and self._last.epoch == epoch and self._last.finished()

    def __getstate__(self) -> dict[str, object]:
        """Leave the iteration behind: whoever receives a sampler continues with the epoch that comes next."""
        return {"_chosen": self._chosen, "_start": self.begin(), "_untouched": self._untouched, "_last": None}
