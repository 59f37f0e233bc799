"""Weights and the position of the stream, saved and restored together with Orbax."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grain
import jax
import orbax.checkpoint as ocp

from resnet_head.options import Refusal
from resnet_head.training import Progress, State


class Checkpoints:
    """One training's checkpoints in one folder; without a folder, nothing is saved and nothing restored.

    Orbax writes under another name and renames what is complete: a process that is killed while it saves leaves the
    checkpoint before. `about` says what is trained on what, with the fingerprint of the plan: the position that Grain
    saves is a mere number, which any stream would accept.
    """

    def __init__(self, folder: Path | None, about: Mapping[str, Any]) -> None:
        self.folder = folder
        self.about = dict(about)
        self.manager = None
        if folder is not None:
            options = ocp.CheckpointManagerOptions(max_to_keep=2, cleanup_tmp_directories=True)
            self.manager = ocp.CheckpointManager(folder.absolute(), options=options)

    def save(self, state: State, progress: Progress, batches: "grain.DatasetIterator") -> None:
        """Save the weights, and where the stream stands: at the batch that comes next."""
        if self.manager is None:
            return
        numbers = asdict(progress)  # a copy: Orbax writes in the background
        args = ocp.args.Composite(
            about=ocp.args.JsonSave(self.about),
            arrays=ocp.args.StandardSave({"state": state, "drawn": numbers.pop("drawn")}),
            progress=ocp.args.JsonSave(numbers),
            stream=grain.checkpoint.CheckpointSave(batches),
        )
        self.manager.save(progress.step, args=args)

    def restore(self, state: State, progress: Progress, batches: "grain.DatasetIterator") -> tuple[State, Progress]:
        """Move `batches` to the latest checkpoint and return what it holds; without one, return what is given."""
        step = None if self.manager is None else self.manager.latest_step()
        if self.manager is None or step is None:
            return state, progress
        self._refuse_another(self.manager.restore(step, args=ocp.args.Composite(about=ocp.args.JsonRestore()))["about"])
        like = jax.tree.map(ocp.utils.to_shape_dtype_struct, {"state": state, "drawn": progress.drawn})
        args = ocp.args.Composite(
            arrays=ocp.args.StandardRestore(like),
            progress=ocp.args.JsonRestore(),
            stream=grain.checkpoint.CheckpointRestore(batches),
        )
        saved = self.manager.restore(step, args=args)
        return saved["arrays"]["state"], Progress(saved["arrays"]["drawn"], **saved["progress"])

    def close(self) -> None:
        """Wait until everything is on disk."""
        if self.manager is not None:
            self.manager.close()

    def _refuse_another(self, about: Mapping[str, Any]) -> None:
        wrong = [name for name in self.about if about.get(name) != self.about[name]]
        if wrong:
            there = ", ".join(f"{name} {about.get(name)!r}" for name in wrong)
            here = ", ".join(f"{name} {self.about[name]!r}" for name in wrong)
            raise Refusal(
                f"`--checkpoint`: {self.folder} belongs to another run: it has {there}, this run has {here}. "
                f"Repeat the command that began it, or give another folder."
            )
