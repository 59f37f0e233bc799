"""Lists: the members of a class as the stages of a run see them: kept, grown by a generation, or begun anew."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from balanceidx._format.keys import OF_GENERATION, OF_GROUP, UInt64, chain
from balanceidx._make.grouping import Int64, Members


@dataclass(frozen=True)
class GroupsOf:
    """The groups of one list: how many members each has, and the keys of their labels."""

    sizes: Int64
    label_keys: UInt64


@dataclass(frozen=True, eq=False)
class MemberList:
    """Members of one class, or of one generation of it, in their order.

    Attributes
    ----------
    path : tuple of int
        Keys of the labels on the way to the class.
    class_key : int
    generation : int
    members : int array
    groups : GroupsOf or None
    starts : uint64 array or None
        Of the weight line, where the list is lined.
    seats : int
        Of a pass of a lined list; 0 until it is known.
    first_draw, first_pass : int
        Draws and passes of the class before the list began.
    begins : bool
        Whether it begins with the stage that is being made.
    """

    path: tuple[int, ...]
    class_key: int
    generation: int
    members: Members
    groups: GroupsOf | None
    starts: UInt64 | None
    seats: int = 0
    first_draw: int = 0
    first_pass: int = 0
    begins: bool = False

    @property
    def key(self) -> int:
        """What the order of the list depends on."""
        if not self.generation:
            return self.class_key
        return int(chain(OF_GENERATION, [*self.path, self.generation])[0])

    @property
    def group_keys(self) -> UInt64:
        """What the orders of its groups depend on."""
        assert self.groups is not None
        path = [*self.path, self.generation] if self.generation else list(self.path)
        return chain(OF_GROUP, [*path, self.groups.label_keys])

    @property
    def in_pass(self) -> int:
        """Draws of a pass."""
        if self.starts is not None:
            return self.seats
        return len(self.members) if self.groups is None else len(self.groups.sizes)

    def same(self, other: "MemberList") -> bool:
        """Whether two lists hold the same members in the same order, groups and weights."""
        return (
            _equal(self.starts, other.starts)
            and _equal(self.members, other.members)
            and (self.groups is None) == (other.groups is None)
            and (
                self.groups is None
                or other.groups is None
                or (
                    _equal(self.groups.sizes, other.groups.sizes)
                    and _equal(self.groups.label_keys, other.groups.label_keys)
                )
            )
        )

    def group_of_members(self) -> UInt64 | None:
        """Label key of the group of every member."""
        return None if self.groups is None else np.repeat(self.groups.label_keys, self.groups.sizes)


def compared(last: list[MemberList], new: MemberList) -> list[MemberList]:
    """The lists of a class in a stage, one for each generation; those that are not among the last ones begin.

    Parameters
    ----------
    last : list of MemberList
        Those of the last stage in which the class had members.
    new : MemberList
        All members that it has now.
    """
    if not len(new.members):
        return [new]
    if last:
        if len(last) == 1 and last[0].same(new):
            return last
        added = _added(last, new)
        if added is not None:
            return [*last, replace(added, begins=True)] if len(added.members) else last
    return [replace(new, seats=0, begins=True)]


def begun(new: MemberList, last: MemberList | None, drawn: int) -> MemberList:
    """A list that begins here: its draws and passes come after those of the last list of its leaf."""
    passes = 0 if last is None else last.first_pass + -(-(drawn - last.first_draw) // last.in_pass)
    return replace(new, first_draw=drawn, first_pass=passes, begins=False)


def _added(last: list[MemberList], new: MemberList) -> MemberList | None:
    """What was added to lists that are otherwise the same; None where something else has changed."""
    if new.starts is not None or any(one.starts is not None for one in last):
        return None
    if len({one.groups is None for one in [*last, new]}) > 1:
        return None
    old = np.concatenate([one.members for one in last])
    order = np.argsort(new.members, kind="stable")
    at = np.searchsorted(new.members, old, sorter=order)
    at[at == len(order)] = 0
    place = order[at]
    if len(old) > len(new.members) or not (new.members[place] == old).all():
        return None
    group = new.group_of_members()
    if group is not None and any(
        not _equal(group[place[begin : begin + len(one.members)]], one.group_of_members())
        for one, begin in zip(last, np.cumsum([0, *(len(one.members) for one in last)]).tolist(), strict=False)
    ):
        return None
    fresh = np.ones(len(new.members), np.bool_)
    fresh[place] = False
    groups = None
    if new.groups is not None:
        which = np.repeat(np.arange(len(new.groups.sizes)), new.groups.sizes)
        sizes = np.bincount(which[fresh], minlength=len(new.groups.sizes))
        groups = GroupsOf(sizes[sizes > 0], new.groups.label_keys[sizes > 0])
    return replace(new, generation=len(last), members=new.members[fresh], groups=groups)


def _equal(a: npt.NDArray[np.generic] | None, b: npt.NDArray[np.generic] | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or (len(a) == len(b) and bool((a == b).all()))
