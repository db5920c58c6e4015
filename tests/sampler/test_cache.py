"""The prefix cache: matches, forks, eviction, pins, and what an interruption leaves."""

from __future__ import annotations

from guidedgen.sampler.cache import Node, PrefixCache
from guidedgen.sampler.slots import SlotAllocator


def make(capacity: int = 128) -> PrefixCache:
    return PrefixCache(SlotAllocator(capacity))


def add(cache: PrefixCache, parent: Node, tokens: list[int]) -> Node:
    return [parent, *cache.publish(parent, tokens, cache.allocator.take(len(tokens), parent.slot))][-1]


def tokens_of(node: Node) -> list[int]:
    found = []
    while node.parent is not None:
        found.append(node.token)
        node = node.parent
    return found[::-1]


def test_match_finds_the_longest_cached_prefix() -> None:
    cache = make()
    add(cache, cache.root, [1, 2, 3])
    assert tokens_of(cache.match([1, 2, 9])) == [1, 2]
    assert tokens_of(cache.match([1, 2, 3, 4])) == [1, 2, 3]
    assert cache.match([7]) is cache.root
    assert tokens_of(cache.match([3, 4], cache.match([1, 2]))) == [1, 2, 3]


def test_a_fork_shares_the_slots_of_its_prefix() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1, 2, 3])
    left = add(cache, trunk, [4, 5])
    right = add(cache, trunk, [6])
    assert left.slots()[:3].tolist() == right.slots()[:3].tolist() == trunk.slots().tolist()
    assert left.slots().shape == (5,)
    assert right.slots().shape == (4,)
    assert len(cache) == 6
    assert len({*left.slots().tolist(), *right.slots().tolist()}) == 6


def test_extending_a_tip_keeps_the_paths_of_its_ancestors() -> None:
    cache = make()
    node = add(cache, cache.root, [1])
    seen = []
    for token in range(100):
        seen.append((node, node.slots().tolist()))
        node = add(cache, node, [token])
    assert all(earlier.slots().tolist() == slots for earlier, slots in seen)
    assert node.slots().tolist()[:-1] == seen[-1][1]


def test_least_recently_used_leaves_go_first() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1, 2])
    old = add(cache, trunk, [3])
    new = add(cache, trunk, [4])
    cache.touch(old)
    assert cache.evict(1) == 1
    assert old.live
    assert not new.live
    assert cache.evict(10) == 3
    assert cache.allocator.available == 128
    assert cache.match([1]) is cache.root


def test_a_chain_is_evicted_from_its_tip_before_a_newer_branch() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1])
    stale = add(cache, trunk, [2, 3, 4])
    fresh = add(cache, trunk, [5])
    cache.evict(3)
    assert not stale.live
    assert fresh.live
    assert tokens_of(cache.match([1, 2])) == [1]


def test_pinned_nodes_and_their_ancestors_stay() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1, 2])
    tip = add(cache, trunk, [3])
    add(cache, trunk, [4])
    tip.pins += 1
    assert cache.evict(10) == 1
    assert tip.live
    assert trunk.live


def test_rows_that_were_never_published_are_recovered() -> None:
    cache = make()
    tip = add(cache, cache.root, [1, 2])
    tip.pins += 1
    cache.allocator.take(50, tip.slot)  # provisional rows of a forward that never returned
    cache.allocator.reset(cache.recover())
    assert cache.allocator.available == 126
    assert tip.pins == 0
    assert add(cache, tip, [3]).slots().tolist()[:2] == tip.slots().tolist()


def test_a_node_whose_eviction_was_interrupted_is_dropped_with_what_is_below_it() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1])
    dying = add(cache, trunk, [2])
    below = add(cache, dying, [3])
    dying.slot = -1  # as far as an eviction, or `clear`, came
    cache.allocator.reset(cache.recover())
    assert trunk.live
    assert not below.live
    assert cache.match([1, 2, 3]) is trunk
    assert cache.allocator.available == 127


def test_clear_forgets_everything() -> None:
    cache = make()
    tip = add(cache, cache.root, [1, 2])
    cache.clear()
    assert not tip.live
    assert len(cache) == 0


def test_felling_gives_back_all_slots_below_a_node() -> None:
    cache = make()
    trunk = add(cache, cache.root, [1, 2])
    tips = [add(cache, trunk, [3, 4]), add(cache, trunk, [5])]
    tips[0].pins += 1
    cache.fell(trunk)
    assert not any(tip.live for tip in tips)
    assert trunk.live
    assert cache.allocator.available == 126


def way_of(node: Node) -> list[int]:
    slots = []
    while node.parent is not None:
        slots.append(node.slot)
        node = node.parent
    return slots[::-1]


def test_what_goes_on_from_a_straightened_way_reads_its_new_slots() -> None:
    """The way's end stays where it is, since two texts go on from it; what moved lies before both."""
    cache = make()
    trunk = add(cache, cache.root, [1, 2])
    draft = add(cache, trunk, [3])
    first = add(cache, trunk, [4])
    end = add(cache, first, [5])
    left, right = add(cache, end, [6, 7]), add(cache, end, [8])
    cache.discard(draft)
    cache.straighten(trunk, end, lambda old, new: None)
    assert first.slot == trunk.slot + 1
    for node in (first, end, left, right):
        assert node.slots().tolist() == way_of(node)
    assert add(cache, right, [9]).slots().tolist()[:5] == way_of(right)
