"""Shapes and parameter counts of the convolutional networks."""

import pytest
import torch
from torch import nn

from arcbook import convnets, losses

BODIES = [  # name, channels, side, width, 3x3 convolutions on the main path
    ("iam_cnn", 1, 28, 128, 6),
    ("conv4", 1, 28, 128, 4),
    ("resnet20", 1, 28, 64, 19),
    ("resnet20", 3, 32, 64, 19),
    ("resnet18", 3, 32, 512, 17),
    ("resnet34", 3, 32, 512, 33),
]


@pytest.mark.parametrize(
    ("name", "channels", "side", "width", "depth"), BODIES
)
def test_width_and_depth_of_a_body(name, channels, side, width, depth):
    """With the class vectors a network is one layer deeper."""
    network = convnets.create(name, channels)
    features = network(torch.rand(3, channels, side, side))
    assert network.embedding_dim == width
    assert features.shape == (3, width)
    assert (features >= 0).all()
    modules = network.modules()
    sizes = [m.kernel_size for m in modules if isinstance(m, nn.Conv2d)]
    assert sizes.count((3, 3)) == depth


@pytest.mark.parametrize("name", convnets.available())
@pytest.mark.parametrize("dim", [2, 3])
def test_feature_dimension_can_be_chosen(name, dim):
    network = convnets.create(name, 1, dim)
    features = network(torch.rand(4, 1, 28, 28))
    assert network.embedding_dim == dim
    assert features.shape == (4, dim)
    assert isinstance(network[-1], nn.Linear)


@pytest.mark.parametrize(
    ("name", "classes", "dim", "millions", "published"),
    [
        ("resnet18", 10, None, 11.17, 11.22),
        ("resnet34", 100, None, 21.33, 21.54),
        ("resnet18", 10, 100, 11.22, 11.22),
        ("resnet34", 100, 512, 21.59, 21.54),
    ],
)
def test_parameters_to_one_per_cent_of_the_papers(
    name, classes, dim, millions, published
):
    """Network and class vectors. [angular-learning, Tables 6 and 7]

    The network alone has them to the last printed digit, with the feature
    layers that `create` names.
    """
    network = convnets.create(name, 3, dim)
    head = losses.create(
        "softmax", embedding_dim=network.embedding_dim, num_classes=classes
    )
    count = convnets.count_parameters(network, head) / 1e6
    assert round(count, 2) == millions
    assert abs(count / published - 1) < 0.01
    if dim:
        alone = convnets.count_parameters(network) / 1e6
        assert round(alone, 2) == published


def test_counts_of_the_small_networks():
    count = convnets.count_parameters
    # 9 in out a convolution, 2 out a normalisation, 128 d + d at the end
    pairs = [(1, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]
    body = sum(9 * i * o + 2 * o for i, o in pairs)
    assert count(convnets.create("iam_cnn", 1, 3)) == body + 129 * 3
    four = [(1, 16), (16, 32), (32, 64), (64, 128)]
    body = sum(9 * i * o + 2 * o for i, o in four)
    assert count(convnets.create("conv4", 1)) == body
    assert 0.26e6 < count(convnets.create("resnet20", 1)) < 0.28e6


def test_a_quarter_of_the_width_is_a_network_of_the_same_depth():
    whole, slim = (convnets.create("resnet34", 3, 100, w) for w in (1, 0.25))
    for one, other in zip(whole.modules(), slim.modules(), strict=True):
        assert type(one) is type(other)
        if isinstance(one, nn.Conv2d):
            assert one.out_channels == 4 * other.out_channels
            assert (one.kernel_size, one.stride) == (
                other.kernel_size, other.stride,
            )  # fmt: skip
    assert convnets.create("resnet18", 3, width=0.25).embedding_dim == 128
    assert slim(torch.rand(2, 3, 32, 32)).shape == (2, 100)


def test_shortcut_without_parameters():
    images = torch.randn(2, 3, 4, 4)
    out = convnets.Block(3, 5, 2, projection=False).shortcut(images)
    assert out.shape == (2, 5, 2, 2)
    assert torch.equal(out[:, :3], images[:, :, ::2, ::2])
    assert not out[:, 3:].any()


def test_layout_of_memory_does_not_change_features():
    torch.manual_seed(0)
    network = convnets.create("resnet20", 3).eval()
    images = torch.rand(2, 3, 32, 32)
    expected = network(images)
    network.to(memory_format=torch.channels_last)
    found = network(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("resnet19", 3), "no network 'resnet19'.*resnet20"),
        (("conv4", 0), "in_channels = 0"),
        (("conv4", 1, 0), "embedding_dim = 0"),
        (("resnet18", 3, None, 0.3), "width = 0.3: .* 0.25"),
        (("resnet18", 3, None, 0), "width = 0"),
        (("resnet18", 3, None, -1), "width = -1"),
    ],
)
def test_bad_arguments(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        convnets.create(*arguments)
