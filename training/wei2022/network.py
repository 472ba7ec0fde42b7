"""Boxes of vertebrae (B, 3, Z, Y, X) in; projections and logits of the four grades out.

SE-ResNet50 with 3D convolutions: residual bottlenecks (He et al. 2016) whose channels are weighed by what the
whole box shows (squeeze and excitation, Hu et al. 2018); 48.7 million weights with its four-class head.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = 3
"""Soft-tissue window, bone window, mask."""

BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
REDUCTION = 16
"""How much narrower the two layers are that weigh the channels."""

FEATURES = 512 * EXPANSION


@dataclass(frozen=True, slots=True)
class BoxGraderShape:
    """The architecture: voxels along each side of a box, size of the projection."""

    box_voxels: int
    projection: int


@dataclass(frozen=True, slots=True, eq=False)
class BoxOutput:
    """What the network says of B boxes: ``projection`` (B, P) of unit length, ``logits`` (B, 4) of grades."""

    projection: Tensor
    logits: Tensor


class BoxGrader(nn.Module):
    """SE-ResNet50 3D with a linear projection and a linear classifier that does not train the encoder."""

    def __init__(self, shape: BoxGraderShape) -> None:
        super().__init__()
        self.shape = shape
        self.stem = nn.Sequential(
            nn.Conv3d(CHANNELS, 64, 7, 2, 3, bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, 2, ceil_mode=True),
        )
        stages, inner = [], 64
        for number, count in enumerate(BLOCKS):
            width = 64 * 2**number
            stride = 1 if number == 0 else 2
            stages.append(_Bottleneck(inner, width, stride))
            stages += [_Bottleneck(width * EXPANSION, width, 1) for _ in range(count - 1)]
            inner = width * EXPANSION
        self.stages = nn.Sequential(*stages)
        self.project = nn.Linear(FEATURES, shape.projection)
        self.classify = nn.Linear(FEATURES, 4)

    def forward(self, boxes: Tensor) -> BoxOutput:
        """Grade boxes (B, 3, Z, Y, X)."""
        features = self.stages(self.stem(boxes)).mean((2, 3, 4))
        return BoxOutput(F.normalize(self.project(features), dim=1), self.classify(features.detach()))


class _Bottleneck(nn.Module):
    """1³, 3³ and 1³ convolutions, channels weighed, with a shortcut; the first one strides."""

    def __init__(self, inner: int, width: int, stride: int) -> None:
        super().__init__()
        outer = width * EXPANSION
        self.path = nn.Sequential(
            _convolution(inner, width, 1, stride), nn.ReLU(inplace=True),
            _convolution(width, width, 3, 1), nn.ReLU(inplace=True),
            _convolution(width, outer, 1, 1),
        )  # fmt: skip
        self.weigh = nn.Sequential(
            nn.Linear(outer, outer // REDUCTION), nn.ReLU(inplace=True),
            nn.Linear(outer // REDUCTION, outer), nn.Sigmoid(),
        )  # fmt: skip
        same = inner == outer and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(inner, outer, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inner, Z, Y, X) -> (B, 4 width, Z / stride, Y / stride, X / stride)."""
        found = self.path(features)
        weight = self.weigh(found.mean((2, 3, 4)))[:, :, None, None, None]
        return torch.relu(found * weight + self.shortcut(features))


def _convolution(inner: int, outer: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inner, outer, kernel, stride, kernel // 2, bias=False), nn.BatchNorm3d(outer)
    )
