"""The striding of Grain's DataLoader, backwards: which step and place a shard's record has, and how many there are.

Of a shard's records, numbered from 0, worker w of W takes those whose number is w modulo W, and batches them by B. The
loader asks its workers in turn and passes over those that are done. Without workers it does all itself: W = 1.
"""


def step_and_place(record: int, workers: int, size: int) -> tuple[int, int]:
    """Step in which a shard's record is delivered, and its place in that batch.

    Record l is the j-th of worker w, where j, w = divmod(l, W). It stands in place i of that worker's batch k, where
    k, i = divmod(j, B). Before it the loader delivers k batches of every worker, and one more of each worker below w.
    These are k * W + w steps, so k * W + w is the number of its own.

    >>> [step_and_place(record, workers=2, size=3) for record in range(7)]
    [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 0)]
    """
    nth, worker = divmod(record, workers)
    turn, place = divmod(nth, size)
    return turn * workers + worker, place


def records(steps: int, workers: int, size: int) -> int:
    """Records of a shard of which the workers make batches for exactly so many steps.

    The steps are 0 .. q * W + r - 1, where q, r = divmod(steps, W). Step k * W + w is batch k of worker w. So a worker
    below r has to make q + 1 whole batches, and any other q. Of L records, worker w has n(w) = ceil((L - w) / W). It
    makes n(w) div B whole batches.

    * r = 0: L = W * q * B gives every worker q * B records. Nothing is left over.
    * r > 0: workers below r need (q + 1) * B records or more, and the others have to have fewer. No two n(w) differ by
      more than 1. So n(w) is (q + 1) * B for w < r, and (q + 1) * B - 1 from r on. Their sum is the only length that
      can do: L = W * ((q + 1) * B - 1) + r. It does: n(w) = (q + 1) * B - 1 + ceil((r - w) / W), where the last term is
      1 for w < r and 0 from r on.

    With r > 0 each of the last W - r workers is left with B - 1 records, one too few for a batch. This surplus is
    dropped by `drop_remainder=True`. With B = 1 there is none.

    >>> records(6, workers=2, size=3), records(6, workers=4, size=3), records(6, workers=4, size=1)
    (18, 22, 6)
    """
    turns, rest = divmod(steps, workers)
    return workers * ((turns + 1) * size - 1) + rest if rest else steps * size
