"""`memory_mapped`: the same plan, its tables on disk and shared, never in a pickle."""

import pickle
import shutil

import cloudpickle
import numpy as np
import pytest

import balanceidx as bx
from balanceidx_grain import PlanSampler, SelectionMap, batches, memory_mapped

ITEMS = 200_000


def plans():
    rare = np.arange(ITEMS) % 10 == 0
    weights = np.random.default_rng(0).random(ITEMS)
    return {
        "classes": bx.ratio(rare, batch_size=100),
        "many classes": bx.ratio(np.arange(ITEMS) % 1000, batch_size=100),
        "item weights": bx.ratio(rare, batch_size=100, item_weights=weights),
        "weights": bx.weighted(weights, batch_size=100),
        "independent": bx.weighted(weights, batch_size=100, iid=True),
        "small": bx.ratio([0] * 90 + [1] * 10, batch_size=10),
    }


@pytest.mark.parametrize("name", plans())
def test_same_plan_small_pickle(name, tmp_path):
    plan = plans()[name]
    mapped = memory_mapped(plan, tmp_path)
    copied = pickle.loads(pickle.dumps(mapped))
    for other in (mapped, copied):
        assert isinstance(other, bx.Plan)
        assert repr(other) == repr(plan)
        np.testing.assert_array_equal(other.classes, plan.classes)
        np.testing.assert_array_equal(other.range_indices(3, 0, 10, epoch=7), plan.range_indices(3, 0, 10, epoch=7))
    assert len(pickle.dumps(mapped)) < (80_000 if name == "many classes" else 2500)
    if name != "small":
        assert len(pickle.dumps(plan)) > 4 * ITEMS


def test_the_tables_are_mapped_from_plain_arrays(tmp_path):
    plan = plans()["item weights"]
    mapped = memory_mapped(plan, tmp_path)
    files = sorted(tmp_path.iterdir())
    assert sum(path.stat().st_size for path in files) > 16 * ITEMS
    assert {np.load(path, allow_pickle=False).dtype for path in files} == {np.dtype(np.uint8)}
    base = mapped._evaluator.pools.members
    while not isinstance(base, np.memmap):
        base = base.base if isinstance(base, np.ndarray) else base.obj if isinstance(base, memoryview) else None
        assert base is not None
    assert not mapped._evaluator.pools.members.flags.writeable


def test_files_are_written_once_and_mended(tmp_path):
    plan = plans()["classes"]
    mapped = memory_mapped(plan, tmp_path / "new" / "folder")
    (path,) = (tmp_path / "new" / "folder").iterdir()
    written = path.stat().st_mtime_ns
    again = memory_mapped(mapped, path.parent)  # a mapped plan may be mapped again
    assert path.stat().st_mtime_ns == written
    assert len(pickle.dumps(again)) < 2500
    del mapped, again
    np.save(path, np.zeros(4 * ITEMS, np.uint8))
    mended = memory_mapped(plan, path.parent)
    np.testing.assert_array_equal(mended.batch_indices(3, 0), plan.batch_indices(3, 0))
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_files_that_are_gone_or_others_are_told(tmp_path):
    pickled = pickle.dumps(memory_mapped(plans()["classes"], tmp_path))
    (path,) = tmp_path.iterdir()
    np.save(path, np.zeros(7, np.uint8))
    with pytest.raises(ValueError, match="does not hold a table of 800000 bytes; remove it and map the plan again"):
        pickle.loads(pickled)
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError, match="is gone: a memory-mapped plan needs its folder"):
        pickle.loads(pickled)


def test_every_hook_pickles_small(tmp_path):
    mapped = memory_mapped(plans()["classes"], tmp_path)
    sampler = PlanSampler(mapped, 3, shard_count=2, worker_count=2)
    for hook in (sampler, SelectionMap(mapped, 3), batches(mapped, 3).to_iter_dataset()):
        assert len(cloudpickle.dumps(hook)) < 10_000
    copied = pickle.loads(cloudpickle.dumps(sampler))
    assert [copied[i].record_key for i in range(300)] == [sampler[i].record_key for i in range(300)]
