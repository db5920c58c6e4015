// A language given as an automaton: states, byte ranges between them, and where texts may end. Substrings of a text and large
// sets of words are written so, since neither has an expression of reasonable size.
//
// The automaton is deterministic; state 0 is the start. Ways that lead to no end are cut when it is read. How a table writes
// one is said in `kernel/table.py`.
#pragma once

#include <algorithm>
#include <vector>

#include "expression_forms.h"

namespace guidedgen {

// The automaton itself; its states are numbers.
class ByteGraph {
  public:
    struct Edge {
        uint8_t low, high;
        int32_t to;
    };

    // `table`: as in a table's pool, already validated.
    explicit ByteGraph(const int32_t* table) : first_(table + 2, table + 3 + table[0]) {
        const int32_t states = table[0], edges = table[1];
        const int32_t* at = table + 3 + states;
        edges_.reserve(static_cast<size_t>(edges));
        for (int32_t i = 0; i < edges; ++i, at += 2) edges_.push_back({static_cast<uint8_t>(at[0] & 255), static_cast<uint8_t>(at[0] >> 8), at[1]});
        accepting_.assign(at, at + (states + 31) / 32);
        measure();
    }

    static int64_t length(const int32_t* table) { return 3 + int64_t{table[0]} + 2 * int64_t{table[1]} + (table[0] + 31) / 32; }

    bool accepts(int32_t state) const { return (static_cast<uint32_t>(accepting_[state >> 5]) >> (state & 31)) & 1; }

    // Bytes of the shortest text from a state; negative where there is none.
    int32_t nearest(int32_t state) const { return nearest_[state]; }

    const Edge* begin(int32_t state) const { return edges_.data() + first_[state]; }
    const Edge* end(int32_t state) const { return edges_.data() + first_[state + 1]; }

    // The state after a byte, negative where no text goes on so.
    int32_t next(int32_t state, uint8_t byte) const {
        const Edge *from = begin(state), *to = end(state);
        if (to - from > kFew) from = std::lower_bound(from, to, byte, [](const Edge& e, uint8_t b) { return e.high < b; });
        for (; from < to && from->low <= byte; ++from)
            if (byte <= from->high) return nearest_[from->to] < 0 ? -1 : from->to;
        return -1;
    }

    // The bytes with an edge, whether or not a text goes on there.
    ByteSet bytes(int32_t state) const {
        ByteSet result;
        for (const Edge* e = begin(state); e < end(state); ++e)
            for (int b = e->low; b <= e->high; ++b) result.add(static_cast<uint8_t>(b));
        return result;
    }

    // Whether a table writes this very automaton.
    bool same(const int32_t* table) const {
        if (table[0] + size_t{1} != first_.size() || table[1] + size_t{0} != edges_.size() || !std::equal(first_.begin(), first_.end(), table + 2)) return false;
        const int32_t* at = table + 3 + table[0];
        for (const Edge& e : edges_) {
            if (at[0] != (e.low | e.high << 8) || at[1] != e.to) return false;
            at += 2;
        }
        return std::equal(accepting_.begin(), accepting_.end(), at);
    }

    size_t memory() const { return first_.size() * 8 + edges_.size() * sizeof(Edge) + accepting_.size() * 4; }

  private:
    static constexpr int kFew = 8;   // edges up to which looking at each beats a search

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
            if (accepts(static_cast<int32_t>(s))) {
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

    std::vector<int32_t> first_;      // of a state, in `edges_`, which are in order of their bytes
    std::vector<Edge> edges_;
    std::vector<int32_t> accepting_;  // bits
    std::vector<int32_t> nearest_;
};

class ExplicitAutomaton : public Derivation {
  public:
    ExplicitAutomaton(ExpressionForms& expressions, int32_t self, const int32_t* table) : e_(expressions), self_(self), graph_(table) {
        e_.hold(graph_.memory());
    }

    int32_t start() override { return target(0); }
    bool accepts(int32_t state) const override { return graph_.accepts(state); }
    int32_t nearest(int32_t state) const override { return graph_.nearest(state); }
    const ByteGraph* graph() const override { return &graph_; }

    Partition derive(int32_t state) override {
        std::vector<std::pair<int32_t, ByteSet>> by_target;
        for (const auto* e = graph_.begin(state); e < graph_.end(state); ++e) {
            if (by_target.empty() || by_target.back().first != e->to) by_target.emplace_back(e->to, ByteSet{});
            for (int b = e->low; b <= e->high; ++b) by_target.back().second.add(static_cast<uint8_t>(b));
        }
        Partition result;
        for (const auto& [to, bytes] : by_target)
            if (graph_.nearest(to) >= 0) result.emplace_back(bytes, target(to));
        return result;
    }

    // The language of an automaton of a table; equal ones are one.
    static int32_t language(ExpressionForms& e, const int32_t* table) {
        const int64_t length = ByteGraph::length(table);
        uint64_t hash = 0;
        for (int64_t i = 0; i < length; ++i) hash = mix(hash, static_cast<uint32_t>(table[i]));
        for (int twin = 0;; ++twin) {   // others may have the same hash
            const std::string name = "automaton " + std::to_string(hash) + " " + std::to_string(twin);
            const int32_t start = e.lazily(name, [&](int32_t self) { return std::make_unique<ExplicitAutomaton>(e, self, table); });
            if (e.derivation(name).graph()->same(table)) return start;
        }
    }

  private:
    int32_t target(int32_t state) {
        if (graph_.nearest(state) < 0) return ExpressionTable::kEmpty;
        const bool last = graph_.accepts(state) && graph_.begin(state) == graph_.end(state);
        return last ? ExpressionTable::kEpsilon : e_.lazy(self_, state);
    }

    ExpressionForms& e_;
    int32_t self_;
    ByteGraph graph_;
};

}  // namespace guidedgen
