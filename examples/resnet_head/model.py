"""A small ResNet with a linear head, in Flax NNX."""

from collections.abc import Sequence

import jax
from flax import nnx

WIDTHS = (16, 32, 64)
HEAD_ONLY = nnx.PathContains("head")  # the filter that freezes the backbone: only what it matches learns


class Block(nnx.Module):
    """Two 3×3 convolutions and a way around them; normalised by groups, so no image depends on its batch."""

    def __init__(self, inputs: int, outputs: int, stride: int, *, rngs: nnx.Rngs) -> None:
        self.conv1 = nnx.Conv(inputs, outputs, (3, 3), stride, use_bias=False, rngs=rngs)
        self.norm1 = nnx.GroupNorm(outputs, num_groups=8, rngs=rngs)
        self.conv2 = nnx.Conv(outputs, outputs, (3, 3), use_bias=False, rngs=rngs)
        self.norm2 = nnx.GroupNorm(outputs, num_groups=8, rngs=rngs)
        self.shortcut = nnx.Conv(inputs, outputs, (1, 1), stride, use_bias=False, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        y = nnx.relu(self.norm1(self.conv1(x)))
        return nnx.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class ResNet(nnx.Module):
    """Backbone: images (B, H, W, channels) to features (B, widths[-1])."""

    def __init__(self, channels: int, widths: Sequence[int] = WIDTHS, *, rngs: nnx.Rngs) -> None:
        self.stem = nnx.Conv(channels, widths[0], (3, 3), use_bias=False, rngs=rngs)
        inputs = (widths[0], *widths)
        self.blocks = nnx.List(
            Block(before, after, 1 if stage == 0 else 2, rngs=rngs)
            for stage, (before, after) in enumerate(zip(inputs, widths, strict=False))
        )

    def __call__(self, images: jax.Array) -> jax.Array:
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        return x.mean((1, 2))


class Classifier(nnx.Module):
    """A backbone and a linear head on its features."""

    def __init__(self, backbone: ResNet, classes: int, *, rngs: nnx.Rngs) -> None:
        self.backbone = backbone
        self.head = nnx.Linear(WIDTHS[-1], classes, rngs=rngs)

    def __call__(self, images: jax.Array) -> jax.Array:
        return self.head(self.backbone(images))
