"""Boxes and a recipe in, the paper's network trained on them out.

The encoder learns from the supervised contrastive loss alone; the classifier learns on top of it, beside it.
"""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from training import loss
from training.crew import Crew, alone
from training.descent import Aside, Losses, Watch, descend, unwatched
from training.errors import CaseSetError
from training.recipe import GraderRecipe, Recipe
from training.samples import BoxFiles
from training.wei2022.network import BoxGrader, BoxGraderShape, BoxOutput
from training.wei2022.views import changed_views


def build_box_grader(recipe: GraderRecipe) -> BoxGrader:
    """The untrained network of a recipe."""
    return BoxGrader(BoxGraderShape(recipe.box_voxels, recipe.projection))


def fit_box_grader(
    recipe: Recipe, boxes: BoxFiles, folder: Path, watch: Watch = unwatched, crew: Crew | None = None
) -> BoxGrader:
    """Train the network; checkpoints and a log lie in ``folder``.

    Raises
    ------
    CaseSetError : a grade has no box, so that a batch cannot hold as many of each
    """
    crew = crew or alone()
    torch.manual_seed(recipe.seed)
    network = build_box_grader(recipe.grader).to(crew.device)
    shared = crew.share_out(network)
    own = crew.rows(2 * recipe.grader.schedule.batch)
    by_grade = [np.flatnonzero(boxes.grade == grade) for grade in range(4)]
    if not all(len(found) for found in by_grade):
        missing = ", ".join(str(grade) for grade, found in enumerate(by_grade) if not len(found))
        raise CaseSetError(f"no training box of grade {missing}: the paper's batches hold every grade alike")

    def losses(step: int) -> Losses:
        rng = np.random.default_rng((recipe.seed, step))
        chosen = _batch(by_grade, recipe.grader.schedule.batch, rng)
        views = changed_views(boxes.read([*chosen, *chosen]), recipe.grader.box_voxels, rng)
        grade = torch.from_numpy(np.tile(boxes.grade[chosen], 2)).to(crew.device)
        with crew.half_precision():
            part = shared(views[own].to(crew.device))
        seen = BoxOutput(*(crew.gather(getattr(part, field.name).float()) for field in fields(part)))
        nothing = seen.projection[:0].detach(), grade[:0]
        found = loss.supervised_contrastive(seen.projection, grade, *nothing, recipe.grader.temperature)
        return {
            "contrastive": recipe.grader.contrastive_weight * found,
            "grade": F.cross_entropy(seen.logits, grade),
        }

    descend(network, losses, recipe.grader.schedule, folder, crew, Aside(watch=watch))
    return network


def _batch(by_grade: Sequence[NDArray[np.int64]], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many boxes of each grade, none twice where there are enough."""
    each = size // 4
    return np.concatenate([rng.choice(found, each, replace=len(found) < each) for found in by_grade])
