// Walks from a text that has to match something and may have so many characters at most: what there is of each need not be
// met state by state, since a token that leaves room for the rest can be read wherever it matches.
#pragma once

#include "remainders.h"

namespace guidedgen {

class BoundedWalks : public Remainders {
  public:
    using Remainders::Remainders;

  protected:
    // Like walk_odd, from a state of (P & X{0,n}) R, where X* is all content of strings, and R begins with the quote; false,
    // and nothing done, from others. States that it finds `reached` stand for those with the bound that are as far from the end.
    bool walk_bounded(const Content& c, LexState* owner, Found& found) {
        const Bounded text = bounded(owner->expr);
        if (text.content < 0) return false;
        std::vector<Place> stack(static_cast<size_t>(trie_->longest) + 1);
        stack[0] = {state(text.content), true, true};
        for (uint32_t k = 0; k < c.odd.size();) {
            const uint32_t at = c.odd[k].node;
            const TrieNode& node = trie_->nodes[at];
            Place& now = stack[node.depth];
            const Room room = read(text, stack[node.depth - 1u], at, now);
            if (room == Room::Enough) {
                note_reached(text, now, found);
                if (!now.content && now.state->accepting) note_crossing(at, now.state, found);
                if (node.ntok && !c.by_rank[node.tok]) found.inside.emplace_back(node.tok, node.tok + node.ntok);
                ++k;
                continue;
            }
            if (room == Room::Perhaps && (found.stack[node.depth - 1u] = known_way(owner, at))) walk_odd(c, at, node.skip, found);
            k = c.odd[k].skip;
        }
        return true;
    }

  private:
    struct Bounded {
        int32_t content = -1, most = 0;   // P and n; content < 0: it is no such text
        int32_t rest = -1;
    };
    struct Place {
        LexState* state = nullptr;
        bool content = false;   // else behind the quote
        bool plain = false;     // each byte so far is a character
    };
    enum class Room { None, Perhaps, Enough };

    Bounded bounded(int32_t expr) const {
        const Expr e = expressions_.at(expr);
        if (e.op != Op::Concat || expressions_.at(e.a).op != Op::And || expressions_.at(e.a).b != 2 || expressions_.at(e.b).vague()) return {};
        const Expr& rest = expressions_.at(e.b);
        const int32_t quote = rest.op == Op::Concat ? rest.a : e.b;
        if (expressions_.at(quote).op != Op::Bytes || !(expressions_.set_of(quote) == ByteSet::single('"'))) return {};
        for (int32_t i = 0; i < 2; ++i) {
            const int32_t content = expressions_.part(e.a, 1 - i);
            const Expr &bound = expressions_.at(expressions_.part(e.a, i)), &other = expressions_.at(content);
            if (bound.op == Op::Repeat && bound.low == 0 && bound.high >= 0 && expressions_.of_universe(bound.a) && other.text && !other.vague())
                return {content, bound.high, e.b};
        }
        return {};
    }

    // The place after a node's byte, and whether the text can be ended there within its bound. A text of n bytes has n
    // characters at most, and just as many where it is plain.
    Room read(const Bounded& text, const Place& before, uint32_t at, Place& now) {
        const TrieNode& node = trie_->nodes[at];
        ++visited_;
        expressions_.spend(1);
        now = {next(before.state, node.byte), before.content, before.plain && node.byte < 0x80 && node.byte != '\\'};
        if (!now.state && before.content && before.state->accepting) now = {next(state(text.rest), node.byte), false, false};
        if (!now.state) return Room::None;
        if (!now.content) return Room::Enough;
        const int32_t left = expressions_.at(now.state->expr).shortest;
        if (node.depth + left <= text.most) return Room::Enough;
        return now.plain && node.depth + std::min(left, 1) > text.most ? Room::None : Room::Perhaps;
    }

    // The state above a node, with the bound; nullptr where the bound rules the way out.
    LexState* known_way(LexState* s, uint32_t node) {
        const uint8_t* bytes = trie_->bytes(trie_->tokens[trie_->nodes[node].tok]);
        for (int32_t i = 0; s && i + 1 < trie_->nodes[node].depth; ++i) s = next(s, bytes[i]);
        return s;
    }

    void note_reached(const Bounded& text, const Place& now, Found& found) {
        if (!found.walk || now.state->walk == found.walk) return;
        now.state->walk = found.walk;
        found.reached.push_back(now.content ? state(expressions_.concat(now.state->expr, text.rest)) : now.state);
    }
};

}  // namespace guidedgen
