"""The deal against a line that is really laid out, seat by seat."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balanceidx._format.deal import Deal, slot_multiplier, time_multiplier
from balanceidx._format.halving import Hierarchy
from balanceidx._format.layout import Layout
from strategies import divisors, epochs, layouts, seeds

# Draws of the classes and batches of a chapter; the batch size follows.
draws_lists = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=12).filter(any)


def one_chapter(draws: np.ndarray, steps: int, seed: int, epoch: int, first: int = 0) -> Deal:
    """The deal of an epoch that is one chapter."""
    hierarchy = Hierarchy.of([np.arange(len(draws), dtype=np.uint64)], [np.zeros(len(draws), np.intp)])
    starts = np.array([0, steps])
    return Deal.of(hierarchy, draws[None], np.full((1, len(draws)), first), starts, seed, epoch, 0)


@st.composite
def deals(draw):
    draws = np.array(draw(draws_lists))
    steps = draw(st.sampled_from(divisors(int(draws.sum()))))
    return draws, steps, one_chapter(draws, steps, draw(seeds), draw(epochs))


def by_hand(deal: Deal, draws: np.ndarray, steps: int) -> dict[tuple[int, int], tuple[int, int]]:
    """(class, draw number) of every (batch, place): seats in a row, dealt like cards; draws counted batch by batch."""
    line = [c for c in deal.order[0].tolist() for _ in range(draws[c])]
    made = dict.fromkeys(range(len(draws)), 0)
    dealt = {}
    for batch in range(steps):
        for place in range(len(line) // steps):
            c = line[batch + steps * place]
            dealt[batch, place] = c, made[c]
            made[c] += 1
    return dealt


@given(st.data(), deals())
def test_hands_are_the_line_dealt_like_cards(data, problem):
    draws, steps, deal = problem
    batch_size = int(draws.sum()) // steps
    world_size, blocks = data.draw(st.sampled_from(layouts(batch_size)), "layout")
    rank = data.draw(st.integers(0, world_size - 1), "rank")
    start = data.draw(st.integers(0, steps - 1), "start")
    rows = deal.rows(start, min(steps, start + 5))
    layout = Layout.of(batch_size, rank, world_size, blocks)
    dealt = by_hand(deal, draws, steps)
    u, z = int(deal.slot_multiplier[0]), int(deal.slot_offset[0])
    wanted, numbers = [], []
    for batch in rows.batch[:, 0].tolist():
        slot_of = [(u * h + batch + z) % batch_size for h in range(batch_size)]
        assert sorted(slot_of) == list(range(batch_size))
        for block in range(blocks):
            slots = list(range(rank + world_size * block, batch_size, world_size * blocks))
            places = [h for h in range(batch_size) if slot_of[h] in slots]
            wanted += [dealt[batch, h] for h in places]
            numbers += [slots.index(slot_of[h]) for h in places]
    assert rows.slot_numbers(layout).reshape(-1).tolist() == numbers

    in_order, row_order = rows.sort()
    assert (rows.batch[row_order] == in_order.batch).all()
    # Blocks and places first, batches last: the other way round for the comparison.
    classes, draw_numbers = (
        part.reshape(layout.width, -1).T[np.argsort(row_order)].reshape(-1) for part in deal.places(in_order, layout)
    )
    assert list(zip(classes.tolist(), draw_numbers.tolist(), strict=True)) == wanted

    found = {}
    for number in range(len(draws)):
        runs = deal.runs(rows, number, rows.first_places(layout), layout.stride)
        for run, (first, count, draw) in enumerate(zip(*runs, strict=True)):
            for i in range(count):
                found[run, int(first) + i] = number, int(draw) + i * layout.stride
    assert [found[run, i] for run in range(len(rows.batch) * blocks) for i in range(layout.length)] == wanted


@given(deals())
def test_locate_and_step_of_are_the_inverse(problem):
    draws, steps, deal = problem
    dealt = by_hand(deal, draws, steps)
    played = {int(batch): step for step, batch in enumerate(deal.rows(0, steps).batch[:, 0].tolist())}
    assert sorted(played) == list(range(steps)), "a batch is not played once"
    keys = [(c, j) for c, count in enumerate(draws.tolist()) for j in range(count)]
    classes, numbers = np.array(keys).T
    batch, place = deal.locate(np.zeros(len(keys), np.intp), classes, numbers)
    assert [dealt[at] for at in zip(batch.tolist(), place.tolist(), strict=True)] == keys
    steps_of = deal.step_of(np.zeros(len(keys), np.intp), batch)
    assert steps_of.tolist() == [played[b] for b in batch.tolist()]


def test_classes_and_batches_are_ordered_anew_every_epoch():
    draws = np.full(12, 10)
    deals = [one_chapter(draws, 40, seed, epoch) for seed in range(6) for epoch in range(6)]
    assert all(sorted(deal.order[0].tolist()) == list(range(12)) for deal in deals)
    assert len({deal.order.tobytes() for deal in deals}) == 36
    assert len({int(deal.time_offset[0]) for deal in deals}) > 15
    assert {int(deal.slot_offset[0]) for deal in deals} == {0, 1, 2}


def test_a_chapter_of_one_or_two_steps_is_played_in_order():
    for steps in (1, 2):
        for seed in range(20):
            assert (
                one_chapter(np.array([steps * 3]), steps, seed, 0).rows(0, steps).batch[:, 0].tolist() == [0, 1][:steps]
            )


@pytest.mark.parametrize("steps", [2**32 - 1, 2**32 - 5, 2**31, 3**20])
def test_batches_of_very_long_epochs_are_exact(steps):
    deal = one_chapter(np.array([steps, 7 * steps]), steps, 2**64 - 1, 2**32 - 1)
    a, s = int(deal.time_multiplier[0]), int(deal.time_offset[0])
    for start in (0, steps // 3, steps - 5):
        wanted = [(a * step + s) % steps for step in range(start, start + 5)]
        assert deal.rows(start, start + 5).batch[:, 0].tolist() == wanted
        assert deal.step_of(np.zeros(5, np.intp), np.array(wanted)).tolist() == list(range(start, start + 5))


@settings(max_examples=60)
@given(st.integers(1, 2**32 - 1), st.data())
def test_places_of_very_long_epochs_are_exact(steps, data):
    batch_size = 256
    first = data.draw(st.integers(1, steps * batch_size - 1), "draws of class 0")
    draws = np.array([first, steps * batch_size - first])
    deal = one_chapter(draws, steps, 3, 5)
    step = data.draw(st.integers(0, steps - 1), "step of a long epoch")
    rows = deal.rows(step, step + 1)
    batch = int(rows.batch[0, 0])
    classes, numbers = deal.places(rows, Layout.of(batch_size, 0, 1, 1))
    order = deal.order[0].tolist()
    boundary = int(draws[order[0]])
    assert classes.tolist() == [order[int(batch + steps * k >= boundary)] for k in range(batch_size)]
    # Draws of the class on the first part of the line: seats x < boundary, counted by batch and then by place.
    before = boundary // steps * batch + min(boundary % steps, batch)
    held = [n for c, n in zip(classes.tolist(), numbers.tolist(), strict=True) if c == order[0]]
    assert held == list(range(before, before + len(held)))
    assert numbers.min() >= 0 and (numbers < draws[classes]).all()
    found = deal.locate(np.zeros(batch_size, np.intp), classes, numbers)
    assert (found[0] == batch).all() and found[1].tolist() == list(range(batch_size))


@pytest.mark.parametrize(
    ("steps", "batch_size", "wanted"), [(7, 12, 7), (8, 12, 11), (24, 12, 1), (9, 1, 0), (5, 2, 1)]
)
def test_the_slot_multiplier_is_the_next_that_is_coprime(steps, batch_size, wanted):
    assert slot_multiplier(steps, batch_size) == wanted


# ---- the time order ------------------------------------------------------------------------------------------------


def terms(a: int, b: int) -> list[int]:
    """Partial quotients of a / b < 1."""
    found = []
    while a:
        found.append(b // a)
        a, b = b % a, a
    return found


@pytest.mark.parametrize("steps", [*range(1, 700), 65_536, 99_991, 2**31, 2**32 - 1, 223_092_870, 6_469_693_230 // 2])
def test_the_multiplier_spreads_batches_evenly(steps):
    a = time_multiplier(steps, 60)
    assert math.gcd(a, steps) == 1 and 1 <= a < max(steps, 2)
    # The golden section has terms of 1 alone, log(steps) / log(1.618) of them; we allow twice that sum, and a little.
    assert sum(terms(a, steps)) <= 2 * math.log(steps, 1.618) + 4 if steps > 1 else a == 1
    assert abs(a / steps - 0.618) < 513 / steps + 0.001


def longest_wait(steps: int, world_size: int, a: int) -> float:
    """Longest time between two turns of one of the first ranks, in rounds of all ranks, if every batch has one turn."""
    rank = a * np.arange(steps) % steps % world_size
    return max(np.diff(np.flatnonzero(rank == r)).max() for r in range(min(world_size, 4))) / world_size


def test_ranks_take_turns_without_long_waits():
    generator = np.random.default_rng(0)
    ours, control = [], []
    for _ in range(300):
        batch_size = int(generator.choice([8, 24, 64, 100, 256, 1000, 4096]))
        steps = int(np.exp(generator.uniform(np.log(50), np.log(50_000))))
        worlds = [w for w in divisors(batch_size) if 1 < w <= 64 and 4 * w < steps]
        # With a batch of one item there are no ranks to look at: the multiplier is chosen for the batches alone.
        for which, size in ((ours, batch_size), (control, 1)):
            which.append(max(longest_wait(steps, w, time_multiplier(steps, size)) for w in worlds))
    assert np.quantile(ours, 0.99) < 6 and max(ours) < 8
    assert max(control) > 15


def test_layouts_share_out_the_slots():
    for world_size, blocks in layouts(24):
        ranks = [Layout.of(24, rank, world_size, blocks) for rank in range(world_size)]
        slots = [first + r.stride * i for r in ranks for first in r.first for i in range(r.length)]
        assert sorted(slots) == list(range(24))
        for rank, layout in enumerate(ranks):
            assert all(first % world_size == rank for first in layout.first)
