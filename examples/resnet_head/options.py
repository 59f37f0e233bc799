"""The command line: every option, its default, and what is refused at the door."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Refusal(ValueError):
    """Something that the user can put right: printed without a traceback."""


@dataclass(frozen=True)
class Options:
    """What the command line says; see `parse` for the meaning of each."""

    images: Path | None
    image_size: int
    seeds: int
    steps: int
    backbone_steps: int
    every: int
    patience: int
    batch_size: int
    focal: bool
    checkpoint: Path | None
    log_batches: Path | None
    out: Path


def parse(arguments: Sequence[str] | None, description: str, devices: int) -> Options:
    """Read the command line; print what is wrong with it and exit, if anything is."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--images", type=Path, metavar="DIR", help="a folder per class of image files (default: scikit-learn's digits)")
    add(
        "--image-size", type=_positive, default=32, metavar="N", help="scale image files to N by N pixels (%(default)s)"
    )
    add("--seeds", type=_positive, metavar="N", help="seeds 0 .. N-1; with each another class is the rarest (10)")
    add("--steps", type=_positive, metavar="N", help="most steps for a head, the same for every method (300)")
    add("--batch-size", type=_positive, metavar="N", help="all devices together (40, or the next multiple of devices)")
    add("--focal", action="store_true", help="focal loss instead of cross-entropy")
    add("--checkpoint", type=Path, metavar="DIR", help="save to DIR; the same command continues what was interrupted")
    add("--log-batches", type=Path, metavar="FILE", help="append a line of JSON per batch: the rows of each device")
    add("--out", type=Path, default=Path("runs/resnet_head"), metavar="DIR", help="table and picture (%(default)s)")
    add("--quick", action="store_true", help="2 seeds and few steps, to see that everything works")
    given = vars(parser.parse_args(arguments))
    quick = given.pop("quick")
    given["seeds"] = given["seeds"] or (2 if quick else 10)
    given["steps"] = given["steps"] or (40 if quick else 300)
    given["batch_size"] = given["batch_size"] or -(-40 // devices) * devices
    if given["batch_size"] % devices:
        parser.error(
            f"`--batch-size` (={given['batch_size']}) must be divisible by the {devices} devices that jax sees."
        )
    if given["images"] is not None and not given["images"].is_dir():
        parser.error(f"`--images` {given['images']} is not a folder.")
    every = 10 if quick else 20
    return Options(**given, backbone_steps=40 if quick else 400, every=every, patience=6 * every)


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer, not {text!r}.")
    return number
