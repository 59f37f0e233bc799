"""Stages: what changes in mid-run, and what does not (G11)."""

import json
import pickle

import numpy as np
import pytest

import balanceidx as bx

LABELS = np.repeat([0, 1, 2], [60, 24, 9])
RNG = np.random.default_rng(0)


def grown(labels, count, classes):
    return np.concatenate((labels, np.random.default_rng(len(labels)).integers(classes, size=count)))


def chain(length=5):
    """Shares, weights, added items and a new class: stages of 12 steps of 12."""
    options = {"batch_size": 12, "epoch_size": 144}
    longer, longest = grown(LABELS, 20, 3), grown(grown(LABELS, 20, 3), 15, 4)
    plans = {
        0: bx.ratio(LABELS, **options),
        2: bx.ratio(LABELS, {0: 0.5, 1: 0.5, 2: 0.0}, **options),
        3: bx.ratio(longer, "natural", **options),
        6: bx.ratio(longest, "square_root", min_per_batch={2: 1}, **options),
        8: bx.ratio(longest, item_weights=1.0 + np.arange(len(longest)) % 3, **options),
    }
    return dict(list(plans.items())[:length])


def test_a_run_of_one_stage_is_its_plan():
    plan = chain(1)[0]
    run = bx.stages({0: plan})
    assert run.fingerprint == plan.fingerprint
    assert (run.epoch_indices(3, epoch=5) == plan.epoch_indices(3, epoch=5)).all()


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_what_was_consumed_does_not_change_when_a_stage_is_appended(length):
    shorter, longer = bx.stages(chain(length - 1)), bx.stages(chain(length))
    first = list(chain(length))[-1]
    for epoch in range(first):
        assert (shorter.epoch_indices(3, epoch=epoch) == longer.epoch_indices(3, epoch=epoch)).all()
    assert (shorter.epoch_indices(3, epoch=first) != longer.epoch_indices(3, epoch=first)).any()


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_states_of_the_shorter_run_load_into_the_longer(length):
    shorter, longer = bx.stages(chain(length - 1)), bx.stages(chain(length))
    first = list(chain(length))[-1]
    for epoch, step in [(first - 1, 5), (first - 1, 12), (first, 0)]:
        state = json.loads(json.dumps(bx.Position(3, epoch, step).state_dict(shorter)))
        assert longer.position(state) == bx.Position(3, epoch, step)
        resumed = longer.stream(3, start=state)
        at = (epoch, step) if step < 12 else (epoch + 1, 0)
        assert (next(resumed) == longer.batch_indices(3, at[1], epoch=at[0])).all()
    for epoch, step in [(first, 1), (first + 1, 0)]:
        with pytest.raises(ValueError, match="`state` belongs to another plan"):
            longer.position(bx.Position(3, epoch, step).state_dict(shorter))


def test_a_run_killed_and_continued_with_other_numbers_of_processes_loses_and_doubles_nothing():
    run, rng = bx.stages(chain()), np.random.default_rng(1)
    whole = np.concatenate([np.sort(run.epoch_indices(7, epoch=e).reshape(12, 12), axis=1) for e in range(11)])
    for _ in range(200):
        stop, state, got = int(rng.integers(1, 132)), None, []
        for world_size in rng.choice([1, 2, 3, 4, 6], size=3).tolist():
            run_here = pickle.loads(pickle.dumps(run)) if rng.random() < 0.05 else run
            ranks = [run_here.stream(7, rank, world_size=world_size, start=state) for rank in range(world_size)]
            for _ in range(min(stop, 132 - len(got))):
                got.append(np.sort(np.concatenate([next(rank) for rank in ranks])))
            state = json.loads(json.dumps(ranks[-1].state_dict()))
        assert (np.array(got) == whole[: len(got)]).all()


def test_uses_and_coverage_through_all_stages():
    run = bx.stages(chain())
    counted = np.zeros(run.num_items, np.int64)
    for epoch in range(11):
        for step in (0, 7):
            until = counted + np.bincount(run.range_indices(5, 0, step, epoch=epoch), minlength=run.num_items)
            assert (run.uses(np.arange(run.num_items), 5, until=(epoch, step)) == until).all()
            coverage = run.coverage(5, until=(epoch, step))
            assert coverage.draws.sum() == until.sum()
        drawn = np.bincount(run.epoch_indices(5, epoch=epoch), minlength=run.num_items)
        for item in (0, 70, 95, run.num_items - 1):
            assert len(run.where(item, 5, epoch=epoch)) == drawn[item]
        counted += drawn
        assert run.draws(epoch).sum() == 144 and len(run.draws(epoch)) == len(run.classes) == 4


def test_counters_run_on_so_that_every_list_stays_level():
    """Shares change at every epoch: uses inside a class are still 1 apart, and nothing starts anew."""
    rng = np.random.default_rng(2)
    plans = {
        e: bx.ratio(LABELS, dict(enumerate(rng.integers(1, 9, 3).tolist())), batch_size=12, epoch_size=144)
        for e in range(12)
    }
    run = bx.stages(plans)
    used = np.zeros(len(LABELS), np.int64)
    alone = np.zeros(len(LABELS), np.int64)
    for epoch in range(12):
        used += np.bincount(run.epoch_indices(5, epoch=epoch), minlength=len(LABELS))
        alone += np.bincount(plans[epoch].epoch_indices(5, epoch=0), minlength=len(LABELS))
        assert all(np.ptp(used[c == LABELS]) <= 1 for c in range(3))
    assert any(np.ptp(alone[c == LABELS]) > 1 for c in range(3)), "the control: plans that start anew"


def test_added_items_get_their_share_and_old_ones_go_on():
    longer = np.concatenate((LABELS, np.full(30, 1)))
    options = {"batch_size": 12, "epoch_size": 144}
    run = bx.stages({0: bx.ratio(LABELS, **options), 4: bx.ratio(longer, **options)})
    uses = run.uses(np.arange(len(longer)), 5, until=(4 + 60, 0))
    old, new = uses[:93][LABELS == 1], uses[93:]
    assert np.ptp(old) <= 1 and np.ptp(new) <= 1, "a generation is not level"
    before = run.uses(np.arange(93), 5, until=(4, 0))[LABELS == 1]
    assert abs((old - before).mean() - new.mean()) < 1, "generations are not drawn alike"


@pytest.mark.parametrize("name", ["equal", "ramp", "jump"])
def test_every_class_gets_its_due_through_many_stages_of_one_epoch(name):
    labels = np.arange(100)
    plans, due = {}, np.zeros(100)
    for e in range(10 if name == "equal" else 60):
        shares = np.ones(100)
        if name == "ramp":
            shares = 1 + np.arange(100) * e / 30
        elif name == "jump":
            shares = np.random.default_rng(e).random(100) + 0.01
        plans[e] = bx.ratio(labels, dict(enumerate(shares.tolist())), batch_size=5, epoch_size=30)
    run = bx.stages(plans)
    drawn, worst = np.zeros(100), 0.0
    for e, plan in plans.items():
        due += plan.draws_per_epoch
        drawn += run.draws(e)
        worst = max(worst, np.abs(drawn - due).max())
    assert worst < 1  # measured: 0.97


def test_longer_stages_stay_near_their_due():
    labels, rng = np.arange(40), np.random.default_rng(5)
    plans, epoch = {}, 0
    for _ in range(40):
        plans[epoch] = bx.ratio(labels, dict(enumerate((rng.random(40) + 0.01).tolist())), batch_size=5, epoch_size=20)
        epoch += int(rng.integers(1, 30))
    run = bx.stages(plans)
    due, drawn, worst, firsts = np.zeros(40), np.zeros(40), 0.0, sorted(plans)
    for e in range(epoch):
        due += plans[max(first for first in firsts if first <= e)].draws_per_epoch
        drawn += run.draws(e)
        worst = max(worst, np.abs(drawn - due).max())
    assert worst < 4.7


def test_without_accounts_a_class_could_stay_away(monkeypatch):
    """The control: stages that forget what is due draw the same classes in every first epoch."""
    labels = np.arange(100)
    plan = bx.ratio(labels, batch_size=5, epoch_size=10)
    away = np.sum([plan.draws(0) for _ in range(10)], axis=0)
    run = bx.stages({e: plan for e in range(10)})
    together = np.sum([run.draws(e) for e in range(10)], axis=0)
    assert away.max() == 10 and together.max() == together.min() == 1


@pytest.mark.parametrize(
    ("plans", "error", "text"),
    [
        ({}, TypeError, "`plans` must be a mapping {first epoch: Plan}, not {}."),
        ([1], TypeError, "`plans` must be a mapping"),
        ({1: "first"}, ValueError, "`plans` begin with epoch 1; the first stage begins with epoch 0."),
        ({0: "first", 1: 3}, TypeError, "`plans[1]` must be a Plan of one stage, not 3."),
        ({0: "first", -1: "first"}, ValueError, "`first epoch` must be at least 0, not -1."),
        (
            {0: "first", 2: "batch"},
            ValueError,
            "`plans[2]` has `batch_size` 6, the first stage has 12; a run keeps both",
        ),
        ({0: "first", 2: "steps"}, ValueError, "`plans[2]` has `steps_per_epoch` 3, the first stage has 7;"),
        ({0: "first", 2: "tree"}, ValueError, "`plans[2]` has 2 levels of labels, the first stage has 1."),
        ({0: "first", 2: "iid"}, ValueError, "must both be made with `iid=True`, or neither."),
        (
            {0: "first", 2: "lengths"},
            ValueError,
            "has classes given by their lengths; stages of these are not supported.",
        ),
    ],
)
def test_plans_that_cannot_follow_one_another(plans, error, text):
    made = {
        "first": bx.ratio(LABELS, batch_size=12),
        "batch": bx.ratio(LABELS, batch_size=6, epoch_size=42),
        "steps": bx.ratio(LABELS, batch_size=12, epoch_size=36),
        "tree": bx.ratio(bx.Tree(LABELS, LABELS), batch_size=12),
        "iid": bx.weighted(np.ones(93), batch_size=12, iid=True),
        "lengths": bx.ratio(bx.ClassIndex.of_lengths({0: 84}), batch_size=12),
    }
    given = {first: made.get(plan, plan) for first, plan in plans.items()} if isinstance(plans, dict) else plans
    with pytest.raises(error) as caught:
        bx.stages(given)
    assert text in str(caught.value)
