// Forms of lexemes from which their masks follow without a walk: what they begin with, and what they are but for a few texts.
#pragma once

#include "bounded_walks.h"

namespace guidedgen {

class LexerForms : public BoundedWalks {
  public:
    // What is in none of some languages. Names without keywords differ from names in few ends: masks say so where the languages are known.
    int32_t without(const std::vector<int32_t>& languages) {
        const int32_t made = expressions_.negate(expressions_.either(languages));
        const auto finite = [this](int32_t e) { return expressions_.at(e).finite; };
        if (std::all_of(languages.begin(), languages.end(), finite)) words_.emplace(made, languages);
        return made;
    }

  protected:
    using BoundedWalks::BoundedWalks;
    ~LexerForms() = default;

    // Whitespace and punctuation up to the first quote, and what comes after it: many lexemes begin with the same opening.
    struct Opening {
        int32_t expr = -1;   // with the quote; -1: there is none
        int32_t rest = -1;
    };

    // All of the opening is read byte by byte in one way only, and no text of it begins another.
    Opening opening(int32_t expr) {
        std::vector<int32_t> heads;
        for (; heads.size() < kHeads && expressions_.at(expr).op == Op::Concat; expr = expressions_.at(expr).b) {
            const int32_t head = expressions_.at(expr).a;
            const Expr e = expressions_.at(head);
            const bool run = e.op == Op::Repeat && e.low == 0 && expressions_.at(e.a).op == Op::Bytes;
            if (e.op != Op::Bytes && !run) return {};
            heads.push_back(head);
            const ByteSet& bytes = expressions_.set_of(run ? e.a : head);
            if (!run && bytes == ByteSet::single('"')) {
                if (heads.size() < 2) return {};
                int32_t made = Expressions::kEpsilon;
                for (size_t i = heads.size(); i-- > 0;) made = expressions_.concat(heads[i], made);
                return {made, expressions_.at(expr).b};
            }
            if (bytes.has('"')) return {};
        }
        return {};
    }

    // The same expression without the complements in its first conjunction; -1 where there is none. In "any name but these"
    // all but the few ways into the names lead to the same states as in "any name", whose mask is known.
    int32_t wider(LexState* s) {
        const Expr e = expressions_.at(s->expr);
        if (!e.boolean) return -1;
        if (e.op != Op::Longest) return wider(s->expr);
        if (e.low != Expressions::kNoBan || first(s).count() < kContentBytes) return -1;
        const int32_t accepted = without_few(e.a);
        return accepted == e.a ? -1 : expressions_.longest(accepted, e.b);
    }

    // A conjunction without what complements take away along a few ways only, such as the keywords among names.
    int32_t without_few(int32_t expr) {
        if (expressions_.at(expr).op != Op::And) return expr;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(expr).b; ++i) {
            const int32_t part = expressions_.part(expr, i), gone = expressions_.at(part).a;
            if (expressions_.at(part).op != Op::Not) {
                kept.push_back(part);
            } else if (expressions_.at(gone).op != Op::Or) {
                if (!few(gone)) kept.push_back(part);
            } else {
                std::vector<int32_t> many;
                for (int32_t k = 0; k < expressions_.at(gone).b; ++k)
                    if (const int32_t one = expressions_.part(gone, k); !few(one)) many.push_back(one);
                if (!many.empty()) kept.push_back(expressions_.negate(expressions_.either(std::move(many))));
            }
        }
        return kept.empty() ? expr : expressions_.both(std::move(kept));
    }

    // Whether an expression has finitely many texts, or what begins with one of finitely many.
    bool few(int32_t expr) const {
        const Expr* e = &expressions_.at(expr);
        while (e->op == Op::Concat && expressions_.at(e->a).finite) e = &expressions_.at(expr = e->b);
        if (e->op == Op::Or)
            for (int32_t k = 0; k < e->b; ++k)
                if (!few(expressions_.part(expr, k))) return false;
        return e->finite || e->op == Op::Or || expr == Expressions::kAll;
    }

    int32_t wider(int32_t expr) {
        std::vector<int32_t> heads;
        int32_t rest = expr;
        for (; heads.size() < kHeads && expressions_.at(rest).op == Op::Concat; rest = expressions_.at(rest).b) {
            const int32_t head = expressions_.at(rest).a;
            if (expressions_.at(head).op == Op::And) break;
            heads.push_back(head);
        }
        const bool tail = expressions_.at(rest).op == Op::Concat;
        const int32_t conjunction = tail ? expressions_.at(rest).a : rest;
        if (expressions_.at(conjunction).op != Op::And) return -1;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(conjunction).b; ++i)
            if (const int32_t part = expressions_.part(conjunction, i); expressions_.at(part).op != Op::Not) kept.push_back(part);
        if (kept.empty() || static_cast<int32_t>(kept.size()) == expressions_.at(conjunction).b) return -1;
        int32_t made = expressions_.both(std::move(kept));
        if (tail) made = expressions_.concat(made, expressions_.at(rest).b);
        for (size_t i = heads.size(); i-- > 0;) made = expressions_.concat(heads[i], made);
        return made;
    }

    // Where two states differ, along the ways to tokens.
    struct Difference {
        std::vector<int32_t> gone, come;               // tokens
        std::vector<std::pair<uint32_t, uint32_t>> words;   // see LexMask
        std::map<int32_t, std::vector<uint32_t>> crosses_not, crosses;    // nodes, by the obligation that an end there leaves
        std::vector<LexState*> reached;
        std::vector<std::pair<LexState*, LexState*>> stack;   // by depth
        uint32_t different = 0;                        // nodes
        uint64_t walk = 0;
    };

    // The same expression with words that are taken from its texts, and these; -1 where there are none.
    std::pair<int32_t, const std::vector<int32_t>*> with_words(int32_t expr) {
        const Expr e = expressions_.at(expr);
        if (e.op != Op::Longest || e.low != Expressions::kNoBan || expressions_.at(e.a).op != Op::And) return {-1, nullptr};
        const std::vector<int32_t>* words = nullptr;
        std::vector<int32_t> kept;
        for (int32_t i = 0; i < expressions_.at(e.a).b; ++i) {
            const int32_t part = expressions_.part(e.a, i);
            const auto known = words ? words_.end() : words_.find(part);
            if (known == words_.end()) kept.push_back(part);
            else words = &known->second;
        }
        if (!words) return {-1, nullptr};
        return {expressions_.longest(expressions_.both(std::move(kept)), e.b), words};
    }

    template <class Begin>
    bool ends_of_words(const std::vector<int32_t>& words, LexState* whole, Difference& found, Begin each_node) {
        bool all = true;
        for (int32_t word : words) {
            LexState* start = state(word);
            each_node(first(start), [&](uint32_t node) { all = all && end_of_word(node, node, start, whole, found); });
        }
        return all;
    }

    // Whether it is plain to see that a state has texts without number, perhaps from the end of a character on.
    bool endless(LexState* s, int bytes = 3) {
        if (expressions_.at(expressions_.accepted(s->expr)).endless) return true;
        prune(s);
        if (s->accepting && !s->loop.empty()) return true;
        for (size_t i = 0; i < std::min(s->edges.size(), kFewWays) && bytes > 0; ++i)
            if (endless(target(s, i), bytes - 1)) return true;
        return false;
    }

    bool end_of_word(uint32_t at, uint32_t from, LexState* word, LexState* whole, Difference& found) {
        const TrieNode& node = trie_->nodes[at];
        word = next(word, node.byte);
        whole = next(whole, node.byte);
        ++visited_;
        expressions_.spend(1);
        if (!word || !whole) return true;
        if (!endless(whole)) return false;
        if ((word->accepting || !whole->accepting) && node.ntok) found.words.emplace_back(at, from);
        if (word->accepting && whole->accepting && !trie_->leaf(at)) found.crosses_not[obligation(whole)].push_back(at);
        const ByteSet& bytes = first(word);
        bool all = true;
        for (uint32_t c = at + 1; c < node.skip && !bytes.empty() && all; c = trie_->nodes[c].skip)
            if (bytes.has(trie_->nodes[c].byte)) all = end_of_word(c, from, word, whole, found);
        return all;
    }

    // The state at a node, from the one above a node on the way there.
    LexState* read_through(LexState* s, uint32_t from, uint32_t node) {
        const uint8_t* bytes = trie_->bytes(trie_->tokens[trie_->nodes[node].tok]);
        for (int32_t i = trie_->nodes[from].depth - 1; i < trie_->nodes[node].depth; ++i) s = next(s, bytes[i]);
        return s;
    }

    static constexpr size_t kFewWays = 4;      // from a state within a character
    static constexpr size_t kHeads = 8;        // of an expression, before its first conjunction
    static constexpr int kContentBytes = 16;   // bytes that have to lead back before a class is worth its memory

    std::unordered_map<int32_t, std::vector<int32_t>> words_;   // of complements that `without` made, by expression
};

}  // namespace guidedgen
