"""What a sampler says of itself on one line.

Debuggers and test reports ask half-made samplers too: what is missing is left out, and nothing is computed.
"""


def described(sampler: object, subject: str, seed: str) -> str:
    """Describe a sampler by the attributes that hold its subject and its seed, its epochs and its ranks."""
    own = vars(sampler)
    parts = [repr(own[subject])] if subject in own else []
    if seed in own:
        parts.append(f"seed={own[seed]}")
    if "_epochs" in own:
        parts.append(f"epoch={own['_epochs'].next}")
    if "_ranks" in own and own["_ranks"].known():
        parts.append("rank={}, world_size={}".format(*own["_ranks"].now()))
    return f"{type(sampler).__name__}({', '.join(parts)})"
