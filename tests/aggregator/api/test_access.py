from __future__ import annotations

from aggregator.api.app import registry
from tests.aggregator.api.who_may import WHO_MAY


def test_every_route_is_listed_with_who_may_use_it():
    listed = {tuple(line.split()) for line in WHO_MAY.strip().splitlines()}
    real = {(route.method, route.path, route.role.word, route.audit.value) for route in registry().routes}
    assert real - listed == set(), "add these routes to who_may.py"
    assert listed - real == set(), "these routes are gone, or are guarded differently"
