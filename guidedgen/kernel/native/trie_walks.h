// Walks over the vocabulary's tree: which tokens a lexeme can be read in, from a state on, and where in tokens it ends.
//
// A subtree that cannot leave a state is taken whole. In a state of text all tokens of text are inside but those in which a
// character leads elsewhere: only these are walked, and tokens that are no text.
#pragma once

#include "explicit_automaton.h"
#include "walk_ends.h"

namespace guidedgen {

class TrieWalks : public WalkEnds {
  public:
    using WalkEnds::WalkEnds;

    // The nodes of a remainder, written out.
    const std::vector<uint32_t>& nodes_of(Remainder& remainder) {
        if (!remainder.base) return remainder.trie_nodes;
        const std::vector<uint32_t>& all = nodes_of(remainder.base->remainders[remainder.base_at]);
        std::vector<uint32_t> kept;
        kept.reserve(all.size());
        std::set_difference(all.begin(), all.end(), remainder.gone.begin(), remainder.gone.end(), std::back_inserter(kept));
        if (remainder.come.empty()) remainder.trie_nodes = std::move(kept);
        else std::set_union(kept.begin(), kept.end(), remainder.come.begin(), remainder.come.end(), std::back_inserter(remainder.trie_nodes));
        bytes_ += static_cast<int64_t>(remainder.trie_nodes.size() * 4);
        remainder.base = nullptr;
        remainder.gone = {};
        remainder.come = {};
        return remainder.trie_nodes;
    }

  protected:
    // Whether an expression is a conjunction with the complement of what has some part anywhere.
    bool avoids(int32_t expr) const {
        const auto anything = [this](int32_t id) {
            const Expr& run = expressions_.at(id);
            return id == Expressions::kAll || (run.op == Op::Repeat && run.low == 0 && run.high < 0 && expressions_.of_universe(run.a));
        };
        const auto anywhere = [&](int32_t id) { return expressions_.at(id).op == Op::Concat && anything(expressions_.at(id).a); };
        const Expr& e = expressions_.at(expr);
        for (int32_t i = 0; e.op == Op::And && i < e.b; ++i) {
            const Expr& part = expressions_.at(expressions_.part(expr, i));
            if (part.op != Op::Not) continue;
            if (anywhere(part.a)) return true;
            const Expr& inside = expressions_.at(part.a);
            for (int32_t k = 0; inside.op == Op::Or && k < inside.b; ++k)
                if (anywhere(expressions_.part(part.a, k))) return true;
        }
        return false;
    }

    // The same of a state that accepts: a text that may end after each character, where all but those that begin with some
    // bytes lead back to the state itself.
    const ByteSet* leaving_open(LexState* s) {
        if (s->open_text < 0) {
            s->open_text = 0;
            const Expr& e = expressions_.at(s->expr);
            const bool open = s->accepting && ((e.op == Op::Repeat && e.low == 0 && e.high < 0) || avoids(s->expr));
            if (!open || obligation(s) >= 0) return nullptr;
            prune(s);
            const ByteSet odd = TextTokens::plain() - s->loop;
            s->open_text = odd.count() <= kMostOdd && loops_on_characters(s, s);
            if (s->open_text == 1) s->leaving = odd;
        }
        return s->open_text == 1 ? &s->leaving : nullptr;
    }

    Found new_walk(LexState* start) {
        Found found;
        found.stack = std::move(spare_stack_);   // what is in it is not read before it is written
        found.stack.resize(static_cast<size_t>(trie_->longest) + 1);
        if (expressions_.at(start->expr).vague()) {
            found.walk = ++walks_;
            found.reached.push_back(start);
        }
        return found;
    }

    void walk(LexState* start, LexMask& out) {
        Found found = new_walk(start);
        found.stack[0] = start;
        const ByteSet* open = leaving_open(start);
        if (const ByteSet* odd = loops_in_ascii(start) ? nullptr : leaving(start, trie_->nodes.size()); odd && walk_text(*odd, 0, found)) {
            if (odd->empty()) out.odd = std::move(found.odd);
        } else if (std::vector<uint32_t> others; open && walk_text(*open, 0, found, &others)) {
            end_after_characters(others, found);
        } else {
            first(start).each([&](uint8_t b) {
                if (uint32_t node = trie_->root_child[b]) walk_nodes(node, trie_->nodes[node].skip, found);
            });
        }
        finish(found, out);
    }

    // The same for a state of an explicit automaton: its own places are the states on the way, and no others are made.
    void walk_graph(LexState* start, const ByteGraph& graph, LexMask& out) {
        const Trie& trie = *trie_;
        const int32_t id = expressions_.at(start->expr).b;
        const auto& automaton = static_cast<const ExplicitAutomaton&>(expressions_.derivation(expressions_.at(start->expr).a));
        const bool free = automaton.free(id);
        Found found;
        std::vector<ByteGraph::Place> stack(static_cast<size_t>(trie.longest) + 1);
        stack[0] = automaton.at(id);
        int32_t most = 0;
        const auto walk = [&](const auto& self, uint32_t from, uint32_t to) -> void {
            for (uint32_t i = from; i < to;) {
                const TrieNode& node = trie.nodes[i];
                const ByteGraph::Place now = free ? graph.next_free(stack[node.depth - 1u], node.byte) : graph.next(stack[node.depth - 1u], node.byte);
                ++visited_;
                expressions_.spend(1);
                if (now.state < 0) {
                    i = node.skip;
                    continue;
                }
                stack[node.depth] = now;
                most = std::max(most, graph.nearest(now));
                if (graph.accepts(now) && !trie.leaf(i)) found.crossings.push_back(i);
                if (node.ntok) found.inside.emplace_back(node.tok, node.tok + node.ntok);
                const Subtrees::Below* below = trie.subtrees.below(i);
                const auto descend = [&](uint32_t child) { self(self, child, trie.nodes[child].skip); };
                i = below && each_child(i, *below, graph.bytes(now.state), descend) ? node.skip : i + 1;
            }
        };
        graph.bytes(stack[0].state).each([&](uint8_t b) {
            if (const uint32_t node = trie.root_child[b]) walk(walk, node, trie.nodes[node].skip);
        });
        found.reached.push_back(start);
        finish(found, out);
        out.farthest = most + kUnfinished;
    }

    // Makes a remainder from one of another mask, less `gone`, all of which it has, and `come`, which it has not; both ascending.
    void share(LexMask& base, uint32_t at, std::vector<uint32_t> gone, std::vector<uint32_t> come, Remainder& out) {
        out.base = &base;
        out.base_at = at;
        out.shared = base.remainders[at].size() - gone.size() + come.size();
        out.gone = std::move(gone);
        out.come = std::move(come);
        bytes_ += static_cast<int64_t>((out.gone.size() + out.come.size()) * 4);
        if (out.shared < kVast) nodes_of(out);
    }

    static constexpr size_t kVast = 4096;   // nodes

    void finish(Found& found, LexMask& out) {
        spare_stack_ = std::move(found.stack);
        store(found, out);
        if (!std::is_sorted(found.crossings.begin(), found.crossings.end())) std::sort(found.crossings.begin(), found.crossings.end());
        out.reached = std::move(found.reached);
        bytes_ += static_cast<int64_t>(sizeof(LexMask) + out.dense.size() * 4 + out.list.size() * 4 + out.reached.size() * 8);
        if (found.open) share(*inner_, 0, std::move(found.closed), std::move(found.crossings), out.remainders.add());
        else set_crossings(std::move(found.crossings), out);
        set_obliged(found.obliged, out);
    }

    bool counts_matter(const LexState* s, int32_t bytes) const {
        const Expr& e = expressions_.at(s->expr);
        return !e.boolean && e.reach > bytes;
    }

    // The state after a node's byte, or nullptr; notes that the node's end is a crossing.
    LexState* enter(uint32_t at, Found& found) {
        const TrieNode& node = trie_->nodes[at];
        ++visited_;
        expressions_.spend(1);
        LexState* now = next(found.stack[node.depth - 1], node.byte);
        if (now && now->accepting) note_crossing(at, now, found);
        if (found.walk && now && now->walk != found.walk) {
            now->walk = found.walk;
            found.reached.push_back(now);
        }
        found.stack[node.depth] = now;
        return now;
    }

    void walk_nodes(uint32_t from, uint32_t to, Found& found) {
        const Trie& trie = *trie_;
        for (uint32_t i = from; i < to;) {
            const TrieNode& node = trie.nodes[i];
            LexState* now = enter(i, found);
            if (!now) {
                i = node.skip;
                continue;
            }
            if (node.skip == i + 1) {
                found.take(node.tok, node.tok + node.ntok);
                ++i;
                continue;
            }
            const Subtrees::Below* whole = trie.subtrees.below(i);
            if (!whole && loops_below(now, i)) {
                found.take(node.tok, trie.tokens_end(i));
                i = node.skip;
                continue;
            }
            const Subtrees::Below* below = stays(now, whole) ? whole : nullptr;
            if (below && !found.walk && counts_matter(now, trie.subtrees.depth(i)) && trie.subtrees.depth(i) < 255)
                found.stack[node.depth] = now = state(expressions_.clamp(now->expr, trie.subtrees.depth(i)));
            if (!now->accepting && trie.subtrees.text(i)) {
                const int deep = trie.subtrees.depth(i);
                if (below ? safe(now, deep, below->bytes, node.skip - i) : known_safe(now, deep)) {
                    found.take(node.tok, trie.tokens_end(i));
                    note(now->safety->around, found);
                    i = node.skip;
                    continue;
                }
            }
            if (below) {
                prune(now);
                if (takes_all(now, *below, found)) {
                    found.take(node.tok, trie.tokens_end(i));
                    i = node.skip;
                    continue;
                }
                const bool large = node.skip - i >= Trie::kLarge && text_->content().complete[i] && !loops_in_ascii(now);
                if (const ByteSet* odd = large ? leaving(now, node.skip - i) : nullptr; odd && walk_text(*odd, i, found)) {
                    if (node.ntok) found.inside.emplace_back(node.tok, node.tok + node.ntok);
                    i = node.skip;
                    continue;
                }
            }
            if (whole && reads_words(now)) {
                walk_words(i, found);
                i = node.skip;
                continue;
            }
            if (node.ntok) found.take(node.tok, node.tok + node.ntok);
            const Subtrees::Below* all = now->accepting ? whole : below;
            const auto descend = [&](uint32_t child) { walk_nodes(child, trie.nodes[child].skip, found); };
            const bool few = all && each_child(i, *all, first(now), descend);
            i = few ? node.skip : i + 1;
        }
    }

    // What is below a node from a state that reads words.
    void walk_words(uint32_t at, Found& found) {
        const Trie& trie = *trie_;
        LexState* s = found.stack[trie.nodes[at].depth];
        const ByteSet *goes_on = &first(s), *gone = s->accepting ? &barred(obligation(s)).bytes : nullptr;
        uint32_t rank = trie.nodes[at].tok;
        text_->words().each_other(trie, at, [&](uint32_t other, uint32_t above) {
            const TrieNode& node = trie.nodes[other];
            expressions_.spend(1);
            if (node.tok > rank) found.take(rank, node.tok);
            rank = trie.tokens_end(other);
            if (gone && above != at && !gone->has(node.byte)) note_crossing(above, s, found);
            if (!goes_on->has(node.byte)) return;
            found.stack[node.depth - 1u] = s;
            walk_nodes(other, node.skip, found);
        });
        if (trie.tokens_end(at) > rank) found.take(rank, trie.tokens_end(at));
    }

    // Calls `f` with the children of a node that some bytes lead to, where those are few of many; elsewhere it says false and
    // does nothing.
    template <class F>
    bool each_child(uint32_t at, const Subtrees::Below& below, const ByteSet& bytes, F f) {
        const ByteSet common = bytes & below.next;
        if (trie_->nodes[at].depth > kDeepest || common.count() * 2 >= below.next.count()) return false;
        common.each([&](uint8_t b) { f(trie_->subtrees.child(below, b)); });
        return true;
    }

    // What is below a node from a state of text that only some bytes lead elsewhere from: text without them is inside, other
    // tokens and what begins with them is walked. False, and nothing done, where that is too much.
    // `walked`: where they begin.
    bool walk_text(const ByteSet& leaving, uint32_t at, Found& found, std::vector<uint32_t>* walked = nullptr) {
        const Trie& trie = *trie_;
        const uint32_t to = trie.nodes[at].skip;
        LexState* s = found.stack[trie.nodes[at].depth];
        std::vector<uint32_t> others;
        if (s->region && !leaving.empty() && (safe(s, trie.longest, TextTokens::all(), to - at) || known_safe(s, kFewSafe))) {
            // Small trees are taken whole, unless even less has to be looked at: what has all bytes that any way to the end needs.
            if (at != 0 || !s->safety || !text_->holding(trie, s->safety->needed, at, others, kMostReadAgain)) return false;
            note(s->safety->around, found);
        } else if (!leaving.empty() && !text_->outermost(trie, leaving, at + 1, to, others, s->region ? kMostReadAgain : TextTokens::kMost)) {
            return false;
        }
        uint32_t rank = trie.nodes[at].tok;
        for (uint32_t node : others) {
            if (trie.nodes[node].tok > rank) found.text.emplace_back(rank, trie.nodes[node].tok);
            rank = trie.tokens_end(node);
        }
        if (trie.tokens_end(at) > rank) found.text.emplace_back(rank, trie.tokens_end(at));
        note(s->region, found);
        walk_odd(text_->content(), at + 1, to, found, 0, &others);
        const ByteSet& goes_on = first(s);
        for (uint32_t node : others) {
            if (!s->region && !goes_on.has(trie.nodes[node].byte)) continue;
            found.stack[trie.nodes[node].depth - 1u] = s->region ? read_to(s, at, node) : s;
            walk_nodes(node, trie.nodes[node].skip, found);
        }
        if (walked) *walked = std::move(others);
        return true;
    }

    // All inner nodes of text, in a mask that others refer to.
    const std::vector<uint32_t>& inner_nodes() {
        if (!inner_) {
            inner_ = std::make_unique<LexMask>();
            inner_->remainders.add().trie_nodes = text_->inner(*trie_);
            bytes_ += static_cast<int64_t>(inner_->remainders[0].trie_nodes.size() * 4);
        }
        return inner_->remainders[0].trie_nodes;
    }

    // The text may end after each of its characters: crossings wherever tokens go on there, but below `walked`, where they are
    // known.
    void end_after_characters(const std::vector<uint32_t>& walked, Found& found) {
        const std::vector<uint32_t>& inner = inner_nodes();
        auto from = inner.begin();
        for (uint32_t node : walked) {   // ascending, none below another
            from = std::lower_bound(from, inner.end(), node);
            const auto to = std::lower_bound(from, inner.end(), trie_->nodes[node].skip);
            found.closed.insert(found.closed.end(), from, to);
            from = to;
        }
        std::sort(found.crossings.begin(), found.crossings.end());
        std::vector<uint32_t> come, again;   // what is walked, and ends there all the same, is not gone
        std::set_difference(found.crossings.begin(), found.crossings.end(), inner.begin(), inner.end(), std::back_inserter(come));
        std::set_difference(found.closed.begin(), found.closed.end(), found.crossings.begin(), found.crossings.end(), std::back_inserter(again));
        found.crossings = std::move(come);
        found.closed = std::move(again);
        found.open = true;
    }

    // The state above a node, from that of a node above it, where text lies between.
    LexState* read_to(LexState* s, uint32_t from, uint32_t node) {
        const uint8_t* bytes = trie_->bytes(trie_->tokens[trie_->nodes[node].tok]);
        for (int32_t i = trie_->nodes[from].depth; i + 1 < trie_->nodes[node].depth; ++i) s = next(s, bytes[i]);
        return s;
    }

    // What is taken without being read may lead to any state of a region.
    static void note(Region* region, Found& found) {
        if (!found.walk || !region || region->walk == found.walk) return;
        region->walk = found.walk;
        for (LexState* now : region->states)
            if (now->walk != found.walk) {
                now->walk = found.walk;
                found.reached.push_back(now);
            }
    }

    // Whether a state that accepts nothing is left by no byte below a node, or only for others of its region.
    bool takes_all(LexState* s, const Subtrees::Below& below, Found& found) {
        const auto &b = below.bytes.w, &loop = s->loop.w;
        if (!((b[0] & ~loop[0]) | (b[1] & ~loop[1]))) {
            if (!((b[2] & ~loop[2]) | (b[3] & ~loop[3]))) return true;
            if (below.characters && characters(s, below.bytes)) return true;
        }
        if (!below.characters || !below.bytes.subset_of(TextTokens::all())) return false;
        const ByteSet* leaving_ = known_leaving(s);
        if (!leaving_ || !(below.bytes & *leaving_).empty()) return false;
        note(s->region, found);
        return true;
    }

    // Nodes [from, to) as far as they lead to tokens that are not content; the way to `from` is content.
    // What is at most `deeper` bytes long may be left out; what is below `without`, ascending, is.
    void walk_odd(const Content& c, uint32_t from, uint32_t to, Found& found, int32_t deeper = 0, const std::vector<uint32_t>* without = nullptr) {
        size_t w = 0;
        for (uint32_t k = c.first_odd(from); k < c.odd.size() && c.odd[k].node < to;) {
            const TrieNode& node = trie_->nodes[c.odd[k].node];
            if (without) {
                while (w < without->size() && (*without)[w] < c.odd[k].node) ++w;
                if (w < without->size() && (*without)[w] == c.odd[k].node) {
                    k = c.odd[k].skip;
                    continue;
                }
            }
            if (const int below = trie_->subtrees.depth(c.odd[k].node); below < 255 && node.depth + below <= deeper) {
                k = c.odd[k].skip;
                continue;
            }
            if (!enter(c.odd[k].node, found)) {
                k = c.odd[k].skip;
                continue;
            }
            if (node.ntok && !c.by_rank[node.tok]) {
                found.inside.emplace_back(node.tok, node.tok + node.ntok);
                found.odd.push_back(c.odd[k].node);
            }
            ++k;
        }
    }

    void store(Found& found, LexMask& out) {
        size_t count = 0, words = (trie_->vocab_size + 31) / 32;
        for (auto& range : found.inside) count += range.second - range.first;
        for (auto& [from, to] : found.text) count += to - from;   // at most
        const Content& c = text_->content();
        if (count > words) {
            out.dense.assign(words, 0);
            add_text(found, out.dense);
            for (auto& range : found.inside)
                for (uint32_t i = range.first; i < range.second; ++i) set_bit(out.dense, trie_->tokens[i]);
            return;
        }
        for (auto& range : found.inside) out.list.insert(out.list.end(), trie_->tokens.begin() + range.first, trie_->tokens.begin() + range.second);
        for (auto& [from, to] : found.text)
            for (uint32_t r = from; r < to; ++r)
                if (c.by_rank[r]) out.list.push_back(trie_->tokens[r]);
    }

    // Ranges that cover most of the text are written as all of it less the gaps between them.
    void add_text(Found& found, std::vector<uint32_t>& dense) {
        const Content& c = text_->content();
        const uint32_t all = static_cast<uint32_t>(trie_->tokens.size());
        if (!std::is_sorted(found.text.begin(), found.text.end())) std::sort(found.text.begin(), found.text.end());
        size_t covered = 0;
        for (auto& [from, to] : found.text) covered += to - from;
        if (covered * 2 <= all) {
            for (auto& [from, to] : found.text)
                for (uint32_t r = from; r < to; ++r)
                    if (c.by_rank[r]) set_bit(dense, trie_->tokens[r]);
            return;
        }
        dense = c.dense;
        uint32_t gap = 0;
        for (auto& [from, to] : found.text) {
            clear_range(c, gap, from, dense);
            gap = std::max(gap, to);
        }
        clear_range(c, gap, all, dense);
    }

    void clear_range(const Content& c, uint32_t from, uint32_t to, std::vector<uint32_t>& dense) {
        for (uint32_t r = from; r < to; ++r)
            if (c.by_rank[r]) dense[trie_->tokens[r] >> 5] &= ~(1u << (trie_->tokens[r] & 31));
    }

    static void set_bit(std::vector<uint32_t>& dense, int32_t token) { dense[token >> 5] |= 1u << (token & 31); }

    static constexpr int64_t kUnfinished = 3;  // bytes that a character may lack at the end of a token
    static constexpr int kMostOdd = 40;        // bytes of ASCII that lead elsewhere from a state of text
    static constexpr size_t kMostReadAgain = 6000;   // places that a walk over text reads the way to
    static constexpr int kFewSafe = 3;               // characters
    static constexpr int32_t kDeepest = 256;  // bytes of a token along which walks recurse
    std::unique_ptr<LexMask> inner_;   // its first remainder: all inner nodes of text
    uint64_t walks_ = 0;
    std::vector<LexState*> spare_stack_;   // scratch of walks
};

}  // namespace guidedgen
