"""The striding, backwards: the length is right, and where there is a surplus no other one would do."""

import pytest

from balanceidx_grain._striding import records, step_and_place
from grain_checks import delivered


@pytest.mark.parametrize("workers", range(1, 12))
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_every_number_of_steps_is_delivered_whole_and_in_order(workers, size):
    for steps in range(3 * workers + 2):
        count = records(steps, workers, size)
        found = delivered([step_and_place(record, workers, size) for record in range(count)], workers, size)
        assert found == [[(step, place) for place in range(size)] for step in range(steps)]


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_other_length_gives_these_steps_unless_the_workers_divide_them(workers, size):
    lengths = {steps: [] for steps in range(3 * workers)}
    for count in range(4 * workers * size):
        found = delivered([step_and_place(record, workers, size) for record in range(count)], workers, size)
        steps = [batch[0][0] for batch in found]
        if steps == list(range(len(steps))) and len(steps) in lengths:
            lengths[len(steps)].append(count)
    for steps, counts in lengths.items():
        assert records(steps, workers, size) in counts
        assert len(counts) == 1 or steps % workers == 0
