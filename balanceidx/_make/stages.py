"""Stages: plans that follow one another in one run, whose counters run on.

What was consumed never changes when a stage is appended: every stage depends on those before it alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt

from balanceidx import _checks
from balanceidx._fingerprint import chained
from balanceidx._format.chapters import Chapters, levels_of
from balanceidx._format.evaluate import Evaluator
from balanceidx._format.halving import Hierarchy
from balanceidx._format.keys import UInt64
from balanceidx._format.ledger import Ledger, Settlement
from balanceidx._format.pools import Groups, Passes, Pools
from balanceidx._format.weight_line import Lines
from balanceidx._make.accounts import Accounts, settle
from balanceidx._make.apportion import Names, Nodes, apportion_cycle, bounds_of
from balanceidx._make.build import Wishes, hierarchy_of, seats_of
from balanceidx._make.index import ClassIndex, label_path
from balanceidx._make.lists import GroupsOf, MemberList, begun, compared
from balanceidx._plan import Plan, Stage

Intp = npt.NDArray[np.intp]
Int64 = npt.NDArray[np.int64]

# Leaves of all stages together that a run can keep.
_MOST_LEAVES = 1 << 27


def stages(plans: Mapping[int, Plan]) -> Plan:
    """Let plans follow one another in one run: {first epoch: plan}.

    >>> import balanceidx as bx
    >>> labels = [0] * 90 + [1] * 10
    >>> run = bx.stages({0: bx.ratio(labels, batch_size=10), 3: bx.stratified(labels, batch_size=10)})
    >>> [run.draws(epoch).tolist() for epoch in (2, 3, 4)]
    [[50, 50], [90, 10], [90, 10]]

    Counters run on: nothing is lost or doubled, and what was drawn before a stage is as it was without it.

    Parameters
    ----------
    plans : mapping {int: Plan}
        The first stage begins with epoch 0. All plans have the same batch size, steps per epoch and levels of a tree.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError, ValueError
        For anything but such a mapping, and for plans that cannot follow one another.
    """
    if not isinstance(plans, Mapping) or not plans:
        raise TypeError(f"`plans` must be a mapping {{first epoch: Plan}}, not {plans!r}.")
    firsts = sorted(_checks.integer("first epoch", first, 0, _checks.MAX_EPOCHS) for first in plans)
    if firsts[0]:
        raise ValueError(f"`plans` begin with epoch {firsts[0]}; the first stage begins with epoch 0.")
    for first in firsts:
        _check(first, plans[first], plans[0])
    run = _Run(plans[0])
    for first in firsts[1:]:
        run.append(first, plans[first])
    return run.plan()


def _check(first: int, plan: Any, zero: Plan) -> None:
    if not isinstance(plan, Plan) or plan._stages:
        raise TypeError(f"`plans[{first}]` must be a Plan of one stage, not {plan!r}.")
    for name in ("batch_size", "steps_per_epoch"):
        if getattr(plan, name) != getattr(zero, name):
            raise ValueError(
                f"`plans[{first}]` has `{name}` {getattr(plan, name)}, the first stage has {getattr(zero, name)}; a "
                f"run keeps both. With items added, give `epoch_size={zero.steps_per_epoch * zero.batch_size}`."
            )
    depths = [len(one._evaluator.ledger.hierarchy.levels) for one in (plan, zero)]
    if depths[0] != depths[1]:
        raise ValueError(f"`plans[{first}]` has {depths[0]} levels of labels, the first stage has {depths[1]}.")
    if plan._evaluator.pools.independent != zero._evaluator.pools.independent:
        raise ValueError(f"`plans[{first}]` and the first stage must both be made with `iid=True`, or neither.")
    if plan._evaluator.pools.members is None:
        raise ValueError(f"`plans[{first}]` has classes given by their lengths; stages of these are not supported.")


class _Run:
    """A run while its stages are appended."""

    def __init__(self, plan: Plan) -> None:
        self.first_plan = plan
        self.later: list[Stage] = []
        self.plans = [plan]
        self.labels = [plan.classes]
        self.numbers = [np.arange(len(plan.classes))]  # of the class of every leaf, stage by stage
        wishes: Wishes = plan._wishes
        paths = _node_keys(wishes.index)
        self.accounts = Accounts(np.zeros((0, paths.shape[1]), np.uint64))
        self.leaves = self.accounts.numbers(wishes.index._keys, paths)
        lists = [one for one in _lists(plan) if len(one.members)]
        self.lists = {one.key: one for one in lists}  # the last one of every leaf that ever had members
        self.generations = {one.class_key: 1 for one in lists}  # of every class when it was last there
        self.total = len(self.leaves)

    def append(self, first: int, plan: Plan) -> None:
        """Close the stage before and begin the next."""
        wishes: Wishes = plan._wishes
        before = self._stage()
        ledger = before.evaluator.ledger
        _, drawn = ledger.epoch(first)
        due = (first - before.first) * ledger.cycle_draws
        self.accounts.add(self.leaves, due, drawn - self.accounts.drawn[self.leaves], ledger.cycle)

        lists = self._lists(plan)
        keys = np.array([one.key for one in lists], np.uint64)
        class_of = _class_numbers(lists)
        self.total += len(lists)
        if self.total > _MOST_LEAVES:
            raise ValueError(f"`plans` have {self.total} classes in all stages together; a run can have 2**27.")
        levels, hierarchy = _levels(wishes, lists, keys, class_of)
        batch, steps, cycle = plan.batch_size, plan.steps_per_epoch, ledger.cycle
        cycle_draws = apportion_cycle(levels, batch, steps, cycle, Names())
        lists = [
            replace(one, seats=seats_of(n, cycle)) if one.starts is not None and not one.seats else one
            for one, n in zip(lists, cycle_draws, strict=True)
        ]
        self.leaves = self.accounts.numbers(keys, _node_keys(wishes.index)[class_of])
        quota = np.array(cycle_draws, np.int64)
        settlement = self._settled(first, levels, hierarchy, quota, batch * steps, cycle, steps)
        pools = _pools_of(lists, keys, plan._evaluator.pools.independent)
        halvings = levels_of(steps, batch, cycle, cycle_draws, pools.in_pass.tolist())
        evaluator = Evaluator(
            batch, Chapters(steps, halvings), Ledger(hierarchy, cycle, quota, settlement), pools, _if_needed(class_of)
        )
        for one in lists:
            if len(one.members):
                self.lists[one.key] = one
                self.generations[one.class_key] = one.generation + 1
        digest = chained(before.fingerprint, first, plan.fingerprint, evaluator.ledger)
        self.later.append(Stage(first, evaluator, class_of, digest))
        self.plans.append(plan)
        self.labels.append(plan.classes)
        self.numbers.append(class_of)

    def _stage(self) -> Stage:
        if self.later:
            return self.later[-1]
        zero = self.first_plan
        return Stage(0, zero._evaluator, self.numbers[0], zero.fingerprint)

    def _lists(self, plan: Plan) -> list[MemberList]:
        """The lists of every class of a plan, compared with those before."""
        found: list[MemberList] = []
        number = {key: i for i, key in enumerate(self.accounts.keys.tolist())}

        def drawn_by(one: MemberList) -> int:
            at = number.get(one.key)
            return 0 if at is None else int(self.accounts.drawn[at])

        for new in _lists(plan):
            names = [replace(new, generation=g) for g in range(self.generations.get(new.class_key, 0) + 1)]
            lists = compared([self.lists[name.key] for name in names[:-1]], new)
            for one in lists:
                if one.begins:
                    one = begun(one, self.lists.get(one.key), drawn_by(one))
                # A list that was never drawn from may still choose its seats.
                found.append(replace(one, seats=0) if drawn_by(one) == one.first_draw else one)
        return found

    def _settled(
        self,
        first: int,
        levels: Sequence[Nodes],
        hierarchy: Hierarchy,
        quota: Int64,
        draws: int,
        cycle: int,
        steps: int,
    ) -> Settlement:
        """The first epoch and the first cycle of a later stage."""
        parents = [np.array(level.parent, np.intp) for level in levels]
        amounts = [quota]
        for parent, above in zip(reversed(parents[1:]), reversed(levels[:-1]), strict=True):
            total = np.zeros(len(above.parent), np.int64)
            np.add.at(total, parent, amounts[0])
            amounts.insert(0, total)
        drawn = self.accounts.drawn[self.leaves]
        least, most = bounds_of(levels, steps, 1, at_least=0)
        q = [n + b for n, b in zip(amounts, self._balances(hierarchy, len(levels)), strict=True)]
        settled = settle(parents, q, least, most, draws, cycle)
        self.accounts.add(self.leaves, quota, settled, cycle)
        least, most = bounds_of(levels, steps, cycle, at_least=1)
        q = [cycle * n + b for n, b in zip(amounts, self._balances(hierarchy, len(levels)), strict=True)]
        first_cycle = settle(parents, q, least, most, draws * cycle, cycle)
        self.accounts.add(self.leaves, -quota, -settled, cycle)  # entered again when the stage is closed
        return Settlement(first, drawn, settled, first_cycle)

    def _balances(self, hierarchy: Hierarchy, depth: int) -> list[Int64]:
        """Balance of the nodes of every level."""
        nodes = self.accounts.paths.shape[1]
        keys = [(level.high.astype(np.uint64) << np.uint64(32)) | level.low for level in hierarchy.levels]
        balances = [self.accounts.of_nodes(level, keys[level]) for level in range(nodes)]
        return balances if depth == nodes else [*balances, self.accounts.balance[self.leaves]]

    def plan(self) -> Plan:
        """The run, as one plan whose classes are those of all its stages."""
        zero = self.first_plan
        if not self.later:
            return zero
        classes = _all_classes(self.labels)
        numbers = [
            _positions(classes, labels)[number] for labels, number in zip(self.labels, self.numbers, strict=True)
        ]
        sizes = np.zeros(len(classes), np.int64)
        for plan in self.plans:
            sizes[_positions(classes, plan.classes)] = plan.sizes
        later = tuple(replace(stage, numbers=number) for stage, number in zip(self.later, numbers[1:], strict=True))
        num_items = max(plan.num_items for plan in self.plans)
        first = Stage(0, zero._evaluator, numbers[0], zero.fingerprint)
        return Plan(
            classes,
            zero.batch_size,
            zero.steps_per_epoch,
            num_items,
            sizes,
            zero._evaluator,
            zero._wishes,
            (first, *later),
        )


def _node_keys(index: ClassIndex) -> UInt64:
    """Keys of the nodes on the way to every class, the class last: shape (C, levels)."""
    path, nodes = [index._keys], index._parent
    for level in reversed(index._above):
        path.insert(0, level.keys[nodes])
        nodes = level.parent[nodes]
    return np.stack(path, axis=1)


def _lists(plan: Plan) -> list[MemberList]:
    """The members of every class of a plan of one stage."""
    index: ClassIndex = plan._wishes.index
    pools = plan._evaluator.pools
    paths = np.stack(label_path(index._keys, index._above, index._parent), axis=1).tolist()
    members, groups = index._members, index._groups
    assert members is not None
    found = []
    seats = pools.passes.size.tolist()
    for c, (begin, end) in enumerate(zip(index._offsets[:-1].tolist(), index._offsets[1:].tolist(), strict=True)):
        own = None
        if groups is not None:
            part = slice(int(groups.begin[c]), int(groups.begin[c + 1]))
            bounds = groups.offsets[part.start : part.stop + 1]
            own = GroupsOf(np.diff(bounds), groups.label_keys[part])
        lined = bool(pools.lined[c])
        starts = pools.lines.starts[begin:end] if lined and pools.lines is not None else None
        found.append(
            MemberList(
                tuple(paths[c]), int(index._keys[c]), 0, members[begin:end], own, starts, seats[c] if lined else 0
            )
        )
    return found


def _class_numbers(lists: Sequence[MemberList]) -> Intp:
    """Number of the class of every list: generation 0 begins a class."""
    return np.cumsum([one.generation == 0 for one in lists]) - 1


def _if_needed(class_of: Intp) -> Intp | None:
    return None if len(class_of) == int(class_of[-1]) + 1 else class_of


def _levels(
    wishes: Wishes, lists: Sequence[MemberList], keys: UInt64, class_of: Intp
) -> tuple[Sequence[Nodes], Hierarchy]:
    """Nodes and their lines, with generations as a level of their own where there are any."""
    index = wishes.index
    if _if_needed(class_of) is None:
        return wishes.levels, hierarchy_of(index)
    sizes = [len(one.members) for one in lists]
    caps = [None if wishes.max_repeats is None else floor(wishes.max_repeats * n) for n in sizes]
    labels = wishes.levels[-1].labels
    below = Nodes([labels[c] for c in class_of.tolist()], class_of.tolist(), sizes, [0] * len(lists), caps)
    hierarchy = Hierarchy.of(
        [*(level.keys for level in index._above), index._keys, keys],
        [*(level.parent for level in index._above), index._parent, class_of],
    )
    return [*wishes.levels, below], hierarchy


def _pools_of(lists: Sequence[MemberList], keys: UInt64, independent: bool) -> Pools:
    """Pools of lists, one leaf each."""
    members = np.concatenate([one.members for one in lists])
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum([len(one.members) for one in lists])))
    lined = np.array([one.starts is not None for one in lists])
    size = np.array([max(1, one.in_pass) for one in lists], np.int64)
    first_pass = np.array([one.first_pass for one in lists], np.uint64)
    first_draw = np.array([one.first_draw for one in lists], np.int64)
    lines = None
    if lined.any():
        starts = [np.zeros(len(one.members), np.uint64) if one.starts is None else one.starts for one in lists]
        lines = Lines.of_starts(np.concatenate(starts), offsets)
    passes = Passes.of(keys, size, first_pass if first_pass.any() else None)
    groups = _groups_of(lists, offsets)
    return Pools(members, offsets, passes, groups, lines, lined, independent, first_draw if first_draw.any() else None)


def _groups_of(lists: Sequence[MemberList], offsets: Int64) -> Groups | None:
    nested = [one.groups if one.starts is None else None for one in lists]
    counts = [0 if groups is None else len(groups.sizes) for groups in nested]
    if not any(counts):
        return None
    begin = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    sizes = np.concatenate([groups.sizes for groups in nested if groups is not None])
    within = np.concatenate([np.cumsum(groups.sizes) - groups.sizes for groups in nested if groups is not None])
    starts = np.repeat(offsets[:-1], counts) + within
    keys = np.concatenate([one.group_keys for one, groups in zip(lists, nested, strict=True) if groups is not None])
    first = np.repeat(np.array([one.first_pass for one in lists], np.uint64), counts)
    return Groups(begin, starts, Passes.of(keys, sizes, first if first.any() else None))


def _all_classes(labels: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """The labels of all stages, in sorted order."""
    every = sorted({label for of_stage in labels for label in of_stage.tolist()})
    if any(of_stage.dtype.kind == "O" for of_stage in labels):
        classes = np.empty(len(every), object)
        classes[:] = every
        return classes
    return np.array(every, np.result_type(*labels))


def _positions(classes: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Intp:
    at = {label: c for c, label in enumerate(classes.tolist())}
    return np.array([at[label] for label in labels.tolist()], np.intp)
