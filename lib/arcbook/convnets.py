"""Convolutional networks that turn images into features.

A network ends where the head of a loss begins: the class vectors are the
head's. Every one is a body of convolutions, the average over what is left of
the image, and, where a feature dimension is asked for, one linear layer.
Convolutions have no bias (batch normalisation follows each) and He's
initialisation; linear layers have one, and PyTorch's default.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn

from arcbook.naming import refuse_unknown

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

WIDTHS = (64, 128, 256, 512)


class ConvNet(nn.Sequential):
    """A network from images (N, channels, height, width) to features (N, d).

    Its `embedding_dim` is d.
    """

    embedding_dim: int


def conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """3x3 convolution with padding 1, batch normalisation, ReLU."""
    return nn.Sequential(*_normalised(inputs, outputs, stride), nn.ReLU())


def _normalised(inputs, outputs, stride=1, size=3):
    return (
        nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut. (He et al. 2016, Fig. 2)"""

    def __init__(self, inputs, outputs, stride, *, projection: bool):
        super().__init__()
        self.residual = nn.Sequential(
            conv(inputs, outputs, stride=stride),
            *_normalised(outputs, outputs),
        )
        if (inputs, stride) == (outputs, 1):
            parts = []
        elif projection:
            parts = _normalised(inputs, outputs, stride, size=1)
        else:  # every other pixel, and channels of zeros
            zeros = nn.ZeroPad3d((0, 0, 0, 0, 0, outputs - inputs))
            parts = [nn.AvgPool2d(1, stride), zeros]
        self.shortcut = nn.Sequential(*parts)

    def forward(self, images: Float[Tensor, "n c h w"]):
        return (self.residual(images) + self.shortcut(images)).relu()


def _residual(channels, widths, depths, *, projection):
    layers, inputs, stride = [conv(channels, widths[0])], widths[0], 1
    for width, depth in zip(widths, depths, strict=True):
        for _ in range(depth):
            layers.append(Block(inputs, width, stride, projection=projection))
            inputs, stride = width, 1
        stride = 2
    return layers, inputs


def _scaled(widths, share):
    """The published numbers of channels, or a share of each."""
    found = [share * width for width in widths]
    if any(width < 1 or width % 1 for width in found):
        raise ValueError(
            f"width = {share}: it makes {found} channels of {[*widths]}, "
            "which are not whole and at least 1; take 1, 0.5 or 0.25"
        )
    return [int(width) for width in found]


def iam_cnn(channels: int, width: float = 1) -> tuple[list[nn.Module], int]:
    """The MNIST network of [iam, Table 1]: pairs of 32, 64, 128 channels.

    Left open there and chosen here: padding 1, batch normalisation, ReLU,
    and a stride of the 3x3 max-pools equal to their size, so that 28 x 28
    pixels become 9 x 9, 3 x 3 and one.
    """
    layers = []
    for inputs, size in pairwise((channels, *_scaled((32, 64, 128), width))):
        layers += [conv(inputs, size), conv(size, size), nn.MaxPool2d(3)]
    return layers, size


def conv4(channels: int, width: float = 1) -> tuple[list[nn.Module], int]:
    """Four convolutions: "a simple CNN [...] of a 4 layer" [mnist-cosine].

    That is all the paper says. Chosen here: 3x3, stride 2, 16 to 128
    channels, batch normalisation, ReLU.
    """
    sizes = channels, *_scaled((16, 32, 64, 128), width)
    return [conv(*pair, stride=2) for pair in pairwise(sizes)], sizes[-1]


def resnet20(channels: int, width: float = 1) -> tuple[list[nn.Module], int]:
    """ResNet-20 for small images. (He et al. 2016, Section 4.2)

    Three stages of three blocks with 16, 32, 64 channels; shortcuts without
    parameters.
    """
    sizes = _scaled((16, 32, 64), width)
    return _residual(channels, sizes, (3, 3, 3), projection=False)


def resnet18(channels: int, width: float = 1) -> tuple[list[nn.Module], int]:
    """ResNet-18 for 32x32 images: a 3x3 stem of stride 1, no max-pool."""
    sizes = _scaled(WIDTHS, width)
    return _residual(channels, sizes, (2, 2, 2, 2), projection=True)


def resnet34(channels: int, width: float = 1) -> tuple[list[nn.Module], int]:
    """ResNet-34 for 32x32 images: a 3x3 stem of stride 1, no max-pool."""
    sizes = _scaled(WIDTHS, width)
    return _residual(channels, sizes, (3, 4, 6, 3), projection=True)


BODIES = (iam_cnn, conv4, resnet20, resnet18, resnet34)
NETWORKS = {body.__name__: body for body in BODIES}


def available() -> list[str]:
    """Names that `create` takes."""
    return list(NETWORKS)


def create(
    name: str,
    in_channels: int,
    embedding_dim: int | None = None,
    width: float = 1.0,
) -> ConvNet:
    """Make a network.

    Without an `embedding_dim` the features are the averaged channels, none of
    them negative, so no two features stand more than π/2 apart. The papers
    print centres 1.68 rad apart [arcgrad, Table VI], so theirs passed a linear
    layer. With 100 features ResNet-18 has the 11.22 million parameters, and
    with 512 ResNet-34 the 21.54 million, that [angular-learning, Tables 6 and
    7] print; the papers do not say so.

    `width` is the share of the published channels that each convolution has,
    such as 0.25: a slimmer network of the same kind and depth.

    Raises ValueError for an unknown name, a size that is not positive, or a
    width with which some convolution has no whole number of channels.
    """
    refuse_unknown("network", [name], NETWORKS)
    sizes = {"in_channels": in_channels, "embedding_dim": embedding_dim}
    for what, value in sizes.items():
        if value is not None and value < 1:
            raise ValueError(f"{what} = {value}: it is at least 1")
    layers, features = NETWORKS[name](in_channels, width)
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if embedding_dim is not None:
        layers.append(nn.Linear(features, embedding_dim))
    network = ConvNet(*layers)
    network.embedding_dim = embedding_dim or features
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return network


def count_parameters(*modules: nn.Module) -> int:
    """Numbers that training changes: of a network, or with its head."""
    return sum(p.numel() for m in modules for p in m.parameters())
