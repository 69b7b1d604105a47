"""Claims here end with their test."""

import pytest

from smirk_blender.batch.claims import Claims


@pytest.fixture(autouse=True)
def taken(monkeypatch):
    """Whatever a test takes stops beating at its end."""
    claims, take = [], Claims.take

    def noted(self, name):
        claims.append(take(self, name))
        return claims[-1]

    monkeypatch.setattr(Claims, "take", noted)
    yield
    for claim in filter(None, claims):
        claim.stand_still()
