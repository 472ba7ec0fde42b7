"""The two networks: a coarse volume in, vertebra centres and levels out; a crop in, grade and six points out.

Both are small enough for a CPU. Shapes: B batch, C channels, Z Y X slice, row, column of the grid given in.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inference.levels import LEVELS

HEIGHT_POINTS = 6
"""In the order of ``HeightPoints``: anterior, middle, posterior; superior before inferior."""


@dataclass(frozen=True, slots=True)
class LocaliserShape:
    """The localiser's architecture: voxel size of its grid and channels of each scale, finest first."""

    voxel_mm: float
    channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GraderShape:
    """The grader's architecture: sagittal slices, channels of each scale, embedding and projection."""

    slices: int
    channels: tuple[int, ...]
    embedding: int
    projection: int


def as_input(hu: Tensor) -> Tensor:
    """Scale HU (…, Z, Y, X) to two channels (…, 2, Z, Y, X): the whole range, and that of trabecular bone."""
    values = hu.float()
    return torch.stack([(values / 1000).clamp(-1, 1.5), ((values - 150) / 350).clamp(-1, 1)], dim=-4)


def best_device() -> torch.device:
    """The GPU where there is one that torch can use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(network: nn.Module) -> torch.device:
    """Where a network's weights lie, and its input must."""
    return next(network.parameters()).device


def _convolution(inner: int, outer: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inner, outer, 3, stride, 1, bias=False),
        nn.GroupNorm(min(8, outer // 4), outer),
        nn.ReLU(inplace=True),
    )


class Localiser(nn.Module):
    """3D U-Net: (B, 2, Z, Y, X) -> centre and body logits (B, Z, Y, X), level logits (B, 25, Z/2, Y/2, X/2).

    Every axis must be a multiple of ``multiple``. Nothing in it knows absolute position.
    """

    def __init__(self, shape: LocaliserShape) -> None:
        super().__init__()
        self.shape = shape
        channels = shape.channels
        self.multiple = 2 ** (len(channels) - 1)
        self.stem = _convolution(2, channels[0])
        self.down = nn.ModuleList(
            nn.Sequential(_convolution(fine, coarse, 2), _convolution(coarse, coarse))
            for fine, coarse in pairwise(channels)
        )
        self.up = nn.ModuleList(_convolution(coarse + fine, fine) for fine, coarse in pairwise(channels))
        self.point_head = nn.Conv3d(channels[0], 2, 1)
        self.level_head = nn.Conv3d(channels[1], len(LEVELS), 1)
        # Nearly every voxel is no centre and no body: start from there (Lin et al. 2017).
        self.point_head.bias = nn.Parameter(torch.full((2,), -4.0))

    def forward(self, volume: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return centre and body logits at the input's resolution, level logits at half of it."""
        skips = [self.stem(volume)]
        for down in self.down:
            skips.append(down(skips[-1]))
        features = skips.pop()
        levels = features
        for index in reversed(range(len(self.up))):
            larger = F.interpolate(features, scale_factor=2.0, mode="nearest")
            features = self.up[index](torch.cat([larger, skips[index]], 1))
            if index == 1:
                levels = self.level_head(features)
        centre, body = self.point_head(features).unbind(1)
        return centre, body, levels


class _Residual(nn.Module):
    """Two 3 x 3 convolutions with a shortcut; halves the size when ``stride`` is 2."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(outer)
        self.second = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(outer)
        same = inner == outer and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(B, inner, Y, X) -> (B, outer, Y / stride, X / stride)."""
        hidden = F.relu(self.first_norm(self.first(features)))
        shortcut: Tensor = self.shortcut(features)
        return F.relu(self.second_norm(self.second(hidden)) + shortcut)


@dataclass(frozen=True, slots=True, eq=False)
class GraderOutput:
    """What the grader says about B crops.

    Attributes
    ----------
    projection : (B, P), unit length: where the contrastive loss compares
    ordinal : (B, 3) logits of grade >= 1, >= 2, >= 3, never increasing along the axis
    points : (B, 6, 2) the six height points as (row, column) of the crop's mid-sagittal plane, in pixels
    """

    projection: Tensor
    ordinal: Tensor
    points: Tensor


class Grader(nn.Module):
    """2.5D residual network: sagittal slices enter as channels, (B, 2, S, Y, X) -> :class:`GraderOutput`.

    The height points are the expectations of six heat-maps drawn at half resolution from all scales; the
    grade is read off the deepest features together with the heights that those points span.
    """

    def __init__(self, shape: GraderShape) -> None:
        super().__init__()
        self.shape = shape
        channels = shape.channels
        self.stem = nn.Conv2d(2 * shape.slices, channels[0], 5, 2, 2, bias=False)
        self.stem_norm = nn.BatchNorm2d(channels[0])
        self.stages = nn.ModuleList(
            _Residual(inner, outer, 1 if number == 0 else 2)
            for number, (inner, outer) in enumerate(zip((channels[0], *channels), channels, strict=False))
        )
        self.lateral = nn.ModuleList(nn.Conv2d(width + 2, 32, 1) for width in channels)
        self.merge = nn.ModuleList(nn.Conv2d(32, 32, 3, 1, 1) for _ in channels[1:])
        self.point_head = nn.Conv2d(32, HEIGHT_POINTS, 1)
        self.embed = nn.Sequential(nn.Linear(2 * channels[-1], shape.embedding), nn.ReLU(inplace=True))
        self.project = nn.Linear(shape.embedding, shape.projection)
        self.grade_score = nn.Linear(shape.embedding + 6, 1)
        self.first_cut = nn.Parameter(torch.zeros(1))
        self.cut_steps = nn.Parameter(torch.zeros(2))

    def forward(self, crop: Tensor) -> GraderOutput:
        """Grade crops (B, 2, S, Y, X) whose middle slice is the mid-sagittal plane."""
        features = F.relu(self.stem_norm(self.stem(crop.flatten(1, 2))))
        scales = []
        for stage in self.stages:
            features = stage(features)
            scales.append(features)
        points = self._points(scales)
        pooled = torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        embedding = self.embed(pooled)
        score = self.grade_score(torch.cat([embedding, _height_features(points).detach()], 1))
        cuts = torch.cat([self.first_cut, F.softplus(self.cut_steps)]).cumsum(0)
        return GraderOutput(F.normalize(self.project(embedding), dim=1), score - cuts, points)

    def _points(self, scales: list[Tensor]) -> Tensor:
        """Soft-argmax of six heat-maps at half resolution: (B, 6, 2) row, column in pixels of the crop."""
        merged = self.lateral[-1](_with_place(scales[-1]))
        for index in reversed(range(len(scales) - 1)):
            lateral = self.lateral[index](_with_place(scales[index]))
            merged = F.interpolate(merged, size=lateral.shape[2:], mode="nearest") + lateral
            merged = F.relu(self.merge[index](merged))
        heat = self.point_head(merged).float()
        rows, columns = heat.shape[2:]
        weight = heat.flatten(2).softmax(2).view_as(heat)
        places = torch.arange(max(rows, columns), dtype=weight.dtype, device=weight.device)
        row = (weight.sum(3) * places[:rows]).sum(2)
        column = (weight.sum(2) * places[:columns]).sum(2)
        return 2 * torch.stack([row, column], 2) + 0.5


def _with_place(features: Tensor) -> Tensor:
    """Add the place in the crop, -1 to 1, as two channels: the neighbours' corners look alike."""
    count, _, rows, columns = features.shape
    row = torch.linspace(-1, 1, rows, device=features.device)[:, None].expand(count, 1, rows, columns)
    column = torch.linspace(-1, 1, columns, device=features.device).expand(count, 1, rows, columns)
    return torch.cat([features, row.to(features.dtype), column.to(features.dtype)], 1)


def _height_features(points: Tensor) -> Tensor:
    """Six point positions (B, 6, 2) -> three heights in cm and their three ratios (B, 6)."""
    heights = (points[:, 1::2] - points[:, 0::2]).norm(dim=2).clamp_min(1.0)
    anterior, middle, posterior = heights.unbind(1)
    ratios = torch.stack([anterior / posterior, middle / posterior, middle / anterior], 1)
    return torch.cat([heights / 10, ratios.clamp(0, 2)], 1)
