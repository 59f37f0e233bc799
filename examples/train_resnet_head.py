"""Train heads on a long tail of classes, over a frozen ResNet, with four ways to select the batches.

A small ResNet learns half of the classes and is frozen. Heads for the other classes, of which the rarest has a
twentieth of the images of the most frequent, are then trained with the same budget of steps:

    natural shuffling   Grain's shuffle, the loop that everybody starts with
    weighted draws      independent draws, every class equally likely, as torch's WeightedRandomSampler
    ratio(balanced)     balanceidx: as many of each class in every batch, on every device
    min_positives       balanceidx: the natural shares, but a tenth of every batch is of the rarest class

With each seed another class is the rarest.
"""

from collections.abc import Sequence

import jax
import numpy as np
from flax import nnx
from resnet_head import batch_log, data, report
from resnet_head.checkpoint import Checkpoints
from resnet_head.model import HEAD_ONLY, Classifier, ResNet
from resnet_head.options import Options, Refusal, parse
from resnet_head.pipeline import Devices, feed
from resnet_head.selection import METHODS, select
from resnet_head.training import Budget, Learner, Progress, State, Weights, digest, recalls
from tqdm import tqdm

IMBALANCE = 20  # images of the most frequent class for each image of the rarest


class Experiment:
    """The images, the devices and the options; trains the backbone, then a head for each method and seed."""

    def __init__(self, options: Options, images: data.Images) -> None:
        self.options = options
        self.images = images
        self.devices = Devices()
        old, new = data.halves(images)
        self.old = data.split(images, old, seed=0)
        self.new = [
            data.long_tailed(data.split(images, np.roll(new, seed).tolist(), seed), IMBALANCE, options.batch_size)
            for seed in range(options.seeds)
        ]
        heads = len(METHODS) * options.seeds
        self.bar = tqdm(total=options.backbone_steps + heads * options.steps, unit=" steps", disable=None)

    def train(self, name: str, method: str, split: data.Split, learner: Learner, seed: int) -> tuple[State, Progress]:
        """Train on batches that `method` selects, sharded over the devices; continue a run that was interrupted."""
        options, budget = self.options, learner.budget
        self.bar.set_description(name)

        stream, fingerprint = select(method, split.train_labels, options.batch_size, seed, blocks=self.devices.count)
        batches = feed(stream, self.images.pixels[split.train], split.train_labels, seed)
        state, progress = learner.start(options.batch_size)

        folder = options.checkpoint and options.checkpoint / name.replace(" ", "-")
        about = {"training": name, "seed": seed, "stream": fingerprint, "batch_size": options.batch_size}
        checkpoints = Checkpoints(folder, about | vars(budget))
        state, progress = checkpoints.restore(state, progress, batches)
        self.bar.update(progress.step)
        if progress.step and not progress.finished(budget):
            tqdm.write(f"{name} continues after step {progress.step}")

        while not progress.finished(budget):
            batch = next(batches)
            sharded = self.devices.shard(batch)
            state = learner.update(state, sharded)
            if options.log_batches:
                batch_log.append(options.log_batches, name, progress.step, sharded)
            progress.count(batch["item"])
            self.bar.update()
            if progress.due(budget):
                recall = self.recalls(learner, state.averaged, split.validation, split.validation_labels)
                if progress.improved(float(recall.mean())):
                    state = learner.keep_best(state)
                checkpoints.save(state, progress, batches)

        checkpoints.close()
        batches.close()
        self.bar.update(budget.steps - progress.step)
        return state, progress

    def recalls(self, learner: Learner, weights: Weights, items: data.Ints, labels: data.Ints) -> data.Floats:
        """Recall of each class; the mean is the balanced accuracy."""
        return recalls(learner.predict(weights, self.images.pixels[items]), labels)

    def backbone(self) -> ResNet:
        """Train the ResNet on the classes that the heads will not see."""
        options = self.options
        split = self.old
        rngs = nnx.Rngs(0)
        model = Classifier(ResNet(self.images.pixels.shape[-1], rngs=rngs), len(split.names), rngs=rngs)
        budget = Budget(options.backbone_steps, options.every, options.backbone_steps, learning_rate=3e-3)
        learner = Learner(model, nnx.Param, budget, self.devices)
        state, _ = self.train("backbone", "ratio(balanced)", split, learner, seed=0)
        recall = self.recalls(learner, state.best, split.test, split.test_labels)
        tqdm.write(f"backbone for {', '.join(split.names)}: balanced accuracy {recall.mean():.3f}")
        trained: Classifier = learner.model(state.best)
        return trained.backbone

    def head(self, backbone: ResNet, method: str, seed: int) -> report.Result:
        """Train a head on a long tail of the other classes, and test the weights that early stopping kept."""
        options = self.options
        split = self.new[seed]
        model = Classifier(backbone, len(split.names), rngs=nnx.Rngs(seed))
        budget = Budget(options.steps, options.every, options.patience, learning_rate=3e-2, focal=options.focal)
        learner = Learner(model, HEAD_ONLY, budget, self.devices)
        state, progress = self.train(f"{method} seed {seed}", method, split, learner, seed)
        drawn = progress.drawn[: progress.step]
        result = report.Result(
            method=method,
            seed=seed,
            classes=list(split.names),
            train_images=np.bincount(split.train_labels).tolist(),
            recall=self.recalls(learner, state.best, split.test, split.test_labels).tolist(),
            unseen=report.unseen_per_epoch(drawn, len(split.train)),
            composition=report.composition(drawn, split.train_labels).tolist(),
            best_step=progress.best_step,
            weights=digest(state),
        )
        tqdm.write(f"seed {seed}, {split.names[-1]} is rare, {method}: {result.balanced_accuracy:.3f}")
        return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, print the table, and write it with a picture."""
    options = parse(arguments, __doc__ or "", len(jax.devices()))
    images = data.digits() if options.images is None else data.folder(options.images, options.image_size)
    experiment = Experiment(options, images)
    backbone = experiment.backbone()
    results = [experiment.head(backbone, method, seed) for seed in range(options.seeds) for method in METHODS]
    experiment.bar.close()
    report.write(results, options.out)
    print(f"\n{report.table(results)}\n\nPicture: {options.out / report.PICTURE}")


if __name__ == "__main__":
    try:
        main()
    except Refusal as error:
        raise SystemExit(f"error: {error}") from error
