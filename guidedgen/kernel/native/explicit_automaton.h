// A language given as an automaton: states, byte ranges between them, and where texts may end. Spans of a text and large sets of
// words are written so, since neither has an expression of reasonable size.
//
// The automaton is deterministic; state 0 is the start. Some edges count (they begin a word, say), and an automaton may ask for
// at least and at most so many of them. Ways that lead to no end are cut. How a table writes one is said in `kernel/table.py`.
#pragma once

#include <algorithm>
#include <vector>

#include "lazy_states.h"

namespace guidedgen {

// The automaton itself; its states are numbers.
class ByteGraph {
  public:
    struct Edge {
        uint8_t low, high, counts;
        int32_t to;
        bool operator==(const Edge& o) const { return low == o.low && high == o.high && counts == o.counts && to == o.to; }
    };

    // A state, and how many counting edges led there as far as that matters.
    struct Place {
        int32_t state = 0, count = 0;
        bool operator==(const Place& o) const { return state == o.state && count == o.count; }
        uint64_t hash() const { return mix(static_cast<uint32_t>(state), static_cast<uint32_t>(count)); }
    };

    static constexpr int32_t kHeader = 4;
    static constexpr int64_t kLargest = 50'000'000;   // distances that are kept

    // `table`: as in a table's pool, already validated. Edges that no byte of `spelled` goes along are left out.
    ByteGraph(const int32_t* table, const ByteSet& spelled) : least(table[2]), most(table[3]) {
        first_.reserve(static_cast<size_t>(table[0]) + 1);
        edges_.reserve(static_cast<size_t>(table[1]));
        first_.push_back(0);
        each_edge(table, spelled, [this](const Edge& e) { edges_.push_back(e); }, [this] { first_.push_back(static_cast<int32_t>(edges_.size())); });
        const int32_t* at = accepting(table);
        accepting_.assign(at, at + (table[0] + 31) / 32);
        measure();
        if (counted()) measure_counts();
    }

    static int64_t length(const int32_t* table) { return kHeader + 1 + int64_t{table[0]} + 2 * int64_t{table[1]} + (table[0] + 31) / 32; }

    const int32_t least, most;   // counting edges of a text; most < 0: any number

    bool counted() const { return least > 0 || most >= 0; }
    bool ends(int32_t state) const { return (static_cast<uint32_t>(accepting_[state >> 5]) >> (state & 31)) & 1; }
    bool accepts(Place p) const { return ends(p.state) && p.count >= least; }
    bool last(int32_t state) const { return first_[state] == first_[state + 1]; }

    // Whether some text goes on from here to an end.
    bool alive(Place p) const {
        if (nearest_[p.state] < 0) return false;
        return !counted() || (longest_[p.state] >= least - p.count && (most < 0 || fewest_[p.state] <= most - p.count));
    }

    // No text from here to an end has fewer bytes.
    int32_t nearest(Place p) const { return p.count >= least ? nearest_[p.state] : needing_[static_cast<size_t>(least - p.count - 1)][p.state]; }

    const Edge* begin(int32_t state) const { return edges_.data() + first_[state]; }
    const Edge* end(int32_t state) const { return edges_.data() + first_[state + 1]; }

    // Where an edge leads; counts stop where they make no difference any more.
    Place after(Place from, const Edge& e) const {
        const int32_t count = from.count + (counted() && e.counts ? 1 : 0);
        return {e.to, most < 0 ? std::min(count, least) : count};
    }

    // The place after a byte, with a negative state where no text goes on so.
    Place next(Place p, uint8_t byte) const {
        const Edge* e = find(p.state, byte);
        const Place result = e ? after(p, *e) : Place{-1, 0};
        return e && alive(result) ? result : Place{-1, 0};
    }

    // The same without counting: all have the count that is asked for.
    Place next_free(Place p, uint8_t byte) const {
        const Edge* e = find(p.state, byte);
        return e && nearest_[e->to] >= 0 ? Place{e->to, least} : Place{-1, 0};
    }

    // The bytes with an edge, whether or not a text goes on there.
    ByteSet bytes(int32_t state) const {
        ByteSet result;
        for (const Edge* e = begin(state); e < end(state); ++e)
            for (int b = e->low; b <= e->high; ++b) result.add(static_cast<uint8_t>(b));
        return result;
    }

    // Whether a table writes this very automaton.
    bool same(const int32_t* table, const ByteSet& spelled) const {
        if (table[0] + size_t{1} != first_.size() || table[2] != least || table[3] != most) return false;
        bool equal = std::equal(accepting_.begin(), accepting_.end(), accepting(table));
        size_t edges = 0, states = 0;
        each_edge(table, spelled, [&](const Edge& e) { equal = equal && edges < edges_.size() && edges_[edges] == e, ++edges; },
                  [&] { equal = equal && first_[++states] == static_cast<int32_t>(edges); });
        return equal;
    }

    size_t memory() const {
        return first_.size() * (counted() ? 16 : 8) + edges_.size() * sizeof(Edge) + accepting_.size() * 4 + needing_.size() * first_.size() * 4;
    }

  private:
    static constexpr int kFew = 8;   // edges up to which looking at each beats a search

    static const int32_t* accepting(const int32_t* table) { return table + kHeader + 1 + table[0] + 2 * static_cast<size_t>(table[1]); }

    // Calls `edge` with those edges that some byte of `spelled` goes along, and `end` behind the ones of each state.
    template <class F, class G>
    static void each_edge(const int32_t* table, const ByteSet& spelled, F edge, G end) {
        const int32_t *begin = table + kHeader, *at = begin + 1 + table[0];
        for (int32_t s = 0; s < table[0]; ++s) {
            for (int32_t i = begin[s]; i < begin[s + 1]; ++i, at += 2) {
                const Edge e{static_cast<uint8_t>(at[0] & 255), static_cast<uint8_t>(at[0] >> 8 & 255), static_cast<uint8_t>(at[0] >> 16), at[1]};
                if (spelled.has(e.low) || !(ByteSet::range(e.low, e.high) & spelled).empty()) edge(e);
            }
            end();
        }
    }

    const Edge* find(int32_t state, uint8_t byte) const {
        const Edge *from = begin(state), *to = end(state);
        if (to - from > kFew) from = std::lower_bound(from, to, byte, [](const Edge& e, uint8_t b) { return e.high < b; });
        for (; from < to && from->low <= byte; ++from)
            if (byte <= from->high) return from;
        return nullptr;
    }

    // Breadth first from the ends, against the edges.
    void measure() {
        const size_t states = first_.size() - 1;
        nearest_.assign(states, -1);
        std::vector<int32_t> start(states + 1, 0), from(edges_.size()), reached;
        for (const Edge& e : edges_) ++start[static_cast<size_t>(e.to) + 1];
        for (size_t s = 0; s < states; ++s) start[s + 1] += start[s];
        std::vector<int32_t> fill(start.begin(), start.end() - 1);
        for (size_t s = 0; s < states; ++s)
            for (int32_t i = first_[s]; i < first_[s + 1]; ++i) from[static_cast<size_t>(fill[static_cast<size_t>(edges_[i].to)]++)] = static_cast<int32_t>(s);
        for (size_t s = 0; s < states; ++s)
            if (ends(static_cast<int32_t>(s))) {
                nearest_[s] = 0;
                reached.push_back(static_cast<int32_t>(s));
            }
        for (size_t k = 0; k < reached.size(); ++k) {
            const int32_t to = reached[k];
            for (int32_t i = start[to]; i < start[to + 1]; ++i)
                if (nearest_[from[i]] < 0) {
                    nearest_[from[i]] = nearest_[to] + 1;
                    reached.push_back(from[i]);
                }
        }
    }

    // How many counting edges there can be up to an end, and how far it is for a text that still needs some of them.
    void measure_counts() {
        const size_t states = first_.size() - 1;
        if (static_cast<int64_t>(states) * least > kLargest) throw LimitError("states", static_cast<double>(kLargest), "an automaton that counts so far");
        const std::vector<int32_t> order = ends_first();
        fewest_.assign(states, kManyBytes);
        longest_.assign(states, -1);
        std::vector<std::pair<int32_t, int32_t>> spans;
        for (int32_t s : order) {
            spans.clear();
            if (ends(s)) spans.emplace_back(0, 0);
            for (const Edge* e = begin(s); e < end(s); ++e)
                if (longest_[e->to] >= 0) spans.emplace_back(fewest_[e->to] + e->counts, longest_[e->to] + e->counts);
            std::sort(spans.begin(), spans.end());
            for (const auto& [low, high] : spans) {
                if (longest_[s] >= 0 && low > longest_[s] + 1) throw std::invalid_argument("an automaton that skips counts");
                fewest_[s] = std::min(fewest_[s], low);
                longest_[s] = std::max(longest_[s], high);
            }
        }
        for (int32_t needed = 1; needed <= least; ++needed) {
            const std::vector<int32_t>& before = needed > 1 ? needing_.back() : nearest_;
            std::vector<int32_t> now(states, kManyBytes);
            for (int32_t s : order)
                for (const Edge* e = begin(s); e < end(s); ++e) {
                    const int32_t rest = e->counts ? before[e->to] : now[e->to];
                    if (rest >= 0) now[s] = std::min(now[s], std::min(rest, kManyBytes - 1) + 1);
                }
            needing_.push_back(std::move(now));
        }
    }

    // All states, each behind those that its edges lead to.
    std::vector<int32_t> ends_first() const {
        const size_t states = first_.size() - 1;
        std::vector<int32_t> before(states, 0), order;
        for (const Edge& e : edges_) ++before[e.to];
        for (size_t s = 0; s < states; ++s)
            if (before[s] == 0) order.push_back(static_cast<int32_t>(s));
        for (size_t k = 0; k < order.size(); ++k)
            for (const Edge* e = begin(order[k]); e < end(order[k]); ++e)
                if (--before[e->to] == 0) order.push_back(e->to);
        if (order.size() < states) throw std::invalid_argument("an automaton that counts in circles");
        std::reverse(order.begin(), order.end());
        return order;
    }

    std::vector<int32_t> first_;      // of a state, in `edges_`, which are in order of their bytes
    std::vector<Edge> edges_;
    std::vector<int32_t> accepting_;  // bits
    std::vector<int32_t> nearest_;    // bytes to an end; negative: there is none
    std::vector<int32_t> fewest_, longest_;          // counting edges to an end
    std::vector<std::vector<int32_t>> needing_;      // [n - 1]: bytes to an end with n counting edges at least
};

class ExplicitAutomaton : public Derivation {
  public:
    ExplicitAutomaton(Expressions& expressions, int32_t self, const int32_t* table)
        : e_(expressions), self_(self), graph_(table, expressions.spelled()), places_(expressions) {
        e_.hold(graph_.memory());
    }

    int32_t start() override { return target({0, 0}); }
    bool accepts(int32_t id) const override { return graph_.accepts(at(id)); }
    int32_t nearest(int32_t id) const override { return graph_.nearest(at(id)); }
    bool knows_bytes() const override { return true; }
    const ByteGraph* graph() const override { return &graph_; }

    // Where a state stands; one that does not count any more has the count that is asked for.
    ByteGraph::Place at(int32_t id) const {
        const ByteGraph::Place p = graph_.counted() ? places_[id] : ByteGraph::Place{id, 0};
        return p.count == kFree ? ByteGraph::Place{p.state, graph_.least} : p;
    }
    bool free(int32_t id) const { return graph_.counted() && places_[id].count == kFree; }

    // The same state without counts, where they make no difference to so many bytes; -1: they do.
    int32_t without_counts(int32_t id, int32_t bytes) {
        if (!graph_.counted() || graph_.most < 0 || free(id)) return -1;
        const ByteGraph::Place p = at(id);
        return p.count >= graph_.least && graph_.most - p.count >= bytes ? e_.lazy(self_, places_.intern({p.state, kFree})) : -1;
    }

    Partition derive(int32_t id) override {
        const ByteGraph::Place from = at(id);
        const bool counting = !free(id);
        std::vector<std::pair<ByteGraph::Place, ByteSet>> by_target;
        for (const auto* e = graph_.begin(from.state); e < graph_.end(from.state); ++e) {
            const ByteGraph::Place to = counting ? graph_.after(from, *e) : ByteGraph::Place{e->to, graph_.least};
            if (by_target.empty() || !(by_target.back().first == to)) by_target.emplace_back(to, ByteSet{});
            for (int b = e->low; b <= e->high; ++b) by_target.back().second.add(static_cast<uint8_t>(b));
        }
        Partition result;
        for (const auto& [to, bytes] : by_target) {
            const int32_t rest = counting ? target(to) : unbounded(to.state);
            if (rest != ExpressionTable::kEmpty) result.emplace_back(bytes, rest);
        }
        return result;
    }

    // The language of an automaton of a table; equal ones are one.
    static int32_t language(Expressions& e, const int32_t* table) {
        const int64_t length = ByteGraph::length(table);
        uint64_t hash = 0;
        for (int64_t i = 0; i < length; ++i) hash = mix(hash, static_cast<uint32_t>(table[i]));
        for (int twin = 0;; ++twin) {   // others may have the same hash
            const std::string name = "automaton " + std::to_string(hash) + " " + std::to_string(twin);
            const int32_t start = e.lazily(name, [&](int32_t self) { return std::make_unique<ExplicitAutomaton>(e, self, table); });
            if (e.derivation(name).graph()->same(table, e.spelled())) return start;
        }
    }

  private:
    static constexpr int32_t kFree = -1;   // as a count: any number

    int32_t target(ByteGraph::Place p) {
        if (!graph_.alive(p)) return ExpressionTable::kEmpty;
        if (graph_.accepts(p) && graph_.last(p.state)) return ExpressionTable::kEpsilon;
        return e_.lazy(self_, graph_.counted() ? places_.intern(p) : p.state);
    }

    int32_t unbounded(int32_t state) {
        if (graph_.nearest({state, graph_.least}) < 0) return ExpressionTable::kEmpty;
        return graph_.ends(state) && graph_.last(state) ? ExpressionTable::kEpsilon : e_.lazy(self_, places_.intern({state, kFree}));
    }

    Expressions& e_;
    int32_t self_;
    ByteGraph graph_;
    States<ByteGraph::Place> places_;
};

}  // namespace guidedgen
