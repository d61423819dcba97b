"""Shares of tokens by tenant."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from airworthy.serve.scheduling.fair_queue import FairQueue


class Item:
    def __init__(self, tenant: str, cost: int) -> None:
        self.tenant = tenant
        self.cost = cost


def test_one_tenants_many_requests_do_not_delay_another() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    for _ in range(50):
        queue.append(Item("many", 100))
    queue.append(Item("one", 100))
    assert "one" in [taken.tenant for taken in (queue.take(), queue.take(), queue.take()) if taken is not None]


def test_shares_are_by_tokens_and_not_by_requests() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    for _ in range(400):
        queue.append(Item("short", 50))
    for _ in range(100):
        queue.append(Item("long", 500))
    taken: Counter[str] = Counter()
    for _ in range(110):
        item = queue.take()
        assert item is not None
        taken[item.tenant] += item.cost
    assert abs(taken["short"] - taken["long"]) <= 600


def test_what_is_put_back_is_its_tenants_next() -> None:
    queue: FairQueue[Item] = FairQueue(100)
    first, second = Item("a", 300), Item("a", 300)
    queue.append(first)
    queue.append(second)
    taken = queue.take()
    assert taken is first
    queue.put_back(first)
    assert [queue.take(), queue.take(), queue.take()] == [first, second, None]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5000)), max_size=40), st.data())
def test_everything_leaves_once_and_in_its_tenants_order(given_: list[tuple[str, int]], data: st.DataObject) -> None:
    queue: FairQueue[Item] = FairQueue(512)
    items = [Item(tenant, cost) for tenant, cost in given_]
    for item in items:
        queue.append(item)
    gone = data.draw(st.sets(st.sampled_from(range(len(items))))) if items else set()
    for index in gone:
        assert queue.remove(items[index])
        assert not queue.remove(items[index])
    left = [item for index, item in enumerate(items) if index not in gone]
    assert (len(queue), queue.tokens) == (len(left), sum(item.cost for item in left))
    taken: list[Item] = []
    while (next_ := queue.take()) is not None:
        taken.append(next_)
    for tenant in "abc":
        assert [each for each in taken if each.tenant == tenant] == [each for each in left if each.tenant == tenant]
    assert (len(taken), len(queue), queue.tokens) == (len(left), 0, 0)
