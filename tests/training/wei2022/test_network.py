"""The paper's network has the size the paper's has, and its classifier does not train the encoder."""

import torch

from training.wei2022.network import BoxGrader, BoxGraderShape


def test_it_has_the_weights_of_the_papers_network() -> None:
    network = BoxGrader(BoxGraderShape(128, 128))
    without_projection = sum(p.numel() for name, p in network.named_parameters() if "project" not in name)
    assert round(without_projection / 1e6, 2) == 48.74


def test_only_the_projection_reaches_the_encoder() -> None:
    torch.manual_seed(0)
    network = BoxGrader(BoxGraderShape(16, 8))
    seen = network(torch.randn(2, 3, 16, 16, 16))
    assert torch.allclose(seen.projection.norm(dim=1), torch.ones(2), atol=1e-5)
    first = next(network.stem.parameters())
    (reached,) = torch.autograd.grad(seen.logits.sum(), first, retain_graph=True, allow_unused=True)
    assert reached is None
    (gradient,) = torch.autograd.grad(seen.projection[0, 0], first)
    assert gradient.abs().max() > 0


def test_it_lies_wholly_on_its_device() -> None:
    network = BoxGrader(BoxGraderShape(16, 8)).to("meta")
    assert network(torch.zeros(2, 3, 16, 16, 16, device="meta")).logits.is_meta
