"""Every input that fuzzing has kept, once more: no reader of foreign bytes raises anything unforeseen."""

import pytest
from fuzz.targets import CORPUS, TARGETS, seeds


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.filterwarnings("ignore:The value length:UserWarning")  # pydicom, of what was spoilt on purpose
@pytest.mark.filterwarnings("ignore:End of file reached before delimiter:UserWarning")
def test_what_fuzzing_has_kept_is_read_or_refused(name: str) -> None:
    kept = sorted((CORPUS / name).iterdir())
    assert len(kept) >= 10
    for content in [*seeds(name), *(path.read_bytes() for path in kept)]:
        TARGETS[name](content)
