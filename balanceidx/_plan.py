"""The plan: a pure function (seed, epoch, step, rank) -> indices, and the questions that can be asked of it."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._fingerprint import fingerprint_of
from balanceidx._format.evaluate import Evaluator
from balanceidx._format.inverse import Inverse
from balanceidx._format.layout import Layout
from balanceidx._format.lookup import Coverage, Lookup, Use
from balanceidx._position import Position, read
from balanceidx._stream import Stream

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stage:
    """A part of a run, from its first epoch on.

    Attributes
    ----------
    first : int
    evaluator : Evaluator
    numbers : intp array
        Class, in `Plan.classes`, of every leaf of the evaluator.
    fingerprint : str
        Of the run up to this stage.
    """

    first: int
    evaluator: Evaluator
    numbers: npt.NDArray[np.intp]
    fingerprint: str


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """Which items every batch of every epoch holds, for every seed, rank and world size.

    Made by `ratio`, `stratified`, `min_positives` and `weighted`; immutable; safe to share between threads and to
    send to other processes.

    >>> import balanceidx as bx
    >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
    >>> plan
    Plan(batch_size=10, steps_per_epoch=10, num_items=100, classes=2, fingerprint='64c13269399d37afb312')
    >>> batch = plan.batch_indices(seed=0, step=3)
    >>> int((batch >= 90).sum())  # half of every batch is of the rare class
    5

    Attributes
    ----------
    classes : array, shape (C,)
        The labels in sorted order. For a `Tree`, tuples of labels; for `weighted`, the distinct positive weights, or
        one class "all items".
    batch_size : int
        Items in a global batch, all ranks together, B.
    steps_per_epoch : int
        Batches in an epoch, T.
    num_items : int
        Items in the dataset, N.
    sizes : int64 array, shape (C,)
        Items of each class that can be drawn, n_c.
    """

    classes: npt.NDArray[Any]
    batch_size: int
    steps_per_epoch: int
    num_items: int
    sizes: Int64
    _evaluator: Evaluator
    _wishes: Any = None
    _stages: tuple[Stage, ...] = ()

    def __post_init__(self) -> None:
        """Make the arrays read-only: the fingerprint vouches for them."""
        for evaluator in (self._evaluator, *(stage.evaluator for stage in self._stages)):
            evaluator.freeze()
        for array in (self.classes, self.sizes):
            array.flags.writeable = False

    def __getstate__(self) -> dict[str, Any]:
        """Leave the tables of look-ups behind."""
        return {name: value for name, value in self.__dict__.items() if name != "_lookups"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the arrays of a copy read-only too."""
        self.__dict__.update(state)
        self.__post_init__()

    def __repr__(self) -> str:
        """Describe the plan on one line."""
        return (
            f"Plan(batch_size={self.batch_size}, steps_per_epoch={self.steps_per_epoch}, num_items={self.num_items}, "
            f"classes={len(self.classes)}, fingerprint={self.fingerprint!r})"
        )

    def __bool__(self) -> bool:
        """True: `if plan` asks whether there is one."""
        return True

    def __len__(self) -> NoReturn:
        """Refuse: a plan has no length."""
        raise TypeError(
            "a Plan has no length: use plan.steps_per_epoch for the batches of an epoch, or plan.num_items for the "
            "items of the dataset."
        )

    def __iter__(self) -> Iterator[NoReturn]:
        """Refuse: a plan needs a seed."""
        raise TypeError(
            "a Plan is no iterable of batches: write `for batch in plan.stream(seed)`, or "
            "plan.epoch_indices(seed, epoch=epoch).reshape(plan.steps_per_epoch, -1) for the batches of one epoch."
        )

    def draws(self, epoch: int) -> Int64:
        """Draws of each class in an epoch; they sum to steps_per_epoch * batch_size.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, {0: 0.75, 1: 0.25}, batch_size=10, epoch_size=10)
        >>> [plan.draws(epoch).tolist() for epoch in range(4)]
        [[8, 2], [7, 3], [8, 2], [7, 3]]

        Parameters
        ----------
        epoch : int in [0, 2**32)

        Returns
        -------
        int64 array, shape (C,)
        """
        number = self._epoch(epoch)
        draws, _ = self._at(number).ledger.epoch(number)
        if not self._stages:
            return draws.copy()
        total = np.zeros(len(self.classes), np.int64)
        np.add.at(total, self._stage_of(number).numbers, draws)
        return total

    @property
    def draws_per_epoch(self) -> npt.NDArray[np.float64]:
        """Mean draws of each class in an epoch, float64, shape (C,); whole numbers are those of `draws(epoch)`.

        In a run of several stages, those of the first.
        """
        ledger = self._evaluator.ledger
        mean = ledger.cycle_draws / ledger.cycle
        if not self._stages:
            return mean
        total = np.zeros(len(self.classes))
        total[self._stages[0].numbers] = mean
        return total

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Share of each class in the draws, float64, shape (C,)."""
        return self.draws_per_epoch / (self.steps_per_epoch * self.batch_size)

    @cached_property
    def fingerprint(self) -> str:
        """Short digest of everything that decides the indices: format, batches, draws, items, groups and weights."""
        if self._stages:
            return self._stages[-1].fingerprint
        return fingerprint_of(self._evaluator, self.num_items)

    def batch_indices(
        self,
        seed: int,
        step: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of one batch.

        Parameters
        ----------
        seed : int in [0, 2**64)
        step : int in [0, steps_per_epoch)
        rank, world_size : int
            This process and the number of processes that share the global batch.
        epoch : int in [0, 2**32)
        blocks : int
            Equal contiguous parts of the result, each composed like the batch: one per local device or per
            gradient-accumulation step.
        order : "shuffled", "dealt" or "by_class"
            Shuffle each block, leave its slots in ascending order, or group its items in the order of `classes`. The
            dealt order of the whole batch is for consumers that stride it themselves: its entries k with k mod W == r
            are rank r's part.

        Returns
        -------
        int64 array, shape (batch_size // world_size,)

        Raises
        ------
        TypeError, ValueError
            For an argument outside its range, and when world_size * blocks does not divide batch_size.
        """
        at = _checks.integer("step", step, 0, self.steps_per_epoch, f"of {self.steps_per_epoch} an epoch")
        return self._indices(seed, at, at + 1, rank, epoch, world_size, blocks, order)

    def epoch_indices(
        self,
        seed: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of a whole epoch, batch after batch.

        `epoch_indices(...).reshape(steps_per_epoch, -1)[t]` equals `batch_indices(..., step=t)`; see there for the
        arguments and errors.

        Returns
        -------
        int64 array, shape (steps_per_epoch * batch_size // world_size,)
        """
        return self._indices(seed, 0, self.steps_per_epoch, rank, epoch, world_size, blocks, order)

    def range_indices(
        self,
        seed: int,
        start: int,
        stop: int,
        rank: int = 0,
        *,
        epoch: int = 0,
        world_size: int = 1,
        blocks: int = 1,
        order: str = "shuffled",
    ) -> Int64:
        """Indices of one rank's part of the steps start .. stop - 1 of an epoch, in one call.

        Several small batches computed together cost little more than one; see `batch_indices` for the arguments.

        Returns
        -------
        int64 array, shape ((stop - start) * batch_size // world_size,)
        """
        last = _checks.integer("stop", stop, 0, self.steps_per_epoch + 1, f"of {self.steps_per_epoch} steps an epoch")
        first = _checks.integer("start", start, 0, last + 1, "not after `stop`")
        return self._indices(seed, first, last, rank, epoch, world_size, blocks, order)

    def stream(self, seed: int, rank: int = 0, *, world_size: int = 1, blocks: int = 1, start: Any = None) -> Stream:
        """Endless iterator over one rank's batches, with a position that can be saved; see `Stream`."""
        return Stream(self, seed, rank, world_size=world_size, blocks=blocks, start=start)

    def position(self, state: Any) -> Position:
        """Read a saved state.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> plan.position(plan.stream(seed=7).state_dict())
        Position(seed=7, epoch=0, step=0, within=0)

        Parameters
        ----------
        state : mapping
            What `state_dict` of a stream, a sampler or a `Position` gave.

        Returns
        -------
        Position

        Raises
        ------
        TypeError
            When an entry of the state is not of its type: integers, and strings for fingerprint and check word.
        ValueError
            When the state is damaged, incomplete, out of range, of another stream format or of another plan.
        """
        return read(self, state)

    def where(self, item: int, seed: int, *, epoch: int = 0, world_size: int = 1, blocks: int = 1) -> list[Use]:
        """Where an item is used in an epoch: computed, without a log.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> uses = plan.where(95, seed=0)
        >>> len(uses)  # fifty draws of ten items
        5
        >>> step, rank, position = uses[0]
        >>> int(plan.batch_indices(0, step, rank)[position])
        95

        Parameters
        ----------
        item : int in [0, num_items)
        seed, epoch, world_size, blocks : int
            As in `batch_indices`.

        Returns
        -------
        list of Use(step, rank, position), in step order
            `position` counts in that rank's `batch_indices`, in the order "shuffled".

        Raises
        ------
        TypeError, ValueError
            For an argument outside its range, and for independent draws, which cannot be asked backwards.
        """
        number = _checks.integer("item", item, 0, self.num_items, f"of {self.num_items} in the dataset")
        _checks.layout(self.batch_size, 0, world_size, blocks)
        at = self._epoch(epoch)
        lookup = self._lookups[self._stages.index(self._stage_of(at)) if self._stages else 0]
        return lookup.where(number, _checks.seed(seed), at, world_size, blocks)

    def uses(self, items: Any, seed: int, *, until: tuple[int, int]) -> Int64:
        """How often items were used before a position, since the beginning of the run: computed, without a log.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> plan.uses([3, 95], seed=0, until=(2, 0)).tolist()  # two epochs of fifty draws of each class
        [1, 10]

        Parameters
        ----------
        items : int or array-like of ints, shape (k,)
            Each in [0, num_items).
        seed : int in [0, 2**64)
        until : (epoch, step)
            The batch that comes next; all batches before it count.

        Returns
        -------
        int64 array, shape (k,)

        Raises
        ------
        TypeError, ValueError
            For an argument outside its range, and for independent draws, which cannot be asked backwards.
        """
        wanted = _checks.items(items, self.num_items)
        return self._uses(wanted, _checks.seed(seed), *self._until(until))

    def coverage(self, seed: int, *, until: tuple[int, int]) -> Coverage:
        """Draws, items seen and items not yet seen of every class before a position.

        >>> import balanceidx as bx
        >>> plan = bx.ratio([0] * 90 + [1] * 10, batch_size=10)
        >>> plan.coverage(seed=0, until=(1, 0)).unseen.tolist()  # fifty draws of ninety items
        [40, 0]

        Parameters
        ----------
        seed, until
            As in `uses`.

        Returns
        -------
        Coverage(draws, seen, unseen) of int64 arrays, each of shape (C,)

        Raises
        ------
        TypeError, ValueError
            For an argument outside its range, and for independent draws, which cannot be asked backwards.
        """
        number, (epoch, step) = _checks.seed(seed), self._until(until)
        if len(self._lookups) == 1:
            return self._lookups[0].coverage(number, epoch, step)
        return self._coverage(number, epoch, step)

    def _uses(self, items: Int64, seed: int, epoch: int, step: int) -> Int64:
        """Uses in the stages that are over, and in the present one."""
        if not self._stages:
            return self._lookups[0].uses(items, seed, epoch, step)
        used = np.zeros(len(items), np.int64)
        for stage, lookup, end in self._played(epoch, step):
            used += lookup.uses(items, seed, *end) - lookup.uses(items, seed, stage.first, 0)
        return used

    def _coverage(self, seed: int, epoch: int, step: int) -> Coverage:
        """Coverage in a run of several stages, of the items that belong to each class in the present one."""
        draws, seen, sizes = np.zeros((3, len(self.classes)), np.int64)
        played = tuple(self._played(epoch, step))
        for stage, lookup, end in played:
            drawn = lookup.draws(seed, *end) - lookup.draws(seed, stage.first, 0)
            np.add.at(draws, stage.numbers, drawn)
        stage, lookup, _ = played[-1]
        every = np.arange(self.num_items)
        leaves = lookup.inverse.spots(every).classes
        every, classes = every[leaves >= 0], stage.numbers[leaves[leaves >= 0]]
        np.add.at(sizes, classes, 1)
        np.add.at(seen, classes, self._uses(every, seed, epoch, step) > 0)
        return Coverage(draws, seen, sizes - seen)

    def _played(self, epoch: int, step: int) -> Iterator[tuple[Stage, Lookup, tuple[int, int]]]:
        """Every stage up to a position, and where it ends: there, or where the next stage begins."""
        for stage, lookup, following in zip(self._stages, self._lookups, (*self._stages[1:], None), strict=True):
            if following is None or epoch < following.first:
                yield stage, lookup, (epoch, step)
                return
            yield stage, lookup, (following.first - 1, self.steps_per_epoch)

    def _until(self, until: Any) -> tuple[int, int]:
        if not isinstance(until, (tuple, list)) or len(until) != 2:
            raise TypeError(f"`until` must be a pair (epoch, step), not {until!r}.")
        steps = self.steps_per_epoch
        epoch = _checks.integer("until[0]", until[0], 0, _checks.MAX_EPOCHS, "the epoch")
        return self._epoch(epoch), _checks.integer("until[1]", until[1], 0, steps + 1, f"the step, of {steps} an epoch")

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        """What answers questions by item, stage by stage."""
        if self._evaluator.pools.independent:
            raise ValueError(
                "a plan made with `iid=True` draws at random and cannot be asked backwards; make it without `iid`, or "
                "count over plan.epoch_indices(...)."
            )
        evaluators = [stage.evaluator for stage in self._stages] or [self._evaluator]
        return tuple(Lookup(one, Inverse(one.pools, self.num_items)) for one in evaluators)

    def _fingerprints(self, epoch: int, step: int) -> tuple[str, ...]:
        """Fingerprints that a state of this position may carry, first the one that it is given.

        A state at the first step of a stage may have been saved before the stage was appended.
        """
        if not self._stages:
            return (self.fingerprint,)
        number = self._stages.index(self._stage_of(epoch))
        stage = self._stages[number]
        if number and (epoch, step) == (stage.first, 0):
            return stage.fingerprint, self._stages[number - 1].fingerprint
        return (stage.fingerprint,)

    def _indices(
        self, seed: Any, start: int, stop: int, rank: Any, epoch: Any, world_size: Any, blocks: Any, order: Any
    ) -> Int64:
        layout = Layout.of(self.batch_size, *_checks.layout(self.batch_size, rank, world_size, blocks))
        number = self._epoch(epoch)
        return self._at(number).indices(_checks.seed(seed), number, start, stop, layout, _checks.order(order))

    def _at(self, epoch: int) -> Evaluator:
        """What decides the indices of an epoch."""
        return self._stage_of(epoch).evaluator if self._stages else self._evaluator

    def _stage_of(self, epoch: int) -> Stage:
        return self._stages[bisect_right(self._stages, epoch, key=lambda stage: stage.first) - 1]

    def _epoch(self, epoch: Any) -> int:
        """Check an epoch, whose draws must be countable with 63 bits."""
        number, draws = _checks.epoch(epoch), self.steps_per_epoch * self.batch_size
        if (number + 1) * draws >= 2**63:
            raise ValueError(
                f"`epoch` (={number}) is too late for epochs of {draws} draws: a run has fewer than 2**63 draws."
            )
        return number
