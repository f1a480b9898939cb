"""Small pools side by side: where a request goes, and that none is opened needlessly."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from unilead.transport.pools import MOST, Pools

HOST = "https://api.acme.example"


def _pools() -> tuple[Pools, list[int]]:
    made: list[int] = []

    def make(connections: int) -> Any:
        made.append(connections)
        return object()

    return Pools(make, connections=20, hosts=1), made


def test_one_after_the_other_a_host_has_one_pool() -> None:
    pools, made = _pools()
    found = []
    for _ in range(50):
        with pools.one_for(HOST) as pool:
            found.append(pool)
    assert made == [2]
    assert len(set(map(id, found))) == 1


def test_a_busy_pool_is_passed_over_until_it_has_a_free_place_again() -> None:
    pools, made = _pools()
    with pools.one_for(HOST) as own:
        with pools.one_for(HOST) as second, pools.one_for(HOST) as third:
            assert second is own
            assert third is not own
        with pools.one_for(HOST) as again:
            assert again is own
    assert made == [2, 2]


def test_what_is_over_leaves_its_own_place_alone() -> None:
    pools, made = _pools()
    for _ in range(5):
        with pools.one_for(HOST):
            pass
    with pools.one_for(HOST) as own, pools.one_for(HOST) as second, pools.one_for(HOST) as third:
        assert second is own is not third
    assert made == [2, 2]


def test_no_more_pools_are_opened_than_there_are_and_the_rest_waits_in_the_least_busy() -> None:
    pools, made = _pools()
    with ExitStack() as entered:
        found = [entered.enter_context(pools.one_for(HOST)) for _ in range(3 * MOST)]
    assert made == [2] * MOST
    assert sorted(found.count(pool) for pool in set(found)) == [3] * MOST


def test_a_host_keeps_to_its_own_ten_whoever_else_is_there() -> None:
    pools = Pools(lambda _: object(), connections=20, hosts=5)
    with ExitStack() as entered:
        hanging = {id(entered.enter_context(pools.one_for(HOST))) for _ in range(100)}
        other = [id(entered.enter_context(pools.one_for("https://b.example"))) for _ in range(20)]
    assert len(hanging) == MOST
    assert sum(pool not in hanging for pool in other) > 2
    assert len(hanging | set(other)) > MOST


def test_few_connections_are_few_pools() -> None:
    made: list[int] = []
    pools = Pools(lambda connections: made.append(connections) or object(), connections=1, hosts=1)  # type: ignore[func-returns-value]
    with pools.one_for(HOST) as one, pools.one_for(HOST) as waiting, pools.one_for("https://b.example") as other:
        assert one is waiting is other
    assert made == [1]


def test_pools_that_were_given_up_are_not_used_again() -> None:
    pools, made = _pools()
    with pools.one_for(HOST) as before:
        pass
    assert pools.taken() == [before]
    with pools.one_for(HOST) as after:
        assert after is not before
    assert made == [2, 2]
