// Lexeme automata and their share of the token mask, lazily built and shared by all grammars of one vocabulary.
//
// A LexState is an expression together with its transitions. For each one the token trie is walked at most once:
// the tokens that stay inside the lexeme, and what stands after its end in tokens that cross it (the remainders).
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "expressions.h"
#include "trie.h"

namespace guidedgen {

// What follows the end of a lexeme inside tokens: equal remainders of different tokens share a node. Children come into
// being when some structure can read up to them, since most continuations never fit.
struct Remainder {
    uint8_t byte = 0;
    bool expanded = false;
    std::vector<uint32_t> trie_nodes;
    std::vector<uint32_t> children;   // sorted by byte
};

// What the vocabulary looks like from one lexer state.
struct LexMask {
    std::vector<uint32_t> dense;         // bit set of the tokens inside, or empty when `list` holds them
    std::vector<int32_t> list;
    std::deque<Remainder> remainders;    // [0]: the ends themselves; empty where no token crosses
};

struct LexState {
    int32_t id = 0, expr = 0;
    bool accepting = false;
    bool expanded = false;    // transitions are there
    bool pruned = false;      // transitions into empty languages are gone
    int8_t alive = -1;        // 1: some text is accepted from here, 0: none, -1: not known yet
    uint16_t group[256];      // byte -> index into `to`
    std::vector<LexState*> to;         // to[0] = nullptr: no transition
    std::vector<ByteSet> sets;         // bytes of each group
    ByteSet first;                     // bytes with a transition
    ByteSet loop;                      // bytes that lead back here
    LexState* clamped = nullptr;       // the state whose mask this one shares
    std::unique_ptr<LexMask> mask;
    int32_t distance = -1;             // bytes of the shortest accepted text; -1: not computed
    LexState* nearest = nullptr;       // next state on it
    uint8_t nearest_byte = 0;
};

class Lexer {
  public:
    Lexer(std::shared_ptr<const Trie> trie, const Limits& limits)
        : trie_(std::move(trie)), limits_(limits), expressions_(trie_->longest, limits) {}

    Expressions& expressions() { return expressions_; }
    const Trie& trie() const { return *trie_; }
    std::mutex& mutex() { return mutex_; }
    int64_t memory() const { return bytes_ + expressions_.memory(); }
    int64_t states() const { return static_cast<int64_t>(states_.size()); }
    int64_t visited() const { return visited_; }

    LexState* state(int32_t expr) {
        auto found = by_expr_.find(expr);
        if (found != by_expr_.end()) return found->second;
        states_.emplace_back();
        LexState* s = &states_.back();
        s->id = static_cast<int32_t>(states_.size()) - 1;
        s->expr = expr;
        const Expr& e = expressions_.at(expr);
        s->accepting = e.nullable;
        if (e.nullable || (!e.boolean && expr != Expressions::kEmpty)) s->alive = 1;
        if (expr == Expressions::kEmpty) s->alive = 0;
        by_expr_.emplace(expr, s);
        bytes_ += sizeof(LexState) + 64;
        return s;
    }

    LexState* next(LexState* s, uint8_t byte) {
        prune(s);
        return s->to[s->group[byte]];
    }

    const ByteSet& first(LexState* s) {
        prune(s);
        return s->first;
    }

    // Whether any non-empty text continues from here.
    bool can_continue(LexState* s) {
        prune(s);
        return s->to.size() > 1;
    }

    void prune(LexState* s) {
        if (s->pruned) return;
        expand(s);
        for (size_t g = 1; g < s->to.size();) {
            if (alive(s->to[g])) {
                ++g;
                continue;
            }
            s->to.erase(s->to.begin() + g);
            s->sets.erase(s->sets.begin() + g);
        }
        std::memset(s->group, 0, sizeof s->group);
        for (size_t g = 1; g < s->to.size(); ++g) {
            s->first = s->first | s->sets[g];
            s->sets[g].each([&](uint8_t b) { s->group[b] = static_cast<uint16_t>(g); });
            if (s->to[g] == s) s->loop = s->sets[g];
        }
        s->pruned = true;
    }

    // Exact emptiness: a search for an accepting state. Only expressions with And or Not need it.
    bool alive(LexState* s) {
        if (s->alive >= 0) return s->alive == 1;
        std::vector<LexState*> order{s};
        std::unordered_map<LexState*, LexState*> parent{{s, nullptr}};
        for (size_t i = 0; i < order.size(); ++i) {
            LexState* now = order[i];
            if (now->alive == 1) {
                for (LexState* p = now; p; p = parent[p]) p->alive = 1;
                return true;
            }
            if (now->alive == 0) continue;
            if (static_cast<int64_t>(order.size()) > limits_.states)
                throw LimitError("states", static_cast<double>(limits_.states), "search for an accepted text");
            expand(now);
            for (size_t g = 1; g < now->to.size(); ++g)
                if (parent.emplace(now->to[g], now).second) order.push_back(now->to[g]);
        }
        for (LexState* dead : order) dead->alive = 0;
        return false;
    }

    // Bytes of the shortest accepted text from `s`, with the way to it memoised. Breadth-first search.
    int32_t distance(LexState* s) {
        if (s->distance >= 0) return s->distance;
        std::vector<LexState*> order{s};
        std::unordered_map<LexState*, std::pair<LexState*, uint8_t>> parent{{s, {nullptr, 0}}};
        for (size_t i = 0; i < order.size(); ++i) {
            LexState* now = order[i];
            if (now->accepting) {
                int32_t steps = 0;
                now->distance = 0;
                for (LexState* p = now; parent[p].first; p = parent[p].first) {
                    LexState* before = parent[p].first;
                    before->distance = ++steps;
                    before->nearest = p;
                    before->nearest_byte = parent[p].second;
                }
                return s->distance;
            }
            if (static_cast<int64_t>(order.size()) > limits_.states)
                throw LimitError("states", static_cast<double>(limits_.states), "search for the shortest text");
            prune(now);
            for (size_t g = 1; g < now->to.size(); ++g)
                if (parent.emplace(now->to[g], std::make_pair(now, pleasant(now->sets[g]))).second) order.push_back(now->to[g]);
        }
        throw std::logic_error("distance of a dead lexer state");
    }

    // A byte of the set, printable where there is one, so that shortest texts are pleasant to read.
    static uint8_t pleasant(const ByteSet& set) {
        for (int b = 0x30; b < 0x7f; ++b)
            if (set.has(static_cast<uint8_t>(b))) return static_cast<uint8_t>(b);
        int found = -1;
        set.each([&](uint8_t b) { found = found < 0 ? b : found; });
        return static_cast<uint8_t>(found);
    }

    LexMask& mask(LexState* s) {
        if (!s->clamped) {
            const Expr& e = expressions_.at(s->expr);
            s->clamped = e.big_counts && !e.boolean ? state(expressions_.clamp(s->expr)) : s;
        }
        LexState* owner = s->clamped;
        if (!owner->mask) {
            auto made = std::make_unique<LexMask>();
            walk(owner, *made);
            bytes_ += static_cast<int64_t>(sizeof(LexMask) + made->dense.size() * 4 + made->list.size() * 4);
            owner->mask = std::move(made);
        }
        return *owner->mask;
    }

    const std::vector<uint32_t>& children(LexMask& mask, uint32_t at) {
        Remainder& parent = mask.remainders[at];
        if (parent.expanded) return parent.children;
        parent.expanded = true;
        uint32_t where[256] = {};
        for (uint32_t p : parent.trie_nodes)
            for (uint32_t c = p + 1; c < trie_->nodes[p].skip; c = trie_->nodes[c].skip) {
                uint8_t b = trie_->nodes[c].byte;
                if (!where[b]) {
                    where[b] = static_cast<uint32_t>(mask.remainders.size());
                    mask.remainders.emplace_back();
                    mask.remainders.back().byte = b;
                }
                mask.remainders[where[b]].trie_nodes.push_back(c);
                bytes_ += 4;
            }
        for (uint32_t child : where)
            if (child) parent.children.push_back(child);
        bytes_ += static_cast<int64_t>(parent.children.size() * (sizeof(Remainder) + 4));
        return parent.children;
    }

  private:
    void expand(LexState* s) {
        if (s->expanded) return;
        Partition parts = expressions_.derive(s->expr);
        s->to.assign(1, nullptr);
        s->sets.assign(1, ByteSet{});
        for (const auto& part : parts) {
            LexState* target = state(part.second);
            size_t g = 1;
            while (g < s->to.size() && s->to[g] != target) ++g;
            if (g == s->to.size()) {
                s->to.push_back(target);
                s->sets.push_back(part.first);
            } else {
                s->sets[g] = s->sets[g] | part.first;
            }
        }
        bytes_ += static_cast<int64_t>(s->to.size() * (sizeof(LexState*) + sizeof(ByteSet)));
        s->expanded = true;
    }

    void walk(LexState* start, LexMask& out) {
        const Trie& trie = *trie_;
        std::vector<LexState*> stack(trie.longest + 1);
        std::vector<uint32_t> crossings;
        std::vector<std::pair<uint32_t, uint32_t>> inside;   // ranges of trie.tokens
        stack[0] = start;
        first(start).each([&](uint8_t b) {
            if (uint32_t node = trie.root_child[b]) walk_subtree(node, stack, inside, crossings);
        });
        store(inside, out);
        if (crossings.empty()) return;
        bytes_ += static_cast<int64_t>(sizeof(Remainder) + crossings.size() * 4);
        out.remainders.emplace_back();
        out.remainders[0].trie_nodes = std::move(crossings);
    }

    void walk_subtree(uint32_t top, std::vector<LexState*>& stack, std::vector<std::pair<uint32_t, uint32_t>>& inside,
                      std::vector<uint32_t>& crossings) {
        const Trie& trie = *trie_;
        for (uint32_t i = top, end = trie.nodes[top].skip; i < end;) {
            const TrieNode& node = trie.nodes[i];
            ++visited_;
            LexState* before = stack[node.depth - 1];
            prune(before);
            LexState* now = before->to[before->group[node.byte]];
            if (!now) {
                i = node.skip;
                continue;
            }
            if (!now->accepting && trie.below_index[i] >= 0) {
                prune(now);
                if (trie.below[trie.below_index[i]].subset_of(now->loop)) {
                    inside.emplace_back(node.tok, trie.tokens_end(i));
                    i = node.skip;
                    continue;
                }
            }
            if (node.ntok) inside.emplace_back(node.tok, node.tok + node.ntok);
            if (now->accepting && !trie.leaf(i)) crossings.push_back(i);
            stack[node.depth] = now;
            ++i;
        }
    }

    void store(const std::vector<std::pair<uint32_t, uint32_t>>& inside, LexMask& out) {
        size_t count = 0, words = (trie_->vocab_size + 31) / 32;
        for (auto& range : inside) count += range.second - range.first;
        if (count > words) {
            out.dense.assign(words, 0);
            for (auto& range : inside)
                for (uint32_t i = range.first; i < range.second; ++i) {
                    uint32_t t = trie_->tokens[i];
                    out.dense[t >> 5] |= 1u << (t & 31);
                }
            return;
        }
        out.list.reserve(count);
        for (auto& range : inside) out.list.insert(out.list.end(), trie_->tokens.begin() + range.first, trie_->tokens.begin() + range.second);
        std::sort(out.list.begin(), out.list.end());
    }

    std::shared_ptr<const Trie> trie_;
    Limits limits_;
    Expressions expressions_;
    std::deque<LexState> states_;
    std::unordered_map<int32_t, LexState*> by_expr_;
    std::mutex mutex_;
    int64_t bytes_ = 0, visited_ = 0;
};

}  // namespace guidedgen
